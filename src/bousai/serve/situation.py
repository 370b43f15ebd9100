"""What the table and the clocks of the map page need: the situation in few bytes, and the moments worth looking at.

``/map/situation.json``: one row a municipality, from the layer `municipality_situation` at the asked times.
``/map/moments.json``: when something was issued, and when it was recorded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bousai import pipeline
from bousai.model import Status
from bousai.serve import documents, items, map_page, query
from bousai.serve.service import Service, service
from bousai.serve.snapshots import Snapshot
from bousai.vocab.japanese_time import local
from bousai.vocab.map_scale import order_rank, rank_of

LAYER = "municipality_situation"
_TIMES = frozenset({"datetime", "known-at", "status"})
_MOMENTS = 1500


def routes(service: Service) -> list[BaseRoute]:
    """The two addresses."""
    return [Route("/map/situation.json", _situation), Route("/map/moments.json", _moments)]


async def _situation(request: Request) -> Response:
    server = service(request)
    asked = query.only(request.query_params, _TIMES)
    snapshot = await items.picture(server, LAYER, asked, "actual")
    table = await server.slowly(_table, snapshot)
    if not asked.keys() & {"datetime", "known-at"}:
        feeds = await server.slowly(map_page.feeds_of, server, snapshot.status, LAYER)
        table = table[:-1] + b',"feeds":' + orjson.dumps(feeds) + b"}"
    return documents.respond(request, table, "application/json")


@lru_cache(maxsize=32)
def _table(snapshot: Snapshot) -> bytes:
    rows = [row(orjson.loads(text)["properties"]) for text in snapshot.features(range(len(snapshot)))]
    told = {
        name: snapshot.members[f"bousai:{name}"]
        for name in ("status", "valid_at", "known_at", "freshness", "credits")
    }
    return orjson.dumps({**told, "published_at": snapshot.members["timeStamp"], "rows": rows})


def row(said: Mapping[str, Any]) -> dict[str, Any]:
    """One municipality in few words. What nobody says anything of is absent: that is not 0, and not "nothing"."""
    damage = said.get("damage") or {}
    found = {
        "code": said["muni_code"],
        "name": said["name"],
        "pref": said["pref_name"],
        "ward": said["area_level"] == "ward" or None,
        "warning": _graded("warning", said["max_warning"]),
        "order": _gravest(said["orders"]),
        "orders": len(said["orders"]) or None,
        "tsunami": _graded("tsunami", next(iter(said["tsunami"]), None)),
        "intensity": said["max_intensity"],
        "intensity_rank": said["max_intensity_rank"],
        "shelters": _count(said["shelters_open"]),
        "evacuees": _count(said["evacuees"]),
        "dead": _count(damage.get("dead")),
        "missing": _count(damage.get("missing")),
        "outages": sorted({str(one["utility"]) for one in said["outages"] if one.get("utility")}) or None,
        "roads": _count(said["roads_closed"]),
        "as_of": {name: at for name, at in said["as_of"].items() if at is not None} or None,
        "conflicts": len(said["conflicts"]) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _some(value: Mapping[str, Any] | None, names: str) -> dict[str, Any] | None:
    return None if value is None else {name: value[name] for name in names.split() if value.get(name) is not None}


def _gravest(orders: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The gravest order; of equals the first, as the layer has them."""

    def rank(one: Mapping[str, Any]) -> int:
        return order_rank(one.get("order"), one.get("level"))

    gravest = max(orders, key=rank, default=None)
    some = _some(gravest, "order order_text level ordered_at issuer issued_at basis")
    return some and {**some, "rank": rank(some)}


def _graded(scale: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Some of a warning, and how grave it is on the scale in whose colours the map shows it."""
    some = _some(value, "phenomenon level grade kind_name issuer issued_at match")
    return some and {**some, "rank": rank_of(scale, some.get("grade"))}


def _count(count: Mapping[str, Any] | None) -> list[Any] | None:
    """A count as [value, state, qualifier], shorter where the rest is as usual: reported, exact."""
    if count is None:
        return None
    value, state, qualifier = count.get("value"), count.get("state"), count.get("qualifier")
    if value is None and state is None and not count.get("text"):
        return None
    usual = state in (None, "reported") and qualifier in (None, "exact")
    return [value] if usual else [value, state, qualifier]


async def _moments(request: Request) -> Response:
    server = service(request)
    asked = query.only(request.query_params, frozenset({"status"}))
    status = query.status(asked.get("status", "actual"))
    found = await server.slowly(lambda: _worth(server, status, server.snapshots.known(None)))
    return documents.json(request, found)


@lru_cache(maxsize=8)
def _worth(server: Service, status: Status, known: datetime) -> dict[str, Any]:
    """The minutes of issue and of recording, thinned evenly where there are very many; `known` is what they are as of
    and makes a new answer of the first question after something was recorded."""
    pairs = pipeline.moments(server.snapshots.house(), status)
    issued = sorted({one for one, _ in pairs if one <= datetime.now(UTC)})
    recorded = sorted({two for _, two in pairs})
    return {
        "issued": [local(one) for one in _thinned(issued)],
        "recorded": [local(one) for one in _thinned(recorded)],
        "thinned": len(issued) > _MOMENTS or len(recorded) > _MOMENTS,
        "as_of": local(known),
    }


def _thinned(times: Sequence[datetime]) -> list[datetime]:
    step = -(-len(times) // _MOMENTS) or 1
    kept = list(islice(times, 0, None, step))
    return kept if not times or kept[-1] == times[-1] else [*kept, times[-1]]
