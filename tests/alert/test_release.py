"""Who may let a message out and whom it reaches: nobody alone, and no exercise among what is actual."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from bousai import catalogue
from bousai.alert import Approval, Situation, Step, approved, first_state, fits, may_leave
from bousai.errors import UsageError
from bousai.model import SEVERITIES, Message, MessageState, Phase, Status, Subscription

RULES = catalogue.load(Path(__file__).resolve().parents[2] / "config").rules
AT = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
DIGEST, OTHER = "a" * 64, "b" * 64
STATUSES: tuple[Status, ...] = get_args(Status)


def message(**other: object) -> Message:
    return replace(
        Message(
            identifier="m-1",
            key="k",
            rule="count_jumped",
            subject="damage/17",
            status="actual",
            phase="alert",
            state="awaiting",
            sender="cap@example.jp",
            sent=AT,
            expires=AT + timedelta(hours=6),
            severity="Minor",
            fingerprint="[[],[]]",
            entries=b"[]",
            as_of=AT,
            cursor=1,
            author="rule:count_jumped",
            approvals=1,
            bypass=False,
            munis=("17204",),
            headline_ja="",
            headline_en="",
            cap=b"<alert/>",
            sha256=DIGEST,
            issued_at=AT,
            recorded_at=AT,
            built_at=AT,
            lapses_at=AT + timedelta(hours=2),
        ),
        **other,  # type: ignore[arg-type]
    )


def word(person: str = "sato", sha256: str = DIGEST, after: timedelta = timedelta(0)) -> Approval:
    return Approval(person, sha256, AT + after)


# --- approval -----------------------------------------------------------------------------------------------------


def test_one_is_enough_where_one_is_needed() -> None:
    assert approved(message(), [], word()) is True


def test_of_two_the_second_lets_it_out() -> None:
    two = message(approvals=2)
    assert approved(two, [], word("sato")) is False
    assert approved(two, [word("sato")], word("suzuki", after=timedelta(minutes=5))) is True


def test_a_word_on_other_bytes_does_not_count_towards_two() -> None:
    two = message(approvals=2)
    assert approved(two, [word("sato", OTHER)], word("suzuki")) is False
    assert approved(two, [word("sato", OTHER)], word("sato")) is False  # he has read the bytes as they are now
    assert approved(two, [word("sato", OTHER), word("suzuki")], word("sato")) is True


@pytest.mark.parametrize(
    ("one", "given", "new", "why"),
    [
        (message(author="sato"), [], word("sato"), "sato wrote it"),
        (message(approvals=2, author="sato"), [word("suzuki")], word("sato"), "sato wrote it"),
        (message(approvals=2), [word("sato")], word("sato", after=timedelta(minutes=1)), "has approved it already"),
        (message(), [], word(sha256=OTHER), "the bytes approved are"),
        (message(), [], word(sha256=DIGEST[:12]), "the bytes approved are"),
        (message(), [], word(sha256=""), "the bytes approved are"),
        (message(), [], word(after=timedelta(hours=2)), "has lapsed"),
        (message(approvals=2), [word("suzuki")], word(after=timedelta(hours=3)), "has lapsed"),
    ],
)
def test_a_word_that_does_not_count_is_refused(one: Message, given: list[Approval], new: Approval, why: str) -> None:
    with pytest.raises(UsageError, match=why) as error:
        approved(one, given, new)
    assert error.value.remedy


def test_the_last_second_counts() -> None:
    assert approved(message(), [], word(after=timedelta(hours=2, seconds=-1)))


@pytest.mark.parametrize("state", [one for one in get_args(MessageState) if one != "awaiting"])
def test_only_what_awaits_it_can_be_approved(state: MessageState) -> None:
    with pytest.raises(UsageError, match="nothing to approve"):
        approved(message(state=state), [], word())


# --- the state in which a message begins ---------------------------------------------------------------------------


def begins(
    rule: str,
    phase: Phase,
    *,
    released: bool,
    stands: bool = False,
    age: timedelta = timedelta(minutes=1),
    renewal: bool = False,
) -> MessageState:
    now = Situation(rule, "s", "actual", (), AT, 1, AT, AT)
    return first_state(RULES[rule], Step(phase, (), "", "", {}, renewal), now, released, stands, AT + age)


@pytest.mark.parametrize(
    ("rule", "phase", "released", "state"),
    [
        ("tsunami", "alert", False, "released"),
        ("tsunami", "update", True, "released"),
        ("tsunami", "update", False, "released"),
        ("tsunami", "all_clear", True, "released"),
        ("tsunami", "cancel", True, "released"),
        ("tsunami", "all_clear", False, "dropped"),
        ("tsunami", "cancel", False, "dropped"),
        ("count_jumped", "alert", False, "awaiting"),
        ("count_jumped", "update", True, "awaiting"),
        ("count_jumped", "all_clear", True, "awaiting"),
        ("count_jumped", "all_clear", False, "dropped"),
        ("count_jumped", "cancel", False, "dropped"),
        ("order_without_shelter", "alert", False, "waiting"),
        ("order_without_shelter", "update", False, "waiting"),
        ("order_without_shelter", "update", True, "awaiting"),
        ("order_without_shelter", "all_clear", True, "awaiting"),
        ("order_without_shelter", "all_clear", False, "dropped"),
    ],
)
def test_how_a_message_begins(rule: str, phase: Phase, released: bool, state: MessageState) -> None:
    assert begins(rule, phase, released=released) == state


@pytest.mark.parametrize("rule", RULES)
def test_nothing_of_our_own_goes_out_by_itself_and_what_was_issued_waits_for_nobody(rule: str) -> None:
    phases: tuple[Phase, ...] = get_args(Phase)
    states = {begins(rule, phase, released=released) for phase, released in product(phases, (True, False))}
    if RULES[rule].type == "relay":
        assert states == {"released", "dropped"}
    else:
        assert "released" not in states


@pytest.mark.parametrize("rule", RULES)
def test_what_is_older_than_a_message_holds_goes_to_nobody(rule: str) -> None:
    life = RULES[rule].life
    assert begins(rule, "alert", released=False, age=life) != "too_old"
    assert begins(rule, "alert", released=False, age=life + timedelta(seconds=1)) == "too_old"
    assert begins(rule, "all_clear", released=False, age=life + timedelta(seconds=1)) == "dropped"
    late = begins(rule, "all_clear", released=True, stands=True, age=life * 2)
    assert late not in ("too_old", "dropped"), "a message that still stands was never ended"


def test_what_still_goes_on_is_sent_again_however_long_ago_it_was_issued() -> None:
    assert begins("volcano", "update", released=True, age=timedelta(days=300), renewal=True) == "released"


# --- the wall -----------------------------------------------------------------------------------------------------

MIXTURES = [
    tuple(status for status, there in zip(STATUSES, chosen, strict=True) if there)
    for chosen in product((True, False), repeat=len(STATUSES))
]


@pytest.mark.parametrize("inputs", MIXTURES, ids=lambda some: "+".join(some) or "nothing")
@pytest.mark.parametrize("claimed", STATUSES)
def test_nothing_is_more_actual_than_what_it_is_made_of(claimed: Status, inputs: tuple[Status, ...]) -> None:
    """It is as its least actual input: a test of all, else an exercise, else actual."""
    least: Status = "test" if "test" in inputs else "exercise" if "exercise" in inputs else "actual"
    if claimed == least:
        may_leave(message(status=claimed), inputs)
        may_leave(message(status=claimed), [*inputs, *inputs[::-1]])
    else:
        with pytest.raises(ValueError, match=re.escape(f"m-1 is {claimed}")):
            may_leave(message(status=claimed), inputs)


def subscription(**other: object) -> Subscription:
    about = {"id": "s", "title": "s", "channel": {"type": "webhook", "url": "https://example.jp/hook"}}
    return Subscription.model_validate(about | other)


@pytest.mark.parametrize("had", [True, False])
@pytest.mark.parametrize("exercise", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_exercises_and_tests_reach_those_who_asked_for_them_and_nobody_else(
    status: Status, exercise: bool, had: bool
) -> None:
    assert fits(subscription(exercise=exercise), message(status=status), had=had) == (
        exercise == (status != "actual")
    )


# --- who gets it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("least", "severity"), list(product(SEVERITIES, SEVERITIES)))
def test_least_is_the_lowest_severity(least: str, severity: str) -> None:
    order = ["Unknown", "Minor", "Moderate", "Severe", "Extreme"]
    got = fits(subscription(least=least), message(severity=severity), had=False)
    assert got == (order.index(severity) >= order.index(least))


@pytest.mark.parametrize(
    ("wanted", "munis", "got"),
    [
        (("17204",), ("17204",), True),
        (("17204",), ("17205",), False),
        (("17204",), ("16201", "17204"), True),
        (("17",), ("17204",), True),
        (("17",), ("16201", "18201"), False),
        (("16", "17204"), ("16201",), True),
        (("01",), ("17201",), False),
        ((), ("17204",), True),
        (("17",), (), True),  # of no certain place: it concerns everybody
    ],
)
def test_municipalities_and_prefectures(wanted: tuple[str, ...], munis: tuple[str, ...], got: bool) -> None:
    assert fits(subscription(munis=wanted), message(munis=munis), had=False) is got


@pytest.mark.parametrize(
    ("rules", "got"),
    [((), True), (("count_jumped",), True), (("tsunami", "count_jumped"), True), (("tsunami",), False)],
)
def test_rules(rules: tuple[str, ...], got: bool) -> None:
    assert fits(subscription(rules=rules), message(), had=False) is got


@pytest.mark.parametrize("phase", ["all_clear", "cancel"])
def test_an_end_goes_to_those_who_had_it_and_to_nobody_else(phase: Phase) -> None:
    end = message(phase=phase, severity="Minor", munis=("17204",))
    narrow = subscription(least="Extreme", munis=("01",), rules=("tsunami",))
    assert fits(narrow, end, had=True)
    assert not fits(narrow, end, had=False)
    assert not fits(subscription(), end, had=False)


def test_who_had_it_is_told_that_it_is_lowered_or_moves_away() -> None:
    lower = message(phase="update", severity="Minor", munis=("18201",))
    assert fits(subscription(least="Severe", munis=("17",)), lower, had=True)
    assert not fits(subscription(least="Severe", munis=("17",)), lower, had=False)
