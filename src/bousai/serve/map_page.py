"""The map page: the page itself, its scripts and styles, and what it has to know of the layers.

``/page/<version>/…`` are the files of the page, whose address changes with their content, so a browser keeps them for
ever and never mixes two versions. ``/map/layers.json`` is what the page needs of all layers at once,
``/map/fields/<layer>.json`` the titles of one layer's columns, ``/map/municipalities.json`` the names to search for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from bousai.catalogue import AtomSource
from bousai.errors import CatalogueError
from bousai.model import Field, ReleasedLayer, Status, freshness
from bousai.serve import documents, query
from bousai.serve.problem import Problem
from bousai.serve.service import Service, service
from bousai.serve.static import Folder
from bousai.vocab import rows
from bousai.vocab.map_scale import scales
from bousai.vocab.municipality import municipalities

_HERE = Path(__file__).parent
_PAGE = _HERE / "page"
_LASTING = "public, max-age=31536000, immutable"


def routes(service: Service) -> list[BaseRoute]:
    """Everything of the map page but the page itself, whose address (``/``) is shared with the landing page."""
    return [
        Route("/page/{version}/{path:path}", _Assets(), methods=["GET", "HEAD"]),
        Route("/map/layers.json", _layers),
        Route("/map/fields/{layer}.json", _fields),
        Route("/map/municipalities.json", _municipalities),
    ]


class _Assets:
    """The files of the page under the version that they have now; under another one there is nothing."""

    def __init__(self) -> None:
        self._files = Folder(_PAGE, cache=_LASTING, absent="load the page again: / has the addresses of its files")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path_params"]["version"] != version():
            raise Problem(404, "the page has changed since", remedy="load the page again")
        await self._files(scope, receive, send)


@cache
def version() -> str:
    """A name for the content of all files of the page."""
    digest = blake2b(digest_size=8)
    for path in sorted(_PAGE.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            digest.update(path.relative_to(_PAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def page(request: Request) -> Response:
    """The map page in HTML: of the exercises where the address ends in ``exercise/``, else of what is actual."""
    server = service(request)
    status: Status = "exercise" if request.url.path.rstrip("/").endswith("/exercise") else "actual"
    index = index_of(server, status)
    listed = _listed(server, status, index)
    return documents.html(
        request,
        "page.html",
        status=status,
        base="../" if status == "exercise" else "./",
        version=version(),
        groups=[(group, [one for one in listed if one["group"] == group["id"]]) for group in _groups()],
        published_at=index.get("timeStamp"),
        only_exercise=status == "actual" and not _any(index) and _any(index_of(server, "exercise")),
    )


def _status(request: Request) -> Status:
    asked = query.only(request.query_params, frozenset({"status"}))
    status = query.status(asked.get("status", "actual"))
    if status == "test":
        raise Problem(400, "status: tests have no map", remedy="one of: actual, exercise")
    return status


def _tree(server: Service, status: Status) -> Path:
    return server.settings.public / "exercise" if status == "exercise" else server.settings.public


def index_of(server: Service, status: Status) -> Mapping[str, Any]:
    """The index of a tree; empty where nothing was published yet."""
    path = _tree(server, status) / "index.json"
    try:
        found = path.stat()
    except FileNotFoundError:
        return {}
    return _read_index(path, (found.st_ino, found.st_mtime_ns))


@lru_cache(maxsize=8)
def _read_index(path: Path, signature: tuple[int, int]) -> Mapping[str, Any]:
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return found


def _any(index: Mapping[str, Any]) -> bool:
    """Whether a tree tells of anything."""
    return any(layer["features"] for layer in index.get("layers", ()))


@cache
def _groups() -> tuple[dict[str, str], ...]:
    return tuple(dict(row) for row in rows("map_group"))


def _listed(server: Service, status: Status, index: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers that have a place on the map page, in its order."""
    order = {group["id"]: rank for rank, group in enumerate(_groups())}
    standing = {layer["id"]: layer for layer in index.get("layers", ())}
    mark_ja, mark_en = ("【訓練】", "[EXERCISE] ") if status == "exercise" else ("", "")
    found = []
    for layer in server.catalogue.layers.values():
        if layer.map is None:
            continue
        released = server.snapshots.layer(layer.id)
        seen = {field.name for field in (*released.common, *released.fields)}
        published = standing.get(layer.id)
        tree = f"public/{'exercise/' if status == 'exercise' else ''}layers/{layer.id}"
        found.append(
            {
                "id": layer.id,
                "group": layer.map.group,
                "order": layer.map.order,
                "first": layer.map.first,
                "title": {
                    "ja": mark_ja + layer.title_ja,
                    "en": mark_en + layer.title_en,
                    "easy": mark_ja + (layer.map.easy or layer.title_ja),
                },
                "description": {"ja": layer.description_ja, "en": layer.description_en},
                "geometry": layer.geometry,
                "areas": layer.geometry_from,
                "scale": layer.map.scale if layer.map.colour_by in seen else None,
                "colour_by": layer.map.colour_by if layer.map.colour_by in seen else None,
                "or_by": layer.map.or_by if layer.map.or_by in seen else None,
                "label": layer.map.label if layer.map.label in seen else None,
                "where": {name: value for name, value in layer.map.where.items() if name in seen},
                "recent": layer.map.recent.model_dump() if layer.map.recent and layer.map.recent.by in seen else None,
                "count": None if published is None else published["features"],
                "bbox": None if published is None else published["bbox"],
                "version": None if published is None else published["version"],
                "published_at": None if published is None else published["published_at"],
                "feeds": [] if published is None else [source["feed"] for source in published["freshness"]],
                "file": None if published is None else f"{tree}/latest.geojson",
                "bytes": None if published is None else _size(_tree(server, status), layer.id),
                "tiles": f"{tree}/tiles/latest.pmtiles" if published is not None and "tiles" in published else None,
                "items": f"{'exercise/' if status == 'exercise' else ''}collections/{layer.id}/items",
            }
        )
    return sorted(found, key=lambda one: (order[one["group"]], one["order"]))


def _size(root: Path, layer_id: str) -> int | None:
    """How many bytes the whole layer takes on the wire."""
    try:
        return (root / "layers" / layer_id / "latest.geojson.gz").stat().st_size
    except FileNotFoundError:
        return None


async def _layers(request: Request) -> Response:
    server = service(request)
    status = _status(request)
    return documents.json(request, await server.slowly(_all_layers, server, status))


def _all_layers(server: Service, status: Status) -> dict[str, Any]:
    index = index_of(server, status)
    now = datetime.now(UTC)
    listed = _listed(server, status, index)
    used = {one["scale"] for one in listed} - {None}
    return {
        "now": now.astimezone().isoformat(timespec="seconds"),
        "status": status,
        "published_at": index.get("timeStamp"),
        "exercise": _any(index_of(server, "exercise")),
        "empty": not _any(index),
        "groups": _groups(),
        "scales": {name: [step._asdict() for step in steps] for name, steps in scales().items() if name in used},
        "feeds": _feeds(server, index.get("layers", ()), now),
        "layers": listed,
    }


def feeds_of(server: Service, status: Status, layer_id: str) -> dict[str, dict[str, Any]]:
    """The sources of one layer by feed, judged as of now."""
    layers = [layer for layer in index_of(server, status).get("layers", ()) if layer["id"] == layer_id]
    return _feeds(server, layers, datetime.now(UTC))


def _feeds(server: Service, layers: Iterable[Mapping[str, Any]], now: datetime) -> dict[str, dict[str, Any]]:
    """The sources by feed, judged as of now: a tree that nobody renews grows late by itself."""
    found: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for source in layer["freshness"]:
            if source["feed"] not in found:
                found[source["feed"]] = _feed(server, source, now)
    return found


def _feed(server: Service, source: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    told = {
        "ja": source["feed"],
        "en": source["feed"],
        "publisher": None,
        **{name: source[name] for name in ("state", "reason", "last_content_at", "last_fetch_at")},
        **{name: source[name] for name in ("credit", "licence", "licence_url")},
    }
    feed = server.catalogue.feeds.get(source["feed"])
    if feed is None:  # the tree was published with another catalogue
        return told
    judged = freshness(
        feed.id,
        now=now,
        every=feed.every,
        late_after=feed.late_after,
        dead_after=feed.dead_after,
        last_contact_at=_moment(source["last_fetch_at"]),
        last_content_at=_moment(source["last_content_at"]),
        last_error=None,
        held=source["reason"] if source["state"] == "held" else None,
        credit=feed.credit,
        licence=feed.licence,
        licence_url=feed.licence_url,
        disabled=source["reason"] if source["state"] == "paused" else None,
        source_made_at=_moment(source.get("source_made_at")),
        alive_within=feed.source.alive_within if isinstance(feed.source, AtomSource) else None,
        content_within=feed.content_within,
    )
    told |= {"ja": feed.title_ja, "en": feed.title_en, "publisher": feed.publisher}
    return told if judged.state == source["state"] else told | {"state": judged.state, "reason": judged.reason}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


async def _fields(request: Request) -> Response:
    _status(request)
    try:
        layer = service(request).snapshots.layer(request.path_params["layer"])
    except CatalogueError as error:
        raise Problem(404, error.cause, remedy="see /map/layers.json for the layers") from None
    return documents.json(request, fields_of(layer))


def fields_of(layer: ReleasedLayer) -> list[dict[str, Any]]:
    """Name, type, titles and unit of every column that the public may see."""
    return [_field(field) for field in (*layer.common, *layer.fields)]


def _field(field: Field) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(field, name) for name in ("name", "type", "ja", "en", "unit")}
    return told | ({"parts": [_field(part) for part in field.parts]} if field.parts else {})


async def _municipalities(request: Request) -> Response:
    server = service(request)
    status = _status(request)
    return documents.json(request, await server.slowly(_names, server, status))


def _names(server: Service, status: Status) -> list[list[Any]]:
    """Code, prefecture, name, and in how many layers it has something now; for every municipality of today."""
    index = index_of(server, status)
    root = _tree(server, status)
    told = _told(root, tuple(layer["id"] for layer in index.get("layers", ())), index.get("timeStamp"))
    return [
        [one.code, one.pref, one.name, told.get(one.code, 0)]
        for one in municipalities().values()
        if one.valid_to is None
    ]


@lru_cache(maxsize=4)
def _told(root: Path, layer_ids: tuple[str, ...], at: str | None) -> Mapping[str, int]:
    """In how many layers each municipality has something."""
    found: dict[str, int] = {}
    for layer_id in layer_ids:
        if layer_id == "municipality":
            continue
        try:
            names = os.listdir(root / "layers" / layer_id / "by-muni")
        except FileNotFoundError:
            continue
        for name in names:
            if re.fullmatch(r"\d{5}\.geojson", name):
                found[name[:5]] = found.get(name[:5], 0) + 1
    return found
