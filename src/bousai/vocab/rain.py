"""Rain and rivers: kinds of 指定河川洪水予報, words of 気象防災速報, and old telegrams that run beside new ones.

Sources: 気象庁防災情報XMLフォーマット, code tables of 指定河川洪水予報 (names until and from the season of 2026),
notes on 府県気象防災速報 and on the 経過措置 of the new 防災気象情報. Tables: data/jma_flood_kind.csv,
jma_bulletin_tag.csv, jma_parallel.csv. A river code is of its own code space: 10 lifts an advisory here and is
大雨注意報 in VPWW55.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Literal, NamedTuple, cast

from bousai.vocab import rows

FloodGrade = Literal["advisory", "warning", "danger_warning", "emergency_warning"]
FloodChange = Literal["issued", "continued", "lowered"]
Basis = Literal["observed", "forecast"]


class FloodKind(NamedTuple):
    """One code of 指定河川洪水予報 or 水位周知河川 in one of its two code spaces (until and from 2026-05-28).

    `level` is 警戒レベル, before 2026 the 相当 that JMA publishes for the code; `active` is False for 解除 alone:
    code 22 lowers a warning to an advisory, which is in force. `change` is what the code itself says, if anything.
    """

    code_space: str
    code: str
    name: str
    level: int
    grade: FloodGrade
    active: bool
    change: FloodChange | None
    valid_from: datetime | None
    valid_to: datetime | None


class BulletinTag(NamedTuple):
    """One 情報タグ of a 府県気象防災速報: what it is about, and whether it was seen or is expected.

    `lasts` is for how long JMA expects it, where the definition of the tag says so.
    """

    tag: str
    subtype: str
    basis: Basis
    lasts: timedelta | None


class Parallel(NamedTuple):
    """An old telegram type that since `valid_to` only repeats what `superseded_by` says."""

    telegram_type: str
    valid_to: datetime
    superseded_by: str


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@cache
def flood_kinds() -> tuple[FloodKind, ...]:
    """Every code of both code spaces, as in the table."""
    return tuple(
        FloodKind(
            row["code_space"],
            row["code"],
            row["name"],
            int(row["level"]),
            cast(FloodGrade, row["grade"]),
            row["active"] == "true",
            cast(FloodChange, row["change"]) or None,
            _instant(row["valid_from"]),
            _instant(row["valid_to"]),
        )
        for row in rows("jma_flood_kind")
    )


def flood_kind(code: str, at: datetime) -> FloodKind | None:
    """The kind that a code meant at a time; None for a code that is in no table.

    >>> at = datetime.fromisoformat("2026-07-01T00:00:00+09:00")
    >>> [(kind.name, kind.level, kind.active) for code in ("22", "10", "43") if (kind := flood_kind(code, at))]
    [('レベル２氾濫注意報（警報解除）', 2, True), ('レベル２氾濫注意報解除', 2, False)]
    """
    for kind in flood_kinds():
        if (
            kind.code == code
            and (kind.valid_from is None or kind.valid_from <= at)
            and (kind.valid_to is None or at < kind.valid_to)
        ):
            return kind
    return None


@cache
def _tags() -> dict[str, BulletinTag]:
    return {
        row["tag"]: BulletinTag(
            row["tag"],
            row["subtype"],
            cast(Basis, row["basis"]),
            timedelta(hours=int(row["hours"])) if row["hours"] else None,
        )
        for row in rows("jma_bulletin_tag")
    }


def bulletin_tag(tag: str) -> BulletinTag | None:
    """What a tag stands for; None for one that is in no table.

    >>> bulletin_tag("記録雨").subtype
    'record_rain'
    """
    return _tags().get(tag)


@cache
def _parallel() -> dict[str, Parallel]:
    return {
        row["telegram_type"]: Parallel(
            row["telegram_type"], datetime.fromisoformat(row["valid_to"]), row["superseded_by"]
        )
        for row in rows("jma_parallel")
    }


def superseded_by(telegram_type: str, at: datetime) -> str | None:
    """The newer type that says the same as a telegram of an old type at that time; None where the old one counts.

    >>> superseded_by("VXWW50", datetime.fromisoformat("2026-07-28T17:42:00+09:00"))
    'VPWW56'
    >>> superseded_by("VXWW50", datetime.fromisoformat("2024-11-02T18:50:00+09:00")) is None
    True
    """
    row = _parallel().get(telegram_type)
    return row.superseded_by if row is not None and at >= row.valid_to else None


def counts_until(telegram_type: str) -> datetime | None:
    """The instant at which an old telegram type, and all that it said, gave way to a newer one."""
    row = _parallel().get(telegram_type)
    return row.valid_to if row is not None else None
