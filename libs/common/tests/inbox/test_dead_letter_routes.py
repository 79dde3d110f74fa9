"""Dead letters over HTTP: who sees them, who sees what is in them, and what redriving and discarding do."""

import getpass
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from common.cli import _parser, dead_letters
from common.database import Database, UnitOfWork, platform, uuid7
from common.events import NOTIFICATIONS_MESSAGE, Event, encode_key
from common.events.contracts.notifications import MessageSent
from common.inbox import Consumer, Permanent
from common.inbox._records import Place, Record
from common.inbox._store import bury
from common.inbox.routes import dead_letter_routes
from common.service import Runtime, Service
from common.settings import ServiceSettings, settings_of
from common.testing import Api, Platform, StatementCount
from common.testing.bus import example_of, note_effect

ROOT = "/v1/dead-letters/orders"


class ToySettings(ServiceSettings):
    """Nothing of its own."""

    model_config = settings_of("orders")


class Mailroom:
    """A handler that can be broken and mended."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def note_unless_broken(self, event: Event[Any], uow: UnitOfWork) -> None:
        await note_effect(event, uow)
        if self.error is not None:
            raise self.error


MAILROOM = Mailroom()


@pytest.fixture(scope="session")
def service() -> Service:
    return Service(
        name="orders",
        settings=ToySettings,
        migrations="toy",
        routers=(dead_letter_routes("orders", scope="orders:write"),),
        consumers=(Consumer(group="orders.mailroom", handlers={MessageSent: MAILROOM.note_unless_broken}),),
    )


def build(connection: Connection) -> None:
    platform.upgrade_to(connection, 2)
    connection.execute(text("CREATE TABLE effect (event_id uuid, key uuid, sequence bigint)"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(platform: Platform) -> AsyncIterator[str]:
    url = await platform.new_database(None)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(build)
    await engine.dispose()
    yield url


Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]
MakeLetter = Callable[..., Awaitable[UUID]]


@pytest.fixture
def make_letter(database: Database) -> MakeLetter:
    """Put an event aside, as the runtime does."""
    MAILROOM.error = None

    async def make(*, consumer: str = "orders.mailroom", value: bytes | None = None) -> UUID:
        key, event_id = uuid7(), uuid7()
        headers = {
            "ce_id": str(event_id),
            "ce_source": "/services/notifications",
            "ce_type": MessageSent.type,
            "ce_specversion": "1.0",
            "ce_time": "2026-11-24T10:00:00.000000Z",
            "ce_subject": str(key),
            "ce_sequence": f"{1:020d}",
            "ce_correlationid": "c-1",
        }
        record = Record(
            place=Place(NOTIFICATIONS_MESSAGE, 0),
            offset=7,
            timestamp=database.clock.now(),
            headers=headers,
            key=encode_key(key),
            value=value or example_of(MessageSent, key).model_dump_json().encode(),
            event_id=event_id,
            type=MessageSent.type,
        )
        async with database.uow() as uow:
            await bury(uow, consumer=consumer, record=record, error="Permanent('first')", attempts=1)
            letter: UUID = await uow.fetchval("SELECT id FROM dead_letter WHERE event_id = $1", event_id)
        return letter

    return make


@pytest.fixture
def keeper(api: Api) -> Api:
    """Whoever may change the service's data, and is not shown who people are."""
    return api.as_user(scopes="orders:write", subject="keeper")


@pytest.fixture
def confidant(api: Api) -> Api:
    """The same, and personal data is shown too."""
    return api.as_user(scopes="orders:write events:pii", subject="confidant")


async def effects(database: Database) -> int:
    async with database.acquire() as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM effect")
    return count


async def test_letters_are_listed_oldest_first_in_pages_of_one_filter(keeper: Api, make_letter: MakeLetter) -> None:
    group = f"orders.group-{uuid4().hex[:8]}"
    made = [await make_letter(consumer=group) for _ in range(3)]
    await keeper.post(f"{ROOT}/{made[1]}/discard", json={"reason": "a test"})

    params: dict[str, Any] = {"consumer": group, "status": "open", "limit": 1}
    first = (await keeper.get(ROOT, params=params)).json()
    second = (await keeper.get(ROOT, params=params | {"after": first["next"]})).json()
    everything = (await keeper.get(ROOT, params={"consumer": group})).json()

    assert [item["id"] for item in first["items"] + second["items"]] == [str(made[0]), str(made[2])]
    assert second["next"] is None
    assert [item["status"] for item in everything["items"]] == ["open", "discarded", "open"]
    assert not {"value", "headers"} & everything["items"][0].keys()
    other = await keeper.get(ROOT, params={"consumer": group, "after": first["next"]})
    assert (other.status_code, other.json()["type"]) == (400, "/problems/invalid-cursor")


async def test_what_an_event_holds_is_shown_with_the_scope_for_personal_data_alone(
    keeper: Api, confidant: Api, make_letter: MakeLetter
) -> None:
    letter = await make_letter()
    withheld = (await keeper.get(f"{ROOT}/{letter}")).json()
    shown = (await confidant.get(f"{ROOT}/{letter}")).json()
    assert (withheld["value"], withheld["withheld"]) == (None, True)
    assert '"object":' in shown["value"]
    assert not shown["withheld"]
    assert withheld["headers"] == shown["headers"]
    assert withheld["headers"]["ce_type"] == "message.sent"


async def test_a_value_that_is_no_text_can_be_looked_at(confidant: Api, make_letter: MakeLetter) -> None:
    letter = await make_letter(value=b"\x00\xff{")
    assert (await confidant.get(f"{ROOT}/{letter}")).json()["value"] == "\x00\ufffd{"


async def test_a_redriven_letter_has_its_effect_once_however_often_it_is_asked_for(
    keeper: Api, database: Database, make_letter: MakeLetter
) -> None:
    letter = await make_letter()
    before = await effects(database)
    key = {"Idempotency-Key": "redrive-once"}
    with capture_logs() as logs:
        done = await keeper.post(f"{ROOT}/{letter}/redrive", headers=key)
    again = await keeper.post(f"{ROOT}/{letter}/redrive", headers=key)
    late = await keeper.post(f"{ROOT}/{letter}/redrive")
    assert (done.status_code, done.json()["status"]) == (200, "redriven")
    assert (again.content, again.headers["Idempotency-Replayed"]) == (done.content, "true")
    assert (late.status_code, late.json()["type"]) == (409, "/problems/dead-letter-closed")
    assert await effects(database) == before + 1
    (said,) = [each for each in logs if each["event"] == "dead_letter.redriven"]
    assert {"id": str(letter), "by": "keeper", "outcome": "applied"}.items() <= said.items()


@pytest.mark.parametrize("headers", [{"Idempotency-Key": None}, {"Idempotency-Key": "fails-again"}])
async def test_a_letter_that_fails_again_says_why_and_stays_open(
    keeper: Api, database: Database, make_letter: MakeLetter, headers: dict[str, str | None]
) -> None:
    letter = await make_letter()
    before = await effects(database)
    MAILROOM.error = Permanent("no such mailbox")
    with capture_logs() as logs:
        refused = await keeper.post(f"{ROOT}/{letter}/redrive", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/dead-letter-still-fails")
    assert refused.json()["error"] == "Permanent('no such mailbox')"
    assert await effects(database) == before
    seen = (await keeper.get(f"{ROOT}/{letter}")).json()
    assert (seen["status"], seen["attempts"], seen["error"]) == ("open", 2, "Permanent('no such mailbox')")
    (said,) = [each for each in logs if each["event"] == "dead_letter.redriven"]
    assert {"id": str(letter), "by": "keeper", "outcome": "failed"}.items() <= said.items()


async def test_what_fails_at_the_commit_fails_again_too(
    keeper: Api, database: Database, make_letter: MakeLetter
) -> None:
    """A constraint that is only looked at when the transaction ends."""
    async with database.acquire() as connection:
        await connection.execute(
            "ALTER TABLE effect ADD CONSTRAINT one_a_key UNIQUE (key) DEFERRABLE INITIALLY DEFERRED"
        )
    letter = await make_letter()
    async with database.acquire() as connection:
        await connection.execute("INSERT INTO effect SELECT event_id, key, 1 FROM dead_letter WHERE id = $1", letter)
    refused = await keeper.post(f"{ROOT}/{letter}/redrive")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/dead-letter-still-fails")
    assert "one_a_key" in refused.json()["error"]
    assert (await keeper.get(f"{ROOT}/{letter}")).json()["status"] == "open"


async def test_discarding_needs_no_body_and_happens_once(
    keeper: Api, database: Database, make_letter: MakeLetter
) -> None:
    letter = await make_letter()
    before = await effects(database)
    done = await keeper.post(f"{ROOT}/{letter}/discard")
    late = await keeper.post(f"{ROOT}/{letter}/discard", json={"reason": "twice"})
    assert (done.status_code, done.json()["status"]) == (200, "discarded")
    assert (late.status_code, late.json()["type"]) == (409, "/problems/dead-letter-closed")
    assert await effects(database) == before


async def test_letters_are_for_those_who_may_change_the_services_data(api: Api, make_letter: MakeLetter) -> None:
    letter = await make_letter()
    reader = api.as_user(scopes="orders:read catalog:write events:pii")
    for method, path in (
        ("GET", ROOT),
        ("GET", f"{ROOT}/{letter}"),
        ("POST", f"{ROOT}/{letter}/redrive"),
        ("POST", f"{ROOT}/{letter}/discard"),
    ):
        assert (await reader.request(method, path)).status_code == 403
        assert (await api.request(method, path)).status_code == 401


async def test_each_route_costs_a_fixed_number_of_statements(
    keeper: Api, make_letter: MakeLetter, statements: Statements
) -> None:
    redriven, discarded = await make_letter(), await make_letter()
    calls = {
        ("GET", ROOT): 1,
        ("GET", f"{ROOT}/{redriven}"): 1,
        ("POST", f"{ROOT}/{redriven}/redrive"): 5,  # begin, lock, the handler's own, close, commit
        ("POST", f"{ROOT}/{discarded}/discard"): 4,
    }
    found = {}
    for method, path in calls:
        async with statements() as count:
            assert (await keeper.request(method, path, headers={"Idempotency-Key": None})).status_code == 200
        found[method, path] = count.total
    assert found == calls


async def test_an_unknown_letter_is_not_found(keeper: Api) -> None:
    for method, rest in (("GET", ""), ("POST", "/redrive"), ("POST", "/discard")):
        answer = await keeper.request(method, f"{ROOT}/{uuid4()}{rest}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/dead-letter-not-found")


# -- the same by command -----------------------------------------------------------------------------------------------


async def command(runtime: Runtime, *words: str) -> int:
    """``python -m orders dead-letters …``."""
    arguments = _parser(runtime.service, {}).parse_args(["dead-letters", *words])
    return await dead_letters(runtime.service, runtime.settings, arguments)


async def test_the_command_lists_shows_redrives_and_discards(
    runtime: Runtime, database: Database, make_letter: MakeLetter, capsys: pytest.CaptureFixture[str]
) -> None:
    group = f"orders.group-{uuid4().hex[:8]}"
    redriven, discarded = await make_letter(), await make_letter(consumer=group)
    before = await effects(database)
    with capture_logs() as logs:
        assert await command(runtime, "redrive", str(redriven)) == 0
        assert await command(runtime, "discard", str(discarded), "--reason", "sent by a test") == 0
    capsys.readouterr()
    assert await effects(database) == before + 1
    assert [(each["event"], each["by"]) for each in logs if each["event"].startswith("dead_letter.")] == [
        ("dead_letter.redriven", f"cli:{getpass.getuser()}"),
        ("dead_letter.discarded", f"cli:{getpass.getuser()}"),
    ]

    assert await command(runtime, "list", "--consumer", group, "--status", "discarded") == 0
    (listed,) = orjson.loads(capsys.readouterr().out)
    assert (listed["id"], listed["status"]) == (str(discarded), "discarded")
    assert await command(runtime, "show", str(redriven)) == 0
    assert orjson.loads(capsys.readouterr().out)["status"] == "redriven"


async def test_the_command_says_why_it_did_nothing(
    runtime: Runtime, make_letter: MakeLetter, capsys: pytest.CaptureFixture[str]
) -> None:
    letter = await make_letter()
    MAILROOM.error = Permanent("no such mailbox")
    assert await command(runtime, "redrive", str(letter)) == 1
    assert "no such mailbox" in capsys.readouterr().err
    assert await command(runtime, "show", str(uuid4())) == 1
    assert "No dead letter" in capsys.readouterr().err
    assert await command(runtime, "redrive") == 2
    assert "needs the id" in capsys.readouterr().err
