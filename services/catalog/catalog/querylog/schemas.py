"""The query log as staff see it."""

from datetime import date

from pydantic import BaseModel, Field


class QueryFigure(BaseModel):
    """What became of a query in the period."""

    query: str = Field(description="Without case and accents, in single spaces.")
    searches: int
    zero_results: int = Field(description="How many of them found nothing, with no filter to blame.")
    corrected: int = Field(description="How many were answered after a typo was mended.")


class SearchFigures(BaseModel):
    """What was searched for in a period. Queries that look like personal details are in no figure."""

    from_: date = Field(alias="from", description="First day, in the shop's time zone.")
    to: date = Field(description="Last day, included.")
    time_zone: str
    searches: int = Field(description="All searches of the period.")
    zero_results: int = Field(description="How many of them found nothing.")
    zero_results_share: float = Field(description="zero_results / searches; 0 without searches.")
    corrected: int
    items: list[QueryFigure] = Field(description="The most frequent first.")
