"""What is done once a night, and again by hand: the archive verified, the ledger thinned, the calendar looked at;
documents of a past period read again from the archive."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bousai import archive, store
from bousai.errors import ArchiveError, UsageError
from bousai.model import Issue
from bousai.pipeline.book import book
from bousai.pipeline.house import House, opened
from bousai.settings import Settings
from bousai.vocab import calendar

_JST = ZoneInfo("Asia/Tokyo")
PARTS = 32
"""The archive is verified in so many nights, a part of it each."""

_EVERY = 600  # seconds: of old receipts that say "nothing new", one stays
_ARCHIVE, _CALENDAR = "archive", "calendar"


def verify_archive(settings: Settings | None = None, *, part: int | None = None) -> dict[str, int]:
    """See that archived bytes still match their names: those of one part of `PARTS` (default: tonight's), by the
    first byte of their names. What is missing or damaged becomes an issue. Returns counts: documents, bytes, faults.
    """
    with opened(settings) as house, book(house) as notes:
        number = house.now().date().toordinal() % PARTS if part is None else part
        with notes.entry("upkeep", "verify") as entry:
            counted: Counter[str] = Counter(documents=0, bytes=0, faults=0)
            found = []
            for digest in store.digests(house.store):
                if int(digest[:2], 16) % PARTS != number:
                    continue
                counted["documents"] += 1
                try:
                    counted["bytes"] += archive.verify(house.settings.archive, digest)
                except ArchiveError as error:
                    found.append(Issue("archive_fault", error.cause, error.remedy, "error", digest))
            counted["faults"] = len(found)
            store.restate_issues(house.store, f"{_ARCHIVE}/{number}", ("archive_fault",), found, house.now())
            entry.detail |= {"part": number, **counted}
            return dict(counted)


def tidy(settings: Settings | None = None, *, keep_days: int = 31) -> dict[str, int]:
    """Thin what only says that nothing happened and is older than so many days: of receipts of unchanged sources one
    in ten minutes stays, of the ledger what did something or was done by a person. Returns how many rows went."""
    with opened(settings) as house, book(house) as notes, notes.entry("upkeep", "tidy") as entry:
        before = house.now() - timedelta(days=keep_days)
        gone = {
            "receipts": store.thin_receipts(house.store, before, _EVERY),
            "works": store.thin_works(house.store, before),
        }
        entry.detail |= gone
        return gone


def telegrams_in_use(house: House) -> list[str]:
    """The telegram types that some feed takes."""
    return sorted({code for feed in house.catalogue.feeds.values() for code in getattr(feed.source, "types", ())})


def note_calendar(settings: Settings | None = None) -> int:
    """What ends, starts or changes soon, and what is used though it has ended, as issues. Returns how many."""
    with opened(settings) as house, book(house) as notes, notes.entry("upkeep", "calendar") as entry:
        today = calendar.day(house.now())
        found = [
            Issue("date_comes", f"{one.when_en}: {one.title_en}", one.remedy_en, "info", one.subject)
            for one in calendar.coming(today)
        ]
        found += [
            Issue("used_after_its_end", f"{one.when_en}: {one.title_en}", one.remedy_en, "warning", one.subject)
            for one in calendar.overdue(today, telegrams_in_use(house))
        ]
        store.restate_issues(house.store, _CALENDAR, ("date_comes", "used_after_its_end"), found, house.now())
        entry.detail |= {"issues": len(found)}
        return len(found)


def days_to_replay(
    feed_id: str, since: datetime, until: datetime, settings: Settings | None = None
) -> list[tuple[str, list[str]]]:
    """The documents of a feed that came in a period (by when they were first fetched), day by day of Japan: the day,
    and their SHA-256 in the order in which they came. Raises `UsageError`."""
    if until <= since:
        raise UsageError(f"the period ends at {until.isoformat()}, before it begins", remedy="give from < to")
    with opened(settings) as house:
        house.catalogue.feed(feed_id)
        days: dict[str, list[str]] = {}
        for at, digest in store.came_between(house.store, feed_id, since, until):
            days.setdefault(at.astimezone(_JST).date().isoformat(), []).append(digest)
        return list(days.items())
