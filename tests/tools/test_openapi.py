"""The generator of the OpenAPI documents refuses what readers of them could not work with."""

from typing import Annotated, Any

import pytest
from fastapi import Depends
from pydantic import BaseModel

from common.auth import Anyone, Caller, SignedIn, requires
from common.http import Answer, Router, answer_of
from common.problems import Problem
from common.service import Service
from common.settings import ServiceSettings
from tools.openapi.checks import complaints_about, differences_from
from tools.openapi.describe import Described, describe, problem_pages
from tools.openapi.generate import main, routes_page
from tools.openapi.merge import CollisionError, merge

CanShip = Annotated[Caller, Depends(requires("orders:fulfil", "orders:write"))]


class MugView(BaseModel):
    """A mug."""

    sku: str


def service_with(router: Router, *, name: str = "catalog") -> Service:
    return Service(name=name, settings=ServiceSettings, migrations=f"{name}.migrations", routers=(router,))


def described(path: str = "/v1/mugs", *, name: str = "catalog", operation: str = "list_mugs") -> Described:
    router = Router()

    async def route(caller: Anyone) -> Answer[MugView]:
        """List mugs."""
        return answer_of(MugView(sku="MUG"), status=200)

    route.__name__ = operation
    router.add_api_route(path, route, methods=["GET"])
    return describe(service_with(router, name=name))


def test_what_is_checked_in_is_current() -> None:
    assert main(["--check"]) == 0


def test_route_without_docstring_is_refused() -> None:
    router = Router()

    async def silent() -> Answer[MugView]:
        return answer_of(MugView(sku="MUG"), status=200)

    router.add_api_route("/v1/mugs", silent, methods=["GET"])
    document = describe(service_with(router)).document
    assert complaints_about(document, "catalog") == ["catalog: GET /v1/mugs has no summary: write a docstring"]


def test_route_without_view_is_refused() -> None:
    router = Router()

    async def vague() -> Any:  # noqa: ANN401 - what is refused
        """Say something."""

    router.add_api_route("/v1/mugs", vague, methods=["GET"])
    (complaint,) = complaints_about(describe(service_with(router)).document, "catalog")
    assert "without a schema" in complaint


def test_route_that_answers_nothing_needs_no_view() -> None:
    router = Router()

    async def drop() -> Answer[None]:
        """Drop a mug."""
        return answer_of(None, status=204)

    router.add_api_route("/v1/mugs", drop, methods=["DELETE"], status_code=204)
    assert complaints_about(describe(service_with(router)).document, "catalog") == []


def test_route_without_problems_is_refused() -> None:
    document = described().document
    answers = document["paths"]["/v1/mugs"]["get"]["responses"]
    document["paths"]["/v1/mugs"]["get"]["responses"] = {"200": answers["200"]}
    (complaint,) = complaints_about(document, "catalog")
    assert "documents no problem" in complaint


def test_who_may_is_read_from_the_dependencies() -> None:
    router = Router()

    async def ship(caller: CanShip) -> Answer[MugView]:
        """Ship a mug."""
        return answer_of(MugView(sku="MUG"), status=200)

    async def mine(caller: SignedIn) -> Answer[MugView]:
        """Show my mug."""
        return answer_of(MugView(sku="MUG"), status=200)

    router.add_api_route("/v1/mugs", ship, methods=["POST"])
    router.add_api_route("/v1/me/mug", mine, methods=["GET"])
    found = describe(service_with(router))
    assert found.access["post", "/v1/mugs"] == "`orders:fulfil` or `orders:write`"
    assert found.access["get", "/v1/me/mug"] == "signed in"
    security = found.document["paths"]["/v1/mugs"]["post"]["security"]
    assert security == [{"login": ["orders:fulfil"]}, {"login": ["orders:write"]}]
    assert "| POST | `/v1/mugs` | catalog | `orders:fulfil` or `orders:write` | Ship a mug |" in routes_page([found])
    assert described().access == {("get", "/v1/mugs"): "public"}


def test_path_has_one_owner() -> None:
    with pytest.raises(CollisionError, match="one owner"):
        merge([described(), described(name="orders", operation="other")])


def test_operation_has_one_name() -> None:
    with pytest.raises(CollisionError, match="another name"):
        merge([described(), described("/v1/cups", name="orders")])


def test_schemas_that_differ_get_their_service_s_name() -> None:
    orders = described("/v1/cups", name="orders", operation="list_cups")
    orders.document["components"]["schemas"]["MugView"] = {"type": "object", "title": "Another mug"}
    merged = merge([described(), orders])
    assert {"CatalogMugView", "OrdersMugView"} <= merged["components"]["schemas"].keys()
    answer = merged["paths"]["/v1/cups"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/OrdersMugView"}


def test_schemas_that_are_the_same_stay_one() -> None:
    merged = merge([described(), described("/v1/cups", name="orders", operation="list_cups")])
    assert set(merged["components"]["schemas"]) == {"MugView", "Problem"}


def test_table_and_documents_must_agree() -> None:
    mugs, cups, one = ("GET", "/v1/mugs"), ("GET", "/v1/cups"), ("GET", "/v1/mugs/{id}")
    assert differences_from({one: True}, {("GET", "/v1/mugs/{sku}"): True}) == []
    assert len(differences_from({mugs: True, cups: True}, {mugs: False})) == 2
    (complaint,) = differences_from({}, {cups: True})
    assert complaint == "GET /v1/cups is documented, and not in the gateway's route table"


def test_problem_without_words_has_no_page() -> None:
    kind = type("Wordless", (Problem,), {"slug": "wordless", "__module__": "catalog.problems"})
    try:
        with pytest.raises(SystemExit, match="wordless"):
            problem_pages([service_with(Router())])
    finally:
        kind.slug = Problem.slug  # type: ignore[attr-defined] # it stays among Problem's subclasses until collected
