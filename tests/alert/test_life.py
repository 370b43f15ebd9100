"""The life of a chain under any sequence of statements: each news once, each end told, nothing from the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai import catalogue
from bousai.alert import Cause, Entry, Situation, Step, composed, first_state, may_leave, next_step
from bousai.formats import cap_read, cap_xml
from bousai.model import Alert, AlertRule, Message, Status

RULES = catalogue.load(Path(__file__).resolve().parents[2] / "config").rules
BEGIN = datetime(2026, 7, 1, 9, 0, 7, 250_000, tzinfo=UTC)
CAUSE = Cause("cap@example.jp", "試験 <配信> & Co", "https://example.jp", (("https://example.jp/a?b&c", "0" * 64),))
ITEMS = ("a", "b", "c", "d")
AREAS = {"a": "甲市", "b": "乙 町", "c": "丙 <北> & 南", "d": "丁村"}
PLACES = {"a": ("17204",), "b": ("17205", "17407"), "c": ("17999",), "d": ()}  # of 17999 there is no outline
OUTLINES = {
    "17204": shapely.to_wkb(shapely.box(136.8, 37.2, 137.1, 37.5)),
    "17205": shapely.to_wkb(shapely.box(137.1, 37.3, 137.4, 37.6)),
    "17407": shapely.to_wkb(shapely.Point(136.8, 37.0).buffer(0.1)),
}


@dataclass(frozen=True)
class Told:
    """A message that was made: the step, the alert, how it is kept."""

    step: Step
    alert: Alert
    kept: Message


@dataclass
class Fold:
    """A chain without a store."""

    rule: AlertRule
    status: Status = "actual"
    chain: list[Message] = field(default_factory=list)

    def feed(self, now: Situation, at: datetime) -> Told | None:
        step = next_step(self.rule, self.chain[-1] if self.chain else None, now, at)
        if step is None:
            return None
        alert, kept = composed(self.rule, step, now, tuple(self.chain), CAUSE, at, OUTLINES.get)
        may_leave(kept, now.inputs)
        body = cap_xml.write(alert)
        state = first_state(self.rule, step, now, bool(alert.references), at)
        kept = replace(kept, state=state, cap=body, sha256=sha256(body).hexdigest())
        self.chain.append(kept)
        return Told(step, alert, kept)


def entry(item: str, level: str, tells: str = "", at: datetime = BEGIN, **more: object) -> Entry:
    return Entry(
        item,
        level,
        f"{level}の名",
        f"Name of {level}",
        AREAS[item],
        "気象庁",
        at,
        tells=(tells, None),
        facts_ja=f"事実 {tells}\n次の行" if tells else "",
        facts_en=f"fact {tells} < & >" if tells else "",
        munis=PLACES[item],
        places=PLACES[item],
        **more,  # type: ignore[arg-type]
    )


def situation(
    rule: AlertRule, entries: Sequence[Entry], as_of: datetime, cursor: int, status: Status = "actual", **more: object
) -> Situation:
    return Situation(
        rule.id,
        "jma/x 1",
        status,
        tuple(entries),
        as_of,
        cursor,
        as_of,
        as_of,
        inputs=frozenset({status}),
        issuer="気象庁",
        **more,  # type: ignore[arg-type]
    )


# --- what a chain must be, by a model of its own ----------------------------------------------------------------


@dataclass
class Model:
    """What a reader of the messages knows: item → (level, what is told), and which messages stand."""

    rule: AlertRule
    held: dict[str, tuple[str, str]] = field(default_factory=dict)
    running: list[Message] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def next(self, now: Situation) -> dict[str, tuple[str, str]]:
        starts = self.rule.starts or self.rule.grades
        return {
            one.item_id: (one.level, one.tells[0] or "")
            for one in now.entries
            if one.level in starts or one.item_id in self.held
        }

    def silent(self, now: Situation, at: datetime) -> bool:
        """Whether there is nothing to say."""
        told = self.next(now)
        if told != self.held:
            return False
        return not told or not self.due(at)

    def due(self, at: datetime) -> bool:
        """Whether the message that stands is about to expire."""
        left = (self.running[-1].expires - at).total_seconds()
        return bool(self.rule.renew) and left <= self.rule.renew

    def take(self, now: Situation, at: datetime, told: Told) -> None:
        alert, kept, new = told.alert, told.kept, self.next(now)
        assert kept.identifier not in self.names
        self.names.add(kept.identifier)
        if not self.held:
            assert kept.phase == "alert"
            self.running.clear()
        elif new:
            assert kept.phase == "update"
            assert told.step.renewal == (new == self.held)
        else:
            assert kept.phase == ("cancel" if now.withdrawn or self.rule.ends == "cancel" else "all_clear")
        assert alert.msg_type == {"alert": "Alert", "cancel": "Cancel"}.get(kept.phase, "Update")
        standing = [one for one in self.running if one.expires > at or one is self.running[-1]]
        assert [(one.identifier, one.sent) for one in alert.references] == [(m.identifier, m.sent) for m in standing]
        lives, over = areas(alert, over=False), areas(alert, over=True)
        assert lives == {AREAS[item]: level for item, (level, _) in new.items()}
        assert set(over) == {AREAS[item] for item in self.held if item not in new}
        assert cap_xml.faults(kept.cap) == []
        assert cap_read.read(kept.cap) == alert
        self.held = new
        self.running.append(kept)


def areas(alert: Alert, *, over: bool) -> dict[str, str]:
    """Area → grade, of what is in force or over; the same in both languages."""
    found: list[dict[str, str]] = []
    for language in ("ja-JP", "en-US"):
        infos = [one for one in alert.infos if one.language == language]
        mine = [one for one in infos if (one.response_types == ("AllClear",)) == over]
        assert all((one.urgency == "Past") == over for one in mine)
        found.append(
            {
                area.description: one.event.partition("の名")[0].removeprefix("Name of ").removesuffix(" lifted")
                for one in mine
                for area in one.areas
            }
        )
    assert found[0] == found[1]
    return found[0]


# --- any sequence -----------------------------------------------------------------------------------------------

tells = st.sampled_from(["", "3m"])
grades = st.integers(0, 8)


@dataclass(frozen=True)
class Said:
    """A statement: item → (number of the grade, what it tells), issued so much after the one before, and known so
    much later."""

    items: dict[str, tuple[int, str]]
    after: timedelta
    late: timedelta
    withdrawn: bool
    ends_in: timedelta | None


said = st.builds(
    Said,
    st.dictionaries(st.sampled_from(ITEMS), st.tuples(grades, tells), max_size=4),
    st.sampled_from([timedelta(minutes=1), timedelta(minutes=40), timedelta(hours=7), timedelta(hours=23)]),
    st.sampled_from([timedelta(0), timedelta(seconds=3), timedelta(minutes=20)]),
    st.booleans(),
    st.sampled_from([None, timedelta(minutes=30), timedelta(hours=5), timedelta(days=90)]),
)
moves = st.one_of(said, st.sampled_from(["older", "same", "again", "wait 1", "wait 5", "wait 22"]))


@pytest.mark.parametrize("name", ["weather_warning", "tsunami", "river_flood", "volcano", "earthquake"])
@given(data=st.data())
def test_any_sequence_of_statements_is_told_as_it_is(name: str, data: st.DataObject) -> None:
    rule = RULES[name]
    fold, model = Fold(rule), Model(rule)
    as_of, at, cursor = BEGIN, BEGIN, 1
    now = situation(rule, (), as_of, cursor)
    for move in data.draw(st.lists(moves, max_size=9)):
        cursor += 1
        if isinstance(move, Said):
            as_of = as_of + move.after
            at = max(at, as_of + move.late)
            ends = None if move.ends_in is None else as_of + move.ends_in
            some = [
                entry(item, rule.grades[n % len(rule.grades)], what, as_of, valid_to=ends, onset=as_of)
                for item, (n, what) in move.items.items()
            ]
            now = situation(rule, some, as_of, cursor, withdrawn=move.withdrawn and not some)
        elif move == "older":
            if fold.chain:
                other = (entry("a", rule.grades[0], "older"), entry("d", rule.grades[-1], "older"))
                past = fold.chain[-1].as_of - timedelta(minutes=1)
                assert fold.feed(situation(rule, other, past, cursor), at) is None
                assert fold.feed(situation(rule, (), past, cursor), at) is None
            continue
        elif move == "same":
            now = replace(now, as_of=now.as_of + timedelta(seconds=1), cursor=cursor)
            as_of = now.as_of
            at = max(at, as_of)
        elif move.startswith("wait"):
            at += timedelta(hours=int(move[5:]))
        known = bool(model.running and model.held and model.running[-1].expires <= at and not rule.renew)
        if known and model.next(now) == model.held:
            assert fold.feed(now, at) is None
            continue
        told = fold.feed(now, at)
        if model.silent(now, at):
            assert told is None
            continue
        assert told is not None
        if told.kept.state != "released":
            return
        model.take(now, at, told)
