"""Command line of the local platform: run | stop | exec SERVICE VERB… | env."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import psutil

from quartermaster_local.problems import LocalProblem
from quartermaster_local.secret_store import SecretStore
from quartermaster_local.suite import compose_environment
from quartermaster_local.supervisor import run

_STOP_SECONDS = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Do one verb; print a problem as a sentence."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.verb(given) or 0)
    except LocalProblem as problem:
        print(problem, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quartermaster_local", description="The suite on one machine.")
    parser.set_defaults(data_dir=Path(os.environ.get("DATA_DIR") or ".data"))
    verbs = parser.add_subparsers(required=True)
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data-dir", type=Path, help="folder that keeps a run's data (default: .data)", default=argparse.SUPPRESS
    )

    running = verbs.add_parser("run", parents=[data], help="start everything and keep it running")
    running.add_argument("--port", type=int, default=8000, help="the gateway's port (default: 8000)")
    running.add_argument("--only", help="start only these services, by comma (default: all)")
    running.set_defaults(verb=_run)

    stopping = verbs.add_parser("stop", parents=[data], help="stop the run on this data")
    stopping.set_defaults(verb=lambda given: _stop(given.data_dir))

    executing = verbs.add_parser("exec", parents=[data], help="run a service's command line in the run's environment")
    executing.add_argument("service")
    executing.add_argument("arguments", nargs=argparse.REMAINDER)
    executing.set_defaults(verb=lambda given: _exec(given.data_dir, given.service, given.arguments))

    env = verbs.add_parser("env", help="make .env with fresh secrets for the containers, unless it is there")
    env.add_argument("--file", type=Path, default=Path(".env"))
    env.set_defaults(verb=lambda given: _make_env(given.file))
    return parser


def _run(given: argparse.Namespace) -> None:
    run(given.data_dir, port=given.port, only=None if given.only is None else given.only.split(","))


def _stop(data_dir: Path) -> None:
    file = data_dir / "run.json"
    if not file.exists():
        raise LocalProblem(f"Nothing runs on {data_dir.resolve()}.")
    try:
        supervisor = psutil.Process(json.loads(file.read_text())["supervisor"])
        if "quartermaster_local" not in " ".join(supervisor.cmdline()):
            raise psutil.NoSuchProcess(supervisor.pid)
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(_STOP_SECONDS)
    except psutil.NoSuchProcess:
        raise LocalProblem(f"Nothing runs on {data_dir.resolve()}; the last run was killed.") from None
    except psutil.TimeoutExpired:
        raise LocalProblem(f"The run on {data_dir.resolve()} did not stop within {_STOP_SECONDS:.0f} s.") from None


def _exec(data_dir: Path, service: str, arguments: list[str]) -> None:
    file = data_dir / "secrets" / "environment.json"
    environments: dict[str, dict[str, str]] = json.loads(file.read_text()) if file.exists() else {}
    if not (data_dir / "run.json").exists() or service not in environments:
        raise LocalProblem(f"No {service} runs on {data_dir.resolve()}. Start it with `make run`.")
    environment = {**os.environ, **environments[service], "INSTANCE": f"{service}-exec"}
    os.execve(sys.executable, [sys.executable, "-m", service, *arguments], environment)


def _make_env(file: Path) -> None:
    if file.exists():
        return
    store = SecretStore(file.resolve().parent / ".data" / "compose-secrets")
    store_file = store.write("env", compose_environment(store))
    store_file.rename(file)
    print(f"Made {file} with new passwords and keys. Keep it: the containers' data belongs to it.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
