"""The command line of a service: ``python -m orders serve``.

Data goes to standard output, talk to standard error.
"""

import argparse
import asyncio
import gc
import getpass
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any
from uuid import UUID

import orjson
import uvicorn
import uvloop
from aiokafka.errors import KafkaConnectionError

from common.database import Database, migrate
from common.events import create_topics
from common.http.app import create_app
from common.inbox import discarding, list_dead_letters, redriving, show_dead_letter
from common.invariants import run_invariants
from common.problems import Problem
from common.scheduling import parked_jobs, requeue_parked
from common.service import ROLES, Runtime, Service
from common.settings import ServiceSettings, load
from common.telemetry import configure_logs, logger

LOG = logger(__name__)

HTTP_DRAIN_SECONDS = 10  # with the loops' own stop, inside compose's 25 s
GC_THRESHOLDS = (50_000, 20, 50)  # after freeze: p99 of a checkout a quarter lower than with the defaults
TOPICS_WAIT_SECONDS = 30.0  # a broker that starts beside us
BROKER_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of one service alone: its arguments, and what it does; the number returned is the exit code."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[ServiceSettings, argparse.Namespace], Coroutine[Any, Any, int]]


def main(service: Service, argv: Sequence[str] | None = None, *, commands: Mapping[str, Command] | None = None) -> int:
    """Run one verb and return its exit code."""
    extra = commands or {}
    arguments = _parser(service, extra).parse_args(argv)
    settings = load(service.settings)
    data_on_stdout = arguments.verb != "serve"
    configure_logs(service.name, settings.log_level, stream=sys.stderr if data_on_stdout else sys.stdout)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if arguments.verb in extra:
            return runner.run(extra[arguments.verb].run(settings, arguments))
        return runner.run(_run(service, settings, arguments))


def _parser(service: Service, extra: Mapping[str, Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=service.name, description=f"Quartermaster's {service.name} service.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser("serve", help="answer requests, publish, consume, work")
    serve.add_argument("--roles", default=",".join(ROLES), help=f"some of {','.join(ROLES)}")
    serve.add_argument("--migrate", action="store_true", help="bring the database to head first")
    verbs.add_parser("migrate", help="bring the database to head and create the topics")
    verbs.add_parser("verify", help="run the invariants; exit 1 if one is broken")
    letters = verbs.add_parser("dead-letters", help="events that could not be handled")
    letters.add_argument("action", choices=("list", "show", "redrive", "discard"))
    letters.add_argument("id", nargs="?", type=UUID)
    letters.add_argument("--status", choices=("open", "redriven", "discarded"), default="open", help="which to list")
    letters.add_argument("--consumer", help="list those of one group")
    letters.add_argument("--after", type=UUID, help="list from behind this letter")
    letters.add_argument("--reason", help="why it is discarded; goes to the log")
    parked = verbs.add_parser("parked-jobs", help="jobs given up after their last attempt")
    parked.add_argument("action", choices=("list", "requeue"))
    parked.add_argument("id", nargs="*", type=int)
    for name, command in extra.items():
        command.add_arguments(verbs.add_parser(name, help=command.help))
    return parser


async def _run(service: Service, settings: ServiceSettings, arguments: argparse.Namespace) -> int:
    match arguments.verb:
        case "serve":
            if arguments.migrate:
                await bring_to_head(service, settings)
            return await serve(service, settings, roles=arguments.roles.split(","))
        case "migrate":
            return await bring_to_head(service, settings)
        case "verify":
            return await verify(service, settings)
        case "parked-jobs":
            return await parked(service, settings, arguments.action, arguments.id)
        case _:
            return await dead_letters(service, settings, arguments)


class _Server(uvicorn.Server):
    """Says that it is leaving before it stops to listen."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Turn unready at the first signal.

        Uvicorn's own would note the signal and raise it again when HTTP has ended: the process would die before relay,
        consumers and jobs have come to their end.
        """
        self._runtime.stopping = True
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let endless answers end, then wait for the others."""
        self._runtime.leaving.set()
        await super().shutdown(sockets)


async def serve(service: Service, settings: ServiceSettings, *, roles: Sequence[str] = ROLES) -> int:
    """Run a process of the service until SIGTERM or SIGINT."""
    unknown = set(roles) - set(ROLES)
    if unknown:
        sys.stderr.write(f"No such role: {', '.join(sorted(unknown))}. Roles are {', '.join(ROLES)}.\n")
        return 2
    async with Runtime.open(service, settings) as runtime, runtime.background(roles):
        LOG.info("service.started", roles=list(roles), port=settings.port)
        if "http" in roles:
            await _serve_http(service, settings, runtime)
        else:
            await _wait_for_signal(runtime)
    LOG.info("service.stopped")
    return 0


async def _serve_http(service: Service, settings: ServiceSettings, runtime: Runtime) -> None:
    app = create_app(service, runtime)
    config = uvicorn.Config(
        app if service.wrap is None else service.wrap(app, runtime),
        host=settings.host,
        port=settings.port,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who asks is told by the token, not by a header that anyone may send
        timeout_graceful_shutdown=HTTP_DRAIN_SECONDS,
        timeout_keep_alive=75,  # longer than the gateway keeps an idle connection, so that it is the one to close
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    await _Server(config, runtime).serve()


async def _wait_for_signal(runtime: Runtime) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    runtime.stopping = True


async def bring_to_head(service: Service, settings: ServiceSettings) -> int:
    """Migrate, then create the topics that the service publishes or consumes, before anything subscribes."""
    await migrate(settings.database_url.get_secret_value(), service.migrations)
    async with asyncio.timeout(TOPICS_WAIT_SECONDS):
        while not await _topics_made(service, settings):  # noqa: ASYNC110 - a broker cannot tell when it is up
            await asyncio.sleep(BROKER_PAUSE_SECONDS)
    sys.stderr.write(f"{service.name}: database at head, {len(service.topics)} topics there\n")
    return 0


async def _topics_made(service: Service, settings: ServiceSettings) -> bool:
    """Create the topics; False while the broker does not answer yet."""
    try:
        await create_topics(settings.kafka_bootstrap_servers, settings.events_namespace, service.topics)
    except KafkaConnectionError:
        return False
    return True


async def verify(service: Service, settings: ServiceSettings) -> int:
    """Run the invariants and print each violation as a line of JSON."""
    database = Database.open(
        settings.database_url.get_secret_value(), service=service.name, test_clock=settings.test_clock
    )
    try:
        violations = await run_invariants(database, service.invariants)
    finally:
        await database.close()
    for violation in violations:
        sys.stdout.buffer.write(orjson.dumps(violation, default=str) + b"\n")
    sys.stderr.write(f"{service.name}: {len(service.invariants)} invariants, {len(violations)} violations\n")
    return 1 if violations else 0


async def parked(service: Service, settings: ServiceSettings, action: str, jobs: Sequence[int]) -> int:
    """List the jobs that were given up, or queue some of them again."""
    database = Database.open(settings.database_url.get_secret_value(), service=service.name)
    try:
        if action == "requeue":
            await requeue_parked(database, jobs)
        _print(await parked_jobs(database))
    finally:
        await database.close()
    return 0


async def dead_letters(service: Service, settings: ServiceSettings, arguments: argparse.Namespace) -> int:
    """List the events put aside, or show, redrive or discard one."""
    if arguments.action != "list" and arguments.id is None:
        sys.stderr.write(
            f"{arguments.action} needs the id of a dead letter; `{service.name} dead-letters list` shows them.\n"
        )
        return 2
    async with Runtime.open(service, settings) as runtime:
        try:
            _print(await _on_dead_letters(runtime, arguments))
        except Problem as problem:
            sys.stderr.write(f"{problem.detail}\n")
            return 1
    return 0


async def _on_dead_letters(runtime: Runtime, arguments: argparse.Namespace) -> object:
    database, letter_id, by = runtime.database, arguments.id, f"cli:{_user()}"
    match arguments.action:
        case "show":
            return await show_dead_letter(database, letter_id)
        case "redrive":
            async with redriving(database.uow(), runtime.service.consumers, letter_id, by=by) as letter:
                return letter
        case "discard":
            async with discarding(database.uow(), letter_id, by=by, reason=arguments.reason) as letter:
                return letter
        case _:
            return await list_dead_letters(
                database, status=arguments.status, consumer=arguments.consumer, after=arguments.after
            )


def _user() -> str:
    """Who typed it; in a container, where nobody has a name, the user's number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _print(found: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(found, default=_readable, option=orjson.OPT_INDENT_2) + b"\n")


def _readable(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
