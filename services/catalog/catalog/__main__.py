"""The command line: ``python -m catalog serve | migrate | verify | dead-letters | rebuild``."""

from catalog.app import SERVICE
from catalog.rebuild import REBUILD
from common.cli import main

raise SystemExit(main(SERVICE, commands={"rebuild": REBUILD}))
