"""The life of the register's ids: whatever arrives, in whatever order, an id goes on meaning its place."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bousai.consolidate.shelter_match import Link
from bousai.consolidate.shelter_places import KINDS, Decision, Member, Place, Register, mint, places, rank

KEYS = [f"{kind}/{n}" for kind in KINDS for n in range(2)]
AT = "2026-01-01T00:00:00+09:00"


def link(left: str, right: str, score: float = 0.9, verdict: Any = "same") -> Link:
    return Link(min(left, right), max(left, right), verdict, score, (f"name={score}",))


def decision(left: str, right: str, verdict: Any, at: str = "2026-01-02T00:00:00.000+09:00") -> Decision:
    return Decision(left, right, verdict, "防災課", "現地で確認", at)


def run(
    keys: Iterable[str],
    links: Iterable[Link] = (),
    decisions: Iterable[Decision] = (),
    before: Register | None = None,
    *,
    at: str = AT,
    method: str = "m1",
) -> Register:
    members: Mapping[str, Member] = {} if before is None else before.members
    ids: Mapping[str, Place] = {} if before is None else before.places
    return places(list(keys), list(links), list(decisions), members, ids, method=method, at=at)


def together(register: Register) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for key, member in register.members.items():
        found.setdefault(member.place_id, set()).add(key)
    return {frozenset(keys) for keys in found.values()}


def end(register: Register, place_id: str) -> str:
    return register.places[place_id].redirect_to or place_id


A, B, C, D = "shelter/a", "evacuation_site/b", "municipal_site/c", "shelter_status/d"


# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_in_no_list_is_a_place_from_its_first_sighting() -> None:
    register = run([D])
    assert register.members[D].place_id == mint(D)
    assert register.members[D].verdict == "alone"
    assert register.places[mint(D)] == Place(mint(D), "active", None, D, AT)


def test_a_voluntary_shelter_that_is_designated_later_keeps_its_id() -> None:
    first = run([D])
    later = run([D, A], [link(A, D)], before=first, at="2026-02-01T00:00:00+09:00")
    assert {member.place_id for member in later.members.values()} == {mint(D)}
    assert set(later.places) == {mint(D)}


def test_the_older_id_survives_and_of_equal_age_the_smaller() -> None:
    first = run([D])
    second = run([D, A], before=first, at="2026-02-01T00:00:00+09:00")
    merged = run([D, A], [link(A, D)], before=second, at="2026-03-01T00:00:00+09:00")
    assert merged.places[mint(A)] == Place(mint(A), "redirect", mint(D), A, "2026-02-01T00:00:00+09:00")
    of_one_day = run([A, B], before=None)
    merged = run([A, B], [link(A, B)], before=of_one_day)
    assert {member.place_id for member in merged.members.values()} == {min(mint(A), mint(B))}


def test_the_part_with_the_founder_keeps_the_id() -> None:
    one = run([A, C, D], [link(A, C), link(C, D)])
    assert set(one.places) == {mint(A)}
    parted = run([A, C, D], [link(A, C), link(C, D)], [decision(C, D, "different"), decision(A, D, "different")], one)
    assert {key: parted.members[key].place_id for key in (A, C, D)} == {A: mint(A), C: mint(A), D: mint(D)}
    assert parted.members[D].decided_by == "防災課"
    assert parted.members[D].against in (A, C)


def test_no_path_of_links_crosses_a_persons_different() -> None:
    said = [decision(A, D, "different")]
    register = run([A, C, D], [link(A, C, 0.99), link(C, D, 0.98)], said)
    assert together(register) == {frozenset({A, C}), frozenset({D})}
    (question,) = register.questions
    assert (question.left, question.right) == (C, D)
    assert question.reasons[-1] == "another entry of the place was called different by a person"
    answered = run([A, C, D], [link(A, C, 0.99), link(C, D, 0.98)], [*said, decision(C, D, "different")])
    assert answered.questions == []


def test_the_newest_word_stands_and_the_older_is_named() -> None:
    said = [
        decision(A, C, "same", "2026-01-02T00:00:00.000+09:00"),
        decision(C, D, "same", "2026-01-03T00:00:00.000+09:00"),
        decision(A, D, "different", "2026-01-04T00:00:00.000+09:00"),
    ]
    register = run([A, C, D], [], said)
    assert together(register) == {frozenset({A}), frozenset({C, D})}
    assert register.aside == said[:1]


def test_a_question_is_asked_once_of_two_places_and_not_when_it_is_answered() -> None:
    asked = [link(A, C, 0.8, "ask"), link(B, C, 0.7, "ask"), link(A, B, 0.99)]
    (question,) = run([A, B, C], asked).questions
    assert (question.left, question.right, question.score) == (C, A, 0.8)
    for verdict in ("same", "different"):
        assert run([A, B, C], asked, [decision(B, C, verdict)]).questions == []


def test_what_was_taken_back_leaves_a_tombstone_and_comes_back_under_its_id() -> None:
    first = run([A, D])
    gone = run([A], before=first)
    assert gone.places[mint(D)].state == "tombstone"
    assert D not in gone.members
    back = run([A, D], before=gone)
    assert back.places == first.places


def test_an_id_whose_founder_was_taken_back_stays_with_the_rest_of_the_place() -> None:
    one = run([A, C, D], [link(A, C), link(A, D)])
    rest = run([C, D], [link(C, D)], before=one)
    assert {member.place_id for member in rest.members.values()} == {mint(A)}
    again = run([A, C, D], [link(C, D)], before=rest)
    assert again.members[C].place_id == mint(A)
    assert again.members[A].place_id == mint(A, {mint(A)}) != mint(A)


def test_an_id_that_lost_its_founder_follows_the_place_that_it_became_part_of() -> None:
    apart = run([A, B, C])
    merged = run([A, B, C], [link(B, C)], before=apart)
    (one,) = [place for place in merged.places.values() if place.state == "redirect"]
    stays, gone = (B, C) if one.founder == C else (C, B)
    without = run([A, stays], before=merged)
    assert end(without, one.id) == mint(stays)
    further = run([A, stays], [], [decision(A, stays, "same")], without)
    assert {end(further, place_id) for place_id in further.places} == {further.members[A].place_id}
    assert further.places[one.id].state == "redirect"
    assert gone not in further.members


def test_what_is_as_it_was_keeps_when_it_was_decided() -> None:
    first = run([A, D], [link(A, D)])
    later = run([A, D], [link(A, D)], before=first, at="2027-01-01T00:00:00+09:00")
    assert (later.members, later.places) == (first.members, first.places)
    other = run([A, D], [link(A, D, 0.8)], before=first, at="2027-01-01T00:00:00+09:00")
    assert {member.decided_at for member in other.members.values()} == {"2027-01-01T00:00:00+09:00"}


def test_an_id_says_nothing_of_the_place() -> None:
    assert mint("shelter/E1720200001111") == "place-6w5joqm4rfxk65mv"
    assert "17202" not in mint("shelter/E1720200001111")


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────────────

pairs = st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).filter(lambda pair: pair[0] < pair[1])
links = st.dictionaries(
    pairs, st.tuples(st.sampled_from(["same", "same", "ask"]), st.integers(50, 100)), max_size=14
).map(lambda said: [link(a, b, score / 100, verdict) for (a, b), (verdict, score) in said.items()])
words = st.lists(st.tuples(pairs, st.sampled_from(["same", "different"])), max_size=8, unique_by=lambda w: w[0])


def spoken(said: Iterable[tuple[tuple[str, str], str]]) -> list[Decision]:
    return [
        decision(a, b, verdict, f"2026-01-02T00:00:{n:02d}.000+09:00") for n, ((a, b), verdict) in enumerate(said)
    ]


def told(keys: Iterable[str], said: Iterable[Link], decisions: Iterable[Decision]) -> set[frozenset[str]]:
    """The same partition by brute force: sets of keys, and every pair looked at."""
    group = {key: {key} for key in keys}
    apart: list[tuple[str, str]] = []
    decided = set()

    def crosses(a: str, b: str) -> bool:
        return any((x in group[a] and y in group[b]) or (x in group[b] and y in group[a]) for x, y in apart)

    def join(a: str, b: str) -> None:
        whole = group[a] | group[b]
        for key in whole:
            group[key] = whole

    for one in sorted(decisions, key=lambda d: d.decided_at, reverse=True):
        a, b = one.pair
        if a not in group or b not in group:
            continue
        if one.verdict == "same" and not crosses(a, b):
            join(a, b)
            decided.add(one.pair)
        if one.verdict == "different" and b not in group[a]:
            apart.append((a, b))
            decided.add(one.pair)
    for one in sorted(said, key=lambda k: (-k.score, k.left, k.right)):
        known = one.left in group and one.right in group and (one.left, one.right) not in decided
        if known and one.verdict == "same" and not crosses(one.left, one.right):
            join(one.left, one.right)
    return {frozenset(keys) for keys in group.values()}


@given(keys=st.sets(st.sampled_from(KEYS)), said=links, words=words, seed=st.randoms(use_true_random=False))
def test_the_partition_is_that_of_the_rule_in_any_order(
    keys: set[str], said: list[Link], words: list[Any], seed: random.Random
) -> None:
    decisions = spoken(words)
    register = run(keys, said, decisions)
    assert together(register) == told(keys, said, decisions)
    other = [sorted(keys), list(said), list(decisions)]
    for part in other:
        seed.shuffle(part)
    assert run(*other) == register


@given(arrivals=st.lists(st.sets(st.sampled_from(KEYS), min_size=1), min_size=1, max_size=5), said=links, words=words)
def test_lists_may_arrive_in_any_order(arrivals: list[set[str]], said: list[Link], words: list[Any]) -> None:
    decisions = spoken(words)
    everything = set().union(*arrivals)
    one: Register | None = None
    seen: set[str] = set()
    for n, some in enumerate(arrivals):
        seen |= some
        one = run(seen, said, decisions, one, at=f"2026-01-0{n + 1}T00:00:00+09:00")
    at_once = run(everything, said, decisions)
    assert one is not None
    assert together(one) == together(at_once)
    assert [(q.left, q.right) for q in one.questions] == [(q.left, q.right) for q in at_once.questions]


@given(keys=st.sets(st.sampled_from(KEYS), min_size=2), said=links, words=words, data=st.data())
def test_a_merge_that_is_taken_back_leaves_no_trace(
    keys: set[str], said: list[Link], words: list[Any], data: st.DataObject
) -> None:
    decisions = spoken(words)
    before = run(keys, said, decisions)
    a, b = data.draw(st.tuples(*[st.sampled_from(sorted(keys))] * 2))
    if a == b or any(one.pair == (min(a, b), max(a, b)) for one in decisions):
        return
    later = "2026-02-01T00:00:00.000+09:00"
    merged = run(keys, said, [*decisions, decision(a, b, "same", later)], before, at=later)
    assert merged.members[a].place_id == merged.members[b].place_id
    restored = run(keys, said, decisions, merged)
    assert together(restored) == together(before)
    ours = {place_id: one for place_id, one in restored.places.items() if place_id in before.places}
    assert ours == before.places
    assert {k: m.place_id for k, m in restored.members.items()} == {k: m.place_id for k, m in before.members.items()}


class Life(RuleBasedStateMachine):
    """Lists come, are taken back and come again; the matching changes its mind; people decide and take back."""

    @initialize()
    def begin(self) -> None:
        self.keys: set[str] = set()
        self.links: list[Link] = []
        self.decisions: dict[tuple[str, str], Decision] = {}
        self.register = run([])
        self.taken_back: set[str] = set()
        self.clock = 0

    def follow(self, method: str = "m1") -> None:
        self.clock += 1
        before = self.register
        at = f"2026-01-01T{self.clock // 60:02d}:{self.clock % 60:02d}:00+09:00"
        args = (self.keys, self.links, self.decisions.values())
        self.register = run(*args, before, at=at, method=method)
        assert run(*args, self.register, at="2027-01-01T00:00:00+09:00", method=method) == self.register
        assert before.places.keys() <= self.register.places.keys()
        for place_id, was in before.places.items():
            now = self.register.places[place_id]
            assert now.since == was.since
            assert now.founder == was.founder or was.founder not in self.keys
            # what was at a place and is there still with its founder has not changed the place under its id
            if was.founder in self.keys:
                assert self.register.members[was.founder].place_id == end(self.register, place_id)
                continue
            heirs = {key for key, one in before.members.items() if one.place_id == place_id} & self.keys
            if heirs:
                places_now = {self.register.members[key].place_id for key in heirs}
                assert end(self.register, place_id) in places_now

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1, max_size=4))
    def arrive(self, keys: set[str]) -> None:
        self.keys |= keys
        self.follow()

    @rule(key=st.sampled_from(KEYS))
    def take_back(self, key: str) -> None:
        self.keys.discard(key)
        self.follow()

    @rule(said=links)
    def match_otherwise(self, said: list[Link]) -> None:
        self.links = said
        self.follow("m2")

    @rule(pair=pairs, verdict=st.sampled_from(["same", "different"]))
    def decide(self, pair: tuple[str, str], verdict: str) -> None:
        self.clock += 1
        at = f"2026-01-01T{self.clock // 60:02d}:{self.clock % 60:02d}:00.000+09:00"
        self.decisions[pair] = decision(*pair, verdict, at)
        self.follow()
        newest = self.decisions[pair]
        assert newest not in self.register.aside
        if set(pair) <= self.keys:
            a, b = (self.register.members[key].place_id for key in pair)
            assert (a == b) == (verdict == "same")

    @precondition(lambda self: self.decisions)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        del self.decisions[data.draw(st.sampled_from(sorted(self.decisions)))]
        self.follow()

    @invariant()
    def each_entry_is_at_one_place_that_there_is(self) -> None:
        assert self.register.members.keys() == self.keys
        active = {one.id for one in self.register.places.values() if one.state == "active"}
        assert {member.place_id for member in self.register.members.values()} == active

    @invariant()
    def redirects_end(self) -> None:
        for one in self.register.places.values():
            assert (one.state == "redirect") == (one.redirect_to is not None)
            if one.redirect_to is not None:
                assert self.register.places[one.redirect_to].redirect_to is None

    @invariant()
    def decisions_hold_unless_newer_ones_contradict(self) -> None:
        place = {key: member.place_id for key, member in self.register.members.items()}
        for one in self.decisions.values():
            if set(one.pair) <= self.keys and one not in self.register.aside:
                assert (place[one.left] == place[one.right]) == (one.verdict == "same")

    @invariant()
    def the_oldest_id_of_a_place_is_its_id(self) -> None:
        for place_id in {member.place_id for member in self.register.members.values()}:
            claims = [one for one in self.register.places.values() if end(self.register, one.id) == place_id]
            own = [one for one in claims if one.founder in self.keys]
            assert min(own, key=lambda one: (one.since, one.id)).id == place_id


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=25)
TestLife = Life.TestCase


def test_founders_are_of_the_designated_lists_first() -> None:
    assert sorted([D, C, B, A], key=rank) == [A, B, C, D]
    assert set(run([A, B, C, D], [link(A, B), link(B, C), link(C, D)]).places) == {mint(A)}


@pytest.mark.parametrize("wrong", [link(A, "shelter/unknown"), link(A, A)])
def test_links_to_what_is_not_there_wait(wrong: Link) -> None:
    assert run([A], [wrong]).places == run([A]).places
    decided = replace(decision(A, D, "same"), right="shelter/unknown")
    assert run([A], [], [decided]).places == run([A]).places
