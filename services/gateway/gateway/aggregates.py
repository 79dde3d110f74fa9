"""Which rows number the events that the gateway publishes."""

from collections.abc import Mapping
from typing import Final

from common.database import Aggregate
from common.events import GATEWAY_USER, Topic

AGGREGATES: Final[Mapping[Topic, Aggregate]] = {GATEWAY_USER: Aggregate("users")}
