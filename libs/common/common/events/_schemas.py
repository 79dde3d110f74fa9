"""The contracts as JSON Schema, one document for each type and version."""

from pydantic import JsonValue
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from common.events._contract import EventContract, dataschema_of
from common.events._registry import CONTRACTS

JsonObject = dict[str, JsonValue]


class _AsWritten(GenerateJsonSchema):
    """Keeps the contracts' own order, and leaves out ``"title": "Postal Code"`` beside ``postal_code``."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Examples read as a story, not as an index."""
        del parent_key
        return value

    def field_title_should_be_set(self, schema: object) -> bool:
        """Models keep their titles: those are the names of their classes."""
        del schema
        return False


def schema_path(contract: type[EventContract]) -> str:
    """Where the schema lies below ``common/events/schemas``; the same as below ``/contracts/events`` when served."""
    return f"{contract.type}/{contract.version}.json"


def json_schema(contract: type[EventContract]) -> JsonObject:
    """The schema of an event's data as it is published: every field is there, null where there is nothing to say."""
    schema: JsonObject = contract.model_json_schema(mode="serialization", schema_generator=_AsWritten)
    head: JsonObject = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": dataschema_of(contract),
        "x-topic": contract.topic.name,
    }
    return head | schema


def shared_schemas(ref_template: str) -> JsonObject:
    """Every contract and every part of one, each defined once, by the name of its class."""
    _, schemas = models_json_schema(
        [(contract, "serialization") for contract in CONTRACTS],
        ref_template=ref_template,
        schema_generator=_AsWritten,
    )
    definitions: JsonObject = schemas["$defs"]
    return definitions
