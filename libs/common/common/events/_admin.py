"""Making topics: what ``<service> migrate`` does before anything publishes or subscribes.

A consumer that subscribes to a topic before it exists may hear nothing for minutes, and the broker makes none by
itself.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from common.events._topics import Topic

BROKER_DEFAULT = -1  # replication is the cluster's business: 1 on a laptop, 3 in production
SET_ON_THE_TOPIC = 1  # Kafka's config source DYNAMIC_TOPIC_CONFIG
TIMEOUT_MS = 30_000
VISIBLE_WITHIN_SECONDS = 10.0  # until each broker knows a topic that the controller has made
POLL_SECONDS = 0.05


class TopicMismatchError(Exception):
    """A topic on the broker is not what the contracts say, and changing it would break what is on it."""


async def create_topics(bootstrap_servers: str, namespace: str, topics: Iterable[Topic]) -> None:
    """Make the topics that are missing and set the configs of all; returns once the broker serves them so.

    Configs that ops set on a topic beyond ours stay. Raises TopicMismatchError when a topic has another number of
    partitions (its keys would change places) or does not take its configs.
    """
    wanted = {topic.name_in(namespace): topic for topic in topics}
    if not wanted:
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=TIMEOUT_MS)
    try:
        await admin.start()
        await _make_missing(admin, wanted)
        await _check_partitions(admin, wanted)
        await _set_configs(admin, wanted)
    finally:
        await admin.close()


async def _make_missing(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> None:
    new = [_new_topic(name, topic) for name, topic in wanted.items()]
    response = await admin.create_topics(new, timeout_ms=TIMEOUT_MS)
    for name, code, *message in response.topic_errors:
        if code and not issubclass(for_code(code), TopicAlreadyExistsError):
            raise for_code(code)(f"Topic {name} could not be made: {message}")


def _new_topic(name: str, topic: Topic) -> NewTopic:
    new = NewTopic(name, topic.partitions, 1, topic_configs=topic.configs())
    new.replication_factor = BROKER_DEFAULT  # its constructor refuses what the protocol knows
    return new


async def _check_partitions(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> None:
    async with asyncio.timeout(VISIBLE_WITHIN_SECONDS):
        while len(found := await _partitions(admin, list(wanted))) < len(wanted):  # noqa: ASYNC110 - no one tells us
            await asyncio.sleep(POLL_SECONDS)
    for name, topic in wanted.items():
        if found[name] != topic.partitions:
            raise TopicMismatchError(
                f"Topic {name} has {found[name]} partitions, not {topic.partitions}. Changing that would break the"
                " order of each key's events: move them to a topic made anew."
            )


async def _partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """The partition counts of those topics whose partitions all have a leader."""
    described = await admin.describe_topics(list(names))
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if topic["partitions"] and not any(partition["leader"] < 0 for partition in topic["partitions"])
    }


async def _set_configs(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> None:
    differing = await _differing(admin, wanted)
    if not differing:
        return
    # The request replaces all that is set on the topic, hence what was found there goes back with ours.
    changes = [
        ConfigResource(ConfigResourceType.TOPIC, name, configs={**found, **wanted[name].configs()})
        for name, found in differing.items()
    ]
    for response in await admin.alter_configs(changes):
        for code, message, _kind, name in response.resources:
            if code:
                raise TopicMismatchError(f"Topic {name} did not take its configs: {message}")
    async with asyncio.timeout(VISIBLE_WITHIN_SECONDS):
        while await _differing(admin, wanted):  # noqa: ASYNC110 - as above
            await asyncio.sleep(POLL_SECONDS)


async def _differing(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> dict[str, dict[str, str]]:
    """The topics whose configs are not ours, each with what is set on it."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    differing = {}
    for response in await admin.describe_configs(resources):
        for code, message, _kind, name, entries in response.resources:
            if code:
                raise for_code(code)(f"Topic {name} could not be read: {message}")
            found = {entry[0]: entry[1] for entry in entries if entry[3] == SET_ON_THE_TOPIC}
            if not wanted[name].configs().items() <= found.items():
                differing[name] = found
    return differing
