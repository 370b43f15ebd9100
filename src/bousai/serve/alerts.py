"""``/alerts/…``: the alerts of the published tree (CAP 1.2 over Atom), and of its exercises below ``/exercise/``.

``feed.atom`` lists them, ``cap/<id>.xml`` is one message, ``active.geojson`` what is in force now.
"""

from __future__ import annotations

from pathlib import Path

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from bousai.serve.problem import Problem
from bousai.serve.service import Service
from bousai.serve.static import Folder

_CAP = "application/cap+xml"


def routes(service: Service) -> list[BaseRoute]:
    """Both feeds."""
    public = service.settings.public
    return [
        Route(f"{prefix}/alerts/{{path:path}}", _Alerts(root / "alerts"), methods=["GET", "HEAD"], name=name)
        for prefix, root, name in (("", public, "alerts"), ("/exercise", public / "exercise", "exercise-alerts"))
    ]


class _Alerts:
    """An ASGI application over the folder ``alerts`` of one tree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = Folder(root, absent="see feed.atom for the alerts there are", types={".xml": _CAP})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Who asks for alerts and is told that there is no such file must not take it for an all-clear.
        if not self._root.is_dir():
            raise Problem(
                404,
                "this installation has published no alerts yet: that is not an all-clear",
                remedy="watch what the issuers publish themselves; /collections has warnings and evacuation orders",
            )
        await self._files(scope, receive, send)
