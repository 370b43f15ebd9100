"""What hazard maps call their classes: code lists of 国土数値情報 (depths in words: `vocab.depth`).

Sources: nlftp.mlit.go.jp/ksj/gml/codelist (water_depth_code, WaterDepthCd, flood_duration_code,
hazardous_area_classification_code, CodeOfPhenomenon, CodeOfZone_h27, CodeOfUnSpecification) and the attributes of
A48. Tables: data/ksj_code.csv, data/ksj_gml_tag.csv. The same number means another depth in another list: 12 of the
edition of 2012 is not 1 and 2 of that of 2019.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from bousai.vocab import rows


class HazardClass(NamedTuple):
    """One class of a code list: from `low` to below `high` (metres or hours), `value` our word for it."""

    code: str
    label: str
    low: float | None
    high: float | None
    value: str | None


@cache
def hazard_classes(name: str) -> dict[str, HazardClass]:
    """The classes of a code list by code."""
    return {
        row["code"]: HazardClass(
            row["code"], row["label"], _number(row["low"]), _number(row["high"]), row["value"] or None
        )
        for row in rows("ksj_code")
        if row["list"] == name
    }


@cache
def gml_tags(dataset: str) -> dict[str, str]:
    """Name of an element in the GML of a dataset → the attribute that Shapefile and GeoJSON have instead."""
    return {row["tag"]: row["attribute"] for row in rows("ksj_gml_tag") if row["dataset"] == dataset}


def _number(text: str) -> float | None:
    return float(text) if text else None
