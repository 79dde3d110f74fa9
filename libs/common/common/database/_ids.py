"""Keys that sort by the time they were made."""

from uuid import UUID

import uuid_utils.compat


def uuid7() -> UUID:
    """Make a UUIDv7: unique everywhere, ascending within a process."""
    return uuid_utils.compat.uuid7()
