"""`/help`: how to use the layers in QGIS, ArcGIS and Excel, with the addresses of this installation filled in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bousai.serve import documents, query
from bousai.serve.service import Service, service

_EXAMPLE = "shelter_now"


def routes(service: Service) -> list[BaseRoute]:
    """The page, of what is actual and of exercises."""
    return [Route("/help", _help), Route("/exercise/help", _help)]


def _help(request: Request) -> Response:
    asked = query.only(request.query_params, frozenset({"lang"}))
    server = service(request)
    prefix = "/exercise" if request.url.path.startswith("/exercise/") else ""
    return documents.html(
        request,
        "help.html",
        base=f"{server.base(request)}{prefix}",
        tree=f"{server.base(request)}/public{prefix}",
        layer=_EXAMPLE if _EXAMPLE in server.catalogue.layers else next(iter(server.catalogue.layers)),
        drill=bool(prefix),
        lang="en" if asked.get("lang") == "en" else "ja",
    )
