"""What the JMA telegrams with a body/seismology1 share: event ids and the Earthquake element.

Source: 気象庁防災情報XMLフォーマット jmx_seis.xsd (type.Earthquake, type.Hypocenter), telegram notes on 地震・津波.
Earthquake and tsunami telegrams give the same hypocentre one after the other (the tsunami warning is often the
first to have it), so both read it here and speak of the same scope ``jma/earthquake/<event>/hypocentre``.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from bousai.errors import ParseError
from bousai.formats import jma_xml
from bousai.formats.jma_xml import Position, Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of

_EVENT_ID = re.compile(r"\d{14}")
_FINE = "度分"  # @type 震源位置（度分） of the second, finer coordinate in VXSE61


def event_ids(telegram: Telegram) -> list[str]:
    """The 地震識別番号 in Head/EventID (14 digits, the time of detection in JST), earliest first.

    A tsunami telegram names several, separated by spaces, while the tsunamis of several earthquakes overlap.
    Raises `ParseError` ``bad_event_id``: without it nobody can say which earthquake is meant.
    """
    ids = sorted(set(telegram.event_id.split()))
    if not ids or not all(_EVENT_ID.fullmatch(one) for one in ids):
        raise _bad_event_id(telegram)
    return ids


def event_id(telegram: Telegram) -> str:
    """The one 地震識別番号 of an earthquake telegram. Raises `ParseError` ``bad_event_id``."""
    ids = event_ids(telegram)
    if len(ids) > 1:
        raise _bad_event_id(telegram)
    return ids[0]


def _bad_event_id(telegram: Telegram) -> ParseError:
    return ParseError(
        f"Head/EventID of {telegram.bulletin_type} is {telegram.event_id!r}, not 14 digits for each earthquake",
        code="bad_event_id",
        remedy="ask the publisher",
        position="Head/EventID",
    )


def earthquake_id(event_id: str) -> str:
    """The item id of an earthquake: the same from whichever telegram."""
    return f"jma-{event_id}"


def aspect_scope(event_id: str, aspect: str) -> str:
    """The scope of one aspect (hypocentre, intensity, lpgm, comment) of one earthquake."""
    return f"jma/earthquake/{event_id}/{aspect}"


def earthquake_aspect(telegram: Telegram, event_id: str, aspect: str, item: Item) -> Bulletin:
    """The bulletin of one aspect of one earthquake: one item, and that is the whole statement."""
    return jma_xml.statement(
        telegram,
        kind="earthquake",
        scope=aspect_scope(event_id, aspect),
        event_id=event_id,
        items=table_of([item]),
        complete=True,
    )


@dataclass(frozen=True, slots=True)
class Hypocentre:
    """One Body/Earthquake element: the props of the hypocentre aspect but for the event, and a WKB point."""

    props: dict[str, Any]
    geometry: bytes | None
    position: str

    def item(self, event_id: str) -> Item:
        """The item of the hypocentre aspect of that event."""
        props = {"event_id": event_id, **self.props}
        return Item(earthquake_id(event_id), props, geometry=self.geometry, position=self.position)


def hypocentre(earthquake: Node, issues: list[Issue]) -> Hypocentre:
    """Read a Body/Earthquake element.

    Depth in km: 0 is ごく浅い, None 深さ不明. A magnitude that is not a number (不明, Ｍ８を超える巨大地震) is None
    with its wording in `magnitude_text`. The numbers stand as stated even where @datum says 日本測地系: JMA put that
    attribute on telegrams of 2021–2024 whose coordinates are those of later telegrams on the same places without
    it, so to shift them by 450 m would be wrong (and 0.1 degree is coarser than the shift).
    """
    magnitude = earthquake.one("Magnitude")
    centre = earthquake.one("Hypocenter")
    area = centre.one("Area") if centre else None
    place, wording = _place(area, issues) if area else (None, None)
    if area:
        area.drop("MarkCode", "Direction", "Distance")  # NameFromMark says the same in words
        area.drop("DetailedCode", "ReduceName", "ReduceCode")
    return Hypocentre(
        props={
            "origin_time": jma_xml.time_text(earthquake, "OriginTime", issues),
            "detected_at": jma_xml.time_text(earthquake, "ArrivalTime", issues),
            "magnitude": jma_xml.number(magnitude, issues) if magnitude else None,
            "magnitude_type": magnitude.attribute("type") if magnitude else None,
            "magnitude_text": magnitude.attribute("description") if magnitude else None,
            "depth_km": place.depth_km if place else None,
            "position_text": wording,
            "hypocentre_name": area.text("Name") if area else None,
            "hypocentre_code": area.text("Code") if area else None,
            "hypocentre_detail": area.text("DetailedName") if area else None,
            "hypocentre_near": area.text("NameFromMark") if area else None,
            "hypocentre_source": centre.text("Source") if centre else None,
        },
        geometry=point(place) if place else None,
        position=earthquake.position,
    )


def _place(area: Node, issues: list[Issue]) -> tuple[Position | None, str | None]:
    """The finest coordinate that can be read, and the source's wording of it."""
    found: list[tuple[bool, Position, str | None]] = []
    wording: str | None = None
    for node in area.all("Coordinate"):
        text = node.own_text()
        wording = wording or node.attribute("description")
        if text is None:  # 震源要素不明
            continue
        try:
            place = jma_xml.coordinate(text)
        except ValueError as error:
            issues.append(Issue("bad_coordinate", str(error), "ask the publisher", "warning", node.position))
            continue
        found.append((_FINE in (node.attribute("type") or ""), place, node.attribute("description")))
    if not found:
        return None, wording
    _, place, description = max(found, key=lambda candidate: candidate[0])
    return place, description


def point(place: Position) -> bytes:
    """A WKB point, lon/lat, EPSG:4326.

    >>> point(Position(137.3, 37.5, 10.0)).hex()
    '01010000009a999999992961400000000000c04240'
    """
    return struct.pack("<BIdd", 1, 1, place.lon, place.lat)
