"""What hazard maps call their classes: code lists of 国土数値情報, and depths that a prefecture writes as it likes.

Sources: nlftp.mlit.go.jp/ksj/gml/codelist (water_depth_code, WaterDepthCd, flood_duration_code,
hazardous_area_classification_code, CodeOfPhenomenon, CodeOfZone_h27, CodeOfUnSpecification) and the attributes of
A48. Tables: data/ksj_code.csv, data/ksj_gml_tag.csv. The same number means another depth in another list: 12 of the
edition of 2012 is not 1 and 2 of that of 2019.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple
from unicodedata import normalize

from bousai.vocab import rows


class HazardClass(NamedTuple):
    """One class of a code list: from `low` to below `high` (metres or hours), `value` our word for it."""

    code: str
    label: str
    low: float | None
    high: float | None
    value: str | None


class Depth(NamedTuple):
    """From `low` to below `high`, in metres; None: no bound."""

    low: float
    high: float | None


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


_ONE = r"(\d+(?:\.\d+)?)(cm|m)?"
_FROM = r"(?:以上|超|を?超え(?:る|て)?)"
_BELOW = r"(?:未満|以下)"
_TO = r"(?:~|から|、|,)"
_BETWEEN = re.compile(rf"{_ONE}(?:{_FROM}{_TO}?|{_TO}){_ONE}{_BELOW}?")
_UP = re.compile(rf"{_ONE}(?:{_FROM}(?:~)?|~)")
_DOWN = re.compile(rf"(?:~{_ONE}{_BELOW}?|{_ONE}{_BELOW})")
_WORDS = re.compile(r"\([^()\d]*\)")
_DASHES = str.maketrans(dict.fromkeys("〜～∼˜–—―-−ー", "~"))


def depth(text: str) -> Depth | None:
    """The bounds of a class of depth; None where they cannot be read exactly: a depth is never guessed.

    What has no lower bound begins at 0, what has no upper bound ends nowhere.

    >>> [depth(text) for text in ("0.3m以上 ～ 0.5m未満", "1.0〜2.0m", "2m以上5m未満")]
    [Depth(low=0.3, high=0.5), Depth(low=1.0, high=2.0), Depth(low=2.0, high=5.0)]
    >>> depth("20m以上"), depth("０．５ｍ未満"), depth("50cm未満"), depth("床上浸水"), depth("0.5m")
    (Depth(low=20.0, high=None), Depth(low=0.0, high=0.5), Depth(low=0.0, high=0.5), None, None)
    """
    plain = "".join(normalize("NFKC", text).translate(_DASHES).split())
    plain = plain.replace("メ~トル", "m").replace("センチ", "c").lower().removeprefix("浸水深")
    plain = _WORDS.sub("", plain)
    match = _BETWEEN.fullmatch(plain)
    if match is not None and (match[4] is not None or match[2] is not None):
        unit = match[4] or match[2]  # 1.0~2.0m: one unit for both
        low, high = _metres(match[1], match[2] or unit), _metres(match[3], unit)
        return Depth(low, high) if low < high else None
    match = _UP.fullmatch(plain)
    if match is not None and match[2]:
        return Depth(_metres(match[1], match[2]), None)
    match = _DOWN.fullmatch(plain)
    if match is not None and (match[2] or match[4]):
        high = _metres(match[1] or match[3], match[2] or match[4])
        return Depth(0.0, high) if high > 0 else None
    return None


def _metres(number: str, unit: str) -> float:
    value = float(number)
    return round(value / 100, 4) if unit == "cm" else value
