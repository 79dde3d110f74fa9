"""Standard Webhooks 1.0: secrets, and the headers by which a receiver knows that a delivery is ours and unchanged.

Nothing here shows a secret: who prints a ``Secret`` sees a mask.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

PREFIX = "whsec_"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """What signs an endpoint's deliveries; ``text`` is what its owner was shown."""

    text: str = field(repr=False)

    @classmethod
    def new(cls) -> "Secret":
        """Make one."""
        return cls(PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())

    @property
    def key(self) -> bytes:
        """The bytes that sign."""
        return base64.b64decode(self.text.removeprefix(PREFIX))

    def signature(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Sign ``id.timestamp.body``."""
        signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
        return "v1," + base64.b64encode(hmac.digest(self.key, signed, hashlib.sha256)).decode()


def headers_for(event_id: UUID, body: bytes, *, keys: Sequence[Secret], at: datetime) -> dict[str, str]:
    """The headers of one attempt.

    Args:
        event_id: The event's own id, the same at every attempt and replay: receivers drop what they have had by it.
        body: The bytes that are sent.
        keys: The present secret, and beside it the one before while its last day runs.
        at: Real time of this attempt; receivers refuse what is older than some minutes.
    """
    message_id, timestamp = str(event_id), int(at.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(key.signature(message_id, timestamp, body) for key in keys),
    }
