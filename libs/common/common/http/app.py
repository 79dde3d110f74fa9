"""The HTTP side of a service: FastAPI with our problems, health, metrics and clock around its routes."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from common.answers import Answer, problem_answer
from common.auth import GATEWAY, Caller, requires_service
from common.http.dependencies import runtime_of
from common.http.middleware import RequestScope, as_any
from common.http.router import Router
from common.idempotency import Replayed
from common.problems import (
    BadRequest,
    Conflict,
    FieldError,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMediaType,
)

if TYPE_CHECKING:
    from common.service import Runtime, Service

PROBLEM_DOCUMENT = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "trace_id"],
    "properties": {
        "type": {"type": "string", "description": "Path of a page about this kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "The value, the reason, the way out."},
        "instance": {"type": "string", "description": "urn:request:<id>, as in our log."},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

BY_STATUS: dict[int, type[Problem]] = {
    400: BadRequest, 404: NotFound, 405: MethodNotAllowed, 413: TooLarge, 415: UnsupportedMediaType,
}  # fmt: skip


def create_app(service: "Service", runtime: "Runtime | None" = None) -> FastAPI:
    """Build the app of ``service`` around an open runtime; without one it can only describe itself."""
    app = FastAPI(
        title=f"Quartermaster {service.name}",
        version="1.0",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
    )
    app.state.runtime = runtime
    for router in service.routers:
        app.include_router(router)
    app.include_router(_health)
    app.include_router(_internal)
    app.add_exception_handler(Problem, as_any(_on_problem))
    app.add_exception_handler(Replayed, as_any(_on_replay))
    app.add_exception_handler(RequestValidationError, as_any(_on_invalid))
    app.add_exception_handler(HTTPException, as_any(_on_http))
    app.add_middleware(
        as_any(RequestScope), metrics_of=service.metrics, uploads=service.uploads, streams=service.streams
    )
    app.openapi = lambda: document_of(app)  # type: ignore[method-assign] # FastAPI's own way to extend the document
    return app


async def _on_problem(_: Request, problem: Problem) -> Response:
    return problem_answer(problem)


async def _on_replay(_: Request, replayed: Replayed) -> Response:
    stored = replayed.answer
    headers = {name: value for name, value in stored.headers.items() if name != "content-type"}
    return Response(
        stored.body,
        status_code=stored.status,
        headers=headers | {"Idempotency-Replayed": "true"},
        media_type=stored.headers.get("content-type"),
    )


async def _on_invalid(_: Request, error: RequestValidationError) -> Response:
    failures = error.errors()
    if any(failure["type"] == "json_invalid" for failure in failures):
        return problem_answer(BadRequest("The body is no JSON document."))
    errors = [FieldError(pointer_of(failure["loc"]), _sentence(failure)) for failure in failures]
    return problem_answer(InvalidInput(f"{errors[0].pointer}: {errors[0].detail}", errors=errors))


def _sentence(failure: dict[str, Any]) -> str:
    """Say what is wrong without repeating the input: it may hold what must not be in an answer or a log."""
    message: str = failure["msg"]
    return message.removeprefix("Value error, ")


def pointer_of(location: tuple[int | str, ...]) -> str:
    """Turn FastAPI's location into a JSON Pointer: into the body, or ``/query/limit`` and the like."""
    parts = location[1:] if location and location[0] == "body" else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def _on_http(request: Request, error: HTTPException) -> Response:
    if error.status_code == NotFound.status:
        return problem_answer(NotFound(f"There is nothing at {request.url.path}."))
    kind = BY_STATUS.get(error.status_code, BadRequest)
    return problem_answer(kind(str(error.detail), headers=dict(error.headers or {})))


def document_of(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the public routes, with our Problem for every error."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = PROBLEM_DOCUMENT
        app.openapi_schema = document
    return app.openapi_schema


# -- health, metrics, clock: outside the public document ---------------------------------------------------------------

_health = Router(include_in_schema=False)
_internal = Router(prefix="/internal", include_in_schema=False)


@_health.get("/livez")
async def live() -> dict[str, str]:
    """Say that the loop turns."""
    return {"status": "alive"}


@_health.get("/readyz")
async def ready(request: Request) -> Response:
    """Say whether requests should come here."""
    report = await runtime_of(request).readiness()
    return Answer(report.body(), status_code=200 if report.ready else 503)


@_health.get("/metrics")
async def exposition(request: Request) -> Response:
    """Return the metrics in Prometheus' format."""
    runtime = runtime_of(request)
    await runtime.sample_metrics()
    return Response(runtime.metrics.exposition(), media_type="text/plain; version=0.0.4")


class ClockOffset(BaseModel):
    """How far business time is ahead of real time."""

    offset_ms: int = Field(ge=0, description="Milliseconds.")


@_internal.post("/test-clock")
async def move_clock(
    request: Request, body: ClockOffset, caller: Annotated[Caller, Depends(requires_service(GATEWAY))]
) -> ClockOffset:
    """Move this service's business time; it never goes back."""
    runtime = runtime_of(request)
    if not runtime.settings.test_clock:
        raise Conflict(f"{caller.subject} asked to move the clock, but TEST_CLOCK is not set.")
    offset = await runtime.database.advance_clock(timedelta(milliseconds=body.offset_ms))
    return ClockOffset(offset_ms=int(offset.total_seconds() * 1000))
