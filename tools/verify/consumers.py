"""Write ``consumers.json``: which groups act on each event type, from the services' own lists.

    python -m tools.verify.consumers [--check]

Where the checks run in a container no service is installed, so what they need to know of the services is generated and
checked in.
"""

import json
from pathlib import Path

from common import checked_in
from common.events.generate import consumers_of, installed_consumers
from tools.verify.delivery import CONSUMERS

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "python -m tools.verify.consumers"


def render(root: Path = ROOT) -> str:
    """What the file should hold."""
    by_type = consumers_of(installed_consumers(root))
    return json.dumps({name: sorted(by_type[name]) for name in sorted(by_type)}, indent=2) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Write the file, or say whether it is current."""
    given = checked_in.parser(COMMAND, __doc__).parse_args(argv)
    return checked_in.settle(ROOT, {CONSUMERS.relative_to(ROOT): render()}, check=given.check, command=COMMAND)


if __name__ == "__main__":
    raise SystemExit(main())
