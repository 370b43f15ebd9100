"""The life of the shelter register (避難所台帳): which entries of the lists are one place, and what its id is.

    register = places(keys, links, decisions, members, places, method=METHOD, at=now)

An entry is known by its member key, ``<kind>/<item id>``. Two questions are kept apart:

* **Which entries are together** follows from the entries, the links and the decisions of people alone, never from
  what was there before: lists may arrive in any order. People come first, the newest word before older ones; then
  the automatic links, the strongest first. A link that would bring together what a person has called different is
  not followed, by whatever path; it becomes a question.
* **What a place is called** follows from its past. An id is minted from the entry with which the place was founded
  and always leads to the place that this entry belongs to. So an id never changes its meaning: when two places
  become one, the older id stays and the other one redirects; when they part, each has its own again.

Pure: no clock, no store. Source of the rule: docs/design, "Consolidated layers".
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal, Protocol

KINDS = ("shelter", "evacuation_site", "municipal_site", "shelter_status")
"""The kinds whose items are entries, the one that founds a place before another first: the designated lists of the
nation, those of the municipalities, then what was only seen open."""


class Link(Protocol):
    """What the matching says of two entries (`shelter_match.Link`); `score` from 0 to 1."""

    @property
    def left(self) -> str: ...
    @property
    def right(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def reasons(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on two entries. `by` is a role, `decided_at` ISO 8601 in UTC."""

    left: str
    right: str
    verdict: Literal["same", "different"]
    by: str
    reason: str
    decided_at: str

    @property
    def pair(self) -> tuple[str, str]:
        """The two keys, sorted."""
        return (self.left, self.right) if self.left < self.right else (self.right, self.left)


@dataclass(frozen=True, slots=True)
class Question:
    """Two entries of different places that may be one: a person is asked."""

    left: str
    right: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """Where an entry belongs and why. `against` is the entry that it was linked to (or kept apart from), `method` the
    version of the matching, None where a person decided."""

    key: str
    place_id: str
    verdict: Literal["same", "alone"]
    score: float | None
    reasons: tuple[str, ...]
    method: str | None
    decided_by: str
    decided_at: str
    against: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """One id. `founder` is the entry whose place it always means, `since` when the id was given (ISO 8601, UTC).

    `state`: active · redirect (`redirect_to` is never a redirect itself) · tombstone (nothing that is known now was
    ever at this place; a statement that was taken back, for instance).
    """

    id: str
    state: Literal["active", "redirect", "tombstone"]
    redirect_to: str | None
    founder: str
    since: str


@dataclass(frozen=True, slots=True)
class Register:
    """The register as it follows now. `aside` are decisions that newer ones contradict; `questions` the ones that no
    decision answers, at most one for two places, the likeliest first."""

    members: Mapping[str, Member]
    places: Mapping[str, Place]
    questions: Sequence[Question]
    aside: Sequence[Decision]


def rank(key: str) -> tuple[int, str]:
    """The order in which entries found a place: by kind, then by key."""
    kind = key.partition("/")[0]
    return (KINDS.index(kind) if kind in KINDS else len(KINDS), key)


def mint(founder: str, taken: Collection[str] = ()) -> str:
    """The id of a place that is founded with an entry: opaque, and the same at every place and time.

    An id that is taken is not given again: then the next in line.

    >>> mint("shelter/E1720200001111")
    'place-6w5joqm4rfxk65mv'
    """
    for attempt in range(len(taken) + 1):
        seed = founder if not attempt else f"{founder}#{attempt}"
        digest = blake2b(seed.encode(), digest_size=10).digest()
        made = f"place-{base64.b32encode(digest).decode().lower()}"
        if made not in taken:
            return made
    raise AssertionError("more ids are taken than there are")


class _Forest:
    """Entries that are together, and those that must not be (union-find with cannot-links)."""

    def __init__(self, size: int) -> None:
        self._up = list(range(size))
        self._size = [1] * size
        self._apart: dict[int, set[int]] = {}

    def find(self, n: int) -> int:
        up = self._up
        while up[n] != n:
            up[n] = up[up[n]]
            n = up[n]
        return n

    def apart(self, a: int, b: int) -> bool:
        return self.find(b) in self._apart.get(self.find(a), ())

    def part(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        self._apart.setdefault(a, set()).add(b)
        self._apart.setdefault(b, set()).add(a)

    def join(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        if a == b:
            return
        if self._size[a] < self._size[b]:
            a, b = b, a
        self._up[b] = a
        self._size[a] += self._size[b]
        for other in self._apart.pop(b, ()):
            self._apart[other].discard(b)
            self._apart[other].add(a)
            self._apart.setdefault(a, set()).add(other)


@dataclass(frozen=True, slots=True)
class _Partition:
    """Entries in the order of `rank`; `group[n]` is a number of the place of entry n, `why` what put it there."""

    order: Sequence[str]
    index: Mapping[str, int]
    group: Sequence[int]
    why: Mapping[int, Link | Decision]
    questions: Sequence[Question]
    aside: Sequence[Decision]


def places(
    keys: Collection[str],
    links: Iterable[Link],
    decisions: Iterable[Decision],
    members: Mapping[str, Member],
    before: Mapping[str, Place],
    *,
    method: str,
    at: str,
) -> Register:
    """The register of the entries `keys`.

    `members` (by key) and `before` (by id) are the register as it was; `method` is the version of the matching that
    made `links`, `at` the time of this run (ISO 8601, UTC). What is as it was keeps the time and the method with
    which it was decided. A link or decision that names an entry which is not there (any more) waits.
    """
    found = _partition(keys, links, decisions)
    known = _inherited(found, members, before)
    named, ids = _named(found, known, at)
    rows = {}
    for n, key in enumerate(found.order):
        row = _member(found, n, named[found.group[n]], method, at)
        was = members.get(key)
        rows[key] = was if was is not None and replace(row, decided_at=was.decided_at) == was else row
    return Register(rows, ids, found.questions, found.aside)


# ── which entries are together ───────────────────────────────────────────────────────────────────────────


def _partition(keys: Collection[str], links: Iterable[Link], decisions: Iterable[Decision]) -> _Partition:
    order = sorted(keys, key=rank)
    index = {key: n for n, key in enumerate(order)}
    forest = _Forest(len(order))
    why: dict[int, Link | Decision] = {}
    decided: set[tuple[str, str]] = set()
    aside = []
    spoken = sorted(
        (d for d in decisions if d.left in index and d.right in index),
        key=lambda d: (d.decided_at, d.pair),
        reverse=True,
    )
    for decision in spoken:
        a, b = (index[key] for key in decision.pair)
        together = decision.verdict == "same"
        if forest.apart(a, b) if together else forest.find(a) == forest.find(b):
            aside.append(decision)
            continue
        decided.add(decision.pair)
        (forest.join if together else forest.part)(a, b)
        if together:
            why.setdefault(a, decision)
            why.setdefault(b, decision)
    asked, refused = [], []
    for link in sorted(links, key=lambda link: (-link.score, link.left, link.right)):
        if link.left not in index or link.right not in index or link.left == link.right:
            continue
        if tuple(sorted((link.left, link.right))) in decided:
            continue
        a, b = index[link.left], index[link.right]
        if link.verdict == "ask":
            asked.append(link)
        elif forest.apart(a, b):
            refused.append(link)
        else:
            forest.join(a, b)
            why.setdefault(a, link)
            why.setdefault(b, link)
    group = [forest.find(n) for n in range(len(order))]
    for decision in spoken:  # a person's "different" is the reason why an entry stands alone
        for key in decision.pair if decision.verdict == "different" and decision.pair in decided else ():
            why.setdefault(index[key], decision)
    return _Partition(order, index, group, why, _questions(forest, index, asked, refused), aside)


_CROSSED = "another entry of the place was called different by a person"


def _questions(
    forest: _Forest, index: Mapping[str, int], asked: Sequence[Link], refused: Sequence[Link]
) -> list[Question]:
    """What a person is to answer. A doubtful link between places that a person has called different is answered; a
    strong one that a decision stands against is not, for one of the two must be wrong."""
    found: dict[tuple[int, int], Question] = {}
    for links, crossed in ((refused, (_CROSSED,)), (asked, ())):
        for link in links:
            a, b = forest.find(index[link.left]), forest.find(index[link.right])
            if a == b or (not crossed and forest.apart(a, b)):
                continue
            left, right = sorted((link.left, link.right))
            found.setdefault((min(a, b), max(a, b)), Question(left, right, link.score, (*link.reasons, *crossed)))
    return sorted(found.values(), key=lambda q: (-q.score, q.left, q.right))


def _member(found: _Partition, n: int, place_id: str, method: str, at: str) -> Member:
    key, why = found.order[n], found.why.get(n)
    if why is None:
        return Member(key, place_id, "alone", None, (), method, "rule", at, None)
    other = why.right if why.left == key else why.left
    if isinstance(why, Decision):
        verdict: Literal["same", "alone"] = "same" if why.verdict == "same" else "alone"
        return Member(key, place_id, verdict, None, (why.reason,), None, why.by, why.decided_at, other)
    return Member(key, place_id, "same", why.score, tuple(why.reasons), method, "rule", at, other)


# ── what a place is called ───────────────────────────────────────────────────────────────────────────────


def _inherited(found: _Partition, members: Mapping[str, Member], before: Mapping[str, Place]) -> dict[str, Place]:
    """The ids that there were. One whose founder was taken back speaks from now on for the first of the entries that
    were at its place and still are."""
    orphans = {one.id for one in before.values() if one.state == "active" and one.founder not in found.index}
    if not orphans:
        return dict(before)
    heirs: dict[str, str] = {}
    for key in found.order:
        was = members.get(key)
        if was is not None and was.place_id in orphans:
            heirs.setdefault(was.place_id, key)
    return {one.id: replace(one, founder=heirs.get(one.id, one.founder)) for one in before.values()}


def _named(found: _Partition, known: Mapping[str, Place], at: str) -> tuple[dict[int, str], dict[str, Place]]:
    """The id of each group, and every id that there ever was."""
    claims: dict[int, list[Place]] = {}
    for one in known.values():
        if one.founder in found.index:
            claims.setdefault(found.group[found.index[one.founder]], []).append(one)
    named: dict[int, str] = {}
    ids = dict(known)
    for n, key in enumerate(found.order):
        group = found.group[n]
        if group in named:
            continue
        if group not in claims:
            made = mint(key, ids.keys())
            ids[made] = Place(made, "active", None, key, at)
            named[group] = made
            continue
        oldest, *others = sorted(claims[group], key=lambda one: (one.since, one.id))
        named[group] = oldest.id
        ids[oldest.id] = replace(oldest, state="active", redirect_to=None)
        for other in others:
            ids[other.id] = replace(other, state="redirect", redirect_to=oldest.id)
    for one in known.values():
        if one.founder not in found.index:
            ids[one.id] = _without_founder(one, ids)
    return named, ids


def _without_founder(one: Place, ids: Mapping[str, Place]) -> Place:
    """An id of which nothing is left: a tombstone; one that had become another place's goes on leading there."""
    if one.redirect_to is None:
        return replace(one, state="tombstone")
    end = ids[one.redirect_to]
    return replace(one, redirect_to=end.redirect_to or end.id)
