"""``python -m gateway serve | migrate | verify | create-user | create-users``."""

from common.cli import main
from gateway.app import SERVICE
from gateway.users.commands import CREATE_USER, CREATE_USERS


def run() -> int:
    """Run one verb."""
    return main(SERVICE, commands={"create-user": CREATE_USER, "create-users": CREATE_USERS})


if __name__ == "__main__":
    raise SystemExit(run())
