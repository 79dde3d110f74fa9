"""What gateway publishes: users as they stand."""

from typing import Annotated, ClassVar

from pydantic import Field

from common.events import _topics
from common.events._contract import EventContract, Snapshot, UtcTime, example, known_values, pii
from common.events._topics import Topic
from common.events.contracts import _examples


class UserSnapshot(Snapshot):
    """A login: a customer's or a member of staff's."""

    email: Annotated[str, pii()]
    name: Annotated[str | None, pii()]
    role: Annotated[
        str,
        known_values(
            "customer", "partner", "admin", "coordinator", "merchandiser", "warehouse", "marketer", "support", "analyst"
        ),
    ]
    scopes: list[str] = Field(description="What the role allows, spelt out, such as `inventory:adjust`.")
    registered_at: UtcTime


class UserRegistered(EventContract):
    """Someone can sign in from now on: a shopper who registered, or staff that was given a login.

    Orders makes its customer from those with the role `customer`, under the same id; notifications learns from the
    others whom to tell about stock.
    """

    type: ClassVar[str] = "user.registered"
    topic: ClassVar[Topic] = _topics.GATEWAY_USER

    object: UserSnapshot

    model_config = example(object=_examples.USER, changed=[])


CONTRACTS: tuple[type[EventContract], ...] = (UserRegistered,)
