"""Code spaces as types: a code of one space is no code of another, though both are short texts of digits.

130010 is a 一次細分区域 of JMA and could be a 全国地方公共団体コード; area code 10 is 大雨注意報 and river code 10 is
氾濫注意報解除. mypy keeps them apart, and each has a constructor that refuses what cannot be one.
"""

from __future__ import annotations

import re
from typing import NewType

PrefCode = NewType("PrefCode", str)
"""都道府県コード, JIS X 0401, two digits."""
MuniCode = NewType("MuniCode", str)
"""市区町村コード, JIS X 0401 + 0402, five digits; canonical here."""
JmaAreaCode = NewType("JmaAreaCode", str)
"""JMA's 市町村等 (AreaInformationCity), seven digits: a municipality's five and two more."""
RiverCode = NewType("RiverCode", str)
"""河川コード of 指定河川洪水予報 (ten digits) and its forecast sections (twelve)."""
CommonId = NewType("CommonId", str)
"""全国共通避難所・避難場所ID, 14 characters."""

_COMMON_ID = re.compile(r"E\d{5}\d{5}(?:11|12|20)[1-9A-Za-z]", re.ASCII)


def jma_area_code(text: str) -> JmaAreaCode:
    """Raises `ValueError` for anything but seven digits."""
    return JmaAreaCode(_digits(text, 7))


def river_code(text: str) -> RiverCode:
    """Raises `ValueError` for anything but ten or twelve digits."""
    return RiverCode(_digits(text, 10, 12))


def common_id(text: str) -> CommonId:
    """Raises `ValueError` for anything but a 共通ID.

    >>> common_id("E1720400012201")
    'E1720400012201'
    """
    if not _COMMON_ID.fullmatch(text):
        raise ValueError(f"not a 共通ID: {text[:40]!r}")
    return CommonId(text)


def municipality_of(area: JmaAreaCode) -> MuniCode:
    """The municipality that a JMA area is, or is a part of.

    >>> municipality_of(jma_area_code("0421501"))
    '04215'
    """
    return MuniCode(area[:5])


def _digits(text: str, *widths: int) -> str:
    if not (text.isascii() and text.isdigit() and len(text) in widths):
        raise ValueError(f"not a code of {' or '.join(map(str, widths))} digits: {text[:40]!r}")
    return text
