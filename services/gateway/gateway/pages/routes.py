"""The pages, and the API's document. None of them stands in the document itself."""

from fastapi import Request, Response

from common.http import Router
from common.problems import NotFound
from gateway.dependencies import SettingsOf
from gateway.pages.documents import OPENAPI, PROBLEMS, REVALIDATE
from gateway.pages.rendering import Page, render

router = Router(include_in_schema=False)


@router.get("/")
async def show_front_page(settings: SettingsOf) -> Response:
    """Say what runs here and where to look."""
    return _html(
        render("home.html", script="home.js", mailbox_url=settings.mailbox_url, test_clock=settings.test_clock)
    )


@router.get("/docs")
async def show_reference() -> Response:
    """Show the API's reference, drawn from /openapi.json in the browser."""
    return _html(render("docs.html", script="docs.js"))


@router.get("/openapi.json")
async def get_document(request: Request) -> Response:
    """Return the OpenAPI document of the whole suite."""
    return OPENAPI.answer(request)


@router.get("/problems/{slug}")
async def show_problem(slug: str) -> Response:
    """Explain a kind of problem: the page that a problem's type points to."""
    problem = PROBLEMS.get(slug)
    if problem is None:
        raise NotFound(f"No problem is called {slug[:100]}.")
    return _html(render("problem.html", slug=slug, problem=problem))


def _html(page: Page) -> Response:
    return Response(
        page.body, media_type="text/html; charset=utf-8", headers=REVALIDATE | {"Content-Security-Policy": page.policy}
    )
