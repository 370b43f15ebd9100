"""Questions to what is kept: histories, traces, outcomes, issues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from bousai import archive, store
from bousai.errors import UsageError
from bousai.model import (
    Layer,
    Status,
    Visibility,
)
from bousai.pipeline.freshness import several
from bousai.pipeline.house import House, opened
from bousai.pipeline.picture import items_of
from bousai.pipeline.register import bring_up_to_date
from bousai.settings import Settings


def history(
    kind: str, item_id: str, settings: Settings | None = None, *, tier: Visibility = "public"
) -> list[dict[str, Any]]:
    """Every revision of one thing that a reader of `tier` may see, in the order in which we learned of them."""
    with opened(settings) as house:
        return store.history(house.store, kind, item_id, tier)


def trace(
    reference: str,
    settings: Settings | None = None,
    *,
    valid_at: datetime | None = None,
    known_at: datetime | None = None,
    status: Status = "actual",
    tier: Visibility = "public",
) -> dict[str, Any]:
    """From a value that a reader of `tier` may see to the archived bytes.

    `reference` is ``<layer>/<feature id>``, optionally ``#<field>``, or the number of a revision. The answer
    holds each revision that makes the value at `valid_at` as known at `known_at` (both default now), its document,
    the address it came from, the position in it, the path of the bytes and that their SHA-256 was checked just now.
    """
    with opened(settings) as house:
        path, _, name = reference.partition("#")
        if path.isascii() and path.isdigit():
            one = store.trace(house.store, int(path), tier)
            found = [] if one is None else [one]
        else:
            layer_id, _, item_id = path.partition("/")
            layer = house.catalogue.layer(layer_id)
            bring_up_to_date(house, [layer], known_at)
            if name and name not in {f.name for f in layer.fields}:
                raise UsageError(f"layer {layer_id} has no field {name!r}")
            at = valid_at or house.now()
            if layer.inputs:
                found = _behind(house, layer, item_id, name, status, at, known_at, tier)
            else:
                every = [
                    revision
                    for revision in store.history(house.store, layer.kind, item_id, tier)
                    if known_at is None or revision["known_from"] <= known_at
                ]
                found = [
                    revision for revision in every if _held(revision, at, known_at) and name in revision["props"]
                ]
                # What has ended is still traceable: the last thing that was true.
                found = found or (every[-1:] if valid_at is None else [])
        if not found:
            raise UsageError(f"nothing is known as {reference!r}", remedy="see: bousai history KIND ITEM")
        revisions = []
        for revision in found:
            size = archive.verify(house.settings.archive, revision["sha256"])
            path_of = archive.path_of(house.settings.archive, revision["sha256"])
            revisions.append({**revision, "bytes": size, "archived_at": path_of, "verified": True})
        return {"reference": reference, "field": name or None, "revisions": revisions}


_STATED_SINCE = datetime(1950, 1, 1, tzinfo=UTC)
"""What is true of all times (who is whom) is said as of 1900."""


def moments(house: House, status: Status) -> list[tuple[datetime, datetime]]:
    """When something public was issued, and when it was recorded here: pairs of minutes, in order of issue."""
    return store.moments(house.store, status, _STATED_SINCE)


def revisions_of(
    house: House, kind: str, item_id: str, *, valid_at: datetime, known_at: datetime, status: Status
) -> list[dict[str, Any]]:
    """The revisions that say what an item is at a time, as known at another and as the public may see them."""
    every = store.history(house.store, kind, item_id, "public")
    return [
        one
        for one in every
        if one["status"] == status and one["known_from"] <= known_at and _held(one, valid_at, known_at)
    ]


def revisions_numbered(house: House, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Revisions by their numbers, those that the public may see."""
    found = (store.trace(house.store, number, "public") for number in dict.fromkeys(numbers))
    return [one for one in found if one is not None]


def _held(revision: Mapping[str, Any], at: datetime, known_at: datetime | None) -> bool:
    """Whether a revision (`store.history`) held at a time, by what was known then (None: now)."""

    def known(when: datetime | None) -> bool:
        return when is not None and (known_at is None or when <= known_at)

    ended = revision["valid_to"] if revision["end_known_from"] is None or known(revision["end_known_from"]) else None
    return not known(revision["known_to"]) and revision["valid_from"] <= at and (ended is None or ended > at)


def _behind(
    house: House,
    layer: Layer,
    item_id: str,
    field: str,
    status: Status,
    valid_at: datetime,
    known_at: datetime | None,
    tier: Visibility,
) -> list[dict[str, Any]]:
    """The revisions that an item of a consolidated layer rests upon: all, or those of one field."""
    table = items_of(house, layer, status, valid_at, known_at, tier)
    said = (table.props[n] for n, one in enumerate(table.item_id) if one == item_id)
    sources = [source for props in said for source in orjson.loads(props).get("sources", [])]
    wanted = [source["revision"] for source in sources if not field or field in source.get("attributes", [])]
    found = (store.trace(house.store, revision, tier) for revision in dict.fromkeys(wanted))
    return [one for one in found if one is not None]


def outcomes(settings: Settings | None = None) -> list[dict[str, str | None]]:
    """What became of every document of every feed, in the order in which they came: feed, name, url, sha256, outcome,
    and why (the cause of a refusal, else the open issues in one line)."""
    with opened(settings) as house:
        noticed: dict[tuple[str, str], list[str]] = {}
        for issue in store.open_issues(house.store):
            if issue["sha256"] is not None:
                noticed.setdefault((issue["feed"], issue["sha256"]), []).append(issue["cause"])
        return [
            {
                "feed": feed_id,
                "name": document.raw.name,
                "url": document.raw.url,
                "sha256": document.raw.sha256,
                "outcome": document.outcome,
                "why": document.cause or several(noticed.get((feed_id, document.raw.sha256), [])),
            }
            for feed_id in house.catalogue.feeds
            for document in store.documents(house.store, feed_id)
        ]


def open_issues(feed: str | None = None, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Open issues with cause, remedy and the layers that are stale because of them."""
    with opened(settings) as house:
        if feed is not None:
            house.catalogue.feed(feed)
        return store.open_issues(house.store, feed)
