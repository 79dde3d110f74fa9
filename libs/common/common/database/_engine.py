"""One pool of connections per process, handed out as units of work."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import sqlalchemy.exc
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from common.clock import Clock, SystemClock
from common.problems import Unavailable

if TYPE_CHECKING:
    from common.database._uow import UnitOfWork
    from common.idempotency import IdempotencyScope

READ_OFFSET = "SELECT offset_ms FROM test_clock"
ADVANCE_OFFSET = "UPDATE test_clock SET offset_ms = greatest(offset_ms, $1) RETURNING offset_ms"

SESSION_SETTINGS = {
    "lock_timeout": "500ms",  # a queue behind one row is answered with 503 or retried, not waited for
    "statement_timeout": "30s",  # longer than any route class but an upload's single statement
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",  # short statements: compiling costs more than it saves
    "timezone": "UTC",
}


NO_CONNECTION = (
    OSError,
    asyncpg.PostgresError,
    AsyncAdapt_asyncpg_dbapi.Error,  # what the pool makes of "the database system is starting up"
    sqlalchemy.exc.DBAPIError,
    sqlalchemy.exc.TimeoutError,
)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The row that numbers a topic's events: its table, its key and the column of the last sequence given out."""

    table: str
    column: str = "event_sequence"
    id_column: str = "id"


class Database:
    """A service's own PostgreSQL database.

    The SQLAlchemy engine is the pool, in AUTOCOMMIT: transactions are begun and ended by the unit of work alone.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        service: str,
        clock: Clock,
        test_clock: bool,
        aggregates: Mapping[str, Aggregate],
    ) -> None:
        self.engine = engine
        self.service = service
        self.clock = clock
        self.test_clock = test_clock
        self.aggregates = dict(aggregates)
        self.after_publish: list[Callable[[], None]] = []
        self.after_enqueue: list[Callable[[], None]] = []
        self.resources: Any = None  # what the service opened beside it: handlers have no other way to the process

    @classmethod
    def open(
        cls,
        url: str,
        *,
        service: str,
        clock: Clock | None = None,
        pool_size: int = 8,
        test_clock: bool = False,
        aggregates: Mapping[str, Aggregate] | None = None,
    ) -> "Database":
        """Make the pool for ``url`` (``postgresql://…``); nothing connects until the first statement.

        Args:
            url: The service's database.
            service: Its name: application_name, and the source of its events.
            clock: Real time.
            pool_size: Connections of this process; a request beyond them waits up to 5 s, then gets 503.
            test_clock: Whether business time has an offset, read by each unit of work.
            aggregates: Topic name -> the row that numbers its events.
        """
        settings = SESSION_SETTINGS | {"application_name": service}
        engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_reset_on_return=None,  # the unit of work leaves no transaction and no session state behind
            json_deserializer=str,  # json and jsonb stay text: ready documents pass through without a parse
            connect_args={"server_settings": settings, "timeout": 5, "command_timeout": 60},
        )
        return cls(
            engine,
            service=service,
            clock=clock or SystemClock(),
            test_clock=test_clock,
            aggregates=aggregates or {},
        )

    def uow(self, *, idempotency: "IdempotencyScope | None" = None, lock_timeout_ms: int | None = None) -> "UnitOfWork":
        """Make a unit of work; it connects when it is entered or runs its single statement."""
        from common.database._uow import UnitOfWork  # noqa: PLC0415 - the two know each other

        return UnitOfWork(self, idempotency=idempotency, lock_timeout_ms=lock_timeout_ms)

    async def checkout(self) -> PoolProxiedConnection:
        """Take a live connection out of the pool; whoever takes it gives it back by ``close`` or ``invalidate``.

        Raises Unavailable when none is free in time or the database is away.
        """
        for _ in range(self.engine.pool.size() + 1):  # type: ignore[attr-defined] # a queue pool has a size
            try:
                pooled = await self.engine.raw_connection()
            except NO_CONNECTION as error:
                raise Unavailable(f"The database of {self.service} gave no connection.", retry_after=1) from error
            if not driver_connection(pooled).is_closed():
                return pooled
            pooled.invalidate()  # the server closed it while it lay in the pool
        raise Unavailable(f"The database of {self.service} closes its connections.", retry_after=1)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection in autocommit, for what needs no unit of work (health, relay, runners)."""
        pooled = await self.checkout()
        try:
            yield driver_connection(pooled)
        except Exception as error:
            connection = driver_connection(pooled)
            if connection.is_closed() or connection.is_in_transaction() or connection_lost(error):
                pooled.invalidate()
            raise
        except BaseException:  # cancelled: the driver may still be talking to the server
            pooled.invalidate()
            raise
        finally:
            if pooled.is_valid:
                pooled.close()

    async def advance_clock(self, to: timedelta) -> timedelta:
        """Move business time to ``to`` ahead of real time, never back. Returns the offset in force."""
        async with self.acquire() as connection:
            offset_ms = await connection.fetchval(ADVANCE_OFFSET, int(to.total_seconds() * 1000))
        return timedelta(milliseconds=offset_ms)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def driver_connection(pooled: PoolProxiedConnection) -> asyncpg.Connection:
    """Return the asyncpg connection behind a pooled one."""
    connection: asyncpg.Connection = pooled.driver_connection  # type: ignore[assignment] # asyncpg by the URL
    return connection


LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,  # the driver is still reading the server's farewell: nothing was sent
)


def connection_lost(error: BaseException) -> bool:
    """Tell whether ``error``, or what it was raised from, is the end of a connection: nothing was committed by it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, LOST):
            return True
        seen = seen.__cause__ or getattr(seen, "orig", None)
    return False


CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)


def conflict_in(error: BaseException | None) -> bool:
    """Tell whether ``error``, or what it was raised from, is the database asking to try again."""
    while error is not None:
        if isinstance(error, CONFLICTS):
            return True
        error = error.__cause__ or getattr(error, "orig", None)
    return False
