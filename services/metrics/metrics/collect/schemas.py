"""Batches of events as they are sent, and what is answered."""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from common.money import Money

MAX_EVENTS = 100


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a NUL character cannot be stored; leave it out")
    return value


def _address(value: str) -> str:
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("is no address; send one like https://shop.example/mugs?utm_source=news") from None
    return value


Text = Annotated[str, StringConstraints(max_length=512), AfterValidator(_storable)]
Address = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_storable), AfterValidator(_address)]
Sku = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s/\x00-\x1f]([^/\x00-\x1f]*[^\s/\x00-\x1f])?$")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BehaviourEvent(_Body):
    """One thing that a visitor did."""

    id: Annotated[
        str,
        StringConstraints(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$"),
        Field(description="Made by the sender, a UUID best: an event sent again within 7 days does not count again."),
    ]
    name: Annotated[
        str,
        StringConstraints(max_length=40, pattern=r"^[A-Za-z][A-Za-z0-9_]*$"),
        Field(
            description="As in GA4: page_view, view_item_list, view_item, add_to_cart, begin_checkout, search, or one "
            "of your own. `purchase` is taken and counts nothing: orders say themselves that they were placed.",
            examples=["page_view"],
        ),
    ]
    at: AwareDatetime | None = Field(
        None,
        description="When, by the sender's clock. Absent, ahead of our time or more than 24 hours behind: the time of "
        "receipt.",
    )
    url: Address | None = Field(
        None, description="The page. Its path is kept; of its query, where the visit came from."
    )
    referrer: Address | None = Field(None, description="The page before. Its host is kept, if the visit begins here.")
    title: Text | None = None
    product_id: UUID | None = None
    sku: Sku | None = None
    query: Text | None = Field(None, description="What was searched for.")
    value: Money | None = None


class Batch(_Body):
    """Events of one visitor."""

    events: list[BehaviourEvent] = Field(min_length=1, max_length=MAX_EVENTS)
    session_id: UUID | None = Field(
        None,
        description="As last answered: that visit goes on, also from another network. One that is over or not known is "
        "as none.",
    )
    visitor: Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_storable)] | None = Field(
        None,
        description="For apps and servers: who it is, in place of network address and User-Agent. Kept for a day, as a "
        "salted hash.",
    )
    channel: Annotated[str, StringConstraints(max_length=64, pattern=r"^[\w.-]+$")] = Field(
        "web", description="As orders and figures name it."
    )


class Collected(BaseModel):
    """What became of a batch."""

    session_id: UUID | None = Field(description="The visit, for checkout's `session_id`; null where nothing was kept.")
    accepted: int = Field(description="Events kept.")
    repeated: int = Field(description="Events that had been kept before.")
    dropped: int = Field(description="Events of a crawler, or of who names no User-Agent at all: not kept.")
