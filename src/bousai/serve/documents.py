"""Documents that can be had as JSON or as a page: which of the two is wanted, and the answer with its ETag."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from bousai.serve.problem import Problem

Form = Literal["json", "html"]

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def wanted(request: Request) -> Form:
    """The form that the parameter ``f`` names, else the one that Accept prefers; JSON where it does not matter (RFC
    9110, 12.5.1: who sends no acceptable type gets what there is)."""
    named = request.query_params.get("f")
    if named in ("json", "html"):
        return named  # type: ignore[return-value]  # just looked
    if named is not None:
        raise Problem(400, f"f: no form {named[:20]!r}", remedy="one of: json, html", parameter="f")
    weights = {"json": 0.0, "html": 0.0}
    for one in request.headers.get("accept", "").lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        weight = next((_number(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if name in ("text/html", "application/xhtml+xml"):
            weights["html"] = max(weights["html"], weight)
        elif name.startswith("application/") and "json" in name:
            weights["json"] = max(weights["json"], weight)
    return "html" if weights["html"] > weights["json"] else "json"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def respond(request: Request, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """A body with its ETag; 304 where the client has it."""
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    told = {"Cache-Control": "no-cache", "Vary": "Accept", **(headers or {}), "ETag": etag}
    if has(request, etag):
        return Response(None, 304, told)
    return Response(body, 200, told, media_type)


def has(request: Request, etag: str) -> bool:
    """Whether the client says that it has this (RFC 9110, 13.1.2)."""
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return etag in known or "*" in known


def json(request: Request, body: Any, media_type: str = "application/json") -> Response:
    """A JSON document."""
    return respond(request, orjson.dumps(body), media_type)


def html(request: Request, template: str, **told: Any) -> Response:
    """A page made of a template."""
    text = templates.get_template(template).render(request=request, **told)
    return respond(request, text.encode(), "text/html")
