"""Whether a silent feed means "no disaster" or "dead", and what taints a status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from bousai.model import SourceFreshness, freshness, join_status

NOW = datetime(2026, 11, 5, 3, 0, tzinfo=UTC)


def judged(
    contact: float | None, content: float | None, *, error: str | None = None, held: str | None = None
) -> SourceFreshness:
    """The state of a feed asked every minute, late after ten, dead after sixty; ages in minutes, None = never."""

    def ago(minutes: float | None) -> datetime | None:
        return None if minutes is None else NOW - timedelta(minutes=minutes)

    return freshness(
        "f",
        now=NOW,
        every=60,
        late_after=600,
        dead_after=3600,
        last_contact_at=ago(contact),
        last_content_at=ago(content),
        last_error=error,
        held=held,
        credit="c",
        licence="l",
        licence_url="u",
    )


@pytest.mark.parametrize(
    ("contact", "content", "state"),
    [
        (0.5, 0.5, "ok"),
        (0.5, 9.9, "ok"),
        (0.5, 10.1, "quiet"),
        (0.5, 60 * 24 * 30, "quiet"),
        (0.5, None, "quiet"),
        (10.1, 10.1, "late"),
        (59.9, None, "late"),
        (60.1, 60.1, "dead"),
        (None, None, "dead"),
        (None, 60 * 24, "dead"),
    ],
)
def test_contact_decides_between_quiet_and_dead(contact: float | None, content: float | None, state: str) -> None:
    assert judged(contact, content).state == state


def test_the_reason_gives_age_and_error() -> None:
    assert judged(125, 125, error="HTTP 503").reason == "no answer for 2 h: HTTP 503"
    assert judged(20, 20).reason == "no answer for 20 min: not polled"
    assert judged(60 * 24 * 5, None, error="no route").reason == "no answer for 5 d: no route"
    assert judged(None, None).reason == "never read"
    assert judged(0.5, 0.5).reason == ""


def test_a_refused_document_shows_unless_silence_is_worse() -> None:
    assert judged(0.5, 0.5, held="cut.xml: not XML").state == "held"
    assert judged(0.5, 0.5, held="cut.xml: not XML").reason == "cut.xml: not XML"
    assert judged(11, 11, held="cut.xml: not XML").state == "late"


def test_the_next_poll_is_due_from_the_last_answer() -> None:
    assert judged(0.5, 0.5).next_due_at == NOW + timedelta(seconds=30)
    assert judged(None, None).next_due_at is None


def test_anything_touched_by_an_exercise_stays_one() -> None:
    order = ("actual", "exercise", "test")
    for one, other in product(order, order):
        assert join_status(one, other) == order[max(order.index(one), order.index(other))]
