#!/usr/bin/env python3
"""Write the demo shop's product file and pictures from the texts in `quartermaster_demo/making`.

python deploy/demo/make_shop.py            writes them
python deploy/demo/make_shop.py --check    says what is not current, and fails if anything is not
"""

import argparse
import sys
from pathlib import Path

from quartermaster_demo.making import PRODUCTS
from quartermaster_demo.making.sheet import pictures_of, sheet

DATA = Path(__file__).parent / "quartermaster_demo" / "data"


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
    made = made_files()
    present = present_files()
    changed = {path for path, content in made.items() if path in present and (DATA / path).read_bytes() != content}
    return sorted((made.keys() ^ present) | changed)


def write() -> None:
    """Bring the files up to date."""
    made = made_files()
    for path in present_files() - made.keys():
        (DATA / path).unlink()
    for path, content in made.items():
        (DATA / path).parent.mkdir(parents=True, exist_ok=True)
        (DATA / path).write_bytes(content)


def main() -> int:
    """Write the files or check them."""
    parser = argparse.ArgumentParser(description="Make the demo shop's product file and pictures.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not current")
    if not parser.parse_args().check:
        write()
        return 0
    stale = stale_files()
    for path in stale:
        sys.stderr.write(f"{path} is not current: run python deploy/demo/make_shop.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
