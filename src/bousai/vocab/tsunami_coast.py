"""Which coast section (津波予報区) a municipality lies on, as far as that is certain.

JMA warns coast sections, not municipalities. Two tables: data/jma_tsunami_coast.csv has the prefectures of each
section, and `listed` where all of its municipalities are in the other table; data/municipality_coast.csv has
municipalities of which it is known which section they lie on, or (no section) that they have no coast.

Sources: 気象庁 津波予報区 (66 sections; names and prefectures; 有明・八代海 lies in four prefectures by the press
release of 2025-12-16). Which municipalities have a coast: 国土数値情報 N03 (2021-01-01) of 13, 15, 16, 17, 18 and 43:
whose outline is not shared with another municipality and is not the border of another prefecture. That gives the
15 coastal municipalities of 石川県 and 9 of 富山県 that a newspaper counts (中日新聞 2015-02-11), the 14 of 熊本県
that the prefecture counts (2024-12-11) and the six of Tokyo's special wards. 南風原町 is the only one without a coast
in 沖縄県; 札幌市, 相模原市 and 京都市 have none. 能登 and 加賀 are divided as JMA divides 石川県 for weather and
intensity.

Known gaps:
* 天草市 and 苓北町 lie between two sections and are matched with both, as coasts of the prefecture
* the municipalities of other prefectures are matched with every section of the prefecture, but for those that
  `consolidate.coastline` sees to be inland: JMA shows names of municipalities since 2025, in a table not at hand
* a municipality without a coast can be reached by a tsunami through a river; JMA's sections do not tell of that
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from bousai.vocab import rows
from bousai.vocab.municipality import in_force, municipalities

Match = Literal["municipality", "prefecture"]
"""municipality: it lies on this coast · prefecture: a coast of its prefecture; whether it lies on it is not known."""


@cache
def coasts_of(muni_code: str) -> dict[str, Match]:
    """Coast section → how surely the municipality (5 digits, any time) lies on it; empty where it has no coast.

    >>> coasts_of("17204"), coasts_of("17407"), coasts_of("20201"), coasts_of("43215")
    ({'360': 'municipality'}, {}, {}, {'712': 'prefecture', '740': 'prefecture'})
    >>> coasts_of("02203")
    {'200': 'prefecture', '201': 'prefecture', '202': 'prefecture'}
    """
    listed = _listed().get(muni_code)
    if listed is not None:
        return listed
    return {
        row["code"]: "prefecture"
        for row in rows("jma_tsunami_coast")
        if not row["listed"] and muni_code[:2] in row["prefectures"].split()
    }


@cache
def _listed() -> dict[str, dict[str, Match]]:
    found: dict[str, dict[str, Match]] = {}
    for row in rows("municipality_coast"):
        coasts = found.setdefault(row["muni_code"], {})
        if row["coast_code"]:
            coasts[row["coast_code"]] = "municipality" if row["match"] == "municipality" else "prefecture"
    return found


@cache
def municipalities_of(coast_code: str) -> dict[str, Match]:
    """Municipality (5 digits, as of now) → how surely it lies on a coast section; the other way round of `coasts_of`.

    >>> municipalities_of("360")["17204"], "17407" in municipalities_of("360")
    ('municipality', False)
    """
    return {
        code: match
        for code in municipalities()
        if in_force(code) and (match := coasts_of(code).get(coast_code)) is not None
    }
