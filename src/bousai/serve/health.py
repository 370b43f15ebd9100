"""``/healthz``: whether this server can do its work, for whatever watches it.

200 where the store answers and is of this program's version, and the public tree has a readable index; otherwise 503
with which of the two and why. A late or dead source is no illness of the server: the layers say so themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bousai import __version__, pipeline
from bousai.errors import BousaiError
from bousai.serve.fresh import Fresh
from bousai.serve.service import Service
from bousai.settings import Settings

_log = logging.getLogger(__name__)
_KEPT_SECONDS, _PATIENCE_SECONDS = 3.0, 5.0


def routes(service: Service) -> list[BaseRoute]:
    """The one address."""
    state = Fresh(lambda: check(service.settings), seconds=_KEPT_SECONDS, name="health")

    async def healthz(request: Request) -> Response:
        try:
            found = await state.get(patience=_PATIENCE_SECONDS)
        except TimeoutError:
            found = {"status": "unavailable", "cause": f"no answer from store and tree in {_PATIENCE_SECONDS:g} s"}
        status = 200 if found["status"] == "ok" else 503
        headers = {"Cache-Control": "no-store", **({"Retry-After": "10"} if status == 503 else {})}
        return Response(orjson.dumps(found), status, headers, "application/json")

    return [Route("/healthz", healthz, name="healthz")]


def check(settings: Settings) -> dict[str, Any]:
    """Store and tree as they are now: ``status`` (ok, unavailable), ``version``, and of ``store`` and ``tree`` each
    ``ok``, with ``cause`` and ``remedy`` where it is not."""

    def store() -> dict[str, Any]:
        at = pipeline.check_store(settings)
        return {"last_recorded_at": at}

    def tree() -> dict[str, Any]:
        return published(settings)

    parts = {"store": _tried("store", store), "tree": _tried("tree", tree)}
    well = all(part["ok"] for part in parts.values())
    return {"status": "ok" if well else "unavailable", "version": __version__, **parts}


def _tried(name: str, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"ok": True, **look()}
    except BousaiError as error:
        _log.warning("%s: %s", name, error.cause)
        # What a database says of itself (hosts, accounts) is for its operator, who has it in the log.
        return {"ok": False, "cause": error.cause.partition(": ")[0], "remedy": error.remedy}
    except Exception as error:  # noqa: BLE001  (whatever it is, this server cannot do its work)
        _log.warning("%s: %s: %s", name, type(error).__name__, error)
        return {"ok": False, "cause": f"the {name} cannot be read", "remedy": "the server's log has the cause"}


def published(settings: Settings) -> dict[str, Any]:
    """When the index of the public tree was written, and how many layers it has. Raises `BousaiError`."""
    try:
        index = orjson.loads((settings.public / "index.json").read_bytes())
        return {"published_at": datetime.fromisoformat(index["timeStamp"]), "layers": len(index["layers"])}
    except FileNotFoundError:
        raise BousaiError("nothing has been published", remedy="run: bousai publish") from None
    except (ValueError, KeyError, TypeError):
        raise BousaiError("the index of the public tree is damaged", remedy="run: bousai publish") from None
