"""The command line.

python -m partner_kit URL [--secret whsec_…]          check a receiver; exit 1 where there is something to mend
python -m partner_kit receive [--secret whsec_…]      receive, verify, keep once, print
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from partner_kit.checks import all_checks
from partner_kit.receiver import Ledger, Receiver
from partner_kit.report import run_checks
from partner_kit.sending import Sender
from partner_kit.shop import Shop
from partner_kit.signing import sign

ANSWER_SECONDS = 15.0  # what the shop waits
LARGEST_BYTES = 4 * 1024 * 1024
SECRET = "PARTNER_KIT_SECRET"  # noqa: S105 - the variable's name


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["receive"]:
            return receive(arguments[1:])
        return check(arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def check(arguments: Sequence[str]) -> int:
    """Check the receiver at a URL."""
    parser = argparse.ArgumentParser(
        prog="python -m partner_kit",
        description="Check a receiver of webhooks. `python -m partner_kit receive` is one to start from.",
    )
    parser.add_argument("url", help="where your receiver listens; use a test system, the events are made up")
    parser.add_argument(
        "--secret", default=os.environ.get(SECRET), help=f"the endpoint's, whsec_… (default: ${SECRET})"
    )
    parser.add_argument("--effects", metavar="URL", help="an address of yours that says how many events had an effect")
    parser.add_argument("--within", type=float, default=ANSWER_SECONDS, help="seconds for an answer (default: 15)")
    parser.add_argument(
        "--largest", type=int, default=LARGEST_BYTES, help="bytes of the largest event (default: 4 MiB)"
    )
    given = parser.parse_args(arguments)
    effects = Sender(given.effects, within=given.within) if given.effects else None
    shop = Shop(Sender(given.url, within=given.within), _checked(given.secret))
    passed = True
    for result in run_checks(shop, all_checks(largest_bytes=given.largest, effects=effects)):
        print("\n".join(result.lines()), flush=True)
        passed = passed and result.passed
    if effects is None:
        print("-     acts once on an event that comes again: give --effects, an answer cannot show it")
    print("All is well." if passed else "There is something to mend.")
    return 0 if passed else 1


def receive(arguments: Sequence[str]) -> int:
    """Receive until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m partner_kit receive", description="Receive webhooks and print them."
    )
    parser.add_argument("--secret", action="append", help=f"whsec_…; twice while one is replaced (default: ${SECRET})")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: 8080)")
    parser.add_argument("--keep", metavar="FILE", default=":memory:", help="SQLite file (default: kept while it runs)")
    given = parser.parse_args(arguments)
    secrets = [_checked(each) for each in given.secret or [os.environ.get(SECRET)]]
    ledger = Ledger(given.keep)
    with Receiver((given.host, given.port), secrets, ledger, tell=_tell) as server:
        sys.stderr.write(f"Listening on http://{given.host}:{server.server_address[1]}\n")
        sys.stderr.flush()
        for stopping in (signal.SIGINT, signal.SIGTERM):  # also where whoever started us ignores the former
            signal.signal(stopping, signal.default_int_handler)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stderr.write(f"{ledger.count} events kept.\n")
    ledger.close()
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def _checked(secret: str | None) -> str:
    """The secret, if it is one. Raises ValueError."""
    if not secret:
        raise ValueError(f"Give the endpoint's secret: --secret whsec_…, or ${SECRET}.")
    sign(secret, "", 0, b"")
    return secret


if __name__ == "__main__":
    sys.exit(main())
