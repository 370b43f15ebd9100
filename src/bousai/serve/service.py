"""What every address shares: settings, catalogue, the pool for slow work, the address under which clients see us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from starlette.requests import Request

from bousai.catalogue import Catalogue
from bousai.serve.filter_index import Indexes
from bousai.serve.problem import Problem
from bousai.serve.snapshots import Snapshots
from bousai.settings import Settings

_P = ParamSpec("_P")
_T = TypeVar("_T")

DEADLINE_SECONDS = 10.0
"""How long a client waits for one answer. What was begun goes on: who asks again finds it done."""


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One running server."""

    settings: Settings
    catalogue: Catalogue
    snapshots: Snapshots
    indexes: Indexes
    pool: ThreadPoolExecutor

    def base(self, request: Request) -> str:
        """The address of the landing page as the client sees it, without a slash at the end."""
        return str(request.base_url).rstrip("/")

    async def slowly(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run `work` in the pool, off the event loop. Raises `Problem` 503 where it takes too long."""
        running = asyncio.get_running_loop().run_in_executor(self.pool, lambda: work(*args, **kwargs))
        try:
            return await asyncio.wait_for(asyncio.shield(running), DEADLINE_SECONDS)
        except TimeoutError:
            raise Problem(
                503,
                f"no answer within {DEADLINE_SECONDS:g} s; it is still being worked on",
                remedy="ask again in a little while, or for less: a smaller bbox, one municipality",
                headers={"Retry-After": "5"},
            ) from None


def service(request: Request) -> Service:
    """The server that a request came to."""
    found: Service = request.app.state.service
    return found
