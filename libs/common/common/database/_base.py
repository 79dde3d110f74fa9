"""The models' base: naming conventions, so that migrations can name what they change."""

from typing import Any

import orjson
from sqlalchemy import Dialect, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def naming_metadata() -> MetaData:
    """Make the metadata that a service's models share, and that names what they leave unnamed."""
    return MetaData(naming_convention=NAMING_CONVENTION)


class Json(TypeDecorator[Any]):
    """A jsonb column of an ORM model, as Python values (on SQL text, jsonb is text)."""

    impl = JSONB
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401 - any JSON value
        """Read what PostgreSQL sent."""
        return None if value is None else orjson.loads(value)
