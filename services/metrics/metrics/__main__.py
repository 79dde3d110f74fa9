"""``python -m metrics serve | migrate | verify | dead-letters``."""

from common.cli import main
from metrics.app import SERVICE

if __name__ == "__main__":
    raise SystemExit(main(SERVICE))
