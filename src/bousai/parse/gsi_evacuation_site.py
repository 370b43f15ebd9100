"""指定緊急避難場所 (災害対策基本法49条の4): where people flee to, by disaster, as 国土地理院 lists it.

Source: hinanmap.gsi.go.jp/hinanjocp/defaultFtpData/csv/mergeFromCity_2.csv, its GeoJSON and the prefectures' CSV.
Scope ``gsi/evacuation_site/<municipality>``, complete. An empty flag says: not designated for that disaster. Only
where a list has no such column is it unknown (null).

Known gaps:
* the national CSV was not at hand: prefectural CSV and the GeoJSON of municipalities were
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bousai.formats import gsi_list
from bousai.formats.gsi_list import Listing
from bousai.model import Bulletin, Issue

VERSION = "1"
_HAZARDS = {
    "flood": "洪水",
    "landslide": "崖崩れ、土石流及び地滑り",
    "storm_surge": "高潮",
    "earthquake": "地震",
    "tsunami": "津波",
    "fire": "大規模な火事",
    "inland_flood": "内水氾濫",
    "volcano": "火山現象",
}
_SAME = "指定避難所との住所同一"


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One statement a municipality. Raises `ParseError` as `gsi_list.bulletins` does."""
    return gsi_list.bulletins(
        body,
        kind="evacuation_site",
        majors=("20",),
        own_columns=(*_HAZARDS.values(), _SAME),
        bulletin_type="gsi_2",
        props=_props,
    )


def _props(listing: Listing, issues: list[Issue]) -> dict[str, Sequence[Any]]:
    flags = [listing.flags(column, issues) for column in _HAZARDS.values()]
    return {
        "hazards": [dict(zip(_HAZARDS, row, strict=True)) for row in zip(*flags, strict=True)],
        "same_address": listing.flags(_SAME, issues),
    }
