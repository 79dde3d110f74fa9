"""The command line of notifications."""

from common.cli import main
from notifications.app import SERVICE


def run() -> int:
    """Run one verb; the entry point of the installed command."""
    return main(SERVICE)


if __name__ == "__main__":
    raise SystemExit(run())
