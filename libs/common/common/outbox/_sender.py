"""One idempotent producer, and how to be rid of it.

aiokafka's idempotent producer never gives a batch up: without a broker its sends wait for ever, a cancelled send still
lands later, and ``stop()`` hangs. So every wait here has a limit, and a producer whose answers did not come is
abandoned: its connections are reset, so that nothing of it is sent once the broker is back.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from common.events import Topic, encode_key, to_kafka
from common.kafka import require_broker

log = structlog.get_logger()

MAX_REQUEST_BYTES = 5 * 1024 * 1024  # the largest product event is 4 MiB
MAX_BATCH_BYTES = 64 * 1024
REQUEST_TIMEOUT_MS = 5_000  # shorter than the wait for the acks: one retry by the same producer fits in
METADATA_SECONDS = 1.0  # for a topic not seen before; the broker itself has just answered
CLOSE_SECONDS = 1.0
STOP_SECONDS = 2.5
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: what the kernel still holds is dropped

Key = tuple[str, UUID]
Ack: TypeAlias = "asyncio.Future[object]"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row to send; ``topic`` without namespace."""

    id: int
    topic: str
    key: UUID
    headers: dict[str, str]
    value: bytes | None

    @property
    def aggregate(self) -> Key:
        """What keeps its order."""
        return self.topic, self.key


@dataclass(slots=True)
class Sent:
    """What came of a list of rows.

    ``refused`` are aggregates whose first row in question the broker will not take as it is; ``broken`` says why the
    producer cannot be used any more; ``unknown`` that some rows may have arrived without an answer.
    """

    acked: list[int] = field(default_factory=list)
    refused: dict[Key, str] = field(default_factory=dict)
    broken: str | None = None
    unknown: bool = False


class Sender:
    """Sends rows in order and reports which of them the broker has on disk."""

    def __init__(self, *, bootstrap_servers: str, namespace: str, client_id: str, ack_timeout: float) -> None:
        self._namespace = namespace
        self._ack_timeout = ack_timeout
        self._known_topics: set[str] = set()
        self._options: dict[str, Any] = {
            "bootstrap_servers": bootstrap_servers,
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
            "max_request_size": MAX_REQUEST_BYTES,
            "max_batch_size": MAX_BATCH_BYTES,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
        }
        if self._options["acks"] != "all" or self._options["enable_idempotence"] is not True:
            raise AssertionError("aiokafka's own defaults lose acknowledged events at a change of leader")
        self._producer = AIOKafkaProducer(**self._options)

    async def start(self) -> None:
        """Connect. Raises KafkaError, OSError or TimeoutError while the broker is away; then the sender is spent."""
        try:
            await require_broker(self._options["bootstrap_servers"], seconds=self._ack_timeout / 2)
            async with asyncio.timeout(self._ack_timeout):
                await self._producer.start()
        except BaseException:
            await self.abandon()
            raise

    async def send(self, rows: Sequence[OutboxRow], *, singly: bool = False) -> Sent:
        """Send ``rows`` in order and wait for the acks.

        ``singly`` waits after each row, which tells whose fault a refusal is: a batch fails as a whole.
        """
        sent = Sent()
        for chunk in ([row] for row in rows) if singly else [rows]:
            await self._send_chunk([row for row in chunk if row.aggregate not in sent.refused], sent, singly=singly)
            if sent.broken is not None:
                break
        return sent

    async def _send_chunk(self, rows: Sequence[OutboxRow], sent: Sent, *, singly: bool) -> None:
        pending: list[tuple[OutboxRow, Ack]] = []
        try:
            async with asyncio.timeout(self._ack_timeout):
                for row in rows:
                    if row.aggregate not in sent.refused and await self._topic_exists(row, sent):
                        await self._enqueue(row, pending, sent)
                if pending:
                    await asyncio.wait([future for _, future in pending])
        except TimeoutError:
            sent.broken, sent.unknown = f"no answer within {self._ack_timeout:g} s", True
        except KafkaError as error:
            sent.broken, sent.unknown = repr(error), True
        self._collect(pending, sent, singly=singly)

    async def _topic_exists(self, row: OutboxRow, sent: Sent) -> bool:
        """Ask once per topic, so that a missing one holds up its own events alone."""
        if row.topic in self._known_topics:
            return True
        try:
            async with asyncio.timeout(METADATA_SECONDS):
                await self._producer.partitions_for(self._name(row.topic))
        except (TimeoutError, UnknownTopicOrPartitionError, TopicAuthorizationFailedError) as error:
            sent.refused[row.aggregate] = f"the broker shows no topic {self._name(row.topic)}: {error!r}"
            return False
        self._known_topics.add(row.topic)
        return True

    async def _enqueue(self, row: OutboxRow, pending: list[tuple[OutboxRow, Ack]], sent: Sent) -> None:
        try:
            future = await self._producer.send(
                self._name(row.topic), value=row.value, key=encode_key(row.key), headers=to_kafka(row.headers)
            )
        except MessageSizeTooLargeError as error:
            sent.refused[row.aggregate] = str(error)
        else:
            future.add_done_callback(_retrieve)
            pending.append((row, future))

    @staticmethod
    def _collect(pending: Iterable[tuple[OutboxRow, Ack]], sent: Sent, *, singly: bool) -> None:
        """Note the acks. What follows a failed row of its aggregate counts as not sent, so that order is kept."""
        failed: set[Key] = set()
        for row, future in pending:
            if not future.done() or future.cancelled():
                failed.add(row.aggregate)
            elif (error := future.exception()) is not None:
                failed.add(row.aggregate)
                sent.broken = sent.broken or repr(error)
                if singly:
                    sent.refused[row.aggregate] = repr(error)
            elif row.aggregate not in failed:
                sent.acked.append(row.id)

    def _name(self, topic: str) -> str:
        return Topic(topic, "fact").name_in(self._namespace)

    async def stop(self) -> None:
        """Close a producer that owes no answer; one that does not close in time is abandoned."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._producer.stop()
        except (TimeoutError, KafkaError, OSError):
            await self.abandon()

    async def abandon(self) -> None:
        """Drop the producer with what it holds. Not by its ``stop()``, which would send all of it, or wait for ever."""
        producer = self._producer
        producer._closed = True  # noqa: SLF001 - there is no public way out that does not flush
        for connection in list(producer.client._conns.values()):  # noqa: SLF001 - as above
            _reset(connection._writer)  # noqa: SLF001 - as above
        sender = producer._sender  # noqa: SLF001 - as above
        if sender is not None and sender.sender_task is not None:
            sender.sender_task.cancel()
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await producer.client.close()


def _reset(writer: asyncio.StreamWriter | None) -> None:
    if writer is None:
        return
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


def _retrieve(future: Ack) -> None:
    """Look at the result, since nobody else will once the producer is abandoned."""
    if not future.cancelled():
        future.exception()
