"""Topics: what the broker is told, derived from the contracts."""

import pytest

from common.events import (
    CATALOG_PRODUCT,
    CONTRACTS,
    INVENTORY_STOCK,
    ORDERS_CUSTOMER,
    ORDERS_ORDER,
    Topic,
    contracts_on,
    topics_of,
)
from common.events.contracts.catalog import ProductCreated, ProductUpdated
from common.events.contracts.orders import OrderPlaced

STATE_TOPICS = {"catalog.product.v1", "inventory.stock.v1", "orders.customer.v1", "gateway.user.v1"}
DAY_MS = 86_400_000

each_topic = pytest.mark.parametrize("topic", topics_of(CONTRACTS), ids=lambda topic: str(topic.name))


def test_topics_come_once_each_from_the_contracts() -> None:
    assert topics_of([ProductCreated, OrderPlaced, ProductUpdated]) == (CATALOG_PRODUCT, ORDERS_ORDER)
    assert topics_of([]) == ()


def test_state_topics_are_those_that_projections_feed_on() -> None:
    assert {topic.name for topic in topics_of(CONTRACTS) if topic.kind == "state"} == STATE_TOPICS


@each_topic
def test_every_topic_has_six_partitions_and_something_on_it(topic: Topic) -> None:
    assert topic.partitions == 6
    assert contracts_on(topic)


def test_state_topic_is_compacted_within_the_time_that_erasure_allows() -> None:
    assert ORDERS_CUSTOMER.configs() == {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(7 * DAY_MS),
        "max.compaction.lag.ms": str(8 * DAY_MS),
        "delete.retention.ms": str(7 * DAY_MS),
        "segment.ms": str(DAY_MS),
        "max.message.bytes": "1048576",
    }


def test_fact_topic_keeps_a_fortnight() -> None:
    assert ORDERS_ORDER.configs() == {
        "cleanup.policy": "delete",
        "retention.ms": str(14 * DAY_MS),
        "segment.ms": str(DAY_MS),
        "max.message.bytes": "1048576",
    }


@each_topic
def test_broker_takes_the_largest_event_with_its_headers(topic: Topic) -> None:
    headers_and_framing = 4096

    assert int(topic.configs()["max.message.bytes"]) >= topic.max_event_bytes + headers_and_framing


def test_products_may_be_large_and_others_not() -> None:
    assert CATALOG_PRODUCT.max_event_bytes == 4 * 1024 * 1024
    assert {topic.max_event_bytes for topic in topics_of(CONTRACTS)} == {4 * 1024 * 1024, 256_000}


def test_name_tells_service_and_aggregate() -> None:
    assert (INVENTORY_STOCK.service, INVENTORY_STOCK.aggregate) == ("inventory", "stock")


def test_namespace_stands_before_the_name_when_there_is_one() -> None:
    assert ORDERS_ORDER.name_in("t1") == "t1.orders.order.v1"
    assert ORDERS_ORDER.name_in("") == "orders.order.v1"
