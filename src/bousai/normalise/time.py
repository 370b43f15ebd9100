"""Times: every one aware, none from the future; a statement without a time of its own gets the document's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, RawDocument

SKEW = timedelta(minutes=5)
"""How far the clock of a source may be ahead of ours."""


def time(bulletin: Bulletin, raw: RawDocument, issues: list[Issue]) -> Bulletin:
    """`issued_at` where the format has none: HTTP Last-Modified or the time given by hand, else when we saw it.

    Offsets are kept as the source gave them. Raises `ParseError`.
    """
    ends = bulletin.items.valid_to or ()
    for name, at in [
        ("issued_at", bulletin.issued_at),
        ("sent_at", bulletin.sent_at),
        ("valid_to", bulletin.valid_to),
        *(("valid_to of an item", end) for end in ends),
    ]:
        if at is not None and at.utcoffset() is None:
            raise ParseError(
                f"{bulletin.scope}: {name} {at.isoformat()} has no time zone",
                code="time_without_zone",
                remedy="ask the publisher; a time is never guessed",
            )
    issued_at = bulletin.issued_at or raw.dated_at or raw.fetched_at
    _not_ahead(bulletin.scope, "issued", issued_at, raw.fetched_at)
    if bulletin.sent_at is not None:
        _not_ahead(bulletin.scope, "sent", bulletin.sent_at, raw.fetched_at)
    return replace(bulletin, issued_at=issued_at)


def _not_ahead(scope: str, what: str, at: datetime, seen: datetime) -> None:
    if at - seen > SKEW:
        fetched = seen.isoformat(timespec="seconds")
        raise ParseError(
            f"{scope}: {what} at {at.isoformat()}, which is after it was fetched ({fetched})",
            code="from_the_future",
            remedy="check the clock of this machine; if it is right, ask the publisher",
        )
