"""What the shelter register keeps, as statements for the store: where every entry belongs, and every id.

In: the entries of all lists and the register as it was. Out: bulletins of the municipalities in which anything is
otherwise now, and the document that they come from. An identity is no event in the world, so these statements are
true of all times (`issued_at` is `ALWAYS`); which of them stands is decided by `sent_at`, the time up to which the
lists were read. So the newest reading wins, whichever of two is written first, and the older ones stay visible at
their known times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from bousai.consolidate import shelter_match
from bousai.consolidate.rows import ISSUER
from bousai.consolidate.shelter_places import Decision, Member, Place, Question, Register, places
from bousai.model import Bulletin, Issue, Item, RevisionTable, Status
from bousai.model.bulletin import table_of
from bousai.vocab.japanese_time import JST

ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)
"""From when on a statement on identity holds: before every list."""

METHOD = shelter_match.METHOD
"""The version of the matching that is in use."""

CONTRADICTION = "register_contradiction"
"""The code of the issue that names decisions which newer ones contradict."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Statements for the store, and the document (JSON values) that they come from."""

    bulletins: Sequence[Bulletin]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """The register as it follows now, what of it is otherwise than it was (None: nothing), and what is amiss."""

    register: Register
    spoken: Spoken | None
    issues: Sequence[Issue]


def moment(at: datetime) -> str:
    """ISO 8601 in Japan's time, to the millisecond: decisions are ordered by it."""
    return at.astimezone(JST).isoformat(timespec="milliseconds")


def fingerprint(records: shelter_match.Records, decisions: RevisionTable) -> str:
    """The same text for the same entries, decisions and method, from which the same register follows. Head counts and
    openings change all day and are no part of it."""
    state = blake2b(METHOD.encode(), digest_size=16)
    columns: tuple[Sequence[Any], ...] = (
        records.key,
        records.source,
        records.muni_code,
        records.city,
        records.name,
        records.kana,
        records.address,
        records.facility,
        records.source_id,
        records.lon.tolist(),
        records.lat.tolist(),
        decisions.item_id,
        decisions.props,
    )
    for column in columns:
        state.update(orjson.dumps(list(column)))
    return state.hexdigest()


def update(records: shelter_match.Records, now: Mapping[str, RevisionTable], status: Status, at: datetime) -> Update:
    """The register of these entries, and what has changed in it.

    `now` has the kinds ``shelter_member``, ``shelter_place`` and ``register_decision`` as they are known, `at` is the
    time up to which all of this was read (aware).
    """
    register = places(
        records.key,
        shelter_match.links(records),
        decisions_of(now["register_decision"]),
        members_of(now["shelter_member"]),
        places_of(now["shelter_place"]),
        method=METHOD,
        at=moment(at),
    )
    muni = dict(zip(records.key, records.muni_code, strict=True))
    made = {
        "shelter_member": ("register", _member_items(register, muni)),
        "shelter_place": ("shelter_place", _place_items(register, muni, now["shelter_place"])),
    }
    changed = {kind: _changed(items, scope, now[kind]) for kind, (scope, items) in made.items()}
    body = {
        kind: {code: [{"item_id": one.item_id, **one.props} for one in items] for code, items in found.items()}
        for kind, found in changed.items()
    }
    bulletins = [
        _bulletin(
            kind,
            f"{made[kind][0]}/{code}",
            [replace(one, position=f"{kind}.{code}[{n}]") for n, one in enumerate(items)],
            status,
            at,
        )
        for kind, found in changed.items()
        for code, items in found.items()
    ]
    spoken = Spoken(bulletins, {"at": moment(at), "status": status, "method": METHOD, **body}) if bulletins else None
    return Update(register, spoken, _contradictions(register.aside))


def decided(decisions: Sequence[Decision], ended: Sequence[tuple[str, str]], status: Status, at: datetime) -> Spoken:
    """What people said at `at`: `decisions` that hold from now on, and pairs on which nothing is decided any more."""
    pairs: list[tuple[tuple[str, str], list[Item]]] = [
        (one.pair, [Item("|".join(one.pair), asdict(one), position=f"decisions[{n}]")])
        for n, one in enumerate(decisions)
    ]
    pairs += [(pair, []) for pair in ended]
    bulletins = [
        _bulletin("register_decision", f"register_decision/{'|'.join(pair)}", items, status, at)
        for pair, items in pairs
    ]
    said = [asdict(one) for one in decisions]
    return Spoken(bulletins, {"at": moment(at), "status": status, "decisions": said, "ended": list(map(list, ended))})


def _bulletin(kind: str, scope: str, items: Sequence[Item], status: Status, at: datetime) -> Bulletin:
    return Bulletin(
        kind=kind,
        scope=scope,
        issued_at=ALWAYS,
        status=status,
        items=table_of(items),
        issuer=ISSUER,
        complete=True,
        sent_at=at,
        bulletin_type=kind,
    )


# ── tables of the store as the register's own nouns, and back ────────────────────────────────────────────


def decisions_of(table: RevisionTable) -> list[Decision]:
    """The decisions that hold (kind ``register_decision``)."""
    return [Decision(**orjson.loads(text)) for text in table.props]


def members_of(table: RevisionTable) -> dict[str, Member]:
    """Where the entries belong (kind ``shelter_member``), by key."""
    found = {}
    for key, text in zip(table.item_id, table.props, strict=True):
        said = orjson.loads(text)
        del said["questions"]
        found[key] = Member(key, **{**said, "reasons": tuple(said["reasons"])})
    return found


def places_of(table: RevisionTable) -> dict[str, Place]:
    """Every id there is (kind ``shelter_place``)."""
    return {
        item_id: Place(item_id, **orjson.loads(text))
        for item_id, text in zip(table.item_id, table.props, strict=True)
    }


def _member_items(register: Register, muni: Mapping[str, str | None]) -> Iterator[Item]:
    asked: defaultdict[str, list[Question]] = defaultdict(list)
    for question in register.questions:
        asked[question.left].append(question)
        asked[question.right].append(question)
    for key in sorted(register.members):
        one = register.members[key]
        props = {
            "place_id": one.place_id,
            "verdict": one.verdict,
            "score": one.score,
            "reasons": list(one.reasons),
            "method": one.method,
            "decided_by": one.decided_by,
            "decided_at": one.decided_at,
            "against": one.against,
            "questions": [
                {
                    "member": key,
                    "other": question.right if question.left == key else question.left,
                    "score": question.score,
                    "reasons": list(question.reasons),
                }
                for question in asked.get(key, ())
            ],
        }
        yield Item(key, props, muni[key])


def _place_items(register: Register, muni: Mapping[str, str | None], before: RevisionTable) -> Iterator[Item]:
    """An id lies in the municipality of its founder; one whose founder was taken back stays where it was."""
    was = dict(zip(before.item_id, before.muni_code, strict=True))
    for place_id in sorted(register.places):
        one = register.places[place_id]
        props = {
            "state": one.state,
            "redirect_to": one.redirect_to,
            "founder": one.founder,
            "since": one.since,
        }
        yield Item(place_id, props, muni.get(one.founder, was.get(place_id)))


def _changed(items: Iterable[Item], scope: str, before: RevisionTable) -> dict[str, list[Item]]:
    """The municipalities in which something is otherwise: by code (``none``: no code), all of their items."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[item.muni_code or "none"].append(item)
    was: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, item_id, text in zip(before.scope, before.item_id, before.props, strict=True):
        was[name.removeprefix(f"{scope}/")][item_id] = orjson.loads(text)
    return {
        code: found.get(code, [])
        for code in sorted(found.keys() | was.keys())
        if {item.item_id: item.props for item in found.get(code, ())} != was.get(code, {})
    }


_EXAMPLES = 3


def _contradictions(aside: Sequence[Decision]) -> list[Issue]:
    if not aside:
        return []
    shown = [f"{one.pair[0]} and {one.pair[1]} are {one.verdict} ({one.by}, {one.decided_at})" for one in aside]
    more = f" and {len(shown) - _EXAMPLES} more" if len(shown) > _EXAMPLES else ""
    return [
        Issue(
            CONTRADICTION,
            f"newer decisions contradict: {'; '.join(shown[:_EXAMPLES])}{more}",
            "see which is right; take the other back with: bousai register undo KEY KEY",
        )
    ]
