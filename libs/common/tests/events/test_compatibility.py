"""The gate refuses what a reader of the last release could not bear, says why, and lets additions pass."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.events._compatibility import Schemas, breaches
from common.events._schemas import schema_path
from common.events.compatibility import main, schemas_in
from common.events.contracts.orders import OrderShipped
from common.events.generate import SCHEMAS

ROOT = Path(__file__).resolve().parents[4]
PATH = schema_path(OrderShipped)
NEWER = "order.shipped/1.1.json"

Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def released() -> Schemas:
    """What is checked in, taken as the last release."""
    return schemas_in(ROOT / SCHEMAS)


def changed(released: Schemas, change: Change) -> Schemas:
    """The next version of one contract, beside what was released."""
    document = copy.deepcopy(released[PATH])
    change(document)
    return {**released, NEWER: document}


def order(document: Any) -> Any:  # noqa: ANN401 - JSON
    return document["$defs"]["OrderSnapshot"]


def line(document: Any) -> Any:  # noqa: ANN401 - JSON
    return document["$defs"]["OrderLineSnapshot"]


# -- what a reader can bear --------------------------------------------------------------------------------------------


def add_an_optional_field(document: Any) -> None:  # noqa: ANN401 - JSON, here and below
    order(document)["properties"]["reference"] = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def add_an_optional_part(document: Any) -> None:  # noqa: ANN401
    document["$defs"]["Gift"] = {
        "type": "object",
        "properties": {"words": {"type": "string"}},
        "required": ["words"],
        "title": "Gift",
    }
    line(document)["properties"]["gift"] = {"anyOf": [{"$ref": "#/$defs/Gift"}, {"type": "null"}], "default": None}


def say_it_in_other_words(document: Any) -> None:  # noqa: ANN401
    document["description"] = "Said better."
    document["examples"] = []
    order(document)["properties"]["status"]["x-known-values"] = ["open", "cancelled", "closed", "held"]


def name_a_part_otherwise(document: Any) -> None:  # noqa: ANN401
    definitions = document["$defs"]
    definitions["OrderRow"] = definitions.pop("OrderLineSnapshot") | {"title": "OrderRow"}
    order(document)["properties"]["lines"]["items"] = {"$ref": "#/$defs/OrderRow"}


@pytest.mark.parametrize(
    "change",
    [add_an_optional_field, add_an_optional_part, say_it_in_other_words, name_a_part_otherwise],
    ids=lambda change: change.__name__,
)
def test_an_addition_passes(released: Schemas, change: Change) -> None:
    assert breaches(released, changed(released, change)) == []


def test_a_new_type_passes(released: Schemas) -> None:
    assert breaches(released, {**released, "order.referenced/1.0.json": released[PATH]}) == []


def test_what_is_released_as_it_stands_passes(released: Schemas) -> None:
    assert breaches(released, released) == []


# -- what it cannot ----------------------------------------------------------------------------------------------------


def remove_a_field(document: Any) -> None:  # noqa: ANN401
    del order(document)["properties"]["email"]


def remove_a_field_of_a_part(document: Any) -> None:  # noqa: ANN401
    del line(document)["properties"]["sku"]


def require_a_new_field(document: Any) -> None:  # noqa: ANN401
    order(document)["properties"]["reference"] = {"type": "string"}
    order(document)["required"].append("reference")


def require_an_old_field(document: Any) -> None:  # noqa: ANN401
    order(document)["required"].append("kind")


def leave_a_field_out_sometimes(document: Any) -> None:  # noqa: ANN401
    line(document)["required"].remove("title")


def narrow_to_one_type(document: Any) -> None:  # noqa: ANN401
    order(document)["properties"]["session_id"] = {"type": "string"}


def widen_to_null(document: Any) -> None:  # noqa: ANN401
    line(document)["properties"]["sku"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def change_the_type(document: Any) -> None:  # noqa: ANN401
    order(document)["properties"]["number"] = {"type": "integer"}


def change_the_format(document: Any) -> None:  # noqa: ANN401
    order(document)["properties"]["placed_at"] = {"type": "string"}


def set_a_tighter_bound(document: Any) -> None:  # noqa: ANN401
    document["$defs"]["Money"]["properties"]["amount"]["minimum"] = 0


def set_a_looser_bound(document: Any) -> None:  # noqa: ANN401
    del document["$defs"]["Money"]["properties"]["amount"]["maximum"]


def close_a_list(document: Any) -> None:  # noqa: ANN401
    order(document)["properties"]["status"]["enum"] = ["open", "closed"]


def hide_it_as_personal(document: Any) -> None:  # noqa: ANN401
    order(document)["properties"]["number"]["x-pii"] = True


def move_to_another_topic(document: Any) -> None:  # noqa: ANN401
    document["x-topic"] = "orders.parcel.v1"


def turn_a_part_into_a_list(document: Any) -> None:  # noqa: ANN401
    document["properties"]["parcel"] = {"type": "array", "items": document["properties"]["parcel"]}


REFUSED: dict[Change, tuple[str, str]] = {
    remove_a_field: ("/object/email", "the field is gone"),
    remove_a_field_of_a_part: ("/object/lines/*/sku", "the field is gone"),
    require_a_new_field: ("/object/reference", "a new field, and required"),
    require_an_old_field: ("/object/kind", "required now"),
    leave_a_field_out_sometimes: ("/object/lines/*/title", "may be absent"),
    narrow_to_one_type: ("/object/session_id", "can no longer be null, only string: a narrower type"),
    widen_to_null: ("/object/lines/*/sku", "can now be null beside string: a wider type"),
    change_the_type: ("/object/number", "can no longer be string, only integer"),
    change_the_format: ("/object/placed_at", "format was 'date-time' and is not there: a wider type"),
    set_a_tighter_bound: ("/amount", "minimum was -9007199254740991 and is 0: a narrower type"),
    set_a_looser_bound: ("/amount", "maximum was 9007199254740991 and is not there: a wider type"),
    close_a_list: ("/object/status", "the closed list of its values changed: a narrower type"),
    hide_it_as_personal: ("/object/number", "marked personal"),
    move_to_another_topic: ("", "moved from orders.order.v1 to orders.parcel.v1"),
    turn_a_part_into_a_list: ("/parcel", "can no longer be object, only array"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.items(), ids=[change.__name__ for change in REFUSED])
def test_what_breaks_a_reader_is_refused(released: Schemas, change: Change, said: tuple[str, str]) -> None:
    pointer, words = said
    found = breaches(released, changed(released, change))
    assert [breach.contract for breach in found] == ["order.shipped 1.1"] * len(found)
    breach = next(breach for breach in found if words in breach.what)
    assert breach.pointer.endswith(pointer)
    assert breach.why.endswith(".")
    assert breach.way_out.endswith(".")


@pytest.mark.parametrize("change", [add_an_optional_field, remove_a_field], ids=lambda change: change.__name__)
def test_a_released_version_stays_as_it_was(released: Schemas, change: Change) -> None:
    """Even an addition needs a minor of its own: a reader may have fetched the schema under its address."""
    document = copy.deepcopy(released[PATH])
    change(document)
    found = breaches(released, {**released, PATH: document})
    assert {breach.contract for breach in found} == {"order.shipped 1.0"}


def test_a_released_schema_stays_at_its_address(released: Schemas) -> None:
    (found,) = breaches(released, {path: each for path, each in released.items() if path != PATH} | {NEWER: {}})[:1]
    assert "gone from its address" in found.what
    assert PATH in found.way_out


def test_a_type_that_is_gone_is_refused(released: Schemas) -> None:
    (found,) = breaches(released, {path: each for path, each in released.items() if path != PATH})
    assert (found.contract, found.what) == ("order.shipped 1.0", "the type is gone.")


def test_a_new_major_has_a_topic_and_a_type_of_its_own(released: Schemas) -> None:
    (found,) = breaches(released, {**released, "order.shipped/2.0.json": {"x-topic": "orders.order.v2"}})
    assert "a new major in the place of order.shipped/1.0.json" in found.what


# -- the command -------------------------------------------------------------------------------------------------------


def write(folder: Path, schemas: Schemas) -> Path:
    for path, document in schemas.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, released: Schemas) -> Path:
    """A checkout of git with the contracts in it, before the first release."""
    write(tmp_path / SCHEMAS, released)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *who, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "as it stands")


def test_before_the_first_release_everything_may_change(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / SCHEMAS / PATH).unlink()
    git(checkout, "tag", "very-nice")
    assert main(["--root", str(checkout)]) == 0
    assert "no release yet" in capsys.readouterr().err


def test_the_newest_release_is_what_counts(
    checkout: Path, released: Schemas, capsys: pytest.CaptureFixture[str]
) -> None:
    git(checkout, "tag", "v1.9.0")
    write(checkout / SCHEMAS, changed(released, add_an_optional_field))
    commit(checkout)
    git(checkout, "tag", "v1.10.0")
    assert main(["--root", str(checkout)]) == 0
    assert f"Compared {len(released) + 1} schemas of v1.10.0" in capsys.readouterr().err

    (checkout / SCHEMAS / NEWER).write_text(json.dumps(released[PATH]), encoding="utf-8")  # not committed, and seen
    assert main(["--root", str(checkout)]) == 1
    said = capsys.readouterr().out
    assert "order.shipped 1.1\n  /object/reference: the field is gone." in said
    assert "  => Leave it as it was" in said


def test_two_folders_can_be_compared(tmp_path: Path, released: Schemas, capsys: pytest.CaptureFixture[str]) -> None:
    base = write(tmp_path / "base", released)
    new = write(tmp_path / "new", changed(released, require_a_new_field))
    assert main([str(base), str(new)]) == 1
    assert "Give reference a default" in capsys.readouterr().out
    assert main([str(base), str(base)]) == 0


def test_a_release_that_cannot_be_seen_is_not_taken_for_none(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clone of the last commit alone has no tags, as CI's is by default."""
    git(checkout, "tag", "v1.0.0")
    (checkout / "more.txt").touch()
    commit(checkout)
    shallow = tmp_path_factory.mktemp("clone") / "shallow"
    git(checkout, "clone", "--quiet", "--depth", "1", f"file://{checkout}", str(shallow))
    assert main(["--root", str(shallow)]) == 2
    assert "--unshallow --tags" in capsys.readouterr().err


def test_what_is_neither_folder_nor_commit_is_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["v99", "--root", str(checkout)]) == 2
    assert "v99" in capsys.readouterr().err
