"""Topics on a real broker: made once, brought back to what the contracts say, refused when that would break order."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from common.events import (
    CATALOG_PRODUCT,
    CONTRACTS,
    ORDERS_ORDER,
    Topic,
    TopicMismatchError,
    create_topics,
    topics_of,
)

SET_ON_THE_TOPIC = 1
SETTLED_WITHIN_SECONDS = 10.0


@pytest.fixture
def namespace() -> str:
    return f"t{uuid4().hex[:8]}"


@pytest_asyncio.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def configs_of(admin: AIOKafkaAdminClient, topic: Topic, namespace: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name_in(namespace))
    [response] = await admin.describe_configs([resource])
    [(_code, _message, _kind, _name, entries)] = response.resources
    return {entry[0]: entry[1] for entry in entries if entry[3] == SET_ON_THE_TOPIC}


async def set_configs(admin: AIOKafkaAdminClient, topic: Topic, namespace: str, configs: dict[str, str]) -> None:
    """Set these and nothing else, as an operator's hand might, and return when the broker says so."""
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name_in(namespace), configs=configs)])
    async with asyncio.timeout(SETTLED_WITHIN_SECONDS):
        while await configs_of(admin, topic, namespace) != configs:  # noqa: ASYNC110 - the broker does not tell
            await asyncio.sleep(0.02)


async def test_every_topic_is_made_as_the_contracts_say(kafka: str, admin: AIOKafkaAdminClient, namespace: str) -> None:
    topics = topics_of(CONTRACTS)

    await create_topics(kafka, namespace, topics)

    described = await admin.describe_topics([topic.name_in(namespace) for topic in topics])
    assert {topic["topic"]: len(topic["partitions"]) for topic in described} == {
        topic.name_in(namespace): 6 for topic in topics
    }
    for topic in topics:
        assert await configs_of(admin, topic, namespace) == topic.configs()


async def test_services_may_make_the_same_topics_at_the_same_time_and_again(
    kafka: str, admin: AIOKafkaAdminClient, namespace: str
) -> None:
    topics = (CATALOG_PRODUCT, ORDERS_ORDER)

    await asyncio.gather(*(create_topics(kafka, namespace, topics) for _ in range(4)))
    await create_topics(kafka, namespace, topics)

    assert {name for name in await admin.list_topics() if name.startswith(namespace)} == {
        topic.name_in(namespace) for topic in topics
    }


async def test_configs_that_drifted_come_back_and_those_of_ops_stay(
    kafka: str, admin: AIOKafkaAdminClient, namespace: str
) -> None:
    await create_topics(kafka, namespace, [ORDERS_ORDER])
    await set_configs(admin, ORDERS_ORDER, namespace, {"retention.ms": "1000", "flush.messages": "7"})

    await create_topics(kafka, namespace, [ORDERS_ORDER])

    assert await configs_of(admin, ORDERS_ORDER, namespace) == {**ORDERS_ORDER.configs(), "flush.messages": "7"}


async def test_topic_with_other_partitions_is_refused_and_named(
    kafka: str, admin: AIOKafkaAdminClient, namespace: str
) -> None:
    await admin.create_topics([NewTopic(ORDERS_ORDER.name_in(namespace), 3, 1)])

    with pytest.raises(TopicMismatchError, match=rf"{namespace}\.orders\.order\.v1 has 3 partitions, not 6"):
        await create_topics(kafka, namespace, [ORDERS_ORDER])
