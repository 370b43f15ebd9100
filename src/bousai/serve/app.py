"""The application: every group of addresses, and what is done when one of them says no."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from bousai import catalogue
from bousai import settings as settings_module
from bousai.errors import BousaiError
from bousai.serve import (
    alerts,
    compression,
    events,
    guide,
    headers,
    health,
    map_page,
    metrics,
    ogc,
    problem,
    situation,
    static,
)
from bousai.serve.filter_index import Indexes
from bousai.serve.service import Service
from bousai.serve.snapshots import Snapshots
from bousai.settings import Settings

_GROUPS: tuple[ModuleType, ...] = (static, events, alerts, health, metrics, map_page, situation, guide, ogc)
"""Modules with ``routes(service) -> list[BaseRoute]``, in the order in which an address is looked for."""


def create(settings: Settings | None = None) -> Starlette:
    """The ASGI application over one installation (default: that of the environment). Opens nothing until asked."""
    own = settings_module.load() if settings is None else settings
    known = catalogue.load(own.config)
    indexes = Indexes(own.data / "serve")
    service = Service(own, known, Snapshots(own, known), indexes)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    routes = [route for group in _GROUPS for route in group.routes(service)]
    requests = metrics.Requests()
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(metrics.Observed, requests=requests, routes=routes),
            Middleware(headers.Told),
            Middleware(compression.Compressed),
        ],
        lifespan=lifespan,
        exception_handlers={
            problem.Problem: problem.on_problem,
            HTTPException: problem.on_http_exception,
            BousaiError: problem.on_refusal,
            Exception: problem.on_bug,
        },
    )
    app.state.service = service
    app.state.requests = requests
    return app
