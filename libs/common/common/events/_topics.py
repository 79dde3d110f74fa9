"""Kafka topics: what each is called, how long it keeps what, and how large an event on it may be.

A topic carries every type of one aggregate, keyed by the aggregate's id, so that one aggregate's events stay in order.
"""

from dataclasses import dataclass
from typing import Literal

DAY_MS = 24 * 60 * 60 * 1000
PARTITIONS = 6  # the same everywhere, so that one key is one partition number on every topic
MAX_EVENT_BYTES = 256_000
MAX_PRODUCT_EVENT_BYTES = 4 * 1024 * 1024  # 2,048 variants with prices and options
HEADER_ROOM_BYTES = 64 * 1024  # the broker counts key, headers and the batch's own frame as well
MIN_BATCH_BYTES = 1024 * 1024  # the broker's limit is on a batch: many small events may travel together

TopicKind = Literal["state", "fact"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the suite, named ``<service>.<aggregate>.v<major>``.

    A ``state`` topic is compacted: its last event of a key is the aggregate as it stands, and projections feed on it.
    A ``fact`` topic keeps everything for 14 days: mails, counters and allocations hang on it.
    """

    name: str
    kind: TopicKind
    max_event_bytes: int = MAX_EVENT_BYTES
    partitions: int = PARTITIONS

    @property
    def service(self) -> str:
        """The only service that publishes here."""
        return self.name.split(".")[0]

    @property
    def aggregate(self) -> str:
        """What the topic's events are about."""
        return self.name.split(".")[1]

    @property
    def max_message_bytes(self) -> int:
        """What the broker accepts as one batch; never less than the largest event with its headers."""
        return max(MIN_BATCH_BYTES, self.max_event_bytes + HEADER_ROOM_BYTES)

    def name_in(self, namespace: str) -> str:
        """The name on the broker: EVENTS_NAMESPACE, if there is one, stands before it."""
        return f"{namespace}.{self.name}" if namespace else self.name

    def configs(self) -> dict[str, str]:
        """The broker's settings for this topic.

        A segment that is still written to is neither compacted nor deleted, hence a new one each day: without it a
        quiet topic keeps erased personal data readable for a week more.
        """
        common = {"segment.ms": str(DAY_MS), "max.message.bytes": str(self.max_message_bytes)}
        if self.kind == "fact":
            return common | {"cleanup.policy": "delete", "retention.ms": str(14 * DAY_MS)}
        return common | {
            "cleanup.policy": "compact",
            "min.compaction.lag.ms": str(7 * DAY_MS),
            "max.compaction.lag.ms": str(8 * DAY_MS),
            "delete.retention.ms": str(7 * DAY_MS),
        }


CATALOG_PRODUCT = Topic("catalog.product.v1", "state", max_event_bytes=MAX_PRODUCT_EVENT_BYTES)
CATALOG_IMPORT = Topic("catalog.import.v1", "fact")
INVENTORY_STOCK = Topic("inventory.stock.v1", "state")
INVENTORY_STOCK_ALERT = Topic("inventory.stock-alert.v1", "fact")
INVENTORY_RESERVATION = Topic("inventory.reservation.v1", "fact")
ORDERS_ORDER = Topic("orders.order.v1", "fact")
ORDERS_CART = Topic("orders.cart.v1", "fact")
ORDERS_CUSTOMER = Topic("orders.customer.v1", "state")
GATEWAY_USER = Topic("gateway.user.v1", "state")
NOTIFICATIONS_MESSAGE = Topic("notifications.message.v1", "fact")
NOTIFICATIONS_WEBHOOK = Topic("notifications.webhook.v1", "fact")
