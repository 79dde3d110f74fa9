"""Events are documented, and whoever acts on one is known to whoever checks deliveries."""

import re
from pathlib import Path

from common.events import CONTRACTS
from common.events.generate import installed_consumers
from common.events.generate import main as generate
from tools.verify.consumers import main as consumers

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([a-z]+\.[a-z]+)` \| `[^`]+` \| (state|fact) \|")


def test_every_event_type_is_documented() -> None:
    """The table of docs/events.md is the list of the contracts: no more, no fewer."""
    lines = (ROOT / "docs" / "events.md").read_text(encoding="utf-8").splitlines()
    named = [(row[1], row[2]) for line in lines if (row := ROW.match(line))]
    assert sorted(named) == sorted((each.type, each.topic.kind) for each in CONTRACTS)
    assert len(named) == 25


def test_what_is_generated_from_the_contracts_is_current() -> None:
    """Schemas, AsyncAPI and the catalogue page."""
    assert generate(["--check"]) == 0


def test_who_acts_on_an_event_is_written_down() -> None:
    """The list by which deliveries are checked where no service is installed."""
    assert consumers(["--check"]) == 0


def test_every_consumer_listens_to_what_somebody_publishes() -> None:
    """No group waits for an event that is in no contract."""
    listened = {contract for consumer in installed_consumers(ROOT) for contract in consumer.handlers}
    assert listened <= set(CONTRACTS)
    assert {each for each in CONTRACTS if each.topic.kind == "fact"} <= listened
