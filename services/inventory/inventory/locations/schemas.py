"""Bodies of the location routes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from inventory.values import ShortText

Code = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,31}$"),
    Field(description="Short and unique: capital letters, digits, - and _, such as BER-1."),
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="ISO 3166-1, two letters.")]
Priority = Annotated[
    int, Field(strict=True, ge=0, le=1_000_000, description="Where stock is taken from first: the smallest number.")
]
Active = Annotated[bool, Field(strict=True, description="False: nothing more is sold from here.")]


class NewLocation(BaseModel):
    """A place that stock lies at."""

    model_config = ConfigDict(extra="forbid")

    name: ShortText
    code: Code
    country: Country
    priority: Priority = 100
    active: Active = True


class LocationChange(BaseModel):
    """A merge patch: what is absent stays. No field may be null."""

    model_config = ConfigDict(extra="forbid")

    name: ShortText = ""
    code: Code = ""
    country: Country = ""
    priority: Priority = 0
    active: Active = True

    @model_validator(mode="after")
    def _changes_something(self) -> "LocationChange":
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self

    def given(self) -> dict[str, object]:
        """Return the fields that the request names."""
        return self.model_dump(include=self.model_fields_set)


class LocationView(BaseModel):
    """A place that stock lies at."""

    id: UUID
    name: str
    code: str
    country: str
    priority: int = Field(description="Where stock is taken from first: the smallest number.")
    active: bool = Field(description="False: nothing more is sold from here.")
    version: int
    created_at: datetime
    updated_at: datetime
