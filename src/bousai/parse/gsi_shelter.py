"""指定避難所 (災害対策基本法49条の7): where people stay, as 国土地理院 publishes the municipalities' lists.

Source: hinanmap.gsi.go.jp/hinanjocp/defaultFtpData/csv/mergeFromCity_1.csv, its GeoJSON and the prefectures' CSV.
Scope ``gsi/shelter/<municipality>``, complete. Never the same as 指定緊急避難場所 (`gsi_evacuation_site`): the same
building has two 共通ID then, whose first eleven characters (`facility_id`) are equal. There is no capacity in it.

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
_TYPE = {"11": "general", "12": "welfare"}
_SAME, _OTHER, _ACCEPTS = "指定緊急避難場所との住所同一", "その他市町村長が必要と認める事項", "受入対象者"


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One statement a municipality. Raises `ParseError` as `gsi_list.bulletins` does."""
    return gsi_list.bulletins(
        body,
        kind="shelter",
        majors=("11", "12"),
        own_columns=(_SAME, _OTHER, _ACCEPTS),
        bulletin_type="gsi_1",
        props=_props,
    )


def _props(listing: Listing, issues: list[Issue]) -> dict[str, Sequence[Any]]:
    absent: list[str | None] = [None] * len(listing.position)
    return {
        "shelter_type": [_TYPE.get(one[11:13]) for one in listing.columns.get("共通ID", [])],
        "accepts": listing.column(_ACCEPTS) or absent,
        "other_matters": listing.column(_OTHER) or absent,
        "same_address": listing.flags(_SAME, issues),
    }
