"""The code and telegram calendar: when telegram types, code lists, endpoints and platforms begin, change and end.

The operators' board asks `coming` before a date arrives and `overdue` for what is still in use after it. Days are
days of Japan (JST) and nothing here reads a clock: `day` makes one of an instant. Table: data/calendar.csv, sorted
by date; each row names its source, and whether that is the publisher's own word (official) or somebody else's
account of it, our own notes among them (secondary).

What the columns mean:

* `subject` is what a feed or an installation would name: a telegram type or family as in data/jma_telegram.csv
  (``VPWW53``, ``VXKOii``), a code list (``JIS X 0402``), an address or the beginning of one, a programme and its
  version (``PostgreSQL 15``, ``Python 3.11``: major, or major and minor, as its maker counts).
* a telegram that runs on beside its successor (経過措置) `changes` on the day from which the successor counts, and
  `ends` on another day.
* `date` and `precision`: ``2026-05-28`` day · ``2027-10`` month · ``2028`` year · nothing, unknown: it has come
  about, we do not know when · not_before: announced for that day, month or year or later, without a day.

A month or a year counts from its first day for warnings (`coming`) and has passed with its last (`overdue`). What is
announced without a day stays among the coming from its warning on and is never overdue, until the table has a day.

Main source of the telegrams: 配信資料に関する技術情報 第634号 (気象庁) and the account of it at
https://dmdata.jp/docs/topic/2026weather; https://www.jma.go.jp/jma/kishou/know/bosai/keiho-update2026/tech-info/.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Literal, cast, get_args

from bousai.vocab import rows
from bousai.vocab.japanese_time import JST

Event = Literal["starts", "ends", "changes"]
Subject = Literal["telegram", "code_list", "endpoint", "schema", "licence", "platform"]
Precision = Literal["day", "month", "year", "unknown", "not_before"]
Verified = Literal["official", "secondary"]

KINDS: tuple[Subject, ...] = get_args(Subject)
"""The kinds of subjects, in the order in which entries of one day stand."""

_FORMS: dict[Precision, str] = {
    "day": r"\d{4}-\d{2}-\d{2}",
    "month": r"\d{4}-\d{2}",
    "year": r"\d{4}",
    "unknown": "",
    "not_before": r"\d{4}(-\d{2}(-\d{2})?)?",
}
# Not strftime: its names are those of the locale.
_MONTHS: tuple[str, ...] = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the calendar.

    `date_text` is the date as published (column `date`, see the module), `replaced_by` names subjects with blanks
    between them ("" where nothing follows), `remedy_*` is what an operator does and by when, in one line.
    `warn_days` is for how many days before `first` the entry is among the coming.
    """

    date_text: str
    precision: Precision
    event: Event
    kind: Subject
    subject: str
    replaced_by: str
    title_ja: str
    title_en: str
    remedy_ja: str
    remedy_en: str
    source: str
    verified: Verified
    warn_days: int

    @property
    def first(self) -> date | None:
        """The first day that it can be; None where the day is unknown.

        >>> [str(one.first) for one in of("Python 3.11")]
        ['2027-10-01']
        """
        return _bounds(self.date_text)[0] if self.date_text else None

    @property
    def last(self) -> date | None:
        """The last day that it can be; None where the day is unknown or only said to be later than `first`.

        >>> [str(one.last) for one in of("Python 3.11")], [str(one.last) for one in of("VPNO50")]
        (['2027-10-31'], ['2026-05-28', 'None'])
        """
        return _bounds(self.date_text)[1] if self.date_text and self.precision != "not_before" else None

    @property
    def when_ja(self) -> str:
        """The date in Japanese, with what is not known about it.

        >>> [one.when_ja for one in (*of("VPNO50"), *of("Python 3.11"), *of("VPAW50"))]
        ['2026年5月28日', '2028年以降（日は未定）', '2027年10月（日は未定）', '日は不明']
        """
        if not self.date_text:
            return "日は不明"
        said = "".join(f"{int(part)}{unit}" for part, unit in zip(self.date_text.split("-"), "年月日", strict=False))
        if self.precision == "not_before":
            return f"{said}以降（日は未定）"
        return said if self.precision == "day" else f"{said}（日は未定）"

    @property
    def when_en(self) -> str:
        """The date in English, with what is not known about it.

        >>> [one.when_en for one in (*of("VPNO50"), *of("Python 3.11"), *of("VPAW50"))]
        ['28 May 2026', '2028 or later (day not given)', 'October 2027 (day not given)', 'day not known']
        """
        if not self.date_text:
            return "day not known"
        parts = [int(part) for part in self.date_text.split("-")]
        said = " ".join(
            [*(str(part) for part in parts[2:]), *(_MONTHS[part - 1] for part in parts[1:2]), str(parts[0])]
        )
        if self.precision == "not_before":
            return f"{said} or later (day not given)"
        return said if self.precision == "day" else f"{said} (day not given)"

    def is_past(self, on: date) -> bool:
        """Whether it has come about for certain before that day (JST): on its own day it has not, see `coming`."""
        if self.precision == "unknown":
            return True
        return self.last is not None and self.last < on


def day(at: datetime) -> date:
    """The day of Japan of an instant. Raises `ValueError` for one without an offset.

    >>> str(day(datetime.fromisoformat("2026-05-27T15:00:00+00:00")))
    '2026-05-28'
    """
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no offset: its day in Japan is not known")
    return at.astimezone(JST).date()


@cache
def entries() -> tuple[Entry, ...]:
    """The whole calendar by date, what has no date first. Raises `ValueError` for a row that cannot be one."""
    found = tuple(entry_of(row, line) for line, row in enumerate(rows("calendar"), start=2))
    for line, (before, after) in enumerate(pairwise(found), start=3):
        if not _order(before) < _order(after):
            raise ValueError(f"calendar.csv line {line}: {after.subject} is out of order or there twice")
    return found


def coming(on: date, subjects: Iterable[str] | None = None) -> list[Entry]:
    """What is to be warned of on a day (JST), soonest first: from `warn_days` before an entry to its last day.

    `subjects` restricts it to what an installation uses; None: everything. What has been announced without a day and
    may come any day now stands last.

    >>> [(one.subject, one.when_en) for one in coming(date(2027, 10, 31), ["Python 3.11", "PostgreSQL 15", "VPWW53"])]
    [('Python 3.11', 'October 2027 (day not given)'), ('PostgreSQL 15', '11 November 2027'), \
('VPWW53', '2028 or later (day not given)')]
    """
    wanted = None if subjects is None else frozenset(subjects)
    found: list[tuple[bool, date, Entry]] = []
    for one in entries():
        if one.first is None or (wanted is not None and one.subject not in wanted):
            continue
        if one.first - timedelta(days=one.warn_days) <= on and not one.is_past(on):
            found.append((one.last is None and one.first <= on, one.first, one))
    return [one for _, _, one in sorted(found, key=lambda each: each[:2])]


def overdue(on: date, in_use: Collection[str]) -> list[Entry]:
    """What has ended before a day (JST) and is in use all the same, longest ago first, days that are unknown at all.

    `in_use` are subjects as a feed or an installation names them: ``types`` of a feed's source, ``PostgreSQL 15``.

    >>> [one.subject for one in overdue(date(2026, 5, 29), ["VPRN50", "VPWW53", "VPTW40-45"])]
    ['VPTW40-45', 'VPRN50']
    >>> overdue(date(2026, 5, 28), ["VPRN50"])
    []
    """
    used = frozenset(in_use)
    past = [one for one in entries() if one.event == "ends" and one.subject in used and one.is_past(on)]
    return sorted(past, key=lambda one: one.first or date.min)


def of(subject: str) -> tuple[Entry, ...]:
    """Everything that the calendar says of a subject, by date; empty where it says nothing.

    >>> [(one.event, one.date_text) for one in of("VXWW50")]
    [('changes', '2026-05-28'), ('ends', '2028')]
    """
    return tuple(one for one in entries() if one.subject == subject)


def entry_of(row: Mapping[str, str], line: int) -> Entry:
    """A row of the table, checked. Raises `ValueError` with the line where it cannot be an entry."""

    def refuse(why: str) -> ValueError:
        return ValueError(f"calendar.csv line {line}: {why}")

    # DictReader fills up a row that is too short with None and puts what is too much under the key None.
    if set(row) != _columns() or None in row.values():
        raise refuse(f"the columns are not {', '.join(sorted(_columns()))}")
    for column, words in (("event", Event), ("kind", Subject), ("precision", Precision), ("verified", Verified)):
        if row[column] not in get_args(words):
            raise refuse(f"{column} is {row[column]!r}, not one of {', '.join(get_args(words))}")
    for column in ("subject", "title_ja", "title_en", "remedy_ja", "remedy_en"):
        if not row[column] or row[column] != row[column].strip():
            raise refuse(f"{column} is empty or has blanks around it")
    precision = cast(Precision, row["precision"])
    if not re.fullmatch(_FORMS[precision], row["date"], re.ASCII):
        raise refuse(f"date {row['date']!r} is not one of precision {precision}")
    if row["date"]:
        try:
            _bounds(row["date"])
        except ValueError as error:
            raise refuse(f"date {row['date']!r} is in no calendar: {error}") from error
    if not re.fullmatch(r"https://[^\s/]+\.[^\s/]+(/\S*)?", row["source"]):
        raise refuse(f"source {row['source']!r} is no https address")
    if not re.fullmatch(r"[1-9]\d{0,2}", row["warn_days"], re.ASCII):
        raise refuse(f"warn_days {row['warn_days']!r} is not a number of days from 1 to 999")
    return Entry(
        date_text=row["date"],
        precision=precision,
        event=cast(Event, row["event"]),
        kind=cast(Subject, row["kind"]),
        subject=row["subject"],
        replaced_by=row["replaced_by"],
        title_ja=row["title_ja"],
        title_en=row["title_en"],
        remedy_ja=row["remedy_ja"],
        remedy_en=row["remedy_en"],
        source=row["source"],
        verified=cast(Verified, row["verified"]),
        warn_days=int(row["warn_days"]),
    )


def _columns() -> frozenset[str]:
    return frozenset("date" if field.name == "date_text" else field.name for field in fields(Entry))


def _order(one: Entry) -> tuple[str, int, str, str, str]:
    return one.date_text, KINDS.index(one.kind), one.subject, one.event, one.precision


def _bounds(text: str) -> tuple[date, date]:
    """The first and the last day of ``2026``, ``2026-05`` or ``2026-05-28``."""
    parts = [int(part) for part in text.split("-")]
    if len(parts) == 3:
        exact = date(*parts)
        return exact, exact
    if len(parts) == 1:
        return date(parts[0], 1, 1), date(parts[0], 12, 31)
    first = date(parts[0], parts[1], 1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
