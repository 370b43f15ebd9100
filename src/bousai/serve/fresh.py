"""An answer that is kept some seconds and worked out by one thread, whoever asks and however often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Fresh(Generic[_T]):
    """`make` is called off the event loop, at most once in `seconds`. It has a thread of its own, so that questions
    that take long (`Service.slowly`) do not make a healthy server look ill."""

    def __init__(self, make: Callable[[], _T], *, seconds: float, name: str) -> None:
        self._make = make
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, name)
        self._kept: tuple[float, _T] | None = None

    def _now(self) -> _T:
        kept = self._kept
        if kept is None or time.monotonic() - kept[0] > self._seconds:
            # counted from the end: what takes long to find out is not asked for without pause
            found = self._make()
            self._kept = kept = (time.monotonic(), found)
        return kept[1]

    async def get(self, *, patience: float) -> _T:
        """The answer. Raises TimeoutError where there is none within `patience` seconds, and what `make` raises."""
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(self._thread, self._now), patience)
