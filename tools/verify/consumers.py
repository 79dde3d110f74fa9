"""Write ``consumers.json``: which groups act on each event type, from the services' own lists.

    python -m tools.verify.consumers [--check]

Where the checks run in a container no service is installed, so what they need to know of the services is generated and
checked in.
"""

import argparse
import json
import sys
from pathlib import Path

from common.events.generate import consumers_of, installed_consumers
from tools.verify.delivery import CONSUMERS

ROOT = Path(__file__).resolve().parents[2]


def render(root: Path = ROOT) -> str:
    """What the file should hold."""
    by_type = consumers_of(installed_consumers(root))
    return json.dumps({name: sorted(by_type[name]) for name in sorted(by_type)}, indent=2) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Write the file, or say whether it is current."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.consumers")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is not current")
    given = parser.parse_args(argv)
    text = render()
    if CONSUMERS.exists() and CONSUMERS.read_text(encoding="utf-8") == text:
        return 0
    if given.check:
        sys.stderr.write(f"{CONSUMERS.relative_to(ROOT)} is not current: run python -m tools.verify.consumers\n")
        return 1
    CONSUMERS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
