"""Work off the event loop: a few threads, and a line before them that is never long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from bousai.serve.problem import Problem

_T = TypeVar("_T")

DEADLINE_SECONDS = 10.0
"""How long a client waits for one answer. What was begun goes on: who asks again finds it done."""


class Desk:
    """Does one kind of work. Of what several ask for at once (by `key`) there is one piece of work; what nobody waits
    for any more is not begun. To be used from one event loop."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._room = threads + waiting
        self._taken = 0
        self._shared: dict[Hashable, Future[Any]] = {}
        self._askers: dict[Future[Any], int] = {}

    async def do(self, work: Callable[[], _T], key: Hashable = None) -> _T:
        """What `work` returns. Raises `Problem` 503 where too much waits already, and where it takes too long."""
        running: Future[_T] = self._shared[key] if key in self._shared else self._begin(work, key)
        self._askers[running] = self._askers.get(running, 0) + 1
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(running)), DEADLINE_SECONDS)
        except TimeoutError:
            raise Problem(
                503,
                f"no answer within {DEADLINE_SECONDS:g} s; it is still being worked on",
                remedy="ask again in a little while, or for less: a smaller bbox, one municipality",
                headers={"Retry-After": "5"},
            ) from None
        finally:
            self._askers[running] -= 1
            if not self._askers[running]:
                del self._askers[running]
                running.cancel()  # of use only to what was not begun

    def _begin(self, work: Callable[[], _T], key: Hashable) -> Future[_T]:
        if self._taken >= self._room:
            raise Problem(
                503,
                "too many questions that take long wait already",
                remedy="ask again in a little while",
                headers={"Retry-After": "3"},
            )
        self._taken += 1
        running = self._pool.submit(work)
        if key is not None:
            self._shared[key] = running
        loop = asyncio.get_running_loop()

        def ended(_: Future[_T]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._ended, key)

        running.add_done_callback(ended)
        return running

    def _ended(self, key: Hashable) -> None:
        self._taken -= 1
        self._shared.pop(key, None)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
