"""The ASGI application."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from wabucketref.errors import WaBucketError
from wabucketref.server import blobs
from wabucketref.server.answers import errors_response, on_crash, on_error, shown
from wabucketref.server.area import Area
from wabucketref.server.areas import AREAS
from wabucketref.server.graphql.build import build
from wabucketref.server.graphql.endpoint import Endpoint
from wabucketref.server.guard import Guard
from wabucketref.server.runs.silent import mark_silent
from wabucketref.server.site import Site

log = logging.getLogger(__name__)

_WATCH_SECONDS: Final = 60.0


def make_app(site: Site, areas: Sequence[Area] = AREAS) -> ASGIApp:
    """The application that serves `site`."""
    site.run_deleted = [area.run_deleted for area in areas if area.run_deleted is not None]
    routes: list[BaseRoute] = [
        Route("/healthz", _healthy, methods=["GET"]),
        Endpoint(build(areas), site).route(),
        *blobs.routes({kind: done for area in areas for kind, done in area.uploaded.items()}),
        *(route for area in areas for route in area.routes),
    ]

    @asynccontextmanager
    async def alive(app: Starlette) -> AsyncIterator[None]:
        watch = asyncio.create_task(_watch(site))
        try:
            yield
        finally:
            watch.cancel()

    app = Starlette(
        lifespan=alive,
        routes=routes,
        exception_handlers={WaBucketError: on_error, 404: _unknown, 405: _unknown, Exception: on_crash},
    )
    app.state.site = site
    return Guard(app, site.options.hosts)


async def _watch(site: Site) -> None:
    """Mark runs whose client is gone, now and then."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            await run_in_threadpool(mark_silent, site)
        except WaBucketError as error:
            log.warning("silent runs were not marked: %s", error)


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _unknown(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return errors_response(status, [f"{request.method} {shown(request.url.path)} is not served here"])
