"""``/alerts/events`` and ``/exercise/alerts/events``: messages as they go out (server-sent events, WHATWG HTML 9.2).

An event is a message: its ``id`` is a number that only grows, its ``data`` the JSON of `pipeline.alerts_after`. Who
comes back with ``Last-Event-ID`` gets what he missed; who has none gets what goes out from now on. A comment every
few seconds shows that the line is alive: silence means that it is not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from bousai import pipeline
from bousai.model import Status
from bousai.serve.problem import Problem
from bousai.serve.service import Service

LOOK = 1.0
"""Seconds between two looks at the store, one for all listeners of a worker."""
_ALIVE = 15.0
_LISTENERS = 200
_BEHIND = 1000  # messages that a listener may miss and still get, the newest


def routes(service: Service) -> list[BaseRoute]:
    """Both streams."""
    return [
        Route("/alerts/events", _Stream(service, ("actual",)).answer, methods=["GET"], name="alert-events"),
        Route(
            "/exercise/alerts/events",
            _Stream(service, ("exercise", "test")).answer,
            methods=["GET"],
            name="exercise-alert-events",
        ),
    ]


class _Stream:
    """The messages of one tree, for all its listeners."""

    def __init__(self, service: Service, statuses: tuple[Status, ...]) -> None:
        self._service, self._statuses = service, statuses
        self._listeners = 0
        self._watcher: asyncio.Task[None] | None = None
        self._moved = asyncio.Condition()
        self._last = 0

    async def answer(self, request: Request) -> Response:
        """The stream from ``Last-Event-ID`` (header, or the parameter ``after``) on."""
        asked = request.headers.get("last-event-id") or request.query_params.get("after")
        if asked is not None and not re.fullmatch(r"\d{1,18}", asked):
            raise Problem(400, f"{asked[:40]!r} is no id of an event", remedy="leave Last-Event-ID out to begin anew")
        if self._listeners >= _LISTENERS:
            raise Problem(503, f"{_LISTENERS} listen already", remedy="poll feed.atom, or start more workers")
        newest = await self._service.slowly(self._newest)
        after = newest if asked is None else min(newest, max(int(asked), newest - _BEHIND))
        return StreamingResponse(
            self._events(after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    def _newest(self) -> int:
        return pipeline.newest_alert(self._statuses, self._service.settings)

    async def _events(self, after: int) -> AsyncIterator[bytes]:
        self._listeners += 1
        if self._watcher is None:
            self._last = after
            self._watcher = asyncio.create_task(self._watch())
        try:
            yield b": messages as they go out; silence for more than a minute means that this line is dead\n\n"
            while True:
                some = await asyncio.to_thread(pipeline.alerts_after, after, self._statuses, self._service.settings)
                for number, message in some:
                    after = number
                    yield b"id: %d\nevent: alert\ndata: %b\n\n" % (number, orjson.dumps(message))
                if not some:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._beyond(after), _ALIVE)
                        continue
                    yield b": alive %b\n\n" % datetime.now(UTC).isoformat(timespec="seconds").encode()
        finally:
            self._listeners -= 1
            if self._listeners == 0 and self._watcher is not None:
                self._watcher.cancel()
                self._watcher = None

    async def _beyond(self, after: int) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._last > after)

    async def _watch(self) -> None:
        while True:
            newest = await asyncio.to_thread(self._newest)
            if newest > self._last:
                async with self._moved:
                    self._last = newest
                    self._moved.notify_all()
            await asyncio.sleep(LOOK)
