#!/usr/bin/env python3
"""Write the demo shop's product file and pictures from the texts in `quartermaster_demo/making`.

python deploy/demo/make_shop.py            writes them
python deploy/demo/make_shop.py --check    says what is not current, and fails if anything is not
"""

import sys
from pathlib import Path

from common import checked_in
from quartermaster_demo.making import PRODUCTS
from quartermaster_demo.making.sheet import pictures_of, sheet

DATA = Path(__file__).parent / "quartermaster_demo" / "data"
COMMAND = "python deploy/demo/make_shop.py"


def made_files() -> dict[Path, bytes]:
    """Make every file, by its place below `data/`."""
    files = {Path("products.csv"): sheet(PRODUCTS).encode()}
    for product in PRODUCTS:
        for picture in pictures_of(product):
            files[Path("pictures") / picture.file_name] = picture.svg.encode() + b"\n"
    return files


def present_files() -> set[Path]:
    """Find the files of that kind that are there now."""
    found = [DATA / "products.csv", *(DATA / "pictures").glob("*.svg")]
    return {path.relative_to(DATA) for path in found if path.exists()}


def stale_files() -> list[Path]:
    """Find what is missing, different, or no longer made."""
    return checked_in.stale(DATA, made_files(), present_files())


def write() -> None:
    """Bring the files up to date."""
    checked_in.write(DATA, made_files(), present_files())


def main() -> int:
    """Write the files or check them."""
    check: bool = checked_in.parser(COMMAND, __doc__).parse_args().check
    return checked_in.settle(DATA, made_files(), check=check, command=COMMAND, present=present_files())


if __name__ == "__main__":
    sys.exit(main())
