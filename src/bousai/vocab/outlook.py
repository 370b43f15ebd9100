"""Outlooks of JMA: how grave what is expected is (危険度, 別表5) and how possible a warning is (警報級の可能性).

Sources: 気象庁防災情報XMLフォーマット, 別表5 of 気象警報・注意報（Ｒ０６）; notes on 警報級の可能性, 階級値. Tables:
data/jma_significancy.csv, jma_possibility.csv. The codes are those of VPWP50 and VPWW55–61: in the older VPWW54
some digits mean something else (00 is 注意報級未満 there, 10 is 注意報級).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, cast

from bousai.vocab import rows
from bousai.vocab.warning import Grade

NO_VALUE = "00"
"""値なし: nothing is said of this window."""


class Significancy(NamedTuple):
    """One code of 危険度. `grade` is None below an advisory and for 値なし; `level` is the 警戒レベル (相当) that the
    name itself says, None where it says none."""

    code: str
    name: str
    grade: Grade | None
    level: int | None


@cache
def _significancies() -> dict[str, Significancy]:
    return {
        row["code"]: Significancy(
            row["code"],
            row["name"],
            cast(Grade, row["grade"]) if row["grade"] else None,
            int(row["level"]) if row["level"] else None,
        )
        for row in rows("jma_significancy")
    }


def significancy(code: str) -> Significancy | None:
    """What a code of 危険度 stands for; None for one that is in no table.

    >>> significancy("41").grade, significancy("20").level, significancy("10")
    ('danger_warning', None, None)
    """
    return _significancies().get(code)


@cache
def _possibilities() -> dict[str, int]:
    return {row["word"]: int(row["rank"]) for row in rows("jma_possibility")}


def possibility(word: str) -> int | None:
    """A number by which 警報級の可能性 sorts; None for an unknown word.

    >>> possibility("高") > possibility("中") > possibility("なし")
    True
    """
    return _possibilities().get(word)
