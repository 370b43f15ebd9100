"""Roads: kinds of road and of restriction, in the words of road authorities.

Sources: the legend of 道路情報提供システム (通行止(異常気象等), 大型通行止, 冬期通行止, 車線規制, 片側交互通行,
移動規制, チェーン規制, チェーン指導, その他規制), SIP4D-ZIP 01-005 (passstts), 通れる道マップ and the reports of road
offices on the earthquake of 2026-07-28. Table: data/road_word.csv. チェーン指導 is advice, so it is `other`; 有料道路
may be any kind of road, so it is `unknown`. `lifted` (解除) is no restriction: the caller says that it has ended.
"""

from __future__ import annotations

import re
from functools import cache
from unicodedata import normalize

from bousai.vocab import rows

_ROUTE = re.compile(r"(?:(?:一般)?国道|(?:主要地方道|一般)?(?:県道|府道|都道|道道))?(\d{1,4})号")
_NUMBERED_NATIONAL = re.compile(r"(?:一般)?国道\d{1,3}号(?:線)?")


@cache
def _words(attribute: str) -> dict[str, str]:
    return {row["word"]: row["value"] for row in rows("road_word") if row["attribute"] == attribute}


def _plain(word: str) -> str:
    return "".join(normalize("NFKC", word).split()).replace("通行止め", "通行止").replace("通行どめ", "通行止")


def restriction(word: str) -> str | None:
    """closed, closed_to_large_vehicles, chains_required, lane_restriction, alternating, two_way, other, unknown or
    lifted; None where the word is not in the table, so that nothing is guessed.

    >>> restriction("全面通行止め"), restriction("片側交互通行規制"), restriction("通行止（異常気象等）")
    ('closed', 'alternating', 'closed')
    >>> restriction("通行止め解除"), restriction("チェーン指導"), restriction("全面通行止め（一部解除）")
    ('lifted', 'other', None)
    """
    return _words("restriction").get(_plain(word))


def road_type(word: str) -> str | None:
    """expressway, national, prefectural, municipal or unknown; None where the word is not in the table.

    >>> road_type("補助国道"), road_type("国道４４５号"), road_type("有料道路"), road_type("林道")
    ('national', 'national', 'unknown', None)
    """
    plain = _plain(word)
    if _NUMBERED_NATIONAL.fullmatch(plain):
        return "national"
    return _words("road_type").get(plain)


def route_number(name: str) -> str | None:
    """The number with which the name of a road begins, None where it begins with none.

    >>> route_number("県道205号向山日之影線"), route_number("５７号（北側復旧道路）"), route_number("国道3号")
    ('205', '57', '3')
    >>> route_number("主要地方道 熊本嘉島線"), route_number("E3A 南九州自動車道"), route_number("九州自動車道")
    (None, 'E3A', None)
    """
    plain = "".join(normalize("NFKC", name).split())
    if match := re.match(r"([EC]\d{1,2}A?)(?=[^\dA-Za-z])", plain):
        return match[1]
    found = _ROUTE.match(plain)
    return found[1] if found else None
