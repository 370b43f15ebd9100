"""`/collections/{layer}/items`: pages of features, and one feature (OGC API – Features, GeoJSON).

A page is cut out of a snapshot. Its `next` link has a cursor that names the snapshot and the place in it, so a reader
who follows it sees one picture to its end, whatever is published meanwhile, from whichever worker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bousai import __version__
from bousai.errors import CatalogueError
from bousai.model import EVERYWHERE, Region, Status
from bousai.serve import crs, documents, filters, pages, query
from bousai.serve.problem import Problem
from bousai.serve.service import Service, service
from bousai.serve.snapshots import Asked, Box, Rows, Snapshot
from bousai.vocab.municipality import municipalities
from bousai.vocab.tsunami_coast import coasts_of

GEOJSON = "application/geo+json"
_PICTURE = frozenset({"crs", "datetime", "f", "known-at", "status"})
_PAGE = {"bbox", "bbox-crs", "cursor", "filter", "filter-crs", "filter-lang", "limit", "muni", "properties"}
ITEMS = _PICTURE | _PAGE | {"skip-geometry"}
_STEP = timedelta(seconds=10)
Shown = Callable[[Snapshot], Snapshot]
"""How a root of the API shows a snapshot."""


def as_it_is(snapshot: Snapshot) -> Snapshot:
    """What is shown is what there is."""
    return snapshot


@dataclass(frozen=True, slots=True)
class Page:
    """One page: the rows of it, of how many that match, and where the next one begins (None: this is the last)."""

    snapshot: Snapshot
    rows: Rows
    matched: int
    after: query.Cursor | None


def routes(prefix: str, status: Status, shown: Shown = as_it_is) -> list[BaseRoute]:
    """The addresses of items below `prefix`; `status` is what they are of where a request does not say."""

    async def many(request: Request) -> Response:
        found = await page(request, status, shown)
        if documents.wanted(request) == "html":
            return pages.items(request, found, prefix)
        return _items(request, found)

    async def one(request: Request) -> Response:
        snapshot, row = await feature(request, status, shown)
        if documents.wanted(request) == "html":
            return pages.item(request, snapshot, row, prefix)
        return _item(request, snapshot, row)

    return [
        Route(f"{prefix}/collections/{{layer}}/items", many),
        Route(f"{prefix}/collections/{{layer}}/items/{{feature:path}}", one),
    ]


async def picture(
    server: Service, layer_id: str, asked: Mapping[str, str], status: Status, region: Region = EVERYWHERE
) -> Snapshot:
    """The picture that the parameters `datetime` and `known-at` ask for; without them, the one that is published.

    A region says that no more than it is wanted; there may be more.
    """
    try:
        server.catalogue.layer(layer_id)
    except CatalogueError as error:
        raise Problem(404, error.cause, remedy="see /collections") from None
    status = query.status(asked["status"]) if "status" in asked else status
    snapshots = server.snapshots
    if not asked.keys() & {"datetime", "known-at"} and status != "test":
        standing = await server.slowly(snapshots.published, layer_id, status)
        if standing is not None:
            return standing
    now = datetime.now(UTC)
    until_now = query.Period(None, now - (now - datetime.min.replace(tzinfo=UTC)) % _STEP)
    when = query.period(asked["datetime"]) if "datetime" in asked else until_now
    known = query.known_at(asked["known-at"], now) if "known-at" in asked else None
    valid_at = when.until or until_now.until
    assert valid_at is not None

    def ask() -> Snapshot:
        return snapshots.as_asked(
            Asked(
                layer_id,
                status,
                valid_at,
                snapshots.known(known),
                when.since,
                region,
                snapshots.edition(layer_id),
            )
        )

    return await server.pictures.do(ask, (layer_id, status, valid_at, known, when.since, region))


async def picture_of(
    server: Service, layer_id: str, feature_id: str, asked: Mapping[str, str], status: Status
) -> tuple[Snapshot, int | None]:
    """The picture that `picture` means, or a part of it, and the row of a feature; None where it is not there."""
    if asked.keys() & {"datetime", "known-at"}:
        # Where it is now it mostly was then, and that part of the picture is soon made.
        now = await server.slowly(server.snapshots.published, layer_id, status)
        row = None if now is None else await server.slowly(now.row_of, feature_id)
        code = None if now is None or row is None else now.muni_of(row)
        if code is not None:
            part = await picture(server, layer_id, asked, status, Region(munis=frozenset([code])))
            row = await server.slowly(part.row_of, feature_id)
            if row is not None:
                return part, row
    snapshot = await picture(server, layer_id, asked, status)
    return snapshot, await server.slowly(snapshot.row_of, feature_id)


def _box(asked: Mapping[str, str]) -> Box:
    system = crs.known("bbox-crs", asked["bbox-crs"]) if "bbox-crs" in asked else crs.CRS84
    return query.degrees("bbox", crs.box_to_crs84(query.box("bbox", asked["bbox"]), system))


_CELL = 0.5
"""Degrees to which the box of a region is widened, so that a map that is moved a little asks for what there is."""


def _region(asked: Mapping[str, str]) -> Region:
    """The region to which a page is bound anyway."""
    if "muni" in asked:
        return Region(munis=frozenset(code for one in query.munis(asked["muni"]) for code in _codes(one)))
    if "bbox" not in asked:
        return EVERYWHERE
    west, south, east, north = _box(asked)
    if west > east:
        return EVERYWHERE
    low, high = (
        [_CELL * edge(n / _CELL) for n in pair]
        for edge, pair in ((math.floor, (west, south)), (math.ceil, (east, north)))
    )
    return Region(box=(low[0], low[1], high[0], high[1]))


def _codes(code: str) -> Iterable[str]:
    return [code] if len(code) == 5 else (f"{code}{n:03d}" for n in range(1000))


def _in_munis(snapshot: Snapshot, codes: Sequence[str]) -> Rows:
    """The rows of municipalities. Of coast sections (津波予報区), which have no code of one, those on which one of
    them lies or, where that is not known, that its prefecture has: a warning left out could cost lives."""
    rows = snapshot.in_munis(codes)
    if snapshot.layer.geometry_by is None:
        return rows
    every = [one for one in municipalities() if one in codes or one[:2] in codes]
    coasts = {coast for one in every for coast in coasts_of(one)}
    texts = enumerate(snapshot.features(range(len(snapshot))))
    more = [row for row, text in texts if orjson.loads(text)["properties"][snapshot.layer.geometry_by] in coasts]
    return np.union1d(rows, np.array(more, dtype=np.int64))


def _select(server: Service, snapshot: Snapshot, asked: Mapping[str, str]) -> Rows:
    found: list[Rows] = []
    if "bbox" in asked:
        found.append(snapshot.in_box(_box(asked)))
    if "filter" in asked:
        language = query.language(asked.get("filter-lang", filters.LANGUAGES[0]), filters.LANGUAGES)
        system = crs.known("filter-crs", asked["filter-crs"]) if "filter-crs" in asked else crs.CRS84
        found.append(filters.rows(snapshot, server.indexes.of(snapshot), asked["filter"], language, system))
    if "muni" in asked:
        found.append(_in_munis(snapshot, query.munis(asked["muni"])))
    rows = found.pop() if found else snapshot.every()
    for more in found:
        rows = np.intersect1d(rows, more, assume_unique=True)
    return rows


async def _shown(server: Service, snapshot: Snapshot, shown: Shown) -> Snapshot:
    if shown is as_it_is:
        return snapshot
    return await server.pictures.do(lambda: shown(snapshot), (shown, snapshot.key))


async def page(request: Request, status: Status, shown: Shown = as_it_is) -> Page:
    """The page that a request asks for. Raises `Problem`."""
    server = service(request)
    asked = query.only(request.query_params, ITEMS)
    limit = query.limit(asked["limit"]) if "limit" in asked else query.LIMIT
    layer_id = request.path_params["layer"]
    begin = 0
    if "cursor" in asked:
        cursor = query.cursor(asked["cursor"])
        begin = cursor.position
        if query.status(asked.get("status", status)) != cursor.picture.partition(".")[0]:
            raise Problem(
                400,
                "cursor: it is of another status than what is asked for here",
                remedy="follow the next links as they are, or begin without a cursor",
                parameter="cursor",
            )
        snapshot = await server.slowly(server.snapshots.again, cursor.picture, layer_id)
        if snapshot is None:
            raise Problem(410, "cursor: that picture is no longer kept", remedy="begin again without a cursor")
    else:
        snapshot = await picture(server, layer_id, asked, status, _region(asked))
    kept, snapshot = snapshot, await _shown(server, snapshot, shown)
    desk = server.filters if "filter" in asked else server.quick
    rows = await desk.do(lambda: _select(server, snapshot, asked))
    end = begin + limit
    after = None
    if end < len(rows):
        await server.slowly(server.snapshots.keep, kept)
        after = query.Cursor(kept.key, end)
    return Page(snapshot, rows[begin:end], len(rows), after)


def _items(request: Request, found: Page) -> Response:
    snapshot = found.snapshot
    headers = _headers(request, snapshot)
    if documents.has(request, headers["ETag"]):
        return Response(None, 304, headers)
    links = _links(request, found.after)
    said = {
        **snapshot.members,
        "numberMatched": found.matched,
        "numberReturned": len(found.rows),
        "links": links,
    }
    headers["Link"] = ", ".join(f'<{one["href"]}>; rel="{one["rel"]}"' for one in links)
    return Response(_collection(said, _texts(request, snapshot, found.rows)), 200, headers, GEOJSON)


def _collection(said: Mapping[str, Any], texts: bytes) -> bytes:
    return orjson.dumps(said)[:-1] + b',"features":[\n' + texts + b"\n]}\n"


def _texts(request: Request, snapshot: Snapshot, rows: Rows) -> bytes:
    asked = request.query_params
    names = asked["properties"].split(",") if "properties" in asked else None
    bare = query.flag("skip-geometry", asked["skip-geometry"]) if "skip-geometry" in asked else False
    system = _system(request)
    if names is None and not bare and system == crs.CRS84:
        return snapshot.texts(rows)
    known = {field.name for field in (*snapshot.layer.common, *snapshot.layer.fields)}
    for name in names or ():
        if name not in known:
            raise Problem(
                400,
                f"properties: no property {name!r}",
                remedy=f"one of: {', '.join(sorted(known))}",
                parameter="properties",
            )
    lean = (_lean(text, names, bare) for text in snapshot.features(rows.tolist()))
    return b",\n".join(lean if system == crs.CRS84 else crs.transform(lean, system))


def _system(request: Request) -> str:
    return crs.known("crs", request.query_params["crs"]) if "crs" in request.query_params else crs.CRS84


def _lean(text: bytes, names: Sequence[str] | None, bare: bool) -> bytes:
    feature = orjson.loads(text)
    if names is not None:
        feature["properties"] = {name: feature["properties"].get(name) for name in names}
    if bare:
        feature["geometry"] = None
    return orjson.dumps(feature)


async def feature(request: Request, status: Status, shown: Shown = as_it_is) -> tuple[Snapshot, int]:
    """The feature that a request asks for: its snapshot and its row. Raises `Problem`."""
    server = service(request)
    asked = query.only(request.query_params, _PICTURE)
    layer_id, feature_id = request.path_params["layer"], request.path_params["feature"]
    snapshot, row = await picture_of(server, layer_id, feature_id, asked, status)
    if row is not None:
        snapshot = await _shown(server, snapshot, shown)
        row = await server.slowly(snapshot.row_of, feature_id)
    if row is None:
        raise no_feature(snapshot, feature_id)
    return snapshot, row


def _item(request: Request, snapshot: Snapshot, row: int) -> Response:
    headers = _headers(request, snapshot)
    if documents.has(request, headers["ETag"]):
        return Response(None, 304, headers)
    told = {name: value for name, value in snapshot.members.items() if name not in ("type", "title", "title_en")}
    said = {**told, "links": _links(request, None)}
    text = snapshot.feature(row)
    if _system(request) != crs.CRS84:
        (text,) = crs.transform([text], _system(request))
    body = text[:-1] + b"," + orjson.dumps(said)[1:]
    return Response(body, 200, headers, GEOJSON)


def no_feature(snapshot: Snapshot, feature_id: str) -> Problem:
    """There is none of this id in a picture."""
    cause = f"no feature {feature_id[:200]!r} in {snapshot.layer.id} at {snapshot.members['bousai:valid_at']}"
    return Problem(404, cause, remedy="it may have ended, or not begun: ask with datetime=")


def _headers(request: Request, snapshot: Snapshot) -> dict[str, str]:
    # The key is of the content, the rest of how it is shown: when it was put together stands in the answer too.
    asked = f"{__version__} {snapshot.key} {snapshot.members['timeStamp']} {request.url}".encode()
    return {
        "ETag": f'"{blake2b(asked, digest_size=12).hexdigest()}"',
        "Last-Modified": format_datetime(snapshot.published_at.astimezone(UTC), usegmt=True),
        "Cache-Control": "no-cache",
        "Vary": "Accept",
        "Content-Crs": f"<{_system(request)}>",
    }


def _links(request: Request, after: query.Cursor | None) -> list[dict[str, str]]:
    server = service(request)
    here = f"{server.base(request)}{quote(request.url.path)}"
    asked = dict(request.query_params)

    def link(rel: str, kind: str, title: str, **more: str) -> dict[str, str]:
        words = urlencode({**{k: v for k, v in asked.items() if k != "f"}, **more})
        return {"rel": rel, "type": kind, "title": title, "href": f"{here}?{words}" if words else here}

    links = [link("self", GEOJSON, "This document"), link("alternate", "text/html", "As a page", f="html")]
    if after is not None:
        links.append(link("next", GEOJSON, "The next page", cursor=after.text()))
    return [
        *links,
        {
            "rel": "collection",
            "type": "application/json",
            "title": "The layer",
            "href": f"{here.partition('/items')[0]}",
        },
    ]
