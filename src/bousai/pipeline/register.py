"""The shelter register: brought up to date, and a person's word on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from bousai import store
from bousai.consolidate import register_review, register_statements, shelter_match, shelter_places
from bousai.model import (
    Changes,
    Issue,
    Layer,
    RevisionTable,
    Sightings,
    Status,
)
from bousai.pipeline.book import book
from bousai.pipeline.house import House, opened
from bousai.pipeline.ingesting import STATUSES, derive
from bousai.settings import Settings

_REGISTER = "shelter_register"


_KEPT = ("shelter_member", "shelter_place", "register_decision")


def update_register(settings: Settings | None = None) -> dict[str, int]:
    """Bring the shelter register up to date with all that is known, each status by itself.

    Where nothing new was said of shelters since the last time, nothing is read. Returns counts: opened, changed,
    closed (of entries and ids), issues.
    """
    with opened(settings) as house, book(house) as notes, notes.entry("register", "shelter_register") as entry:
        counted = _update_register(house)
        entry.outcome = "done" if any(counted.values()) else "unchanged"
        entry.detail |= counted
        return counted


def _update_register(house: House) -> dict[str, int]:
    changes = Changes()
    issues = 0
    for status in STATUSES:
        newest = store.newest(house.store, (*shelter_places.KINDS, "register_decision"), status)
        cursor, version, _ = store.published(house.store, _REGISTER).get(status, (0, "", None))
        if newest > cursor or (newest and not version.startswith(f"{register_statements.METHOD}/")):
            done, noticed = _register(house, status, newest, version)
            changes += done
            issues += len(noticed)
    counted = {"opened": changes.opened, "changed": changes.changed, "closed": changes.closed}
    return {**counted, "issues": issues}


def _register(house: House, status: Status, newest: int, version: str) -> tuple[Changes, Sequence[Issue]]:
    """The register of one status, from what is known at least up to the position `newest` in the log; `version` is
    what it was made of the last time."""
    at = _after_all(house)
    now, seen = _register_tables(house, status, at)
    records = shelter_match.records(seen)
    made_of = f"{register_statements.METHOD}/{register_statements.fingerprint(records, now['register_decision'])}"
    changes = Changes()
    issues: Sequence[Issue] = ()
    if made_of != version:
        update = register_statements.update(records, now, status, at)
        if update.spoken is not None:
            changes = _keep(house, _REGISTER, update.spoken, status, at)
        feed = _REGISTER if status == "actual" else f"{_REGISTER}/{status}"
        issues = update.issues
        store.restate_issues(house.store, feed, (register_statements.CONTRADICTION,), issues, at)
    store.mark_published(house.store, _REGISTER, status, newest, made_of, at)
    return changes, issues


def _keep(house: House, name: str, spoken: register_statements.Spoken, status: Status, at: datetime) -> Changes:
    return derive(house, name, register_statements.METHOD, spoken.body, spoken.bulletins, status, at)


def _register_tables(
    house: House, status: Status, at: datetime, muni: set[str] | None = None
) -> tuple[dict[str, RevisionTable], dict[str, Sightings]]:
    """The register as it is kept, and the entries of all lists (of some municipalities)."""
    now = _kept(house, status, at)
    seen = {
        kind: store.sightings(house.store, kind, valid_at=at, status=status, muni=muni)
        for kind in shelter_places.KINDS
    }
    return now, seen


def bring_up_to_date(house: House, layers: Iterable[Layer], known_at: datetime | None) -> None:
    """A question about now is answered with all that is known: the register first, where a layer is made of it."""
    if known_at is None and any("shelter_member" in layer.inputs for layer in layers):
        _update_register(house)


def register_candidates(
    settings: Settings | None = None, *, muni: str | None = None, status: Status = "actual"
) -> list[dict[str, Any]]:
    """The questions on shelters that wait for a person (of a municipality): see `register_review.candidates`."""
    with opened(settings) as house:
        _update_register(house)
        linked = store.items(house.store, "shelter_member", valid_at=house.now(), status=status)
        codes = set(register_review.asked_about(linked).values())
        now, seen = _register_tables(
            house, status, house.now(), None if None in codes else {code for code in codes if code is not None}
        )
        return register_review.candidates(now, seen, muni)


def register_decide(
    left: str,
    right: str,
    verdict: Literal["same", "different"],
    settings: Settings | None = None,
    *,
    by: str,
    reason: str,
    status: Status = "actual",
) -> dict[str, Any]:
    """A person's word on two entries (member keys). Returns the decisions kept and the places of the entries now.
    Raises `UsageError`, as the verbs below do."""
    return _answer(settings, status, by, reason, lambda now: [register_review.decide(now, left, right, verdict)])


def register_merge(
    one: str, two: str, settings: Settings | None = None, *, by: str, reason: str, status: Status = "actual"
) -> dict[str, Any]:
    """Two places (ids) are one: the older id stays."""
    return _answer(settings, status, by, reason, lambda now: register_review.merge(now, one, two))


def register_split(
    place: str,
    members: Sequence[str],
    settings: Settings | None = None,
    *,
    by: str,
    reason: str,
    status: Status = "actual",
) -> dict[str, Any]:
    """Some members (keys) of a place are another place."""
    return _answer(settings, status, by, reason, lambda now: register_review.split(now, place, members))


def register_undo(
    left: str, right: str, settings: Settings | None = None, *, status: Status = "actual"
) -> dict[str, Any]:
    """Nothing is decided on two entries any more."""
    with opened(settings) as house:
        _update_register(house)
        at = _after_all(house)
        pair = register_review.undo(_kept(house, status, at), left, right)
        _keep(house, "register_decision", register_statements.decided([], [pair], status, at), status, at)
        return _answered(house, status, [], pair)


def _answer(
    settings: Settings | None,
    status: Status,
    by: str,
    reason: str,
    answers: Callable[[Mapping[str, RevisionTable]], list[register_review.Answer]],
) -> dict[str, Any]:
    by, reason = register_review.checked("role", by), register_review.checked("reason", reason)
    with opened(settings) as house, book(house, by) as notes, notes.entry("decide", "shelter_register") as entry:
        _update_register(house)
        at = _after_all(house)
        told = register_statements.moment(at)
        decisions = [shelter_places.Decision(*one, by, reason, told) for one in answers(_kept(house, status, at))]
        entry.detail |= {"decisions": [dataclasses.asdict(one) for one in decisions]}
        _keep(house, "register_decision", register_statements.decided(decisions, [], status, at), status, at)
        return _answered(house, status, decisions, {key for one in decisions for key in one.pair})


def _answered(
    house: House, status: Status, decisions: Sequence[shelter_places.Decision], keys: Iterable[str]
) -> dict[str, Any]:
    counted = _update_register(house)
    return {
        "decisions": [dataclasses.asdict(one) for one in decisions],
        "places": register_review.whereabouts(_kept(house, status, house.now()), set(keys)),
        **counted,
    }


def _after_all(house: House) -> datetime:
    """Now, and not before anything that is recorded: what is said later stands, also where a clock was set back."""
    now = house.now()
    _, recorded = store.log_position(house.store)
    return now if recorded is None else max(now, recorded)


def _kept(house: House, status: Status, at: datetime) -> dict[str, RevisionTable]:
    return {kind: store.items(house.store, kind, valid_at=at, status=status) for kind in _KEPT}
