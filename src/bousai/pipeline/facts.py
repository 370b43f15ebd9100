"""How long documents take from stage to stage: issued → seen → fetched → stored → published."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bousai import store
from bousai.pipeline.book import iso
from bousai.pipeline.house import House
from bousai.store import Way

STAGES = ("issued_seen", "seen_fetched", "fetched_stored", "stored_published")
"""The source issued it → its index, or it, was read → its bytes were here → its statements were → a layer with them
was."""

Times = Mapping[str, Sequence[float]]
"""Stage → seconds, sorted; no stage without a value."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The way of one document, and when a layer with its statements was first there for all (None: not yet)."""

    way: Way
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Over all feeds, a feed, and the documents of each feed, oldest first."""

    everywhere: Times
    by_feed: Mapping[str, Times]
    ways: Mapping[str, Sequence[Passage]]


def stage_times(house: House, since: datetime) -> StageTimes:
    """Of the documents whose statements were recorded since a time."""
    ways: dict[str, list[Passage]] = {}
    published = _Published(house, since)
    for way in store.ways(house.store, since):
        ways.setdefault(way.feed, []).append(Passage(way, published.first(way)))
    by_feed = {feed: _times(those) for feed, those in ways.items()}
    return StageTimes(_times([one for those in ways.values() for one in those]), by_feed, ways)


class _Published:
    """When each position of the change log was first in a layer of the public or the exercise tree."""

    def __init__(self, house: House, since: datetime) -> None:
        self._feeds = house.catalogue.feeds
        kinds = {layer.id: house.catalogue.kinds_behind(layer) for layer in house.catalogue.layers.values()}
        self._rows: dict[str, list[tuple[int, datetime]]] = {}
        for row in reversed(store.works(house.store, since=since, verb="publish")):
            tree, _, layer = row.subject.rpartition("/")
            if tree not in ("public", "exercise") or row.outcome == "failed" or row.position is None:
                continue
            at = row.started_at + timedelta(seconds=row.seconds)
            for kind in kinds.get(layer, ()):
                self._rows.setdefault(kind, []).append((row.position, at))
        for rows in self._rows.values():
            rows.sort()
            for n in range(len(rows) - 2, -1, -1):  # who comes later with more may have been there first
                rows[n] = (rows[n][0], min(rows[n][1], rows[n + 1][1]))

    def first(self, way: Way) -> datetime | None:
        feed = self._feeds.get(way.feed)
        found = []
        for kind in feed.kinds if feed else ():
            rows = self._rows.get(kind, [])
            n = bisect_left(rows, (way.position,))
            if n < len(rows):
                found.append(rows[n][1])
        return min(found, default=None)


def _times(those: Sequence[Passage]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in those:
        for stage, seconds in _seconds(one):
            found.setdefault(stage, []).append(seconds)
    return {stage: sorted(values) for stage, values in found.items()}


def _seconds(one: Passage) -> Iterator[tuple[str, float]]:
    way = one.way
    moments = (way.issued_at, way.seen_at, way.fetched_at, way.stored_at, one.published_at)
    for stage, before, after in zip(STAGES, moments, moments[1:], strict=False):
        if before is not None and after is not None:
            yield stage, max(0.0, (after - before).total_seconds())  # clocks of others may be ahead of ours


def told_stages(times: Times) -> dict[str, dict[str, float]]:
    """How many documents, median and 95th percentile (nearest rank), seconds; a stage without documents is left
    out."""
    return {
        stage: {"n": len(values), "p50": _rank(values, 0.5), "p95": _rank(values, 0.95)}
        for stage in STAGES
        if (values := times.get(stage))
    }


def _rank(values: Sequence[float], share: float) -> float:
    return round(values[max(0, math.ceil(share * len(values)) - 1)], 3)


def told_way(one: Passage) -> dict[str, Any]:
    """A document with its moments, ISO 8601, UTC."""
    way = one.way
    return {
        "name": way.name,
        "sha256": way.sha256,
        "issued_at": iso(way.issued_at),
        "seen_at": iso(way.seen_at),
        "fetched_at": iso(way.fetched_at),
        "stored_at": iso(way.stored_at),
        "published_at": iso(one.published_at),
    }
