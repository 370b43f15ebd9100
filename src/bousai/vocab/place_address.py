"""Addresses (所在地) as a town and numbers, so that two spellings of one address compare equal.

「石川県七尾市中挟町リ２３番地」, 「七尾市中挟町リ部23」 and 「中挟町リ23」 are one address. What is made here is for
comparing only and never shown; an address that says more (a building, a floor) says the same place.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from bousai.vocab.municipality import municipalities, wards
from bousai.vocab.place_name import comparable

_BETWEEN = re.compile(r"(?<=\d)(?:丁目|番地|番|号|地割|部|字|[ノ-])+(?=\d)")
_JO = re.compile(r"\D*\d+条(?:通|[東西南北])?")  # 北1条西: the number of a line (条) is a part of the town's name
_NUMBERS = re.compile(r"\d+(?:-\d+)*")
_AZA = re.compile(r"大字|小字|字|部(?=\d)|部$|[ノ-](?=\d)|地内$|(?:ホカ|他|外)$|[(].*?[)]")
_LOT = {ord("井"): "ヰ"}  # ヰ of the lots イ, ロ, ハ, … is written 井 too


class PlaceAddress(NamedTuple):
    """An address for comparing: `town` without prefecture, municipality and 字; `numbers` chōme, block, house."""

    town: str
    numbers: tuple[int, ...]


@lru_cache(maxsize=4096)
def _before_the_town(muni_code: str | None) -> tuple[re.Pattern[str], ...]:
    """What may stand before the town in a municipality: prefecture, 郡, municipality, ward; each or none."""
    one = municipalities().get(muni_code or "")
    if one is None:
        return ()
    name = comparable(one.name)
    inside = [comparable(municipalities()[ward].name).removeprefix(name) for ward in wards().get(one.code, ())]
    parts = (comparable(one.pref), r"\D{1,5}郡(?=" + re.escape(name) + ")", re.escape(name), "|".join(inside))
    return tuple(re.compile(f"^(?:{part})") for part in parts if part)


@lru_cache(maxsize=1 << 17)
def taken_apart(address: str, muni_code: str | None = None) -> PlaceAddress:
    """Town and numbers of an address.

    >>> taken_apart("石川県七尾市和倉町ひばり３－９０", "17202"), taken_apart("和倉町ひばり３の90番地", "17202")
    (PlaceAddress(town='和倉町ヒバリ', numbers=(3, 90)), PlaceAddress(town='和倉町ヒバリ', numbers=(3, 90)))
    >>> taken_apart("金沢市野町三丁目11番１号", "17201")
    PlaceAddress(town='野町', numbers=(3, 11, 1))
    >>> taken_apart("札幌市中央区北１条西２丁目", "01100")
    PlaceAddress(town='北1条西', numbers=(2,))
    """
    plain = comparable(address)
    for part in _before_the_town(muni_code):
        plain = part.sub("", plain)
    plain = _BETWEEN.sub("=", plain)  # what stands between two numbers is no part of the town
    plain = _AZA.sub("", plain).replace("=", "-").translate(_LOT)
    line = _JO.match(plain)
    first = _NUMBERS.search(plain, line.end() if line else 0)
    if first is None:
        return PlaceAddress(plain, ())
    return PlaceAddress(plain[: first.start()], tuple(int(one[:9]) for one in first[0].split("-"))[:4])
