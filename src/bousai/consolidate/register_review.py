"""The review queue of the shelter register: what a person is asked, and what follows from the answers.

Answers are decisions on pairs of entries (`shelter_places.Decision`). To make two places one, or one place two, is
said in the same words, so that it can be taken back pair by pair. An answer that an earlier one stands against is
refused: first that one is to be taken back, and nobody's word is overruled by the way.

`by` is a role (防災課, 県リエゾン), never a person: nothing here is personal data, and what looks like it is refused.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal
from unicodedata import normalize

import orjson
from pyproj import Geod

from bousai.consolidate.register_statements import decisions_of, places_of
from bousai.consolidate.shelter_places import Decision
from bousai.consolidate.shelter_register import Entry, entries
from bousai.errors import UsageError
from bousai.model import RevisionTable, Sightings
from bousai.vocab.japanese_time import local

Answer = tuple[str, str, Literal["same", "different"]]
"""Two member keys and what a person says of them."""

_EARTH = Geod(ellps="GRS80")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"(?<![0-9A-Za-z])(?:\+81|0)(?:[-()\s]*\d){8,10}(?![0-9A-Za-z])")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ー", "-"))
_LONGEST = {"role": 60, "reason": 400}


def checked(what: Literal["role", "reason"], text: str) -> str:
    """A role or a reason as it is kept: NFC, one line. Raises `UsageError` where it is empty, too long, or carries an
    e-mail address or a telephone number."""
    kept = normalize("NFC", " ".join(text.split()))
    if not kept:
        raise UsageError(f"no {what} is given", remedy=f"say it with --{'by' if what == 'role' else 'reason'}")
    if len(kept) > _LONGEST[what] or not kept.isprintable():
        raise UsageError(
            f"the {what} is not one line of at most {_LONGEST[what]} characters", remedy="say it in a few words"
        )
    plain = normalize("NFKC", kept).translate(_DASHES)
    if _MAIL.search(plain) or _PHONE.search(plain):
        raise UsageError(
            f"the {what} holds an e-mail address or a telephone number",
            remedy="name a role (防災課) and a reason; no personal data is kept",
        )
    return kept


def candidates(
    now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], muni: str | None = None
) -> list[dict[str, Any]]:
    """The questions that wait for a person (in a municipality), the likeliest first: both entries with name, address,
    source and place, their distance in metres (None: one has no position), score and reasons."""
    linked = now["shelter_member"]
    wanted: dict[tuple[str, str], dict[str, Any]] = {}
    for n, text in enumerate(linked.props):
        if muni is None or linked.muni_code[n] == muni:
            for one in orjson.loads(text)["questions"]:
                wanted[min(one["member"], one["other"]), max(one["member"], one["other"])] = one
    keys = {key for pair in wanted for key in pair}
    found = {entry.key: entry for entry in entries(seen, linked, keys)}
    rows = [
        {
            "left": _shown(found[left]),
            "right": _shown(found[right]),
            "distance_m": _distance(found[left], found[right]),
            "score": one["score"],
            "reasons": one["reasons"],
        }
        for (left, right), one in wanted.items()
    ]
    return sorted(rows, key=lambda row: (-row["score"], row["left"]["key"], row["right"]["key"]))


def asked_about(linked: RevisionTable) -> dict[str, str | None]:
    """The entries that a question is about, with the municipality that each lies in."""
    return {
        key: code
        for key, code, text in zip(linked.item_id, linked.muni_code, linked.props, strict=True)
        if orjson.loads(text)["questions"]
    }


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "name": entry.props.get("name"),
        "address": entry.props.get("address"),
        "source": entry.table.source[entry.row],
        "muni_code": entry.table.muni_code[entry.row],
        "since": local(entry.since),
        "until": None if entry.until is None else local(entry.until),
        "place_id": entry.link["place_id"],
    }


def _distance(one: Entry, two: Entry) -> float | None:
    if one.lon is None or one.lat is None or two.lon is None or two.lat is None:
        return None
    return round(float(_EARTH.inv(one.lon, one.lat, two.lon, two.lat)[2]), 1)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────


def decide(now: Mapping[str, RevisionTable], left: str, right: str, verdict: Literal["same", "different"]) -> Answer:
    """A person's word on two entries. Raises `UsageError` for entries that are not there, and where an earlier word
    stands against this one."""
    place_of = _places_of_entries(now)
    for key in (left, right):
        if key not in place_of:
            raise UsageError(
                f"no entry {key!r} is known", remedy="an entry is KIND/ITEM-ID: see the members of a feature"
            )
    if left == right:
        raise UsageError(f"both keys are {left}", remedy="give two entries")
    said = decisions_of(now["register_decision"])
    if verdict == "same":
        spoken = [one for one in said if one.pair != (min(left, right), max(left, right))]
        _refuse_parted(spoken, _members(place_of, place_of[left]), _members(place_of, place_of[right]))
    else:
        _refuse_joined(said, left, right)
    return min(left, right), max(left, right), verdict


def merge(now: Mapping[str, RevisionTable], one: str, two: str) -> list[Answer]:
    """The answer that makes two places one: their founders are the same. Raises `UsageError`."""
    ids = places_of(now["shelter_place"])
    left, right = (ids[_active(now, place_id)].founder for place_id in (one, two))
    if left == right:
        raise UsageError(f"{one} and {two} are one place already", remedy=f"see: bousai history shelter_place {two}")
    place_of = _places_of_entries(now)
    said = decisions_of(now["register_decision"])
    _refuse_parted(said, _members(place_of, place_of[left]), _members(place_of, place_of[right]))
    return [(min(left, right), max(left, right), "same")]


def split(now: Mapping[str, RevisionTable], place_id: str, keys: Sequence[str]) -> list[Answer]:
    """The answers that make one place two, the one of `keys` and that of the other members. Raises `UsageError`."""
    active = _active(now, place_id)
    members = _members(_places_of_entries(now), active)
    parted = list(dict.fromkeys(keys))
    for key in parted:
        if key not in members:
            raise UsageError(f"{key} is no member of {active}", remedy=f"its members: {' '.join(members)}")
    rest = [key for key in members if key not in parted]
    if not rest:
        raise UsageError(f"these are all members of {active}", remedy="name those that are another place")
    answers: list[Answer] = [(min(one, two), max(one, two), "different") for one in parted for two in rest]
    answers += [(one, two, "same") for part in (parted, rest) for one, two in pairwise(part)]
    return answers


def undo(now: Mapping[str, RevisionTable], left: str, right: str) -> tuple[str, str]:
    """The pair on which nothing is decided any more. Raises `UsageError` where nothing was."""
    pair = (min(left, right), max(left, right))
    if pair not in {one.pair for one in decisions_of(now["register_decision"])}:
        raise UsageError(
            f"nothing was decided on {left} and {right}", remedy="see decided_by and against of a feature's members"
        )
    return pair


def whereabouts(now: Mapping[str, RevisionTable], keys: Collection[str]) -> dict[str, str | None]:
    """The place of each of these entries, after an answer."""
    place_of = _places_of_entries(now)
    return {key: place_of.get(key) for key in sorted(keys)}


def _places_of_entries(now: Mapping[str, RevisionTable]) -> dict[str, str]:
    linked = now["shelter_member"]
    return {key: orjson.loads(text)["place_id"] for key, text in zip(linked.item_id, linked.props, strict=True)}


def _members(place_of: Mapping[str, str], place_id: str) -> list[str]:
    return sorted(key for key, one in place_of.items() if one == place_id)


def _active(now: Mapping[str, RevisionTable], place_id: str) -> str:
    one = places_of(now["shelter_place"]).get(place_id)
    if one is None:
        raise UsageError(f"no place {place_id!r} is known", remedy="see: bousai layer shelter_register")
    if one.redirect_to is not None:
        return _active(now, one.redirect_to)
    if one.state == "tombstone":
        raise UsageError(
            f"{place_id} is a tombstone: what it was made of was taken back", remedy="give another place"
        )
    return one.id


def _refuse_parted(said: Sequence[Decision], left: Collection[str], right: Collection[str]) -> None:
    """Where a member of the one place was called different from a member of the other."""
    for one in said:
        a, b = one.pair
        if one.verdict == "different" and ((a in left and b in right) or (a in right and b in left)):
            raise _against(one)


def _refuse_joined(said: Sequence[Decision], left: str, right: str) -> None:
    """Where the two are called the same by way of others."""
    joined: defaultdict[str, list[Decision]] = defaultdict(list)
    for one in said:
        if one.verdict == "same" and set(one.pair) != {left, right}:
            joined[one.left].append(one)
            joined[one.right].append(one)
    reached = {left}
    waiting = deque([left])
    while waiting:
        key = waiting.popleft()
        for one in joined[key]:
            other = one.right if one.left == key else one.left
            if other == right:
                raise _against(one)
            if other not in reached:
                reached.add(other)
                waiting.append(other)


def _against(one: Decision) -> UsageError:
    a, b = one.pair
    return UsageError(
        f"{one.by} has said at {one.decided_at} that {a} and {b} are {one.verdict}: {one.reason}",
        remedy=f"if that is wrong: bousai register undo {a} {b}",
    )
