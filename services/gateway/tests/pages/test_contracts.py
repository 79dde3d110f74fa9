"""Whoever reads events finds what they mean, at the address that each event names."""

import httpx2
from jsonschema import Draft202012Validator

from common.events import CONTRACTS, dataschema_of


async def test_each_schema_is_served_at_the_address_that_its_events_carry(gate: httpx2.AsyncClient) -> None:
    for contract in CONTRACTS:
        answer = await gate.get(dataschema_of(contract))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        schema = answer.json()
        assert schema["$id"] == dataschema_of(contract)
        for example in schema["examples"]:
            Draft202012Validator(schema).validate(example)


async def test_the_asyncapi_document_lists_every_type(gate: httpx2.AsyncClient) -> None:
    document = (await gate.get("/asyncapi.json")).json()
    assert document["asyncapi"].startswith("3.0")
    assert set(document["components"]["messages"]) == {contract.type for contract in CONTRACTS}


async def test_contracts_are_read_once(gate: httpx2.AsyncClient) -> None:
    for path in ("/asyncapi.json", dataschema_of(CONTRACTS[0])):
        first = await gate.get(path)
        again = await gate.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_contracts_need_no_credential_and_bear_a_bad_one(gate: httpx2.AsyncClient) -> None:
    """A partner's tool fetches a schema with whatever it sends everywhere."""
    for path in ("/asyncapi.json", dataschema_of(CONTRACTS[0])):
        assert (await gate.get(path, headers={"Authorization": "Bearer expired"})).status_code == 200


async def test_a_contract_that_is_not_there_is_a_problem_with_a_page(gate: httpx2.AsyncClient) -> None:
    for name in ("order.placed/99.0.json", "order.teleported/1.0.json", "order.placed/..json"):
        answer = await gate.get(f"/contracts/events/{name}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/contract-not-found")
    assert (await gate.get("/problems/contract-not-found")).status_code == 200
