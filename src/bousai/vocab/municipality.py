"""Municipalities: 都道府県コード (JIS X 0401) and 市区町村コード (JIS X 0402), with wards of designated cities.

Source: 総務省 全国地方公共団体コード (edition of 2024-01-01) and the notices on 浜松市's wards of 2024-01-01; the six
villages of the Northern Territories as in 国土数値情報 N03. Table: data/municipality.csv. A code of `city` is the
designated city (政令指定都市) of a ward; `valid_to` and `successor` tell what became of an abolished code.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Literal, NamedTuple
from unicodedata import normalize

from bousai.vocab import rows
from bousai.vocab.code import MuniCode, PrefCode


class Municipality(NamedTuple):
    """One 市区町村. `name` is without the prefecture; `valid_from`, `valid_to` inclusive, None = open."""

    code: str
    pref: str
    name: str
    city: str | None
    valid_from: date | None
    valid_to: date | None
    successors: tuple[str, ...]


@cache
def municipalities() -> dict[str, Municipality]:
    """Code → municipality, in the order of the codes; abolished ones too."""
    return {
        row["code"]: Municipality(
            row["code"],
            row["pref"],
            row["name"],
            row["city"] or None,
            date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            tuple(row["successor"].split()),
        )
        for row in rows("municipality")
    }


@cache
def wards() -> dict[str, tuple[str, ...]]:
    """The wards (行政区) of every designated city, abolished ones too, by the code of the city."""
    found: dict[str, list[str]] = {}
    for one in municipalities().values():
        if one.city is not None:
            found.setdefault(one.city, []).append(one.code)
    return {city: tuple(codes) for city, codes in found.items()}


@cache
def _by_full_name() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for one in municipalities().values():
        if one.valid_to is None:
            name = one.pref + one.name
            found[name] = None if name in found else one.code
    return found


def code_of(full_name: str) -> str | None:
    """The code of a prefecture and municipality written together; None where there is none or more than one.

    >>> code_of("石川県輪島市"), code_of("北海道泊村"), code_of("輪島市")
    ('17204', None, None)
    """
    return _by_full_name().get(full_name)


def check_digit(code: str) -> str:
    """The sixth digit (検査数字) of a five-digit code.

    >>> [check_digit(code) for code in ("01000", "01100", "13101", "17204", "47201")]
    ['6', '2', '6', '9', '8']
    """
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=True))
    return str((11 - total % 11) % 10)


class Resolved(NamedTuple):
    """What a written code or name means: `code`, or None and `why` not (for an issue)."""

    code: MuniCode | None
    why: str = ""


def in_force(code: str, on: date | None = None) -> bool:
    """Whether a code is a municipality's on that day (None: now, as far as the list goes)."""
    one = municipalities().get(code)
    if one is None:
        return False
    if on is None:
        return one.valid_to is None
    return (one.valid_from is None or one.valid_from <= on) and (one.valid_to is None or on <= one.valid_to)


def resolve(
    written: str | None,
    on: date | None = None,
    *,
    width: Literal[5, 6] | None = None,
    pref: PrefCode | None = None,
) -> Resolved:
    """The municipality behind a code as offices write it: 5 digits, 6 with check digit, leading zero lost or not.

    Excel takes away a leading zero, so that five digits may be a JIS code or the rest of a six-digit one: what only
    one of the two readings makes a municipality is that one, what both make one is not guessed. `on` is the day of
    the document: codes of abolished municipalities count for the time in which they held. `width` is how many digits
    the source is known to write before Excel, `pref` the prefecture that it is known to speak of.

    >>> [resolve(code).code for code in ("92011", "092011", "13101", "131016", "１３１０１", "1100", "011002")]
    ['09201', '09201', '13101', '13101', '13101', '01100', '01100']
    >>> resolve("43214").why, resolve("43214", width=5).code
    ("'43214' can be 04321 or 43214", '43214')
    >>> resolve("131017").why, resolve("170003").why
    ("'131017' has a wrong check digit (131016 would be right)", "'170003' is a prefecture, not a municipality")
    """
    digits = normalize("NFKC", (written or "").strip())
    if not (digits.isascii() and digits.isdigit() and 4 <= len(digits) <= 6):
        return Resolved(None, f"{(written or '')[:40]!r} is not a municipality code")
    readings: list[str | None]
    if len(digits) == 6:
        readings = [_with_check_digit(digits)]
    elif len(digits) == 5:
        jis = digits if digits in municipalities() else None
        readings = [jis if width != 6 else None, _with_check_digit("0" + digits) if width != 5 else None]
    else:
        readings = ["0" + digits if "0" + digits in municipalities() else None]
    known = sorted({code for code in readings if code is not None and (pref is None or code.startswith(pref))})
    if len(known) == 1:
        code = known[0]
        if on is not None and not in_force(code, on):
            return Resolved(None, f"{digits!r} was not a municipality's code on {on.isoformat()}")
        return Resolved(MuniCode(code))
    if known:
        return Resolved(None, f"{digits!r} can be {' or '.join(known)}")
    padded = digits.rjust(6, "0")
    if padded[2:5] == "000" and padded[:2] in _prefectures().values() and check_digit(padded[:5]) == padded[5]:
        return Resolved(None, f"{digits!r} is a prefecture, not a municipality")
    if len(digits) == 6 and digits[:5] in municipalities():
        right = digits[:5] + check_digit(digits[:5])
        return Resolved(None, f"{digits!r} has a wrong check digit ({right} would be right)")
    return Resolved(None, f"no municipality has the code {digits!r}")


def _with_check_digit(six: str) -> str | None:
    return six[:5] if six[:5] in municipalities() and check_digit(six[:5]) == six[5] else None


@cache
def _prefectures() -> dict[str, PrefCode]:
    return {one.pref: PrefCode(one.code[:2]) for one in municipalities().values()}


def prefecture(name: str) -> PrefCode | None:
    """The code of a prefecture (JIS X 0401) by its name, with or without 都府県 at the end.

    >>> prefecture("熊本県"), prefecture("熊本"), prefecture("東京"), prefecture("熊"), prefecture("北海道")
    ('43', '43', '13', None, '01')
    """
    known = _prefectures()
    return known.get(name) or next((code for full, code in known.items() if full[:-1] == name), None)


def prefecture_name(code: str) -> str:
    """The name of a prefecture by its code. Raises KeyError.

    >>> prefecture_name("17")
    '石川県'
    """
    return {known: name for name, known in _prefectures().items()}[PrefCode(code)]


@cache
def _by_name_in(pref: str) -> dict[str, MuniCode | None]:
    found: dict[str, MuniCode | None] = {}
    for one in municipalities().values():
        if one.valid_to is None and one.code[:2] == pref:
            found[one.name] = None if one.name in found else MuniCode(one.code)
    return found


def named(name: str, pref: str | None = None) -> Resolved:
    """The municipality of a name, within a prefecture (its code) where one is known.

    A 郡 before the name is passed over; blanks are not part of a name. A name that two municipalities have is not
    guessed.

    >>> named("宇城市", "43").code, named("上益城郡 益城町", "43").code, named("熊本県宇城市").code
    ('43213', '43443', '43213')
    >>> named("府中市").why
    "'府中市' is the name of 13206, 34208"
    """
    plain = "".join(normalize("NFKC", name).split())
    for full, code in _prefectures().items():
        if plain.startswith(full) and pref in (None, code) and plain != full:
            plain, pref = plain[len(full) :], code
            break
    candidates = [plain]
    county, mark, rest = plain.partition("郡")
    if mark and county and rest:
        candidates.append(rest)
    places = [pref] if pref is not None else sorted(set(_prefectures().values()))
    for candidate in candidates:
        found = sorted({muni for place in places if (muni := _by_name_in(place).get(candidate))})
        if len(found) == 1:
            return Resolved(found[0])
        if found:
            return Resolved(None, f"{name[:40]!r} is the name of {', '.join(found)}")
    return Resolved(None, f"no municipality is called {name[:40]!r}")
