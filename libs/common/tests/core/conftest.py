"""A toy service: mugs with a name and a version, enough to exercise what is common."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated
from uuid import UUID

import pytest
import pytest_asyncio
from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from common.auth import Anyone, Caller, SignedIn, requires, requires_service
from common.database import Aggregate, uuid7
from common.database.platform import upgrade_to
from common.events import GATEWAY_USER
from common.events.contracts.gateway import UserRegistered
from common.http import Answer, KeyedUow, PlainUow, RequiredIfMatch, Router, Uow, check_version, etag_of, problems
from common.problems import Conflict, NotFound
from common.service import Service
from common.settings import ServiceSettings, settings_of
from common.testing import Platform


class MugTaken(Conflict):
    """There is a mug of this name."""

    slug, title = "mug-taken", "The mug is taken"


class NewMug(BaseModel):
    """A mug to be."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=20)


class MugView(BaseModel):
    """A mug."""

    id: UUID
    name: str
    version: int


class ToySettings(ServiceSettings):
    """Nothing of its own."""

    model_config = settings_of("catalog")


router = Router(prefix="/v1/mugs", tags=["mugs"])
CanWrite = Annotated[Caller, Depends(requires("catalog:write"))]


def user_registered(user_id: UUID, registered_at: object) -> UserRegistered:
    """An event to publish about the mug of this id."""
    example = UserRegistered.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index] # our own
    data = UserRegistered.model_validate(example)
    return data.model_copy(update={"object": data.object.model_copy(update={"id": user_id})})


@router.post("", status_code=201, responses=problems(MugTaken))
async def add_mug(body: NewMug, caller: Anyone, uow: Uow) -> Answer[MugView]:
    """Add a mug."""
    mug_id = uuid7()
    async with uow:
        await uow.execute("INSERT INTO mug (id, name) VALUES ($1, $2)", mug_id, body.name)
        uow.publish(user_registered(mug_id, uow.now))
        if body.name == "taken":
            raise MugTaken("A mug named taken is there already.")
        if body.name == "broken":
            raise RuntimeError("boom")
        return uow.answer(MugView(id=mug_id, name=body.name, version=1), status=201, headers={"ETag": etag_of(1)})


@router.post("/keyed", status_code=201)
async def add_keyed_mug(body: NewMug, caller: CanWrite, uow: KeyedUow) -> Answer[MugView]:
    """Add a mug under a key."""
    return await add_mug(body, caller, uow)


@router.get("/{mug_id}", responses=problems(NotFound))
async def read_mug(mug_id: UUID, uow: PlainUow) -> MugView:
    """Read a mug."""
    row = await uow.single_row("SELECT id, name, version FROM mug WHERE id = $1", mug_id)
    if row is None:
        raise NotFound(f"There is no mug {mug_id}.")
    return MugView(**dict(row))


@router.patch("/{mug_id}", responses=problems(NotFound))
async def rename_mug(
    mug_id: UUID, body: NewMug, caller: SignedIn, version: RequiredIfMatch, uow: Uow
) -> Answer[MugView]:
    """Rename a mug."""
    async with uow:
        present = await uow.fetchval("SELECT version FROM mug WHERE id = $1 FOR NO KEY UPDATE", mug_id)
        check_version(version, present)
        await uow.execute("UPDATE mug SET name = $2, version = version + 1 WHERE id = $1", mug_id, body.name)
        view = MugView(id=mug_id, name=body.name, version=present + 1)
        return uow.answer(view, headers={"ETag": etag_of(view.version)})


@router.post("/internal-only", include_in_schema=False)
async def internal_only(caller: Annotated[Caller, Depends(requires_service("orders"))]) -> dict[str, str | None]:
    """For the service orders alone."""
    return {"caller": caller.subject}


TOY = Service(
    name="catalog",
    settings=ToySettings,
    migrations="toy",
    routers=(router,),
    publishes=(UserRegistered,),
    aggregates={GATEWAY_USER: Aggregate("mug")},
)


@pytest.fixture(scope="session")
def service() -> Service:
    return TOY


@pytest.fixture(scope="session")
def service_environment(keyring: object) -> dict[str, str]:
    return {}


@pytest.fixture
def announce() -> Callable[[UUID, object], UserRegistered]:
    """Make an event about the mug of an id."""
    return user_registered


def _make_tables(connection: Connection) -> None:
    upgrade_to(connection, 2)
    connection.execute(
        text(
            "CREATE TABLE mug (id uuid PRIMARY KEY, name text NOT NULL, version bigint NOT NULL DEFAULT 1,"
            " event_sequence bigint NOT NULL DEFAULT 0)"
        )
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(platform: Platform) -> AsyncIterator[str]:
    url = await platform.new_database(None)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(_make_tables)
    await engine.dispose()
    yield url
