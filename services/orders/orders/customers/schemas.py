"""Addresses of an address book as they travel."""

from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field

from orders.words import Country, PostalAddress


class AddressBody(PostalAddress):
    """An address to keep."""

    is_default_shipping: bool = Field(default=False, strict=True, description="Takes the flag from whichever had it.")
    is_default_billing: bool = Field(default=False, strict=True, description="Takes the flag from whichever had it.")


class AddressView(BaseModel):
    """An address of the address book."""

    id: UUID
    name: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str
    country: Country
    is_default_shipping: bool
    is_default_billing: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: asyncpg.Record) -> "AddressView":
        """Show a row."""
        return cls.model_validate(dict(row))
