"""PostgreSQL as the services use it: units of work, keys, models' base, platform tables, migrations."""

from sqlalchemy.orm import DeclarativeBase

from common.database._base import Json, naming_metadata
from common.database._engine import Aggregate, Database, conflict_in, connection_lost, driver_connection
from common.database._ids import uuid7
from common.database._migrations import at_head, migrate
from common.database._retry import retry_conflicts
from common.database._uow import UnitOfWork

__all__ = [
    "Aggregate",
    "Database",
    "DeclarativeBase",
    "Json",
    "UnitOfWork",
    "at_head",
    "conflict_in",
    "connection_lost",
    "driver_connection",
    "migrate",
    "naming_metadata",
    "retry_conflicts",
    "uuid7",
]
