"""How the server says no: problem documents (RFC 9457), one line of cause and one of remedy, never a stack trace."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bousai.errors import BousaiError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818  (it is a document, RFC 9457, before it is an error)
    """A request that cannot be answered: HTTP status, cause, and what the client can do about it."""

    def __init__(
        self, status: int, detail: str, *, remedy: str = "", headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.headers = dict(headers or {})
        self.members = members


def response(problem: Problem) -> Response:
    """The document of a problem. ``type`` is about:blank, so ``title`` is the status's own (RFC 9457, 4.2.1)."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **({"remedy": problem.remedy} if problem.remedy else {}),
        **problem.members,
    }
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(orjson.dumps(body), problem.status, headers, MEDIA_TYPE)


BUG = Problem(500, "the server failed on this request", remedy="its log has the cause")
"""A fault of ours. What happened is in the log, not in the answer."""


async def on_problem(request: Request, error: Exception) -> Response:
    """What was asked wrongly, or is not there."""
    assert isinstance(error, Problem)
    return response(error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the router refuses: no such address, no such method."""
    assert isinstance(error, HTTPException)
    remedies = {404: "see / for what is served", 405: "everything here is read-only: GET or HEAD"}
    return response(
        Problem(error.status_code, error.detail, remedy=remedies.get(error.status_code, ""), headers=error.headers)
    )


async def on_refusal(request: Request, error: Exception) -> Response:
    """A verb of the corridor that cannot be done now: the tree and the store are not as they should be."""
    assert isinstance(error, BousaiError)
    return response(Problem(503, error.cause, remedy=error.remedy, headers={"Retry-After": "30"}))


async def on_bug(request: Request, error: Exception) -> Response:
    """Anything else."""
    return response(BUG)
