"""How the map page shows the values of a column: colour, pattern, symbol and words. Never a colour alone.

Colours that an authority has set are those of the authority (``source`` of each row): 警戒レベルの配色 (内閣府,
2020-05-29), 気象庁ホームページにおける気象情報の配色に関する設定指針 (2012-05), 浸水深の標準配色 (国土交通省,
水害ハザードマップ作成の手引き). The others are ours. Table: data/map_scale.csv.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from bousai.vocab import rows


class Step(NamedTuple):
    """One value of a scale.

    `value` is the value of the column. Of classes of numbers it is ``<x``: those whose upper end is x or below, and
    of which no step before it speaks; or ``>=x``: those from x on that have no upper end.
    `rank` puts the gravest on top. `colour` and `ink` (of the text on it) are ``#rrggbb``. `pattern` is none (empty),
    lines, hatch, cross, dots or dash; `symbol` one to three signs. `easy` is やさしい日本語. `source` says whose
    colour it is.
    """

    value: str
    rank: int
    colour: str
    ink: str
    pattern: str
    symbol: str
    ja: str
    en: str
    easy: str
    source: str


@cache
def scales() -> dict[str, tuple[Step, ...]]:
    """Scale → its steps, as in the table."""
    found: dict[str, list[Step]] = {}
    for row in rows("map_scale"):
        found.setdefault(row["scale"], []).append(
            Step(**{name: row[name] for name in Step._fields if name != "rank"}, rank=int(row["rank"]))
        )
    return {name: tuple(steps) for name, steps in found.items()}


def rank_of(scale: str, value: str | None) -> int:
    """How grave a value is among those of its scale, 0 of one that the scale does not have."""
    return next((step.rank for step in scales()[scale] if step.value == value), 0)


_OF_LEVEL = {5: "emergency_safety", 4: "evacuate", 3: "elderly_evacuate"}


def order_rank(order: str | None, level: int | None) -> int:
    """How grave an evacuation order is: by what it says, for those for an earthquake or a tsunami state no level; by
    its level (避難情報に関するガイドライン, 内閣府, 2021) where only that is known."""
    return rank_of("evacuation", order) or rank_of("evacuation", _OF_LEVEL.get(level or 0))
