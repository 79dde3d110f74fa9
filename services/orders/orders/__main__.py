"""``python -m orders serve | migrate | verify | dead-letters``."""

from common.cli import main
from orders.app import SERVICE


def run() -> int:
    """Run one verb."""
    return main(SERVICE)


if __name__ == "__main__":
    raise SystemExit(run())
