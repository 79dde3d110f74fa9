"""Versions as ETags: read, change, and be told when someone was faster."""

import re
from hashlib import blake2b
from typing import Annotated

from fastapi import Depends, Header

from common.problems import BadRequest, PreconditionFailed, PreconditionRequired

_ETAG = re.compile(r'(?:W/)?"(\d+)(?:-[0-9a-f]+)?"')


def etag_of(version: int) -> str:
    """Return the ETag of a version, as staff see it."""
    return f'"{version}"'


def public_etag(version: int, body: bytes) -> str:
    """Return the ETag of what the public sees: the version and the bytes, which depend on channel and currency too."""
    return f'"{version}-{blake2b(body, digest_size=8).hexdigest()}"'


async def if_match(
    header: Annotated[str | None, Header(alias="If-Match", description="The ETag that was read.")] = None,
) -> int | None:
    """Read If-Match as a version; None where it is absent or ``*``."""
    return _version_in(header)


async def required_if_match(
    header: Annotated[str | None, Header(alias="If-Match", description="The ETag that was read (required).")] = None,
) -> int:
    """Read If-Match as a version. Raises PreconditionRequired where it is absent."""
    version = _version_in(header)
    if version is None:
        raise PreconditionRequired("Read the resource first and send its ETag as If-Match.")
    return version


def _version_in(header: str | None) -> int | None:
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise BadRequest(f'If-Match {header} is no version of ours; send the ETag of the last read, such as "3".')
    return int(match[1])


IfMatch = Annotated[int | None, Depends(if_match)]
RequiredIfMatch = Annotated[int, Depends(required_if_match)]


def check_version(expected: int | None, actual: int) -> None:
    """Raise PreconditionFailed unless ``expected`` (None: whatever) is the present version."""
    if expected is not None and expected != actual:
        raise PreconditionFailed(
            f"Version {expected} was changed to {actual} by someone else; read again, then decide.",
            headers={"ETag": etag_of(actual)},
        )
