"""What every address shares: settings, catalogue, the pool for slow work, the address under which clients see us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from starlette.requests import Request

from bousai.catalogue import Catalogue
from bousai.serve.desk import Desk
from bousai.serve.filter_index import Indexes
from bousai.serve.snapshots import Snapshots
from bousai.settings import Settings

_P = ParamSpec("_P")
_T = TypeVar("_T")
_PICTURES_WAITING = 64
"""A map that is set to another time asks for a picture of each of its layers at once: some fifteen."""


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One running server. What is published is answered by `quick` work and never waits for pictures of other times
    or for filters, which take long and of which only so many may wait."""

    settings: Settings
    catalogue: Catalogue
    snapshots: Snapshots
    indexes: Indexes
    quick: Desk = field(default_factory=lambda: Desk("quick", 4, 500))
    pictures: Desk = field(default_factory=lambda: Desk("pictures", 2, _PICTURES_WAITING))
    filters: Desk = field(default_factory=lambda: Desk("filters", 2, 8))

    def base(self, request: Request) -> str:
        """The address of the landing page as the client sees it, without a slash at the end."""
        return str(request.base_url).rstrip("/")

    async def slowly(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run quick work off the event loop. Raises `Problem` 503 where it takes too long."""
        return await self.quick.do(lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Begin nothing more, give connections back."""
        for desk in (self.quick, self.pictures, self.filters):
            desk.close()
        self.snapshots.close()
        self.indexes.close()


def service(request: Request) -> Service:
    """The server that a request came to."""
    found: Service = request.app.state.service
    return found
