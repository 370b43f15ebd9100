"""Whether a silent feed means "no disaster" or "dead", and what taints a status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.model import SourceFreshness, freshness, join_status

NOW = datetime(2026, 11, 5, 3, 0, tzinfo=UTC)


def judged(
    contact: float | None,
    content: float | None,
    *,
    error: str | None = None,
    held: str | None = None,
    asked: float | None = None,
    made: float | None = None,
    alive_within: int | None = None,
    content_within: int | None = None,
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
        last_attempt_at=ago(asked),
        source_made_at=ago(made),
        alive_within=alive_within,
        content_within=content_within,
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


@pytest.mark.parametrize(
    ("made", "state", "why"),
    [(1, "quiet", "nothing_new"), (119, "quiet", "nothing_new"), (121, "late", "frozen"), (241, "dead", "frozen")],
)
def test_a_cache_that_answers_for_ever_is_no_sign_of_life(made: float, state: str, why: str) -> None:
    found = judged(0.5, 300, made=made, alive_within=7200)
    assert (found.state, found.why) == (state, why)
    assert found.since == (NOW - timedelta(minutes=made) if why == "frozen" else NOW - timedelta(minutes=300))


def test_where_nobody_says_when_it_was_made_nothing_is_guessed() -> None:
    assert judged(0.5, 300, made=None, alive_within=7200).state == "quiet"
    assert judged(0.5, 300, made=9999, alive_within=None).state == "quiet"


@pytest.mark.parametrize(
    ("content", "state", "why"),
    [(5, "ok", "fresh"), (239, "quiet", "nothing_new"), (241, "late", "overdue"), (481, "dead", "overdue")],
)
def test_what_always_comes_and_has_not_is_missed(content: float, state: str, why: str) -> None:
    found = judged(0.5, content, content_within=4 * 3600)
    assert (found.state, found.why) == (state, why)


def test_whether_we_are_silent_or_the_source_is() -> None:
    theirs = judged(30, 30, asked=1, error="HTTP 503")
    assert (theirs.state, theirs.why, theirs.reason) == ("late", "no_answer", "no answer for 30 min: HTTP 503")
    ours = judged(30, 30, asked=30)
    assert (ours.state, ours.why) == ("late", "not_polled")
    assert ours.reason == "not asked for 30 min: is the scheduler running?"


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


_MINUTES = st.none() | st.integers(0, 3000)


@given(
    contact=_MINUTES,
    content=_MINUTES,
    made=_MINUTES,
    asked=_MINUTES,
    held=st.none() | st.just("refused"),
    waits=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
)
def test_silence_never_makes_a_feed_better(
    contact: int | None,
    content: int | None,
    made: int | None,
    asked: int | None,
    held: str | None,
    waits: tuple[int, int],
) -> None:
    """Nothing comes, time goes by: a feed that is dead by what it answers is not late without answers."""

    def later(age: int | None, minutes: int) -> int | None:
        return None if age is None else age + minutes

    ranks = []
    for minutes in (0, waits[0], sum(waits)):
        found = judged(
            later(contact, minutes),
            later(content, minutes),
            held=held,
            asked=later(asked, minutes),
            made=later(made, minutes),
            alive_within=7200,
            content_within=14400,
        )
        ranks.append(["ok", "quiet", "held", "late", "dead"].index(found.state))
    assert ranks == sorted(ranks)
