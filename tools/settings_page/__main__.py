"""Command line of the settings page."""

import argparse
import sys
from pathlib import Path

from tools.settings_page.page import load, render

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path("docs/settings.md")


def main(argv: list[str] | None = None) -> int:
    """Write the page, or say whether it is current."""
    parser = argparse.ArgumentParser(prog="python -m tools.settings_page")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is not current")
    given = parser.parse_args(argv)
    page, text = ROOT / PAGE, render(load())
    if page.exists() and page.read_text(encoding="utf-8") == text:
        return 0
    if given.check:
        sys.stderr.write(f"{PAGE} is not what the Settings classes say: run python -m tools.settings_page\n")
        return 1
    page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
