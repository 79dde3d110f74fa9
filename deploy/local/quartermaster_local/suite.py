"""Which services there are, and the environment that each one gets from a run."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from quartermaster_local.processes import LOOPBACK
from quartermaster_local.secret_store import SecretStore

GATEWAY = "gateway"
SERVICES = ("catalog", "inventory", "orders", "metrics", "notifications", GATEWAY)
READER = "verify"  # the role of the checks across services: it may read every database and change none
MAIL_FROM = "shop@quartermaster.example"
CONTAINERS_RECEIVER = "198.18.53.0/29"  # docker-compose.yml's network between notifications and the demo's receiver
RECEIVERS = "127.0.0.0/8"  # where people here try out webhooks, and the demo has its own

# Whom a service calls: variable -> service. The gateway calls all.
_CALLS = {
    "catalog": {"CATALOG_INVENTORY_URL": "inventory"},
    "inventory": {"INVENTORY_ORDERS_URL": "orders"},
    "orders": {"ORDERS_INVENTORY_URL": "inventory"},
    GATEWAY: {f"GATEWAY_{name.upper()}_URL": name for name in SERVICES if name != GATEWAY},
}


def installed_services() -> tuple[str, ...]:
    """Those of `SERVICES` that are installed and can be started, in that order."""
    return tuple(name for name in SERVICES if _can_start(name))


def _can_start(name: str) -> bool:
    spec = find_spec(name)  # a folder that happens to have the name is a namespace package, without origin
    return spec is not None and spec.origin is not None and find_spec(f"{name}.__main__") is not None


@dataclass(frozen=True)
class Addresses:
    """Where everything of a run listens, all on loopback."""

    postgres: int
    kafka: int
    smtp: int
    mailbox: int
    services: Mapping[str, int]

    def url(self, service: str) -> str:
        return f"http://{LOOPBACK}:{self.services[service]}"


def environment_of(service: str, addresses: Addresses, secrets: SecretStore) -> dict[str, str]:
    """The variables of one service of this run; the user's own come on top of what may be chosen."""
    prefix = service.upper()
    user, password = service, secrets.password(service)
    environment = {
        f"{prefix}_DATABASE_URL": f"postgresql://{user}:{password}@{LOOPBACK}:{addresses.postgres}/{service}",
        f"{prefix}_HOST": LOOPBACK,
        f"{prefix}_PORT": str(addresses.services[service]),
        f"{prefix}_SIGNING_KEY": secrets.signing_key(service),
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{addresses.kafka}",
        "TRUSTED_KEYS": secrets.trusted_keys(SERVICES),
        "INSTANCE": f"{service}-1",  # fixed: a service that comes back takes its own place at the broker
        "TEST_CLOCK": os.environ.get("TEST_CLOCK", "1"),  # staff may move time in the demo
    }
    for variable, callee in _CALLS.get(service, {}).items():
        environment[variable] = addresses.url(callee)
    if service == GATEWAY:
        environment["GATEWAY_PUBLIC_URL"] = addresses.url(GATEWAY)
        environment["GATEWAY_MAILBOX_URL"] = f"http://{LOOPBACK}:{addresses.mailbox}"
    if service == "notifications":
        environment["NOTIFICATIONS_SMTP_URL"] = f"smtp://{LOOPBACK}:{addresses.smtp}"
        environment["NOTIFICATIONS_MAIL_FROM"] = os.environ.get("NOTIFICATIONS_MAIL_FROM", MAIL_FROM)
        environment["WEBHOOK_ALLOWED_TARGETS"] = os.environ.get("WEBHOOK_ALLOWED_TARGETS", RECEIVERS)
    return environment


def reader_script(databases: Sequence[str], password: str) -> str:
    """SQL for psql that makes the role which reads all ``databases``; the same again changes nothing.

    ``password`` is one of the secret store's, in characters that need no quoting.
    """
    grants = "".join(f"GRANT CONNECT ON DATABASE {name} TO {READER};\n" for name in databases)
    return f"""
SELECT 'CREATE ROLE {READER} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') \\gexec
ALTER ROLE {READER} PASSWORD '{password}';
ALTER ROLE {READER} SET default_transaction_read_only = on;
GRANT pg_read_all_data TO {READER};
{grants}"""  # noqa: S608 - names of our own and hexadecimal digits


def compose_environment(secrets: SecretStore) -> str:
    """The same secrets as lines of an ``.env`` file for the containers."""
    lines = [
        f"QUARTERMASTER_USER={os.getuid()}:{os.getgid()}",  # who owns what the demo's loader writes to .data
        f"POSTGRES_PASSWORD={secrets.password('postgres')}",
        f"{READER.upper()}_DATABASE_PASSWORD={secrets.password(READER)}",
    ]
    for service in SERVICES:
        lines.append(f"{service.upper()}_DATABASE_PASSWORD={secrets.password(service)}")
        lines.append(f"{service.upper()}_SIGNING_KEY='{secrets.signing_key(service)}'")
    if os.environ.get("DEMO_SHOP", "1") == "0":
        lines.append("DEMO_SHOP=0")
    else:
        lines += ["COMPOSE_PROFILES=demo", f"WEBHOOK_ALLOWED_TARGETS={CONTAINERS_RECEIVER}"]  # the demo's receiver
    lines.append(f"TRUSTED_KEYS='{json.dumps(json.loads(secrets.trusted_keys(SERVICES)), separators=(',', ':'))}'")
    return "".join(f"{line}\n" for line in lines)
