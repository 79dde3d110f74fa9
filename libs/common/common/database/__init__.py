"""PostgreSQL as the services use it: units of work, keys, platform tables, migrations."""

from common.database._engine import Aggregate, Database, conflict_in, connection_lost, driver_connection
from common.database._ids import uuid7
from common.database._migrations import at_head, migrate
from common.database._retry import retry_conflicts
from common.database._uow import UnitOfWork

__all__ = [
    "Aggregate",
    "Database",
    "UnitOfWork",
    "at_head",
    "conflict_in",
    "connection_lost",
    "driver_connection",
    "migrate",
    "retry_conflicts",
    "uuid7",
]
