"""What derives from the contracts is checked in, current, and refused when it is not."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from pydantic import JsonValue

from common.checked_in import stale, write
from common.events import CONTRACTS, EventContract, topics_of
from common.events._asyncapi import asyncapi
from common.events._catalogue import catalogue
from common.events.contracts.orders import OrderPlaced, OrderShipped
from common.events.generate import PAGE, SCHEMAS, checked_in, consumers_of, installed_consumers, main, render

ROOT = Path(__file__).resolve().parents[4]


def stale_in(root: Path) -> list[Path]:
    return stale(root, render([]), checked_in(root))


@dataclass(frozen=True)
class Group:
    group: str
    handlers: Mapping[type[EventContract], object]


ALLOCATION = Group("inventory.orders", {OrderPlaced: None, OrderShipped: None})
FACTS = Group("metrics.facts", {OrderPlaced: None})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / SCHEMAS.parent).mkdir(parents=True)
    write(tmp_path, render([]))
    return tmp_path


def rows_of(page: str) -> dict[str, list[str]]:
    """The page's first table, by type: what a tool that compares it with Kafka reads."""
    table = re.search(r"^\| type \|.*?(?=^$)", page, re.MULTILINE | re.DOTALL)
    assert table is not None
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.group().splitlines()[2:]]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_schemas_and_asyncapi_are_checked_in_as_the_contracts_say() -> None:
    assert [path for path in stale_in(ROOT) if path != PAGE] == []


def test_page_lists_each_type_with_topic_kind_publisher_and_consumers() -> None:
    rows = rows_of(catalogue(consumers_of([FACTS, ALLOCATION])))

    assert list(rows) == [contract.type for contract in CONTRACTS]
    assert rows["order.placed"] == ["`orders.order.v1`", "fact", "orders", "`inventory.orders`, `metrics.facts`"]
    assert rows["order.shipped"] == ["`orders.order.v1`", "fact", "orders", "`inventory.orders`"]
    assert rows["stock.changed"] == ["`inventory.stock.v1`", "state", "inventory", "-"]


def test_page_tells_for_each_type_what_it_means_and_shows_it() -> None:
    page = catalogue({})

    for contract in CONTRACTS:
        section = page.split(f"\n### {contract.type}\n")[1].split("\n### ")[0]
        example = re.search(r"```json\n(.*?)\n```", section, re.DOTALL)
        assert example is not None
        contract.model_validate_json(example.group(1))
        assert (contract.__doc__ or "").split("\n")[0] in section


def test_page_marks_personal_fields_and_spells_out_parts() -> None:
    page = catalogue({})

    assert "| `email` | string | **Personal.** |" in page
    assert "| `variants[].prices` | list of Money |" in page
    assert "| `parcel.lines[].quantity` | integer |" in page


def references(node: JsonValue) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield cast("str", value)
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_asyncapi_refers_only_to_what_it_holds() -> None:
    document = asyncapi()

    found = set(references(document))

    assert found
    for reference in found:
        place: JsonValue = document
        for step in reference.removeprefix("#/").split("/"):
            place = cast("dict[str, JsonValue]", place)[step]


def test_asyncapi_has_every_topic_and_every_type() -> None:
    document = cast("dict[str, dict[str, dict[str, JsonValue]]]", asyncapi())

    assert set(document["channels"]) == {topic.name for topic in topics_of(CONTRACTS)}
    assert set(document["components"]["messages"]) == {contract.type for contract in CONTRACTS}


def test_current_checkout_passes_the_check(checkout: Path) -> None:
    assert main(["--check", "--root", str(checkout)]) == 0


def test_check_names_what_is_stale_missing_or_left_over(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / PAGE).write_text("edited by hand\n", encoding="utf-8")
    (checkout / SCHEMAS / "order.placed/1.0.json").unlink()
    (checkout / SCHEMAS / "order.teleported").mkdir()
    (checkout / SCHEMAS / "order.teleported/1.0.json").write_text("{}", encoding="utf-8")

    assert main(["--check", "--root", str(checkout)]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "docs/events.md",
        f"{SCHEMAS}/order.placed/1.0.json",
        f"{SCHEMAS}/order.teleported/1.0.json",
    ]
    assert (checkout / PAGE).read_text(encoding="utf-8") == "edited by hand\n"


def test_schemas_of_earlier_minors_stay_where_events_of_then_look_for_them(checkout: Path) -> None:
    folder = checkout / SCHEMAS / "order.placed"
    for version in ("0.9", "1.1", "2.0"):
        (folder / f"{version}.json").write_text("{}", encoding="utf-8")

    assert main(["--root", str(checkout)]) == 0

    assert sorted(path.stem for path in folder.iterdir()) == ["0.9", "1.0"]


def test_writing_repairs_all_of_it(checkout: Path) -> None:
    (checkout / PAGE).unlink()
    (checkout / SCHEMAS / "old.json").write_text("{}", encoding="utf-8")

    assert main(["--root", str(checkout)]) == 0

    assert stale_in(checkout) == []
    assert not (checkout / SCHEMAS / "old.json").exists()


def test_folder_that_is_no_checkout_is_refused_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(tmp_path)]) == 2
    assert "--root" in capsys.readouterr().err


def test_consumers_come_from_the_services_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "services/parcelshop/parcelshop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "consumers.py").write_text(
        "from types import SimpleNamespace\n"
        "from common.events.contracts.orders import OrderPlaced\n"
        "CONSUMERS = (SimpleNamespace(group='parcelshop.orders', handlers={OrderPlaced: None}),)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(package.parent))

    assert consumers_of(installed_consumers(tmp_path)) == {"order.placed": ["parcelshop.orders"]}


def test_service_that_cannot_be_imported_stops_the_page(tmp_path: Path) -> None:
    package = tmp_path / "services/notinstalled/notinstalled"
    package.mkdir(parents=True)
    (package / "consumers.py").touch()

    with pytest.raises(ModuleNotFoundError, match="notinstalled"):
        installed_consumers(tmp_path)


def test_each_schema_is_found_under_the_address_that_its_events_carry() -> None:
    for path, text in render([]).items():
        if path.name != "asyncapi.json" and path.suffix == ".json":
            assert json.loads(text)["$id"] == f"/contracts/events/{path.relative_to(SCHEMAS)}"
