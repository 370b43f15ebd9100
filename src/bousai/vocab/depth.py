"""Depths of water and durations of flooding as hazard maps write them: words to bounds, never an enumeration.

Source: 国土数値情報 A40, A49 and A51 (each prefecture words its classes as it likes), 水害ハザードマップ作成の手引き.
A class is an interval, from its lower bound on and below its upper one. What states no lower bound begins at 0, as a
depth and a duration are never below it; what states no upper bound ends nowhere (None).
"""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import normalize


class Bounds(NamedTuple):
    """From `low` on, below `high`, in metres (or hours); `high` None: no bound."""

    low: float
    high: float | None


_METRES = {"m": 1.0, "cm": 0.01}
_HOURS = {"時間": 1.0, "h": 1.0, "日": 24.0, "日間": 24.0, "週間": 168.0}
_FROM = r"(?:以上|超|を?超え(?:る|て)?)"
_BELOW = r"(?:未満|以下|まで)"
_TO = r"(?:~|から|、|,)"
_WORDS = re.compile(r"\([^()\d]*\)|の区域$")
_DASHES = str.maketrans(dict.fromkeys("〜～∼˜–—―-−ー", "~"))


def depth(text: str | None) -> Bounds | None:
    """The bounds of a class of depth in metres; None where they cannot be read exactly: a depth is never guessed.

    >>> depth("0.3m以上 ～ 0.5m未満"), depth("1.0～2.0m"), depth("2m以上5m未満")
    (Bounds(low=0.3, high=0.5), Bounds(low=1.0, high=2.0), Bounds(low=2.0, high=5.0))
    >>> depth("０．５ｍ未満"), depth("20m以上"), depth("50cm〜1m")
    (Bounds(low=0.0, high=0.5), Bounds(low=20.0, high=None), Bounds(low=0.5, high=1.0))
    >>> depth("浸水想定区域"), depth("床上浸水"), depth("0.5m"), depth("1~2")
    (None, None, None, None)
    """
    plain = (
        _plain(text).replace("メ~トル", "m").replace("センチ", "c").replace("cm~トル", "cm").removeprefix("浸水深")
    )
    return _bounds(re.sub("c(?!m)", "cm", plain), _METRES)


def duration(text: str | None) -> Bounds | None:
    """The same for durations, in hours.

    >>> duration("12時間未満"), duration("12時間以上1日未満")
    (Bounds(low=0.0, high=12.0), Bounds(low=12.0, high=24.0))
    >>> duration("3日以上 1週間未満"), duration("4週間以上")
    (Bounds(low=72.0, high=168.0), Bounds(low=672.0, high=None))
    """
    return _bounds(_plain(text), _HOURS)


def _plain(text: str | None) -> str:
    return _WORDS.sub("", "".join(normalize("NFKC", text or "").translate(_DASHES).split()).lower())


def _bounds(plain: str, units: dict[str, float]) -> Bounds | None:
    one = rf"(\d+(?:\.\d+)?)({'|'.join(sorted(units, key=len, reverse=True))})?"

    def size(number: str, unit: str) -> float:
        return round(float(number) * units[unit], 4)

    match = re.fullmatch(rf"{one}(?:{_FROM}{_TO}?|{_TO}){one}{_BELOW}?", plain)
    if match is not None and (unit := match[4] or match[2]):  # 1.0~2.0m: one unit for both
        low, high = size(match[1], match[2] or unit), size(match[3], unit)
        return Bounds(low, high) if low < high else None
    match = re.fullmatch(rf"{one}(?:{_FROM}~?|~)", plain)
    if match is not None and match[2]:
        return Bounds(size(match[1], match[2]), None)
    match = re.fullmatch(rf"~{one}{_BELOW}?|{one}{_BELOW}", plain)
    if match is not None and (unit := match[2] or match[4]):
        high = size(match[1] or match[3], unit)
        return Bounds(0.0, high) if high > 0 else None
    return None
