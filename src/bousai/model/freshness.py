"""Freshness: does silence mean "no disaster" or "dead"? Judged from contact and content, never from one alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from bousai.model.revision import SourceFreshness


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
) -> SourceFreshness:
    """The state of one feed at `now`.

    `last_contact_at` is the last answer of the source (a 304 counts: it is its heartbeat); `last_content_at`
    the newest statement; `last_error` what the newest attempt said if it failed; `held` why the newest
    document was refused; `disabled` why it is never asked. A source that answers and says nothing new is quiet,
    not late.
    """
    if disabled is not None:
        state, reason = "paused", disabled
    elif last_contact_at is None:
        state, reason = "dead", last_error or "never read"
    else:
        silent = now - last_contact_at
        if silent > timedelta(seconds=dead_after):
            state, reason = "dead", f"no answer for {_age(silent)}: {last_error or 'not polled'}"
        elif silent > timedelta(seconds=late_after):
            state, reason = "late", f"no answer for {_age(silent)}: {last_error or 'not polled'}"
        elif held is not None:
            state, reason = "held", held
        elif last_content_at is None or now - last_content_at > timedelta(seconds=late_after):
            state, reason = "quiet", "the source answers and has said nothing new"
        else:
            state, reason = "ok", ""
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
    )
