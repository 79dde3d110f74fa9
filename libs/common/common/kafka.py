"""What relay and consumers share against the habits of aiokafka.

A client whose start is cancelled in the middle leaves a connection behind. So whoever builds one asks first whether the
broker is there; the start then takes milliseconds, and its time-out is for the case that nothing else ends. And a
client that closes cancels futures that others wait for, which looks as if the waiting task itself had been cancelled.
"""

import asyncio

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest


async def require_broker(bootstrap_servers: str, *, seconds: float) -> None:
    """Return once one of the brokers has answered. Raises KafkaConnectionError when none does within ``seconds``."""
    failed: list[str] = []
    for host, port, _ in collect_hosts(bootstrap_servers):
        connection = AIOKafkaConnection(host, port, request_timeout_ms=int(seconds * 1000))
        try:
            async with asyncio.timeout(seconds):
                await connection.connect()
                await connection.send(MetadataRequest([]))
            return
        except (KafkaError, OSError, TimeoutError) as error:
            failed.append(f"{host}:{port} {error!r}")
        finally:
            connection.close()
    raise KafkaConnectionError(f"No broker answers: {', '.join(failed)}")


def is_being_cancelled() -> bool:
    """Whether the CancelledError in hand was meant for this task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
