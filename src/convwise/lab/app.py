"""The lab's web app: its pages, their requests, static files, and the guard before all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from threading import Event

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from convwise.lab.access import Access, Guard, Limits
from convwise.lab.failures import tell_failures
from convwise.lab.page import Lab, Page
from convwise.lab.pages import PAGES
from convwise.lab.places import Places
from convwise.lab.uploads import Uploads
from convwise.lab.views import report_file, show_page

STATIC = Path(__file__).parent / "static"


def make_app(
    places: Places,
    access: Access,
    limits: Limits | None = None,
    closing: Event | None = None,
) -> ASGIApp:
    """Return the lab as an ASGI application.

    Args:
        places: the folders that it may read.
        access: what every request must show.
        limits: of what a request may send.
        closing: set by whoever ends the lab, before it waits for open requests.
    """
    lab = Lab(places, Uploads(), closing or Event())
    app = FastAPI(
        title="convwise lab",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan(lab),
        redirect_slashes=False,
    )
    app.state.lab = lab
    tell_failures(app)
    app.add_api_route("/", _first_page)
    app.add_api_route("/report/{name}", _of_report)
    for page in PAGES:
        app.add_api_route(f"/{page.name}", _shown(lab, page), response_class=HTMLResponse)
        app.include_router(page.router, prefix=f"/api/{page.name}")
    app.mount("/static", StaticFiles(directory=STATIC))
    return Guard(app, access, limits or Limits())


def _lifespan(lab: Lab) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for page in PAGES:
                if page.lifespan is not None:
                    await stack.enter_async_context(page.lifespan(lab))
            yield

    return lifespan


def _shown(lab: Lab, page: Page) -> Callable[[], HTMLResponse]:
    def show() -> HTMLResponse:
        return HTMLResponse(show_page(lab, page, PAGES))

    return show


def _first_page() -> RedirectResponse:
    return RedirectResponse(f"/{PAGES[0].name}", 303)


def _of_report(name: str) -> Response:
    kind = "text/javascript" if name.endswith(".js") else "text/css"
    return Response(report_file(name), media_type=kind)
