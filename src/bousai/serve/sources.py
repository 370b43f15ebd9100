"""`/collections/{layer}/items/{feature}/sources`: the documents that a feature rests upon, down to the bytes'
SHA-256.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bousai import pipeline
from bousai.model import Status
from bousai.serve import documents, items, query
from bousai.serve.service import Service, service
from bousai.serve.snapshots import Snapshot
from bousai.vocab.japanese_time import local

_KNOWN = frozenset(["datetime", "f", "known-at", "status"])
_SECOND = timedelta(seconds=1)  # the times that a collection says have whole seconds


def routes(prefix: str, status: Status) -> list[BaseRoute]:
    """The one address; before that of items, whose ids may have slashes."""

    async def sources(request: Request) -> Response:
        return await _sources(request, prefix, status)

    return [Route(f"{prefix}/collections/{{layer}}/items/{{feature:path}}/sources", sources)]


async def _sources(request: Request, prefix: str, status: Status) -> Response:
    server = service(request)
    asked = query.only(request.query_params, _KNOWN)
    layer_id, feature_id = request.path_params["layer"], request.path_params["feature"]
    snapshot, row = await items.picture_of(server, layer_id, feature_id, asked, status)
    if row is None:
        raise items.no_feature(snapshot, feature_id)
    found = await server.slowly(_found, server, snapshot, feature_id, row)
    body = {"layer": layer_id, "id": feature_id, "status": snapshot.status, "sources": found}
    if documents.wanted(request) == "html":
        return documents.html(request, "sources.html", base=f"{server.base(request)}{prefix}", **body)
    return documents.json(request, body)


def _found(server: Service, snapshot: Snapshot, feature_id: str, row: int) -> list[dict[str, Any]]:
    properties = orjson.loads(snapshot.feature(row))["properties"]
    named, members = properties.get("sources"), properties.get("members")
    house = server.snapshots.house()
    # What is put together says what of: by revisions, or (the register of shelters) by the places that are one.
    if isinstance(named, list):
        numbers = [one["revision"] for one in named if "revision" in one]
        return [_told(one) for one in pipeline.revisions_numbered(house, numbers)]
    stated = [(snapshot.layer.kind, feature_id)]
    if snapshot.layer.kind == "shelter_register" and isinstance(members, list):
        stated = [(one["kind"], one["item_id"]) for one in members]
    known_at = snapshot.known_at + _SECOND
    return [
        _told(one)
        for kind, item_id in stated
        for one in pipeline.revisions_of(
            house, kind, item_id, valid_at=snapshot.valid_at, known_at=known_at, status=snapshot.status
        )
    ]


def _told(revision: dict[str, Any]) -> dict[str, Any]:
    """What is shown of a revision. An address that no browser should follow (a file, an exercise) is text, no
    link.
    """
    url = revision["url"]
    return {
        "feed": revision["feed"],
        "issuer": revision["issuer"],
        "issued_at": local(revision["issued_at"]),
        "fetched_at": local(revision["fetched_at"]),
        "recorded_at": local(revision["known_from"]),
        "name": revision["name"],
        "url": url if url.startswith(("https://", "http://")) else None,
        "address": url,
        "sha256": revision["sha256"],
        "position": revision["position"],
        "bulletin_type": revision["bulletin_type"],
        "serial": revision["serial"],
        "parser": f"{revision['parser']} {revision['parser_version']}",
        "revision": revision["revision"],
    }
