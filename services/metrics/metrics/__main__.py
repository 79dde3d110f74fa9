"""``python -m metrics serve | migrate | verify | dead-letters | rebuild``."""

from common.cli import main
from metrics.app import SERVICE
from metrics.rebuild import REBUILD

if __name__ == "__main__":
    raise SystemExit(main(SERVICE, commands={"rebuild": REBUILD}))
