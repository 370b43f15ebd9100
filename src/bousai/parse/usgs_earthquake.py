"""Earthquakes of the world as the U.S. Geological Survey lists them: GeoJSON summary feeds.

Source: earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php. Scope ``usgs/world_event``, not complete: an event that
leaves the list has grown older than its period, nothing more. The time of the statement is that of the list
(metadata.generated).

Oddities
* Times are milliseconds since 1970; magnitudes and depths can be negative; coordinates are longitude, latitude, depth
  in kilometres.
* ``tsunami`` is 1 for large events in oceanic regions: it says that information may exist, not that there is a
  warning.
* ``ids`` lists every network's id of the event, framed by commas.
* ``alert`` is PAGER's estimate of losses, not a warning.

Known gaps:
* an event whose preferred id changes is shown under both ids until the older one leaves the list
* events that USGS has deleted are closed only where the list says status deleted
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import shapely

from bousai.errors import ParseError
from bousai.formats import geojson, json_rows, unread
from bousai.model import Bulletin, Issue, Item, table_of

VERSION = "1"
_READ = (
    "mag",
    "place",
    "time",
    "updated",
    "url",
    "felt",
    "cdi",
    "mmi",
    "alert",
    "status",
    "tsunami",
    "sig",
    "ids",
    "magType",
    "type",
    "title",
)
# detail: the address of more; tz: deprecated, always null today; the others tell how the solution was made
_PASSED_OVER = ("detail", "tz", "net", "code", "sources", "types", "nst", "dmin", "rms", "gap")


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One statement. Raises `ParseError`: those of `geojson.read`, and ``no_time``."""
    features = geojson.read(body)
    document = json_rows.load(body)
    metadata = document.get("metadata")
    generated = _instant(metadata.get("generated") if isinstance(metadata, dict) else None)
    if generated is None:
        raise ParseError(
            "metadata.generated is no time", code="no_time", remedy="check the address that the feed reads"
        )
    issues: list[Issue] = []
    items: dict[str, Item] = {}
    names: dict[str, None] = {}
    for number, (props, wkb) in enumerate(zip(features.properties, features.geometry, strict=True)):
        position = f"features[{number}]"
        names |= dict.fromkeys(props)
        event_id = document["features"][number].get("id")
        occurred = _instant(props.get("time"))
        if not isinstance(event_id, str) or not event_id or occurred is None:
            cause = f"{position} has no id or no time"
            issues.append(Issue("no_event_id", cause, "see the list; the event is held back", "warning", position))
            continue
        items[event_id] = _item(event_id, occurred, props, wkb, position)
    yield Bulletin(
        kind="world_event",
        scope="usgs/world_event",
        issued_at=generated,
        status="actual",
        items=table_of(items.values()),
        issuer="U.S. Geological Survey",
        complete=False,
        bulletin_type="usgs_summary",
    )
    yield from issues
    yield from unread.columns(names, (*_READ, *_PASSED_OVER), "an event")


def _item(event_id: str, occurred: datetime, props: dict[str, Any], wkb: bytes | None, position: str) -> Item:
    point = None if wkb is None else shapely.from_wkb(wkb)
    updated = _instant(props.get("updated"))
    kind = props.get("type")
    return Item(
        f"usgs/{event_id}",
        {
            "event_type": "earthquake" if kind == "earthquake" else "other",
            "event_type_text": kind,
            "title": props.get("title"),
            "place": props.get("place"),
            "occurred_at": occurred.isoformat(),
            "ended_at": None,
            "updated_at": None if updated is None else updated.isoformat(),
            "magnitude": _number(props.get("mag")),
            "magnitude_type": props.get("magType"),
            "depth_km": float(shapely.get_z(point)) if point is not None and shapely.has_z(point) else None,
            "alert_level": props.get("alert"),
            "severity_text": None,
            "population_text": None,
            "countries": None,
            "review": props.get("status"),
            "felt_reports": props.get("felt"),
            "max_reported_intensity": _number(props.get("cdi")),
            "max_estimated_intensity": _number(props.get("mmi")),
            "significance": props.get("sig"),
            "oceanic": None if props.get("tsunami") is None else bool(props["tsunami"]),
            "source_ids": [one for one in str(props.get("ids") or "").split(",") if one],
            "glide": None,
            "url": props.get("url"),
        },
        geometry=wkb,
        ended=props.get("status") == "deleted",
        position=position,
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _instant(milliseconds: object) -> datetime | None:
    """Milliseconds since 1970 UTC; None where it is no number or no time that can be."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
