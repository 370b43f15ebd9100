"""Freshness: does silence mean "no disaster" or "dead"? Judged from contact, content and the source's own heartbeat,
never from one alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from bousai.model.revision import SourceFreshness, Why

Bad = Literal["late", "dead"]
_POLLS = 5
"""So many polls may be left out before it is we who are silent, not the source."""


def _age(delta: timedelta) -> str:
    minutes = int(delta.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} d"


def freshness(
    feed: str,
    *,
    now: datetime,
    every: int,
    late_after: int,
    dead_after: int,
    last_contact_at: datetime | None,
    last_content_at: datetime | None,
    last_error: str | None,
    held: str | None,
    credit: str,
    licence: str,
    licence_url: str,
    disabled: str | None = None,
    last_attempt_at: datetime | None = None,
    source_made_at: datetime | None = None,
    alive_within: int | None = None,
    content_within: int | None = None,
) -> SourceFreshness:
    """The state of one feed at `now`.

    `last_contact_at` is the last answer of the source (a 304 counts), `last_attempt_at` the last time that we asked
    (None: not known); `last_content_at` the newest statement; `last_error` what the newest attempt said if it failed;
    `held` why the newest document was refused; `disabled` why it is never asked.

    A source that answers and says nothing new is quiet, not late, as long as its own heart beats: `source_made_at` is
    when it says that it made what it answered, at most `alive_within` seconds ago; and `content_within` seconds after
    its last statement it always makes another. Past that it is late, past twice that dead: a cache answers for ever.
    """

    def past(at: datetime | None, late: float | None, dead: float | None) -> Bad | None:
        if at is None or late is None or dead is None or now - at <= timedelta(seconds=late):
            return None
        return "dead" if now - at > timedelta(seconds=dead) else "late"

    def unanswered(at: datetime) -> tuple[Why, str]:
        if last_attempt_at is None or now - last_attempt_at <= timedelta(seconds=max(_POLLS * every, 300)):
            return "no_answer", f"no answer for {_age(now - at)}: {last_error or 'not polled'}"
        return "not_polled", f"not asked for {_age(now - last_attempt_at)}: is the scheduler running?"

    def frozen(at: datetime) -> tuple[Why, str]:
        said = f"the source answers with what it made {_age(now - at)} ago, and always makes it anew"
        return "frozen", said

    def overdue(at: datetime) -> tuple[Why, str]:
        within = _age(timedelta(seconds=content_within or 0))
        return "overdue", f"the source has said nothing for {_age(now - at)}, and always does within {within}"

    signs = [
        (past(last_contact_at, late_after, dead_after), last_contact_at, unanswered),
        (past(source_made_at, alive_within, _twice(alive_within)), source_made_at, frozen),
        (past(last_content_at, content_within, _twice(content_within)), last_content_at, overdue),
    ]
    # the worst of them: a cache that has answered for days with one page is no better for not answering now
    bad = next((one for word in ("dead", "late") for one in signs if one[0] == word), None)
    state: str
    why: Why
    since = last_contact_at
    if disabled is not None:
        state, why, reason = "paused", "disabled", disabled
    elif last_contact_at is None:
        state, why, reason = "dead", "never_read", last_error or "never read"
    elif bad is not None and bad[0] is not None and bad[1] is not None:
        state, since = bad[0], bad[1]
        why, reason = bad[2](since)
    elif held is not None:
        state, why, reason = "held", "refused", held
    elif last_content_at is None or now - last_content_at > timedelta(seconds=late_after):
        state, why, reason = "quiet", "nothing_new", "the source answers and has said nothing new"
        since = last_content_at
    else:
        state, why, reason, since = "ok", "fresh", "", last_content_at
    return SourceFreshness(
        feed=feed,
        state=state,  # type: ignore[arg-type]
        reason=reason,
        last_content_at=last_content_at,
        last_fetch_at=last_contact_at,
        next_due_at=last_contact_at + timedelta(seconds=every) if last_contact_at and not disabled else None,
        credit=credit,
        licence=licence,
        licence_url=licence_url,
        why=why,
        since=since,
        source_made_at=source_made_at,
    )


def _twice(seconds: int | None) -> int | None:
    return None if seconds is None else 2 * seconds
