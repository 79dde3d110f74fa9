"""Command line of the settings page."""

from pathlib import Path

from common import checked_in
from tools.settings_page.page import load, render

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path("docs/settings.md")
COMMAND = "python -m tools.settings_page"


def main(argv: list[str] | None = None) -> int:
    """Write the page, or say whether it is current."""
    given = checked_in.parser(COMMAND, "Write docs/settings.md from the Settings classes.").parse_args(argv)
    return checked_in.settle(ROOT, {PAGE: render(load())}, check=given.check, command=COMMAND)


if __name__ == "__main__":
    raise SystemExit(main())
