"""The board's addresses, all below where it is mounted: the page, what it shows (``state``), and what people do.

Everything is for people who are logged in: `create` is given a function that says who asks. A decision carries the
account of who took it. Requests that change something are JSON from the page itself (Fetch Metadata,
https://www.w3.org/TR/fetch-metadata/, and a content type that no plain form can send), so that no other page can have
a person's browser decide.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from bousai import __version__, pipeline
from bousai.errors import BousaiError, UsageError

_PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_BODY_BYTES = 64 * 1024
_KEPT_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: the name of the account, and whether it may read the board, act on documents and shelters, and decide
    on messages."""

    name: str
    may_read: bool
    may_act: bool
    may_approve: bool


@dataclass(frozen=True, slots=True)
class Scheduler:
    """What the board is told by what it is mounted in. `paused` gives the DAGs that somebody has paused, `parts` the
    parts of the one-machine system (None where they are not under our supervisor)."""

    person: Callable[[Request], Awaitable[Person]]
    paused: Callable[[], Collection[str]]
    parts: Callable[[], list[dict[str, Any]] | None]


def create(scheduler: Scheduler) -> Starlette:
    """The application."""
    board = _Board(scheduler)
    get = [
        ("/state", board.state),
        ("/review", board.review),
        ("/work", board.work),
        ("/documents/{sha256}", board.document),
        ("/alerts/{identifier}", board.alert),
    ]
    post = [
        ("/quarantine/{sha256}/retry", board.retry),
        ("/quarantine/{sha256}/dismiss", board.dismiss),
        ("/review/decide", board.decide),
        ("/alerts/{identifier}/approve", board.approve),
        ("/alerts/{identifier}/reject", board.reject),
    ]
    app = Starlette(
        routes=[
            *(Route(path, board.reading(answer), methods=["GET"]) for path, answer in get),
            *(Route(path, board.acting(answer), methods=["POST"]) for path, answer in post),
            Route("/", board.reading(_file), methods=["GET"]),
            Route("/{name}", board.reading(_file), methods=["GET"]),
        ],
        exception_handlers={HTTPException: _refused, BousaiError: _failed, Exception: _broken},
    )
    app.router.redirect_slashes = False  # such an answer would ask nobody who he is, and have no headers of ours
    return app


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and who makes it."""

    request: Request
    person: Person

    def part(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    def digest(self) -> str:
        """The SHA-256 in the address, whole: an act is on what was seen, not on all that begin alike."""
        found = self.part("sha256")
        if not re.fullmatch(r"[0-9a-f]{64}", found):
            raise UsageError(f"{found[:80]!r} is no SHA-256", remedy="give all 64 digits of it")
        return found


Answer = Callable[[Asked], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class _Board:
    """The answers, and the last state, which all who look share for some seconds."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lock = asyncio.Lock()
        self._acts = 0
        self._kept: tuple[float, int, dict[str, Any]] | None = None

    def reading(self, answer: Answer) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            person = await self._scheduler.person(request)
            if not person.may_read:
                raise HTTPException(403, f"{person.name} may not see the board")
            return await answer(Asked(request, person))

        return endpoint

    def acting(self, answer: Answer) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            person = await self._scheduler.person(request)
            _from_our_page(request)
            on_message = request.url.path.rsplit("/", 1)[1] in ("approve", "reject")
            if not (person.may_approve if on_message else person.may_act):
                raise HTTPException(
                    403, f"{person.name} may look and not decide: an account with the role user is needed"
                )
            try:
                return await answer(Asked(request, person))
            finally:
                self._acts += 1  # whoever looks next sees what was done, also where a state is just being made

        return endpoint

    async def state(self, asked: Asked) -> Response:
        return _json(await self._now() | {"person": _told(asked.person)})

    async def _now(self) -> dict[str, Any]:
        async with self._lock:
            at, acts = time.monotonic(), self._acts
            if self._kept is None or self._kept[1] != acts or at - self._kept[0] > _KEPT_SECONDS:
                self._kept = (at, acts, await run_in_threadpool(self._made))
            return self._kept[2]

    def _made(self) -> dict[str, Any]:
        found = pipeline.overview()
        paused = self._scheduler.paused()
        for feed in found["feeds"]:
            if feed["dag_id"] in paused:
                feed |= {"state": "paused", "why": "paused_here", "reason": "its DAG is paused in Airflow"}
        return found | {"version": __version__, "airflow": "../", "parts": self._scheduler.parts()}

    async def review(self, _: Asked) -> Response:
        return _json({"candidates": await run_in_threadpool(pipeline.register_candidates)})

    async def work(self, asked: Asked) -> Response:
        subject = asked.request.query_params.get("subject", "")
        return _json({"work": await run_in_threadpool(pipeline.ledger, subject)})

    async def document(self, asked: Asked) -> Response:
        name, body = await run_in_threadpool(pipeline.raw_document, asked.part("sha256"))
        # as it came, for a person to look at: never anything that a browser would run
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
        return Response(body, 200, _HEADERS | headers, "application/octet-stream")

    async def alert(self, asked: Asked) -> Response:
        return _json(await run_in_threadpool(pipeline.show_alert, asked.part("identifier")))

    async def retry(self, asked: Asked) -> Response:
        told = await _body(asked.request)
        (done, *_) = await run_in_threadpool(
            pipeline.retry, asked.digest(), accept=told.get("accept") is True, by=asked.person.name
        )
        return _json({"outcome": done.outcome, "cause": done.cause})

    async def dismiss(self, asked: Asked) -> Response:
        reason = _text(await _body(asked.request), "reason")
        await run_in_threadpool(pipeline.dismiss, asked.digest(), by=asked.person.name, reason=reason)
        return _json({})

    async def decide(self, asked: Asked) -> Response:
        told = await _body(asked.request)
        verdict = _text(told, "verdict")
        if verdict not in ("same", "different"):
            raise UsageError(f"{verdict[:40]!r} is no verdict", remedy="same or different")
        done = await run_in_threadpool(
            pipeline.register_decide,
            _text(told, "left"),
            _text(told, "right"),
            verdict,  # type: ignore[arg-type]
            by=asked.person.name,
            reason=_text(told, "reason"),
        )
        return _json(done)

    async def approve(self, asked: Asked) -> Response:
        return await self._decide(asked, "approve")

    async def reject(self, asked: Asked) -> Response:
        return await self._decide(asked, "reject")

    async def _decide(self, asked: Asked, decision: str) -> Response:
        told = await _body(asked.request)
        reason = told.get("reason", "")
        if not isinstance(reason, str):
            raise UsageError("the reason is no text", remedy="write a sentence")
        identifier = asked.part("identifier")
        done = await run_in_threadpool(
            pipeline.decide_alert, identifier, decision, asked.person.name, _text(told, "sha256"), reason
        )
        return _json(done)


def _told(person: Person) -> dict[str, Any]:
    return {"name": person.name, "may_act": person.may_act, "may_approve": person.may_approve}


async def _file(asked: Asked) -> Response:
    name = asked.request.path_params.get("name", "index.html")
    path = _PAGE / name
    if path.suffix not in _TYPES or name not in {one.name for one in _PAGE.iterdir()}:
        raise HTTPException(404, "there is no such file")
    return FileResponse(path, headers=_HEADERS, media_type=_TYPES[path.suffix])


def _from_our_page(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if kind != "application/json" or site != "same-origin" or not ours:
        raise HTTPException(403, "only the board's own page may ask for this")


async def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object of a request. Raises `UsageError`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES:
            raise UsageError("the request is too long", remedy="shorten the reason")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"not JSON: {error}", remedy="send a JSON object") from None
    if not isinstance(found, dict):
        raise UsageError("not a JSON object", remedy="send a JSON object")
    return found


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or not found.strip():
        raise UsageError(f"{name} is missing", remedy=f"fill in {name}")
    return found


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, _HEADERS | {"Cache-Control": "no-store"}, "application/json")


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    remedy = "log in again" if error.status_code == 401 else ""
    return _json({"cause": error.detail, "remedy": remedy}, error.status_code)


def _failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, BousaiError)
    return _json({"cause": error.cause, "remedy": error.remedy}, 409 if isinstance(error, UsageError) else 503)


def _broken(request: Request, error: Exception) -> Response:
    _log.error("board: %s", request.url.path, exc_info=error)
    return _json(
        {"cause": f"a fault of the board: {type(error).__name__}", "remedy": "see the log of the api-server"}, 500
    )
