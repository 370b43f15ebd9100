"""`Entry`: one thing that a message tells: an area, its grade, and the facts of it. `Situation`: all of a subject."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bousai.model import Status
from bousai.vocab.municipality import check_digit

Geocode = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One area in one grade.

    `level` is a key of vocab/data/cap_level.csv (``tsunami/warning``). `event_ja`, `event_en` are the names as the
    issuer has them. `event_code` is its
    term of the OASIS list where it is not the rule's. `tells` is what a reader must be told anew when it changes;
    `facts_ja`, `facts_en` say it in words. `stated_level` is the 警戒レベル where the issuer states one. `munis` are
    5-digit codes that it may concern, for subscribers; `geocodes` name the area for certain. `places` are the
    municipalities whose outlines together are the area; empty where there is none to draw. `valid_to` is the end that
    the source gives. `revisions` are the numbers that `bousai trace` takes.
    """

    item_id: str
    level: str
    event_ja: str
    event_en: str
    area: str
    issuer: str
    issued_at: datetime
    tells: tuple[str | None, ...] = ()
    facts_ja: str = ""
    facts_en: str = ""
    stated_level: int | None = None
    event_code: str = ""
    geocodes: tuple[Geocode, ...] = ()
    munis: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    onset: datetime | None = None
    valid_to: datetime | None = None
    revisions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of one subject: what is in force, by the newest statement.

    `as_of` is the issue time of the newest statement, `cursor` its place in the log. `issued_at`, `recorded_at` are
    those of the statement that made us look. `withdrawn`: that was a 取消; `corrected`: a 訂正. `inputs` are the
    statuses of everything that it is made of. `context_ja`, `context_en` are lines that belong to no area;
    `doubt_ja`, `doubt_en` say why it is not certain that it still holds.
    """

    rule: str
    subject: str
    status: Status
    entries: tuple[Entry, ...]
    as_of: datetime
    cursor: int
    issued_at: datetime
    recorded_at: datetime
    withdrawn: bool = False
    corrected: bool = False
    inputs: frozenset[Status] = frozenset()
    issuer: str = ""
    context_ja: tuple[str, ...] = ()
    context_en: tuple[str, ...] = ()
    doubt_ja: str = ""
    doubt_en: str = ""


def muni_codes(code: str | None) -> tuple[Geocode, ...]:
    """The geocodes of a municipality: JIS X 0402 (5 digits) and 全国地方公共団体コード (6, with check digit)."""
    return () if code is None else (("JISX0402", code), ("LGCODE", code + check_digit(code)))
