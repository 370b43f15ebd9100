"""What a request for items asks: its parameters, each checked, every "no" with the parameter, the cause and a remedy.

Rules: OGC 17-069r4 (Part 1) 7.15, OGC 18-058r1 (Part 2), and of our own `known-at`, `muni`, `status`, `cursor`,
`properties` and `skip-geometry` (docs/layers.md).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import orjson
from starlette.datastructures import QueryParams

from bousai.model import Status
from bousai.serve.problem import Problem
from bousai.vocab import municipality

LIMIT, MOST = 100, 10_000
JST = ZoneInfo("Asia/Tokyo")

_TIME = "2024-01-01T16:30:00+09:00 (without an offset: Japan time)"
_SECONDS_AHEAD = 5
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
"""9999-12-31T23:59:59Z, as many clients write an open end, is a day that Japan's calendar no longer has here."""


@dataclass(frozen=True, slots=True)
class Period:
    """`datetime`: an instant (`since` is None), or what held at some time from `since` to `until` (None: now)."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: `position` among the features that match, of the picture called `picture`."""

    picture: str
    position: int

    def text(self) -> str:
        """As it stands in a link."""
        return base64.urlsafe_b64encode(orjson.dumps([self.picture, self.position])).decode().rstrip("=")


def only(asked: QueryParams, known: frozenset[str]) -> Mapping[str, str]:
    """The parameters, each once and none but those in `known` (Part 1, requirements 8 and 9)."""
    for name in asked:
        if name not in known:
            raise Problem(400, f"no parameter {name!r}", remedy=f"one of: {', '.join(sorted(known))}", parameter=name)
        if len(asked.getlist(name)) > 1:
            raise _wrong(name, "given twice", "give it once; several values are separated by commas")
    return dict(asked)


def _wrong(name: str, cause: str, remedy: str) -> Problem:
    return Problem(400, f"{name}: {cause}", remedy=remedy, parameter=name)


def instant(name: str, text: str) -> datetime:
    """A time of RFC 3339; a date is its beginning, and what has no offset is Japan time (JST)."""
    try:
        # A "+" that nobody encoded arrives as a space, the commonest mistake with times in addresses.
        at = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", text.strip()))
        at = at if at.tzinfo is not None else at.replace(tzinfo=JST)
        return min(at.astimezone(UTC), _LATEST)
    except (ValueError, OverflowError):
        raise _wrong(name, f"not a time: {text[:60]!r}", f"write {_TIME}") from None


def known_at(text: str, now: datetime) -> datetime:
    """What was known at a time; of a time to come nobody can say that."""
    at = instant("known-at", text)
    if (at - now).total_seconds() > _SECONDS_AHEAD:
        raise _wrong("known-at", f"{text[:60]} is in the future", "leave it out for all that is known now")
    return at


def period(text: str) -> Period:
    """An instant, or an interval ``a/b``, ``../b``, ``a/..``, ``/b``, ``a/`` (Part 1, requirement 26)."""
    parts = text.split("/")
    if len(parts) == 1:
        return Period(None, instant("datetime", text))
    if len(parts) != 2:
        raise _wrong("datetime", f"not an interval: {text[:60]!r}", "write begin/end, with .. for an open end")
    begin, end = (None if part in ("", "..") else instant("datetime", part) for part in parts)
    if begin is None and end is None:
        raise _wrong("datetime", "open at both ends", "leave it out for what holds now")
    if begin is not None and end is not None and begin > end:
        raise _wrong("datetime", f"begins after it ends: {text[:60]!r}", "write begin/end")
    return Period(datetime(1, 1, 2, tzinfo=UTC) if begin is None else begin, end)


def box(name: str, text: str) -> tuple[float, float, float, float]:
    """Four numbers, or six of which the heights are put aside: first corner, then the corner opposite."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise _wrong(name, f"not a box: {text[:60]!r}", "write west,south,east,north: 136.5,36.8,137.4,37.6")
    half = len(numbers) // 2
    return numbers[0], numbers[1], numbers[half], numbers[half + 1]


def degrees(name: str, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A box of west, south, east, north on the earth; west > east crosses the antimeridian."""
    west, south, east, north = box
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise _wrong(name, "not on the earth", "west,south,east,north in degrees, longitude first, south ≤ north")
    return box


def language(text: str, known: tuple[str, ...]) -> str:
    """A filter language."""
    if text not in known:
        raise _wrong("filter-lang", f"no language {text[:20]!r}", f"one of: {', '.join(known)}")
    return text


def munis(text: str) -> tuple[str, ...]:
    """Municipality codes of JIS X 0402 (five digits, or six with their check digit) and prefectures (two digits).
    With a designated city come its wards, for what is said of a ward is said of the city.
    """
    found: set[str] = set()
    for part in text.split(","):
        code = part.strip()
        if not (code.isascii() and code.isdigit() and len(code) in (2, 5, 6)):
            raise _wrong("muni", f"not a code: {part[:20]!r}", "17204 or 172049 (municipality), 17 (prefecture)")
        if len(code) == 6 and municipality.check_digit(code[:5]) != code[5]:
            raise _wrong("muni", f"{code} has a wrong check digit", "leave it out: five digits of JIS X 0402")
        code = code[:5]
        if len(code) == 2 and not "01" <= code <= "47":
            raise _wrong("muni", f"no prefecture {code}", "01 to 47 (JIS X 0401)")
        if len(code) == 5 and code not in municipality.municipalities():
            raise _wrong("muni", f"no municipality {code}", "five digits of JIS X 0402, such as 17204")
        found |= {code, *municipality.wards().get(code, ())}
    return tuple(sorted(found))


def status(text: str) -> Status:
    """actual, exercise or test."""
    if text not in get_args(Status):
        raise _wrong("status", f"no status {text[:20]!r}", f"one of: {', '.join(get_args(Status))}")
    return text  # type: ignore[return-value]  # just looked


def limit(text: str) -> int:
    """How many features of a page are wanted; more than `MOST` is that many (Part 1, requirement 20)."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise _wrong("limit", f"not a number of features: {text[:20]!r}", f"a whole number from 1 to {MOST}")
    return min(int(text), MOST)


def flag(name: str, text: str) -> bool:
    """true or false."""
    if text not in ("true", "false"):
        raise _wrong(name, f"neither true nor false: {text[:20]!r}", "true or false")
    return text == "true"


def cursor(text: str) -> Cursor:
    """What `Cursor.text` wrote."""
    try:
        found = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
        picture, position = found
    except (binascii.Error, ValueError, TypeError):
        picture, position = None, None
    if not (isinstance(picture, str) and isinstance(position, int) and 0 <= position < 2**40):
        raise _wrong("cursor", "not one of ours", "follow the next links as they are, or begin without a cursor")
    return Cursor(picture, position)
