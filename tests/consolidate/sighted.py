"""All that real lists of shelters ever stated, read by the feeds' own parsers and cleaned as always, without a
store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from bousai import catalogue, normalise, pipeline, settings
from bousai.model import Bulletin, Item, RawDocument, RevisionTable, Sightings

T0 = datetime(2027, 1, 1, tzinfo=UTC)
FILES = (
    ("gsi_shelter", "gsi-shelters/csv/*.csv"),
    ("gsi_shelter", "gsi-shelters/geojson/evacuation/[0-9]*[0-9].json"),
    ("gsi_shelter", "municipal-shelters/kumamoto-2026/kumamoto-designated-shelters-*.geojson"),
    ("gsi_evacuation_site", "gsi-shelters/geojson/emergency/*.json"),
    ("ishikawa_evacuation_site", "municipal-shelters/170003_evacuation_space.csv"),
    ("kumamoto_shelter_portal", "municipal-shelters/kumamoto-2026/kumamoto-open-shelters-*.json"),
    ("kumamoto_open_shelter_archive", "municipal-shelters/kumamoto-2026/latest_open.csv"),
    ("kumamoto_evacuee_archive", "municipal-shelters/kumamoto-2026/municipal_evacuees_all_observations.csv"),
    ("nanao_shelter_status", "shelter-status-nanao/open_shelter_*"),
)
"""Feeds and their files, below the folder of real files."""


def table(kind: str, rows: Iterable[tuple[str, Item]]) -> Sightings:
    """Items of one kind, each with its feed, as the store gives what it has ever seen."""
    found = sorted(rows, key=lambda row: row[1].item_id)
    n = len(found)
    made = RevisionTable(
        kind=kind,
        status="actual",
        valid_at=T0,
        known_at=T0,
        revision=range(1, n + 1),
        item_id=[item.item_id for _, item in found],
        scope=[feed for feed, _ in found],
        muni_code=[item.muni_code for _, item in found],
        props=[orjson.dumps(item.props, option=orjson.OPT_SORT_KEYS).decode() for _, item in found],
        geometry=[item.geometry for _, item in found],
        source=[feed for feed, _ in found],
        issuer=["issuer"] * n,
        issued_at=[T0] * n,
        recorded_at=[T0] * n,
        bulletin_type=["list"] * n,
        serial=[None] * n,
    )
    return Sightings(made, [T0] * n, [None] * n)


def _bulletins(folder: Path, feed_id: str, pattern: str) -> Iterator[Bulletin]:
    feed = _catalogue().feeds[feed_id]
    for path in sorted(folder.glob(pattern)):
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        raw = RawDocument(digest, feed.id, f"file:{path.name}", path.name, T0, len(body), "actual", dated_at=T0)
        for found in pipeline.parsed(feed, path.name, body):
            if isinstance(found, Bulletin):
                yield normalise.normalise(found, raw)[0]


@cache
def _catalogue() -> Any:
    return catalogue.load(settings.load({}).config)


def sighted(folder: Path, files: Iterable[tuple[str, str]] = FILES) -> dict[str, Sightings]:
    """The last that each entry of these files stated, by kind."""
    last: dict[str, dict[str, tuple[str, Item]]] = {}
    for feed_id, pattern in files:
        bulletins = sorted(_bulletins(folder, feed_id, pattern), key=lambda one: one.issued_at or T0)
        for bulletin in bulletins:
            for item in bulletin.items.rows():
                last.setdefault(bulletin.kind, {})[item.item_id] = (feed_id, item)
    return {kind: table(kind, rows.values()) for kind, rows in last.items()}
