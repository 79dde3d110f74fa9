"""Kafka as a program: starts anywhere, keeps what was acknowledged, comes back after anything."""

import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from quartermaster_local import Kafka, LocalProblem, kafka

FOUR_MIB = 4 * 1024 * 1024


async def test_the_largest_event_survives_a_killed_broker_on_another_port(private_folder: Path) -> None:
    broker = Kafka.start(private_folder / "kafka")
    try:
        await send(broker.bootstrap, b"x" * FOUR_MIB)
        before = broker.bootstrap
        broker.kill()

        broker = Kafka.start(private_folder / "kafka")

        assert broker.bootstrap != before
        assert len(await receive(broker.bootstrap)) == FOUR_MIB
        with pytest.raises(LocalProblem, match="already runs on"):
            Kafka.start(private_folder / "kafka")
    finally:
        broker.stop()


async def send(bootstrap: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_request_size=len(value) + 1024
    )
    async with producer:
        await producer.send_and_wait("kept", value)


async def receive(bootstrap: str) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=2 * FOUR_MIB)
    async with consumer:
        consumer.assign([TopicPartition("kept", 0)])
        await consumer.seek_to_beginning()
        value: bytes = (await consumer.getone()).value
        return value


def test_a_taken_port_is_named(private_folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(LocalProblem, match=f"Port {port} for Kafka is taken"):
            Kafka.start(private_folder / "kafka", port=port)


def test_without_network_the_first_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MAVEN_REPOSITORY_URL", "http://127.0.0.1:1/nobody-listens")
    said: list[str] = []

    with pytest.raises(LocalProblem, match=r"Only the first start needs the network: connect and try again"):
        kafka.ensure_jars(said.append)

    assert said[0].startswith("Downloading Kafka")


def test_a_changed_jar_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A jar that differs is fetched anew, and refused if the repository gives another one too."""
    jars = tmp_path / "quartermaster" / f"kafka-{kafka.VERSION}" / "jars"
    jars.mkdir(parents=True)
    for line in kafka.CHECKSUMS.read_text().splitlines():
        (jars / line.split()[1]).write_bytes(b"not the released one")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kafka, "_download", lambda *_: jars)

    said: list[str] = []

    with pytest.raises(LocalProblem, match=r"not the released ones: HdrHistogram.*Nothing was installed"):
        kafka.ensure_jars(said.append)
