"""JMA code lists: telegram types, 震度, 長周期地震動階級, tsunami kinds and coasts, 固定付加文.

Source: 気象庁防災情報XMLフォーマット (xml.kishou.go.jp), list of telegrams and code tables; the telegram titles
are those of real and official sample telegrams where there is one. Codes are text: they are compared, never
calculated with, and their order says nothing about severity.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple, cast

from bousai.vocab import rows

TsunamiGrade = Literal["major_warning", "warning", "advisory", "forecast", "cleared"]


class TelegramType(NamedTuple):
    """One row of data/jma_telegram.csv.

    `telegram_type` is the データ種類コード, or JMA's family notation where the content cannot tell the numbers of
    a family apart (``VXKOii``, ``VPTW60-65``). `atom` is the Atom index that carries it (regular, extra, eqvol,
    other; "" where it is not public), `feed` our feed that takes it ("" where none does).
    """

    telegram_type: str
    atom: str
    feed: str


@cache
def _telegrams() -> dict[str, TelegramType]:
    return {
        row["control_title"]: TelegramType(row["telegram_type"], row["atom"], row["feed"])
        for row in rows("jma_telegram")
    }


def telegram(title: str) -> TelegramType | None:
    """The telegram type of a Control/Title (情報名称); None where the title is not in the list.

    >>> telegram("震度速報").telegram_type
    'VXSE51'
    """
    return _telegrams().get(title)


@cache
def _intensity() -> dict[str, int]:
    return {row["code"]: int(row["rank"]) for row in rows("jma_intensity")}


def intensity_rank(code: str) -> int | None:
    """A number by which 震度階級 sort, None for an unknown code.

    震度５弱以上未入電 ("!5-": estimated to be 5 lower or more, no value received) ranks just above 5 lower, so that
    a threshold of 5 lower never misses it.

    >>> [intensity_rank(code) for code in ("4", "5-", "!5-", "5+", "8")]
    [40, 45, 46, 50, None]
    """
    return _intensity().get(code)


@cache
def lpgm_classes() -> frozenset[str]:
    """長周期地震動階級: the codes that there are, "0" (below class 1) to "4"."""
    return frozenset(row["code"] for row in rows("jma_lpgm_class"))


@cache
def _tsunami_kinds() -> dict[str, TsunamiGrade]:
    return {row["code"]: cast(TsunamiGrade, row["grade"]) for row in rows("jma_tsunami_kind")}


def tsunami_grade(kind_code: str) -> TsunamiGrade | None:
    """The grade of 警報等情報要素／津波警報・注意報・予報; None for an unknown code.

    >>> tsunami_grade("53"), tsunami_grade("62"), tsunami_grade("54")
    ('major_warning', 'advisory', None)
    """
    return _tsunami_kinds().get(kind_code)


@cache
def tsunami_coasts() -> dict[str, str]:
    """津波予報区: code → name, the 66 coast sections."""
    return {row["code"]: row["name_ja"] for row in rows("jma_tsunami_coast")}


@cache
def fixed_comment_subjects() -> dict[str, str]:
    """固定付加文: code → what it is about (tsunami, eew, information, correction, station)."""
    return {row["code"]: row["subject"] for row in rows("jma_fixed_comment")}


class EarthquakeInfo(NamedTuple):
    """One 地震関連情報番号コード: its 情報種別番号名 and what stage of the matter it stands for."""

    name: str
    stage: str


@cache
def earthquake_info() -> dict[str, EarthquakeInfo]:
    """地震関連情報番号コード → name and stage (南海トラフ地震臨時情報 and 解説情報)."""
    return {row["code"]: EarthquakeInfo(row["name_ja"], row["stage"]) for row in rows("jma_earthquake_info")}
