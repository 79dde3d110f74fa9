"""``python -m inventory serve | migrate | verify | dead-letters``."""

from common.cli import main
from inventory.app import SERVICE


def run() -> int:
    """Run the command line of this service."""
    return main(SERVICE)


if __name__ == "__main__":
    raise SystemExit(run())
