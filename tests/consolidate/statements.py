"""Tables of statements made by hand, for the tests of what is consolidated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely

from bousai.model import RevisionTable, Sightings, Status
from bousai.vocab.count import Count, Qualifier, reported

AT = datetime(2026, 8, 1, tzinfo=UTC)
INCIDENT = "令和8年訓練地震"


def count(value: int, qualifier: Qualifier = "exact") -> Count:
    """A number."""
    return reported(value, qualifier)


def stated(muni_code: str | None, item_id: str = "", /, hours_ago: float = 1, **props: Any) -> dict[str, Any]:
    """One item; of `props`, those of a table begin with an underscore (``_source``, ``_issuer``, ``_geometry``)."""
    own = {name[1:]: props.pop(name) for name in list(props) if name.startswith("_")}
    at = AT - timedelta(hours=hours_ago)
    return {
        "item_id": item_id or muni_code or "x",
        "scope": own.get("scope", "s"),
        "muni_code": muni_code,
        "props": json.dumps(props, sort_keys=True),
        "geometry": None if "geometry" not in own else shapely.to_wkb(own["geometry"]),
        "source": own.get("source", "feed"),
        "issuer": own.get("issuer", "熊本県"),
        "issued_at": own.get("issued_at", at),
        "recorded_at": at,
        "bulletin_type": "X",
        "serial": None,
        "document": own.get("document", "report.pdf"),
        "position": own.get("position", "page 1"),
    }


def table(kind: str, rows: Iterable[Mapping[str, Any]], status: Status = "actual") -> RevisionTable:
    """A table of such items, by item id as the store gives them."""
    rows = sorted(rows, key=lambda row: row["item_id"])
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in stated("0")}
    revision = list(range(1, len(rows) + 1))
    return RevisionTable(kind=kind, status=status, valid_at=AT, known_at=AT, revision=revision, **columns)


def seen(rows: Iterable[Mapping[str, Any]] = ()) -> dict[str, Sightings]:
    """Municipalities that hold since long ago."""
    areas = table("municipality", rows)
    return {"municipality": Sightings(areas, [AT - timedelta(days=900)] * len(areas), [None] * len(areas))}
