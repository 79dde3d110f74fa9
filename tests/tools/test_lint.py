"""Every house rule refuses the accident that it is there for, lets the right way pass, and holds in the project."""

import sys
from pathlib import Path

import pytest

from tools.lint import RULES, lint
from tools.lint.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
ROUTE = "services/orders/orders/checkout/service.py"

REFUSED = {
    "commits": [
        "await session.commit()",
        "await uow.session.rollback()",
        "await connection.execute('COMMIT')",
        "await connection.execute('UPDATE orders SET status = 1; COMMIT;')",
    ],
    "sends": [
        "await self._producer.send_and_wait(topic, value)",
        "await producer.send(topic, value)",
        "producer = AIOKafkaProducer(bootstrap_servers='x')",
        "producer = aiokafka.AIOKafkaProducer(bootstrap_servers='x')",
    ],
    "bare-clocks": [
        "now = datetime.now(UTC)",
        "now = datetime.datetime.utcnow()",
        "today = date.today()",
        "seconds = time.time()",
        "from time import time",
    ],
    "sql-clocks": [
        "DUE = 'SELECT id FROM hold WHERE expires_at < now()'",
        "DUE = f'SELECT {columns} FROM hold WHERE expires_at < CURRENT_TIMESTAMP'",
        "MAKE = 'CREATE TABLE hold (created_at timestamptz DEFAULT now())'",
        "column = sa.Column('created_at', server_default=sa.text('now()'))",
    ],
    "http-middleware": [
        "from starlette.middleware.base import BaseHTTPMiddleware",
        "class Timing(base.BaseHTTPMiddleware): pass",
        "@app.middleware('http')\nasync def timing(request, call_next): pass",
    ],
    "session-state": [
        "await connection.execute('SET lock_timeout = 0')",
        "await connection.execute(f'SET SESSION statement_timeout TO {seconds}')",
        "await uow.execute('SELECT pg_advisory_lock(1)')",
        "await uow.fetchval('SELECT pg_try_advisory_lock($1)', 1)",
    ],
    "broad-excepts": [
        "try:\n    work()\nexcept Exception:\n    pass",
        "try:\n    work()\nexcept:\n    log()",
        "try:\n    work()\nexcept (ValueError, BaseException) as error:\n    log(error)",
        "try:\n    work()\nexcept Exception as error:\n    if known(error):\n        raise\n    log(error)",
    ],
}

PASSES = [
    '"""Never commit() here, never now() in SQL, no BaseHTTPMiddleware, and no SET x = 1."""',
    "async with uow:\n    await uow.execute('UPDATE orders SET status = $1', 'open')",
    "await connection.execute('ROLLBACK TO SAVEPOINT part')",
    "raise ValueError('the committee will COMMIT to it')",
    "uow.publish(OrderPlaced(object=order, changed=[]))",
    "await mailer.send(mail)",
    "now = uow.now",
    "began = time.monotonic()",
    "now = runtime.clock.now()",
    "SAVE = f'UPDATE {table} SET version = 2'",
    "await uow.execute(\"SET LOCAL lock_timeout = '1s'\")",
    "await uow.execute('SET TRANSACTION READ ONLY')",
    "LOCK = 'SELECT pg_advisory_xact_lock(1)'",
    "try:\n    work()\nexcept Exception as error:\n    note(error)\n    raise",
    "try:\n    work()\nexcept ValueError:\n    pass",
]


def rules_broken(source: str, path: str = ROUTE) -> set[str]:
    return {finding.rule for finding in lint(source, path, RULES)}


@pytest.mark.parametrize(
    ("rule", "source"), [(rule, source) for rule, sources in REFUSED.items() for source in sources]
)
def test_the_accident_is_refused(rule: str, source: str) -> None:
    assert rules_broken(source) == {rule}


@pytest.mark.parametrize("source", PASSES)
def test_the_right_way_passes(source: str) -> None:
    assert rules_broken(source) == set()


def test_every_rule_is_tried_and_tells_its_accident() -> None:
    assert {rule.name for rule in RULES} == set(REFUSED)
    for rule in RULES:
        assert "The accident:" in (sys.modules[rule.find.__module__].__doc__ or ""), rule.name


def test_the_one_right_place_is_let_alone_and_its_neighbour_is_not() -> None:
    source = "await self.connection.execute('COMMIT')"
    assert rules_broken(source, "libs/common/common/database/_uow.py") == set()
    assert rules_broken(source, "libs/common/common/database/_engine.py") == {"commits"}


def test_tests_may_do_what_they_test() -> None:
    assert rules_broken("await connection.execute('COMMIT')", "services/orders/tests/checkout/test_saga.py") == set()


def test_places_that_are_let_alone_are_there() -> None:
    """A file that has moved would be let alone under a name that the next one may take."""
    for rule in RULES:
        for pattern in rule.but_not:
            assert "*" in pattern or "testing" in pattern or (ROOT / pattern).is_file(), (rule.name, pattern)


def test_the_command_names_the_line_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "services" / "orders" / "orders" / "carts" / "service.py"
    module.parent.mkdir(parents=True)
    module.write_text("async def add(session):\n    await session.commit()\n")
    assert main(["--root", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("services/orders/orders/carts/service.py:2: commits: session.commit()")
    assert "1 findings" in said.err


def test_the_project_keeps_its_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().out
