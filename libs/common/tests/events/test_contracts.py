"""The published language: what is in it, that its examples are true, and that personal data is marked."""

import re
from collections.abc import Iterator
from typing import cast

import orjson
import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue, ValidationError

from common.events import CONTRACTS, EventContract, contract_for, serialise
from common.events._schemas import json_schema
from common.events.contracts.catalog import DESCRIPTION_BYTES, ProductCreated

TYPES = {
    "catalog.product.v1": {"product.created", "product.updated", "product.deleted"},
    "catalog.import.v1": {"import.completed"},
    "inventory.stock.v1": {"stock.changed"},
    "inventory.stock-alert.v1": {"stock.low", "stock.out", "stock.replenished"},
    "inventory.reservation.v1": {
        "reservation.held",
        "reservation.confirmed",
        "reservation.released",
        "reservation.expired",
    },
    "orders.order.v1": {"order.placed", "order.paid", "order.cancelled", "order.shipped", "order.delivered"},
    "orders.cart.v1": {"cart.updated"},
    "orders.customer.v1": {"customer.registered", "customer.updated"},
    "gateway.user.v1": {"user.registered"},
    "notifications.message.v1": {"message.sent", "message.failed"},
    "notifications.webhook.v1": {"webhook.exhausted", "webhook.disabled"},
}

PERSONAL_NAMES = re.compile(r"email|recipient|phone|address|^name$|error")
NOT_ABOUT_PEOPLE = {"ProductOption", "ProductAttribute", "ShippingOption"}

each_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract.type))


def example_of(contract: type[EventContract]) -> dict[str, JsonValue]:
    extra = cast("dict[str, list[dict[str, JsonValue]]]", contract.model_config["json_schema_extra"])
    return extra["examples"][0]


def test_the_language_is_complete_and_closed() -> None:
    published: dict[str, set[str]] = {}
    for contract in CONTRACTS:
        published.setdefault(contract.topic.name, set()).add(contract.type)

    assert published == TYPES
    assert len(CONTRACTS) == sum(map(len, TYPES.values()))


@each_contract
def test_class_and_type_are_the_same_words(contract: type[EventContract]) -> None:
    words = re.findall(r"[A-Z][a-z]+", contract.__name__)

    assert contract.type == ".".join(words).lower()
    assert contract_for(contract.type) is contract


@each_contract
def test_contract_lives_in_the_module_of_the_service_that_publishes_it(contract: type[EventContract]) -> None:
    assert contract.__module__ == f"common.events.contracts.{contract.topic.service}"


@each_contract
def test_contract_has_a_page_of_its_own_and_a_version(contract: type[EventContract]) -> None:
    assert "__doc__" in vars(contract)
    assert len((contract.__doc__ or "").split()) > len(contract.__name__.split())
    assert re.fullmatch(r"[1-9]\d*\.\d+", contract.version)


@each_contract
def test_example_survives_the_wire_unchanged(contract: type[EventContract]) -> None:
    example = example_of(contract)

    written = serialise(contract.model_validate(example))

    assert orjson.loads(written) == example
    assert contract.model_validate_json(written) == contract.model_validate(example)


@each_contract
def test_example_points_only_at_what_is_there(contract: type[EventContract]) -> None:
    example = example_of(contract)

    for pointer in cast("list[str]", example["changed"]):
        place = example["object"]
        for step in pointer.split("/")[1:]:
            place = place[int(step)] if isinstance(place, list) else cast("dict[str, JsonValue]", place)[step]


@each_contract
def test_example_is_valid_by_the_json_schema_and_so_is_what_a_later_version_adds(contract: type[EventContract]) -> None:
    validator = Draft202012Validator(json_schema(contract))
    later = orjson.loads(orjson.dumps(example_of(contract)))
    later["object"]["added_later"] = 1

    validator.validate(example_of(contract))
    validator.validate(later)


@each_contract
def test_json_schema_refuses_an_object_without_its_id(contract: type[EventContract]) -> None:
    broken = orjson.loads(orjson.dumps(example_of(contract)))
    del broken["object"]["id"]

    assert not Draft202012Validator(json_schema(contract)).is_valid(broken)


@each_contract
def test_subject_is_the_id_of_the_aggregate(contract: type[EventContract]) -> None:
    example = example_of(contract)

    assert str(contract.model_validate(example).subject) == cast("dict[str, JsonValue]", example["object"])["id"]


@pytest.mark.parametrize(
    "event_type", ["product.created", "customer.registered", "user.registered", "order.placed", "reservation.held"]
)
def test_first_event_of_an_aggregate_names_no_changes(event_type: str) -> None:
    contract = contract_for(event_type)

    assert contract is not None
    assert example_of(contract)["changed"] == []


def personal_looking(schema: dict[str, JsonValue]) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Fields whose name speaks of a person; an address is marked where it is used, not in each of its lines."""
    models = cast("dict[str, dict[str, dict[str, dict[str, JsonValue]]]]", schema["$defs"])
    for model, definition in models.items():
        for name, field in definition.get("properties", {}).items():
            if model != "Address" and model not in NOT_ABOUT_PEOPLE and PERSONAL_NAMES.search(name):
                yield f"{model}.{name}", field


@each_contract
def test_every_field_that_tells_of_a_person_is_marked(contract: type[EventContract]) -> None:
    assert [name for name, field in personal_looking(json_schema(contract)) if field.get("x-pii") is not True] == []


def test_personal_data_is_where_it_is_expected() -> None:
    marked = {
        name
        for contract in CONTRACTS
        for name, field in personal_looking(json_schema(contract))
        if field.get("x-pii") is True
    }

    assert marked == {
        "OrderSnapshot.email",
        "OrderSnapshot.shipping_address",
        "OrderSnapshot.billing_address",
        "CartSnapshot.email",
        "CustomerSnapshot.email",
        "CustomerSnapshot.name",
        "UserSnapshot.email",
        "UserSnapshot.name",
        "MessageSnapshot.recipient",
        "MessageSnapshot.error",
    }


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * DESCRIPTION_BYTES, DESCRIPTION_BYTES),
        ("x" * (DESCRIPTION_BYTES + 1), DESCRIPTION_BYTES),
        ("\N{EURO SIGN}" * DESCRIPTION_BYTES, DESCRIPTION_BYTES - DESCRIPTION_BYTES % 3),
    ],
)
def test_description_is_cut_between_characters(text: str, kept: int) -> None:
    example = example_of(ProductCreated)
    product = cast("dict[str, JsonValue]", example["object"]) | {"description": text}

    description = ProductCreated.model_validate(example | {"object": product}).object.description

    assert len(description.encode()) == kept
    assert text.startswith(description)


@pytest.mark.parametrize("field", ["title", "variants"])
def test_snapshot_cannot_be_changed_after_it_was_made(field: str) -> None:
    created = ProductCreated.model_validate(example_of(ProductCreated))

    with pytest.raises(ValidationError, match="frozen"):
        setattr(created.object, field, None)


@pytest.mark.parametrize("pointer", ["title", "title/", "/a~2b", ""])
def test_changed_takes_json_pointers_only(pointer: str) -> None:
    with pytest.raises(ValidationError, match="changed"):
        ProductCreated.model_validate(example_of(ProductCreated) | {"changed": [pointer]})


def test_time_without_a_zone_is_refused() -> None:
    example = example_of(ProductCreated)
    product = cast("dict[str, JsonValue]", example["object"]) | {"created_at": "2026-11-24T09:00:00"}

    with pytest.raises(ValidationError, match="created_at"):
        ProductCreated.model_validate(example | {"object": product})
