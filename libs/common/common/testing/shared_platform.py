"""Keeps a PostgreSQL and a Kafka for test runs that come one after the other.

``python -m common.testing.shared_platform /tmp/platform.json`` in one terminal, ``TEST_PLATFORM=/tmp/platform.json
make test T=…`` in another: a run then starts in a second.
"""

import signal
import sys
from pathlib import Path

from common.testing._platform import Platform


def main() -> int:
    """Run until interrupted."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and the file
        sys.stderr.write("usage: python -m common.testing.shared_platform FILE\n")
        return 2
    platform = Platform()
    where = Path(sys.argv[1])
    platform.publish(where)
    sys.stderr.write(f"PostgreSQL and Kafka are up; use TEST_PLATFORM={where}. Ctrl-C ends them.\n")
    try:
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    finally:
        where.unlink(missing_ok=True)
        platform.close()
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    raise SystemExit(main())
