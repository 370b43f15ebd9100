"""Code lists of Project PLATEAU that are the same in every city: ranks of water depth.

Source: codelists/*RiskAttribute_rank.xml of the 3D都市モデル products of 2024 (国土交通省, CC BY 4.0). The list of
inland flooding by a city's own bands (rankOrg) and the names of rivers (description) differ from city to city and
stand in the feed's YAML.
"""

from __future__ import annotations

from functools import cache

from bousai.vocab import rows


@cache
def _ranks() -> dict[tuple[str, str], str]:
    return {(row["code_list"], row["code"]): row["text"] for row in rows("plateau_rank")}


def rank(code_list: str, code: str) -> str | None:
    """The words of a rank; None for a list or a code that is not known.

    >>> rank("RiverFloodingRiskAttribute_rank", "2"), rank("RiverFloodingRiskAttribute_rank", "9")
    ('0.5m以上3m未満', None)
    """
    return _ranks().get((code_list, code))
