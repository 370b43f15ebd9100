"""Weather warnings of the Japan Meteorological Agency: kinds, status words, telegram families, regions.

Two code spaces, because one code means different things in each and neither sorts by severity:
`jma_warning_r06`, telegrams VPWW55–61 of the 2026 system, four grades with the level in the name for heavy
rain, landslide and storm surge; `jma_warning_h27`, telegrams VPWW53/54, three grades and no level.

Sources: 気象警報・注意報（Ｒ０６）解説資料 with its 別表3 (code.WeatherWarning, edition of 2026-04-30) and
気象警報・注意報（Ｈ２７）解説資料 for kinds and status words; AreaForecastLocalM (府県予報区) for regions.
Tables: data/jma_warning_{kind,status,telegram,region}.csv.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal, cast, get_args

from bousai import vocab

CodeSpace = Literal["jma_warning_r06", "jma_warning_h27"]
Grade = Literal["advisory", "warning", "danger_warning", "emergency_warning"]
"""注意報, 警報, 危険警報 (2026 on), 特別警報; in this order of severity."""
Change = Literal["issued", "continued", "raised", "lowered"]

GRADES: tuple[Grade, ...] = get_args(Grade)


@dataclass(frozen=True, slots=True)
class WarningKind:
    """One code of one code space.

    `phenomenon` and `grade` are None for 00 解除 only. `level` is 警戒レベル 2–5 where JMA puts it in the name.
    `valid_from`, `valid_to` (aware) bound the time in which the code feeds the state of the world; None =
    since before, until further notice. A code never changes its meaning within its space.
    """

    code_space: CodeSpace
    code: str
    name: str
    phenomenon: str | None
    grade: Grade | None
    level: int | None
    valid_from: datetime | None
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class KindStatus:
    """One word of Kind/Status: whether the warning is in force, and what the word itself says of the change."""

    word: str
    active: bool
    change: Change | None


@dataclass(frozen=True, slots=True)
class WarningTelegram:
    """One telegram type: which `family` of phenomena it states whole for a region, and when its word counts.

    From `valid_to` on (an instant, exclusive) the type goes on being issued but says nothing that counts.
    """

    bulletin_type: str
    family: str
    code_space: CodeSpace
    valid_from: datetime | None
    valid_to: datetime | None
    source: str


def severity(grade: Grade | None) -> int:
    """Rank of a grade, 1–4; 0 where it is unknown. Codes do not sort by severity (09 is worse than 29), this does.

    >>> severity("danger_warning") > severity("warning") > severity(None)
    True
    """
    return 0 if grade is None else GRADES.index(grade) + 1


def kind(code_space: CodeSpace, code: str) -> WarningKind | None:
    """The kind behind a code, or None where the table has no such code.

    >>> kind("jma_warning_r06", "43").name
    'レベル４大雨危険警報'
    >>> kind("jma_warning_h27", "43") is None
    True
    """
    return _kinds().get((code_space, code))


def kinds() -> tuple[WarningKind, ...]:
    """Every kind of both code spaces, as in the table."""
    return tuple(_kinds().values())


def status(word: str) -> KindStatus | None:
    """What a word of Kind/Status means, or None for a word that the specification does not have."""
    return _statuses().get(word)


def telegram(bulletin_type: str) -> WarningTelegram | None:
    """The family of a telegram type, or None where it is not a warning by municipality."""
    return _telegrams().get(bulletin_type)


def telegrams() -> tuple[WarningTelegram, ...]:
    """Every telegram type that states warnings by municipality."""
    return tuple(_telegrams().values())


def region_in(title: str) -> str | None:
    """Code of the 府県予報区 with whose name a Head/Title begins, or None.

    >>> region_in("鹿児島県（奄美地方除く）大雨警報・注意報")
    '460100'
    """
    found = [(len(name), code) for name, code in _regions().items() if title.startswith(name)]
    return max(found)[1] if found else None


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@cache
def _kinds() -> dict[tuple[str, str], WarningKind]:
    return {
        (row["code_space"], row["code"]): WarningKind(
            code_space=cast(CodeSpace, row["code_space"]),
            code=row["code"],
            name=row["name"],
            phenomenon=row["phenomenon"] or None,
            grade=cast(Grade, row["grade"]) if row["grade"] else None,
            level=int(row["level"]) if row["level"] else None,
            valid_from=_instant(row["valid_from"]),
            valid_to=_instant(row["valid_to"]),
        )
        for row in vocab.rows("jma_warning_kind")
    }


@cache
def _statuses() -> dict[str, KindStatus]:
    return {
        row["status"]: KindStatus(row["status"], row["active"] == "true", cast(Change, row["change"]) or None)
        for row in vocab.rows("jma_warning_status")
    }


@cache
def _telegrams() -> dict[str, WarningTelegram]:
    return {
        row["bulletin_type"]: WarningTelegram(
            bulletin_type=row["bulletin_type"],
            family=row["family"],
            code_space=cast(CodeSpace, row["code_space"]),
            valid_from=_instant(row["valid_from"]),
            valid_to=_instant(row["valid_to"]),
            source=row["source"],
        )
        for row in vocab.rows("jma_warning_telegram")
    }


@cache
def _regions() -> dict[str, str]:
    return {row["name"]: row["code"] for row in vocab.rows("jma_warning_region")}
