"""The life of a chain under any sequence of statements: each news once, each end told, nothing from the past."""

from __future__ import annotations

import re
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
from bousai.alert import Cause, Entry, Situation, Step, composed, first_state, may_leave, next_step, running
from bousai.formats import cap_read, cap_xml
from bousai.model import Alert, AlertRule, Message, Status

RULES = catalogue.load(Path(__file__).resolve().parents[2] / "config").rules
BEGIN = datetime(2026, 7, 1, 9, 0, 7, 250_000, tzinfo=UTC)
GRADE = re.compile(r"[a-z_]+/[a-z0-9_+!-]+")
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
        told = running(self.chain)
        stands = any(one.expires > at for one in told)
        state = first_state(self.rule, step, now, bool(told), stands, at)
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
        found.append({area.description: grade_in(one.event) for one in mine for area in one.areas})
    assert found[0] == found[1]
    return found[0]


def grade_in(event: str) -> str:
    """Names of this test hold the grade: ``jma/warningの名（解除）``."""
    match = GRADE.search(event)
    assert match is not None
    return match[0]


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
            ends = None if move.ends_in is None else (as_of + move.ends_in).replace(microsecond=0)
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


# --- by example -------------------------------------------------------------------------------------------------

WARNING, ADVISORY = "jma/warning", "jma/advisory"
HOUR = timedelta(hours=1)


def fed(*statements: tuple[float, Sequence[Entry]], rule: str = "weather_warning") -> list[Told | None]:
    """What is made of statements, each at so many hours after the first."""
    fold = Fold(RULES[rule])
    return [
        fold.feed(situation(fold.rule, some, BEGIN + hours * HOUR, n), BEGIN + hours * HOUR)
        for n, (hours, some) in enumerate(statements)
    ]


def made(one: Told | None) -> Told:
    assert one is not None
    return one


def test_a_lowered_area_stays_and_is_not_told_as_over() -> None:
    _, second, third = fed(
        (0, [entry("a", WARNING), entry("b", WARNING)]),
        (1, [entry("a", ADVISORY), entry("b", WARNING)]),
        (2, [entry("a", ADVISORY)]),
    )
    assert areas(made(second).alert, over=False) == {"甲市": ADVISORY, "乙 町": WARNING}
    assert areas(made(second).alert, over=True) == {}
    assert "甲市：jma/warningの名→jma/advisoryの名" in made(second).alert.note
    assert areas(made(third).alert, over=False) == {"甲市": ADVISORY}
    assert areas(made(third).alert, over=True) == {"乙 町": WARNING}


def test_an_advisory_alone_begins_nothing_and_joins_nothing() -> None:
    assert fed((0, [entry("a", ADVISORY)])) == [None]
    first, second = fed((0, [entry("a", WARNING)]), (1, [entry("a", WARNING), entry("b", ADVISORY)]))
    assert areas(made(first).alert, over=False) == {"甲市": WARNING}
    assert second is None
    *_, after = fed((0, [entry("a", WARNING)]), (1, []), (2, [entry("a", ADVISORY)]))
    assert after is None  # of a chain that has ended nothing stays


def test_a_message_that_has_expired_is_not_referenced_but_the_last_one_is() -> None:
    fold = Fold(RULES["earthquake"])
    for n, (hours, level) in enumerate(((0, "5-"), (3, "5+"), (8, "6-"), (20, "7"))):
        at = BEGIN + hours * HOUR
        told = made(fold.feed(situation(fold.rule, [entry("a", f"earthquake/{level}", "", at)], at, n), at))
        names = [one.identifier for one in fold.chain]
        standing = {0: [], 1: names[:1], 2: names[1:2], 3: names[2:3]}[n]
        assert [one.identifier for one in told.alert.references] == standing


def test_a_warning_that_nobody_lifts_is_sent_again_before_it_expires_and_only_then() -> None:
    fold = Fold(RULES["weather_warning"])
    now = situation(fold.rule, [entry("a", WARNING)], BEGIN, 1)
    first = made(fold.feed(now, BEGIN)).kept
    left = timedelta(seconds=fold.rule.renew)
    assert fold.feed(now, first.expires - left - timedelta(seconds=1)) is None
    again = made(fold.feed(now, first.expires - left))
    assert (again.step.renewal, again.kept.phase, again.alert.msg_type) == (True, "update", "Update")
    assert again.kept.expires > first.expires
    assert again.kept.fingerprint == first.fingerprint
    assert fold.feed(now, first.expires - left) is None
    once_more = made(fold.feed(now, again.kept.expires - left))
    assert len({first.identifier, again.kept.identifier, once_more.kept.identifier}) == 3


def test_whether_it_still_holds_is_said_where_the_source_is_silent() -> None:
    fold = Fold(RULES["weather_warning"])
    doubt = {"doubt_ja": "確認できません。", "doubt_en": "It is not known."}
    told = made(fold.feed(situation(fold.rule, [entry("a", WARNING)], BEGIN, 1, **doubt), BEGIN))
    assert {info.certainty for info in told.alert.infos} == {"Unknown"}
    japanese, english = told.alert.infos
    assert "確認できません。" in japanese.description
    assert "It is not known." in english.description


def test_the_end_that_the_source_gives_is_the_end_of_the_message() -> None:
    ends = (BEGIN + 5 * HOUR).replace(microsecond=0)
    (told,) = fed((0, [entry("a", WARNING, valid_to=ends)]))
    assert {info.expires for info in made(told).alert.infos} == {ends}
    (open_end,) = fed((0, [entry("a", WARNING, valid_to=ends), entry("b", WARNING)]))
    assert {info.expires for info in made(open_end).alert.infos} == {made(open_end).kept.sent + 24 * HOUR}


@pytest.mark.parametrize("status", ["exercise", "test"])
def test_a_chain_of_exercises_is_marked_from_its_first_to_its_last_word(status: Status) -> None:
    fold = Fold(RULES["tsunami"], status)
    for n, some in enumerate(([entry("a", "tsunami/warning")], [entry("a", "tsunami/advisory")], [])):
        told = made(fold.feed(situation(fold.rule, some, BEGIN + n * HOUR, n, status), BEGIN + n * HOUR))
        assert told.alert.status == status.capitalize()
        assert "実際の災害ではありません" in told.alert.note
        for info in told.alert.infos:
            assert info.event.startswith(("【訓練】", "[EXERCISE]", "【試験】", "[TEST]"))
            assert info.headline.startswith(info.event)


def test_an_area_is_drawn_only_where_the_whole_of_it_is_known() -> None:
    (told,) = fed((0, [entry(item, WARNING) for item in ITEMS]))
    drawn = {area.description: len(area.polygons) for info in made(told).alert.infos for area in info.areas}
    assert drawn["甲市"] == 1
    assert drawn["乙 町"] == 2  # two municipalities, far apart
    assert (drawn[AREAS["c"]], drawn["丁村"]) == (0, 0)
    assert all(area.geocodes for info in made(told).alert.infos for area in info.areas)


L, LOW = "jma/warning", "jma/advisory"


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def said(fold: Fold, levels: dict[str, str], issued: float, known: float, cursor: int) -> Told | None:
    """A statement of so many hours after the beginning that we knew of later."""
    at = BEGIN + hours(issued)
    now = situation(fold.rule, [entry(item, level, at=at) for item, level in levels.items()], at, cursor)
    return fold.feed(now, BEGIN + hours(known))


def test_the_end_of_what_still_stands_is_told_however_late() -> None:
    fold = Fold(RULES["weather_warning"])
    said(fold, {"a": L}, 0, 0, 0)
    now = situation(fold.rule, [entry("a", L)], BEGIN, 0)
    renewed = fold.feed(now, BEGIN + hours(22.5))
    assert renewed is not None
    assert renewed.step.renewal
    over = said(fold, {}, 1, 26, 1)
    assert over is not None
    assert (over.kept.phase, over.kept.state) == ("all_clear", "released")


def test_what_comes_back_in_the_same_minute_is_told_again() -> None:
    fold = Fold(RULES["weather_warning"])
    told = [said(fold, levels, 0, 0, n) for n, levels in enumerate(({"a": L}, {}, {"a": L}))]
    assert [one and one.kept.phase for one in told] == ["alert", "all_clear", "alert"]
    assert len({one.kept.key for one in told if one}) == 3
    assert len({one.kept.identifier for one in told if one}) == 3


def test_nothing_is_over_for_whom_nothing_was_told() -> None:
    fold = Fold(RULES["weather_warning"])
    late = said(fold, {"a": L, "b": L}, 0, 25, 0)
    assert late is not None
    assert late.kept.state == "too_old"
    first = said(fold, {"a": L}, 24, 25, 1)
    assert first is not None
    assert (first.alert.msg_type, first.kept.state, first.alert.references) == ("Alert", "released", ())
    assert {area.description for info in first.alert.infos for area in info.areas} == {AREAS["a"]}


def test_the_end_of_an_area_is_told_after_a_message_that_was_refused() -> None:
    fold = Fold(RULES["weather_warning"])
    first = said(fold, {"a": L, "b": L}, 0, 0, 0)
    said(fold, {"a": L}, 1, 1, 1)
    fold.chain[-1] = replace(fold.chain[-1], state="rejected")
    last = said(fold, {"a": LOW}, 2, 2, 2)
    assert first is not None
    assert last is not None
    assert [one.identifier for one in last.alert.references] == [first.kept.identifier]
    over = {area.description for info in last.alert.infos if info.urgency == "Past" for area in info.areas}
    assert over == {AREAS["b"]}
