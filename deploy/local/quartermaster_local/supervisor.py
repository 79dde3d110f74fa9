"""What ``make run`` does: one process that starts everything, keeps it running, and ends it all.

Whatever is killed, including this process or everything at once, the next run starts on the same data. Nothing is
kept in this process that matters: ports and pids are in ``run.json``, secrets in ``secrets/``, the rest in PostgreSQL
and Kafka.
"""

import http.client
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from types import FrameType

from quartermaster_local.checks import require_fitting_data, require_space
from quartermaster_local.kafka import Kafka
from quartermaster_local.migrations import Marks
from quartermaster_local.postgres import Postgres
from quartermaster_local.problems import LocalProblem
from quartermaster_local.processes import LOOPBACK, Child, Claim, free_ports, require_free_port, stop_marked
from quartermaster_local.secret_store import SecretStore
from quartermaster_local.suite import (
    GATEWAY,
    READER,
    SERVICES,
    Addresses,
    environment_of,
    installed_services,
    reader_script,
)

DEMO_LOADER = "quartermaster_demo.load"  # run with the environment of every service once, on new data
MARKER = "QUARTERMASTER_DATA_DIR"  # in the environment of all we start: by it the next run knows what a killed one left

_READY_SECONDS = 90.0
_MIGRATE_SECONDS = 120.0
_STOP_SECONDS = 12.0  # services drain for 10
_WATCH_SECONDS = 0.25
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_STEADY_SECONDS = 60.0  # who lived that long starts again at once


@dataclass
class Process:
    """Something that is kept running: how to start it, and what runs now."""

    name: str
    start: Callable[[], "Running"]
    running: "Running"
    started_at: float = field(default_factory=monotonic)
    pause_seconds: float = _FIRST_PAUSE_SECONDS
    again_at: float | None = None  # when it is to be started again; None while it runs


Running = Child | Postgres | Kafka


class Run:
    """One run of the suite on one data folder."""

    def __init__(self, data_dir: Path, *, port: int, services: Sequence[str]) -> None:
        self.data_dir = data_dir
        self.gateway_port = port
        self.logs = data_dir / "logs"
        self.secrets = SecretStore(data_dir / "secrets")
        self.services = services
        self.processes: dict[str, Process] = {}
        self.stopping = threading.Event()
        self.started_at = datetime.now(UTC)
        self._addresses: Addresses | None = None

    @property
    def addresses(self) -> Addresses:
        if self._addresses is None:
            raise RuntimeError("Addresses are known once the platform runs.")
        return self._addresses

    # Start

    def start(self) -> None:
        """Platform, services, demo shop; return when all are ready.

        Services start as soon as PostgreSQL does: while they load, so does Kafka, and they wait for it themselves.
        """
        self._choose_addresses()
        say("Starting PostgreSQL, Kafka and the mailbox …")
        with ThreadPoolExecutor(max_workers=1) as beside:
            kafka = beside.submit(self._launch, "kafka", partial(self._start_kafka, self.addresses.kafka))
            self._all(
                {
                    "postgres": partial(
                        self._launch, "postgres", partial(self._start_postgres, self.addresses.postgres)
                    ),
                    "mailbox": partial(self._launch, "mailbox", self._start_mailbox),
                }
            )
            started = self._launch_services()
            kafka.result()
        self._wait_for_services(started)
        if needs_demo_shop(self):
            load_demo_shop(self)
        self.write_run_file()

    def _choose_addresses(self) -> None:
        postgres, kafka, smtp, mailbox, *others = free_ports(len(SERVICES) + 4)
        chosen = dict(zip(SERVICES, others, strict=True)) | {GATEWAY: self.gateway_port}
        self._addresses = Addresses(postgres, kafka, smtp, mailbox, chosen)

    def _start_postgres(self, port: int) -> Postgres:
        password = self.secrets.password("postgres")
        server = Postgres.start(
            self.data_dir / "postgres", superuser_password=password, port=port, log=self.logs / "postgres.log"
        )
        try:
            for name in self.services:
                server.ensure_database(name, name, self.secrets.password(name))
            server.run_script(reader_script(self.services, self.secrets.password(READER)))
        except BaseException:
            server.stop()
            raise
        return server

    def _start_kafka(self, port: int) -> Kafka:
        return Kafka.start(self.data_dir / "kafka", port=port, log=self.logs / "kafka.log", progress=say)

    def _start_mailbox(self) -> Child:
        port = self.addresses.mailbox
        ports = ["--smtp-port", str(self.addresses.smtp), "--http-port", str(port)]
        folder = self.data_dir / "mailbox"
        child = self.spawn("mailbox", ["quartermaster_local.mailbox", *ports, "--data-dir", str(folder)], {})
        child.wait_until(lambda: answers(port, "/livez"), timeout_seconds=_READY_SECONDS)
        return child

    def _launch_services(self) -> list[str]:
        say(f"Starting {', '.join(self.services)} …")
        for name in self.services:
            self._launch(name, partial(self._start_service, name))
        return list(self.services)

    def _start_service(self, name: str) -> Child:
        """Start it; where code or data are not those that it was last ready with, it migrates first."""
        verb = ["serve"] if self._marks().is_at_head(name) else ["serve", "--migrate"]
        return self.spawn(name, [name, *verb], self.environment(name))

    def _wait_for_services(self, names: list[str]) -> None:
        self._all({name: partial(self._wait_for, name) for name in names})
        marks = self._marks()
        for name in names:
            marks.set(name)

    def _marks(self) -> Marks:
        data = (self.data_dir / "kafka/log/meta.properties", self._postgres().cluster / "PG_VERSION")
        return Marks(self.data_dir / "migrated", data=data)

    def _wait_for(self, name: str) -> None:
        child = self.processes[name].running
        port = self.addresses.services[name]
        if isinstance(child, Child):
            ready = partial(answers, port, "/readyz")
            child.wait_until(lambda: self.stopping.is_set() or ready(), timeout_seconds=_READY_SECONDS)

    def spawn(self, name: str, module: list[str], environment: dict[str, str]) -> Child:
        return Child.start(
            name,
            [sys.executable, "-P", "-m", *module],
            folder=self.data_dir,
            log=self.logs / f"{name}.log",
            environment=self._with_marker(environment),
        )

    def _launch(self, name: str, start: Callable[[], Running]) -> None:
        self.processes[name] = Process(name, start, start())

    def _all(self, tasks: dict[str, Callable[[], None]]) -> None:
        """Run them beside each other; raise the first problem once all have ended."""
        if not tasks:
            return
        with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
            futures = [pool.submit(task) for task in tasks.values()]
        for future in futures:
            future.result()
        if self.stopping.is_set():
            raise KeyboardInterrupt

    def _postgres(self) -> Postgres:
        running = self.processes["postgres"].running
        if not isinstance(running, Postgres):
            raise TypeError(running)
        return running

    # Environment

    def environment(self, service: str) -> dict[str, str]:
        """All that a service of this run needs, on top of what the user set."""
        return environment_of(service, self.addresses, self.secrets)

    def environment_of_all(self) -> dict[str, str]:
        """For tools that talk to every service: variables of one service's own prefix do not clash."""
        merged: dict[str, str] = {}
        for name in self.services:
            merged |= self.environment(name)
        merged.pop("INSTANCE", None)
        return merged

    def _with_marker(self, environment: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        # compiled once, a service starts in half the time
        return {**inherited, "PYTHONUNBUFFERED": "1", **environment, MARKER: str(self.data_dir)}

    # Watch

    def watch(self) -> None:
        """Start again what ends, until asked to stop."""
        while not self.stopping.wait(_WATCH_SECONDS):
            for process in self.processes.values():
                self._look_after(process)

    def _look_after(self, process: Process) -> None:
        if process.again_at is not None:
            if monotonic() >= process.again_at:
                self._restart(process)
        elif process.running.exit_status is not None:
            if monotonic() - process.started_at > _STEADY_SECONDS:
                process.pause_seconds = _FIRST_PAUSE_SECONDS
            status = process.running.exit_status
            log = self.logs / f"{process.name}.log"
            say(f"{process.name} ended with status {status}; again in {process.pause_seconds:.1f} s. Its log: {log}")
            process.running.kill()  # it is dead already: gives back its hold on the data
            process.again_at = monotonic() + process.pause_seconds
            process.pause_seconds = min(process.pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    def _restart(self, process: Process) -> None:
        process.again_at = None
        process.started_at = monotonic()
        try:
            process.running = process.start()
        except LocalProblem as problem:
            say(f"{process.name} did not start: {problem}")
            process.again_at = monotonic() + process.pause_seconds
            process.pause_seconds = min(process.pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
            return
        say(f"{process.name} was started again (process {process.running.pid}).")
        self.write_run_file()

    # Stop

    def stop(self) -> None:
        """End services first, then the mailbox and Kafka, and PostgreSQL last. Bounded: who hangs is killed."""
        platform = {"postgres", "kafka", "mailbox"}
        services = [process.running for name, process in self.processes.items() if name not in platform]
        for running in services:
            if isinstance(running, Child):
                running.send(signal.SIGTERM)
        self._stop_each(services)
        for name in ("mailbox", "kafka", "postgres"):
            if name in self.processes:
                self._stop_each([self.processes[name].running])
        (self.data_dir / "run.json").unlink(missing_ok=True)

    def _stop_each(self, running: list[Running]) -> None:
        with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
            for one in running:
                pool.submit(one.stop, timeout_seconds=_STOP_SECONDS)

    # What others read

    def write_run_file(self) -> None:
        """Write ``run.json`` for people and tools, and the environment of each service for ``exec``."""
        environments = {name: self.environment(name) for name in self.services}
        self.secrets.write("environment.json", json.dumps(environments, indent=2))
        fresh = self.data_dir / "run.json.new"
        fresh.write_text(json.dumps(self.describe(), indent=2) + "\n")
        fresh.rename(self.data_dir / "run.json")

    def describe(self) -> dict[str, object]:
        """Ports, pids and URLs, without any secret."""
        addresses = self.addresses
        ports = {"postgres": addresses.postgres, "kafka": addresses.kafka, "mailbox": addresses.mailbox}
        ports |= addresses.services
        return {
            "data_dir": str(self.data_dir),
            "started_at": self.started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "supervisor": os.getpid(),
            "gateway": addresses.url(GATEWAY) if GATEWAY in self.services else None,
            "mailbox": f"http://{LOOPBACK}:{addresses.mailbox}",
            "smtp": f"smtp://{LOOPBACK}:{addresses.smtp}",
            "kafka": f"{LOOPBACK}:{addresses.kafka}",
            "postgres": f"{LOOPBACK}:{addresses.postgres}",
            "services": {name: addresses.url(name) for name in self.services},
            "processes": {
                name: {"pid": process.running.pid, "port": ports[name], "log": str(self.logs / f"{name}.log")}
                for name, process in self.processes.items()
            },
        }


def run(data_dir: Path, *, port: int, only: Sequence[str] | None = None) -> None:
    """Run the suite, or ``only`` some services, until SIGINT, SIGTERM or SIGHUP.

    Raises:
        LocalProblem: it cannot start; what had been started is stopped.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    data_dir = data_dir.resolve()
    begun = monotonic()
    with _claimed(data_dir):
        require_space(data_dir)
        require_fitting_data(data_dir)
        if (left := stop_marked(MARKER, str(data_dir))) > 0:
            say(f"Ended {left} processes that an earlier run had left behind.")
        require_free_port(port, purpose="the gateway", setting="PORT=")
        services = [name for name in installed_services() if only is None or name in only]
        current = Run(data_dir, port=port, services=services)
        with _signals_stop(current):
            try:
                current.start()
                announce(current, seconds=monotonic() - begun)
                current.watch()
            except KeyboardInterrupt:
                pass
            finally:
                say("Stopping …")
                current.stop()
    say("Stopped.")


@contextmanager
def _claimed(data_dir: Path) -> Iterator[None]:
    claim = Claim.take(
        data_dir,
        refused=f"Another run uses {data_dir}. Stop that one (Ctrl-C, or `python -m quartermaster_local stop`), "
        "or give this one data and a port of its own: make run DATA_DIR=.data-2 PORT=8001.",
    )
    try:
        yield
    finally:
        claim.release()


@contextmanager
def _signals_stop(current: Run) -> Iterator[None]:
    """The first signal asks for a clean stop, a second one kills all at once."""

    def asked(number: int, frame: FrameType | None) -> None:
        if current.stopping.is_set():
            for process in list(current.processes.values()):
                process.running.kill()
        current.stopping.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, asked) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def needs_demo_shop(current: Run) -> bool:
    """Whether this data has no demo shop yet, there is one to load, and all are there that it takes."""
    package = DEMO_LOADER.partition(".")[0]
    whole = set(SERVICES) <= set(current.services)
    if not whole or (current.data_dir / "demo.json").exists() or find_spec(package) is None:
        return False
    return find_spec(DEMO_LOADER) is not None


def load_demo_shop(current: Run) -> None:
    """Fill the shop through the real import. Interrupted, it is loaded again by the next run.

    The loader gets the environment of every service, ``run.json`` as ``RUN_FILE``, and writes ``demo.json``.
    """
    say("Loading the demo shop …")
    current.write_run_file()
    environment = {
        **current.environment_of_all(),
        "RUN_FILE": str(current.data_dir / "run.json"),
        "DEMO_FILE": str(current.data_dir / "demo.json"),
        "GATEWAY_URL": f"http://{LOOPBACK}:{current.gateway_port}",
    }
    child = current.spawn("demo", [DEMO_LOADER], environment)
    while not child.wait(_WATCH_SECONDS):
        if current.stopping.is_set():
            child.stop()
            raise KeyboardInterrupt
    if child.exit_status != 0:
        raise LocalProblem(f"The demo shop could not be loaded (status {child.exit_status}). {child.last_words()}")


def announce(current: Run, *, seconds: float) -> None:
    """Print where everything is and who may log in."""
    addresses = current.addresses
    lines = [f"Ready after {seconds:.1f} s. Stop with Ctrl-C.", ""]
    if GATEWAY in current.services:
        lines += [f"  API       {addresses.url(GATEWAY)}", f"  Docs      {addresses.url(GATEWAY)}/docs"]
    lines += [f"  Mailbox   http://{LOOPBACK}:{addresses.mailbox}", f"  Logs      {current.logs}"]
    demo = current.data_dir / "demo.json"
    if demo.exists():
        lines += ["", "  Demo logins:"]
        lines += [
            f"    {user['role']:<14}{user['email']}   {user['password']}"
            for user in json.loads(demo.read_text())["users"]
        ]
    with suppress(OSError):
        print("\n".join(lines), flush=True)


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200 within two seconds."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def say(sentence: str) -> None:
    """Talk on stderr; a terminal that was closed ends nothing."""
    with suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)
