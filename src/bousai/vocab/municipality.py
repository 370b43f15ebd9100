"""Municipalities: 都道府県コード (JIS X 0401) and 市区町村コード (JIS X 0402), with wards of designated cities.

Source: 総務省 全国地方公共団体コード (edition of 2024-01-01) and the notices on 浜松市's wards of 2024-01-01; the six
villages of the Northern Territories as in 国土数値情報 N03. Table: data/municipality.csv. A code of `city` is the
designated city (政令指定都市) of a ward; `valid_to` and `successor` tell what became of an abolished code.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import NamedTuple

from bousai.vocab import rows


class Municipality(NamedTuple):
    """One 市区町村. `name` is without the prefecture; `valid_from`, `valid_to` inclusive, None = open."""

    code: str
    pref: str
    name: str
    city: str | None
    valid_from: date | None
    valid_to: date | None
    successors: tuple[str, ...]


@cache
def municipalities() -> dict[str, Municipality]:
    """Code → municipality, in the order of the codes; abolished ones too."""
    return {
        row["code"]: Municipality(
            row["code"],
            row["pref"],
            row["name"],
            row["city"] or None,
            date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            tuple(row["successor"].split()),
        )
        for row in rows("municipality")
    }


@cache
def wards() -> dict[str, tuple[str, ...]]:
    """The wards (行政区) of every designated city, abolished ones too, by the code of the city."""
    found: dict[str, list[str]] = {}
    for one in municipalities().values():
        if one.city is not None:
            found.setdefault(one.city, []).append(one.code)
    return {city: tuple(codes) for city, codes in found.items()}


@cache
def _by_full_name() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for one in municipalities().values():
        if one.valid_to is None:
            name = one.pref + one.name
            found[name] = None if name in found else one.code
    return found


def code_of(full_name: str) -> str | None:
    """The code of a prefecture and municipality written together; None where there is none or more than one.

    >>> code_of("石川県輪島市"), code_of("北海道泊村"), code_of("輪島市")
    ('17204', None, None)
    """
    return _by_full_name().get(full_name)


def check_digit(code: str) -> str:
    """The sixth digit (検査数字) of a five-digit code.

    >>> [check_digit(code) for code in ("01000", "01100", "13101", "17204", "47201")]
    ['6', '2', '6', '9', '8']
    """
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=True))
    return str((11 - total % 11) % 10)
