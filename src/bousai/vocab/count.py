"""Counts as disaster reports state them: a number, and how sure the source is of it.

Blank ≠ 0 ≠ 調査中 ≠ 未確認 (火災・災害等即報要領, 第4号様式: what is not known yet is written as such, and 「約」,
「未満」, 「以上」 are part of the number). So a count is never a bare number but `Count`, kept as the JSON object
``{"value": 2409, "state": "reported", "qualifier": "exact", "text": null}``.
"""

from __future__ import annotations

import re
from typing import Literal, TypedDict
from unicodedata import category, normalize

State = Literal[
    "reported", "blank", "unconfirmed", "investigating", "unknown", "not_applicable", "many", "suppressed"
]
"""reported (a number is given) · blank (the cell is empty) · unconfirmed (未確認, 確認中) · investigating (調査中,
集計中) · unknown (不明, *) · not_applicable (－, 該当なし) · many (多数: there are some, nobody counted) ·
suppressed (秘匿: it is known and not shown to the public, because it is small; no source says so, publishing
does)."""
Qualifier = Literal["exact", "approx", "at_least", "at_most", "more_than", "less_than"]
"""exact · approx (約, 程度) · at_least (以上) · at_most (以下, 最大) · more_than (超, 余) · less_than (未満, 弱)."""


class Count(TypedDict):
    """`value` is None unless `state` is reported. `text` is the wording where it says more than the number."""

    value: int | None
    state: State
    qualifier: Qualifier
    text: str | None


_WORDS: dict[str, State] = {
    "": "blank",
    "未確認": "unconfirmed",
    "確認中": "unconfirmed",
    "調査中": "investigating",
    "集計中": "investigating",
    "精査中": "investigating",
    "不明": "unknown",
    "*": "unknown",
    "＊": "unknown",
    "該当なし": "not_applicable",
    "なし": "not_applicable",
    "多数": "many",
    "複数": "many",
    "数": "many",
    "若干": "many",
}
_DASHES = frozenset("-‐‑‒–—―−ー－─━")
_BEFORE: dict[str, Qualifier] = {"約": "approx", "およそ": "approx", "少なくとも": "at_least", "最大": "at_most"}
_AFTER: dict[str, Qualifier] = {
    "以上": "at_least",
    "以下": "at_most",
    "未満": "less_than",
    "弱": "less_than",
    "超": "more_than",
    "余": "more_than",
    "余り": "more_than",
    "強": "more_than",
    "程度": "approx",
    "ほど": "approx",
}
_UNITS = "人|名|棟|戸|軒|世帯|件|箇所|か所|カ所|ヶ所|ケ所|ヵ所|箇|隻|回線|団体|施設|路線|区間|台|頭|ha|千円|円|%"
_DIGITS = 15  # no disaster has more of anything; JSON and databases have no room for some more
_NUMBER = re.compile(
    rf"(?P<before>{'|'.join(_BEFORE)})?(?P<number>\d{{1,3}}(?:,\d{{3}})+|\d+)(?:{_UNITS})?"
    rf"(?P<after>{'|'.join(sorted(_AFTER, key=len, reverse=True))})?(?:{_UNITS})?"
)


def reported(value: int, qualifier: Qualifier = "exact", text: str | None = None) -> Count:
    """A count with a number."""
    return {"value": value, "state": "reported", "qualifier": qualifier, "text": text}


def without(state: State, text: str | None = None) -> Count:
    """A count without a number."""
    return {"value": None, "state": state, "qualifier": "exact", "text": text}


def count(text: str | None) -> Count | None:
    """What a cell says, or None where it is neither a number nor one of the words for not knowing.

    Full-width digits, thousands separators, blanks within and a unit after the number are read; a decimal, a sum or
    prose is not, so that nothing is guessed: the caller makes an issue of it.

    >>> count("２，４０９名")
    {'value': 2409, 'state': 'reported', 'qualifier': 'exact', 'text': None}
    >>> count("約 60 戸")
    {'value': 60, 'state': 'reported', 'qualifier': 'approx', 'text': '約 60 戸'}
    >>> count("10 戸未満")["qualifier"], count("調査中")["state"], count("―")["state"], count(None)["state"]
    ('less_than', 'investigating', 'not_applicable', 'blank')
    >>> count("0")["value"], count("3人程度")["qualifier"], count("屋内191人／屋外0人")
    (0, 'approx', None)
    """
    raw = (text or "").strip()
    if any(category(character) == "No" for character in raw):
        return None  # ① is a mark, though NFKC takes it for 1
    plain = "".join(normalize("NFKC", raw).split()).replace("，", ",").replace("、", ",")
    if plain in _WORDS:
        return without(_WORDS[plain], raw or None)
    if plain and set(plain) <= _DASHES:
        return without("not_applicable", raw)
    match = _NUMBER.fullmatch(plain)
    if match is None:
        return None
    digits = match["number"].replace(",", "")
    if len(digits) > _DIGITS:
        return None
    value = int(digits)
    before, after = match["before"], match["after"]
    if before and after and _BEFORE[before] != _AFTER[after]:
        return None
    qualifier = _AFTER[after] if after else _BEFORE[before] if before else "exact"
    return reported(value, qualifier, raw if qualifier != "exact" else None)
