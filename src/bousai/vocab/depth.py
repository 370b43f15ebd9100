"""Depths of water and durations of flooding as hazard maps write them: words to bounds, never an enumeration.

Source: 国土数値情報 A40, A49 and A51 (each prefecture words its classes as it likes), 水害ハザードマップ作成の手引き.
A class is an interval, from its lower bound on and below its upper one; a bound that is not stated is None.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import normalize


class Bounds(NamedTuple):
    """From `low` on, below `high`, in metres (or hours); None where the words give no such bound."""

    low: float | None
    high: float | None


_WAVES = str.maketrans(dict.fromkeys("～〜∼－–—", "~"))
_UNITS = {"": 1.0, "m": 1.0, "メートル": 1.0, "cm": 0.01, "センチ": 0.01, "センチメートル": 0.01}
_HOURS = {"": 1.0, "時間": 1.0, "h": 1.0, "日": 24.0, "日間": 24.0, "週間": 168.0}


def depth(text: str | None) -> Bounds | None:
    """The bounds of a class of depth in metres; None where the words are no such class.

    >>> depth("0.3m以上 ～ 0.5m未満"), depth("1.0～2.0m"), depth("2m以上5m未満")
    (Bounds(low=0.3, high=0.5), Bounds(low=1.0, high=2.0), Bounds(low=2.0, high=5.0))
    >>> depth("０．５ｍ未満"), depth("20m以上"), depth("50cm〜1m"), depth("浸水想定区域")
    (Bounds(low=None, high=0.5), Bounds(low=20.0, high=None), Bounds(low=0.5, high=1.0), None)
    """
    return _bounds(text, _UNITS)


def duration(text: str | None) -> Bounds | None:
    """The same for durations, in hours.

    >>> duration("12時間未満"), duration("12時間以上1日未満")
    (Bounds(low=None, high=12.0), Bounds(low=12.0, high=24.0))
    >>> duration("3日以上 1週間未満"), duration("4週間以上")
    (Bounds(low=72.0, high=168.0), Bounds(low=672.0, high=None))
    """
    return _bounds(text, _HOURS)


def _bounds(text: str | None, units: dict[str, float]) -> Bounds | None:
    plain = "".join(normalize("NFKC", text or "").translate(_WAVES).split()).lower()
    if not plain:
        return None
    unit = "|".join(sorted((one for one in units if one), key=len, reverse=True))
    one = rf"(\d+(?:\.\d+)?)({unit})?"
    between = re.fullmatch(rf"{one}(?:以上(?:~|から)?|~|から){one}(?:未満|以下|まで)?(?:の区域)?", plain)
    if between is not None and (between[4] is not None or "~" in plain):
        high_unit = between[4] or ""
        low_unit = between[2] if between[2] is not None else high_unit
        low, high = float(between[1]) * units[low_unit], float(between[3]) * units[high_unit]
        return Bounds(round(low, 3), round(high, 3)) if low < high else None
    below = re.fullmatch(rf"~?{one}(?:未満|以下|まで)(?:の区域)?", plain)
    if below is not None and below[2] is not None:
        return Bounds(None, round(float(below[1]) * units[below[2]], 3))
    above = re.fullmatch(rf"{one}(?:以上|超|~)(?:の区域)?", plain)
    if above is not None and above[2] is not None:
        return Bounds(round(float(above[1]) * units[above[2]], 3), None)
    return None
