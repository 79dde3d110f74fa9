"""What goes in and out of the suite's routes."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class ServiceState(BaseModel):
    """How one service is."""

    status: Literal["ready", "not ready", "away"] = Field(description="`away`: it gave no answer within 2 s.")
    database: str | None = Field(None, description="`migrated` when all is well.")
    broker: str | None = Field(None, description="`away` is no reason not to be ready: events wait in the outbox.")
    projections: str | None = Field(None, description="What the service still reads before it is ready.")
    consumers: str | None = Field(
        None, description="`halted: …` names groups that stopped because too many events failed; see dead letters."
    )


class SuiteState(BaseModel):
    """How the suite is."""

    status: Literal["ready", "degraded"] = Field(description="`ready` when every service is.")
    services: dict[str, ServiceState] = Field(description="By service, the gateway among them.")


class Advance(BaseModel):
    """How far business time is to move."""

    model_config = ConfigDict(extra="forbid")

    advance: Annotated[
        timedelta,
        Field(
            gt=timedelta(0),
            le=timedelta(days=366),
            description="ISO 8601 duration, such as `PT3H` or `P1D`; at most 366 days.",
            examples=["PT3H"],
        ),
    ]


class ClockView(BaseModel):
    """The suite's business time."""

    now: AwareDatetime
    offset: timedelta = Field(description="How far it is ahead of real time, as ISO 8601 duration.")
