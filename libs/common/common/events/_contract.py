"""What every event contract is made of.

The models here are both ends of the wire. A publisher builds them, so they check; a consumer of an older version reads
them, so they ignore fields they do not know, and a value out of a list is a plain string whose known values are only
documented.
"""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, cast
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from pydantic.fields import FieldInfo

from common.events._topics import Topic


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment; whatever zone it was given in, it travels as UTC and is written with a Z."""

JsonPointer = Annotated[str, Field(pattern=r"^(/([^/~]|~[01])*)+$")]


def pii(description: str | None = None) -> FieldInfo:
    """Mark a field as personal data: subscribers without the scope ``events:pii`` get the event without it.

    Goes into ``Annotated`` around the whole type: ``Annotated[str | None, pii()]``.
    """
    return cast("FieldInfo", Field(description=description, json_schema_extra={"x-pii": True}))


def known_values(*values: str, description: str | None = None) -> FieldInfo:
    """Document the values that a string has today. More may come at any time, and readers must bear them."""
    extra: dict[str, JsonValue] = {"x-known-values": list(values)}
    return cast("FieldInfo", Field(description=description, json_schema_extra=extra))


class ContractModel(BaseModel):
    """A part of the published language. Immutable; fields it does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Snapshot(ContractModel):
    """An aggregate, whole, as it stands after the change."""

    id: UUID


class EventContract(ContractModel):
    """The data of one event type. The class's docstring is its public page."""

    type: ClassVar[str]
    version: ClassVar[str] = "1.0"  # an addition raises the minor; anything else is a new topic
    topic: ClassVar[Topic]

    object: Snapshot
    changed: list[JsonPointer] = Field(
        description="JSON Pointers into `object` to what this change touched; empty when it was created."
    )

    @property
    def subject(self) -> UUID:
        """The aggregate's id, which is the record's key."""
        return self.object.id


def dataschema_of(contract: type[EventContract]) -> str:
    """Where the contract's JSON Schema is served."""
    return f"/contracts/events/{contract.type}/{contract.version}.json"


def example(**data: JsonValue) -> ConfigDict:
    """A contract's example, shown on its page and in its schema; a test holds it valid."""
    return ConfigDict(json_schema_extra={"examples": [data]})
