"""Codes of JMA's volcano telegrams (警報等情報要素／火山現象): warnings, levels, what to do, phenomena, ash.

Source: 気象庁防災情報XMLフォーマット, code table 地震火山関連; names with the dates they were in use. Codes are text:
they do not sort by severity, and 14 is a level while 41 is what a municipality is told to do.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple, cast
from unicodedata import normalize

from bousai.vocab import rows

Subject = Literal["warning", "level", "sea", "response", "phenomenon", "ash", "ash_forecast"]
"""What a code is about: 噴火警報・予報 of a municipality · the state of a volcano (噴火警戒レベル, or a keyword where
a volcano has no levels) · 海上警報 · 防災対応 · what erupted · what falls · which 降灰予報."""
Change = Literal["issued", "raised", "lowered", "switched", "continued", "lifted"]

_CHANGES: dict[str, Change] = {
    "発表": "issued",
    "引上げ": "raised",
    "引き上げ": "raised",
    "引下げ": "lowered",
    "引き下げ": "lowered",
    "切替": "switched",
    "継続": "continued",
    "解除": "lifted",
}
_SEVERITY = ("forecast", "lifted", "sea_warning", "crater_warning", "residential_warning")


class VolcanoKind(NamedTuple):
    """One code. `meaning` is a grade for warnings, levels and responses (residential_warning 噴火警報（居住地域）,
    crater_warning 火口周辺警報, sea_warning 周辺海域, forecast 噴火予報, lifted 警報解除), else what happens or
    falls. `level` is the 噴火警戒レベル, 1 to 5. `names` are all that the code has had."""

    code: str
    subject: Subject
    meaning: str
    level: int | None
    names: frozenset[str]


@cache
def _kinds() -> dict[str, VolcanoKind]:
    found: dict[str, VolcanoKind] = {}
    for row in rows("jma_volcano_kind"):
        code, level = row["code"], int(row["level"]) if row["level"] else None
        before = found[code].names if code in found else frozenset()
        names = before | {_plain(row["name_ja"])}
        found[code] = VolcanoKind(code, cast(Subject, row["subject"]), row["meaning"], level, names)
    return found


def _plain(name: str) -> str:
    return "".join(normalize("NFKC", name).split())


def kind(code: str) -> VolcanoKind | None:
    """What a code means; None for an unknown one.

    >>> kind("13").level, kind("43").meaning, kind("77")
    (3, 'crater_warning', None)
    """
    return _kinds().get(code)


def is_named(found: VolcanoKind, name: str) -> bool:
    """Whether the code has or had this name, in whatever width it is written.

    >>> is_named(kind("11"), "レベル1(平常)"), is_named(kind("11"), "レベル５（避難）")
    (True, False)
    """
    return _plain(name) in found.names


def change(condition: str) -> Change | None:
    """Kind/Condition: how the state differs from the one before; None for an unknown word."""
    return _CHANGES.get(condition)


def in_force(found: VolcanoKind | None) -> bool:
    """Whether a warning is in force. What nobody knows counts as in force.

    >>> in_force(kind("02")), in_force(kind("04")), in_force(None)
    (True, False, True)
    """
    return found is None or found.meaning not in ("forecast", "lifted")


def severity(found: VolcanoKind | None) -> int:
    """A number by which grades sort; an unknown kind is the worst."""
    return _SEVERITY.index(found.meaning) if found and found.meaning in _SEVERITY else len(_SEVERITY)
