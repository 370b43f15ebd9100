"""避難所の現況: register × status × people × hazard zones × warnings, one item a place.

What each source says of a place now stands in ``statuses``, untouched. The figures beside it are the claim that is
newest by its own time (as of which it holds, not when it came): the state from the newest claim, a number from the
newest claim that gives one, each with its time. Where claims of different sources differ, the field is named in
``conflicts``, whichever is shown. Nothing is added up and nothing is inferred:

* A place that a source has stopped to list says so (``no_statement`` with ``last_stated``). Whether that means closed
  is the source's to say.
* Designated shelters are shown also while nobody says anything of them; places that are only evacuation sites are
  not, for whether they are open is no question (災害対策基本法 49条の4). A place that is in no list is shown as long
  as it is stated.
* A warning is JMA's and an order is the municipality's; both stand here for the municipality, not for the building.

The hazard zones are those of every position that a source states for the place: where positions differ, being in a
zone by one of them is enough to show it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from bousai.consolidate import rows
from bousai.consolidate.hazard_exposure import HAZARDS, Exposure, exposure_by_subject
from bousai.consolidate.shelter_register import Entry, PlaceView, views
from bousai.consolidate.situation_warnings import Warned, ordered, warned
from bousai.model import EVERYWHERE, Region, RevisionTable, Sightings
from bousai.vocab.japanese_time import local

_TO_STAY = ("shelter", "both", "welfare_shelter")
"""Types of a municipal list's place that people stay in (指定避難所, 福祉避難所)."""
_NUMBERS = ("evacuees", "voluntary_evacuees", "households", "capacity")
_WORDS = ("opened_at", "closed_at", "crowding")
_CLAIMED = ("name", "state", "state_text", "shelter_type", "reason", *_NUMBERS, *_WORDS)


class _Claim(NamedTuple):
    """What one source says of a place now: its item, and the time as of which that holds."""

    props: Mapping[str, Any]
    table: RevisionTable
    row: int
    as_of: str

    @property
    def order(self) -> tuple[datetime, str]:
        """The newer claim is greater; of two of one time the order of the feeds' ids decides, the same for ever."""
        return datetime.fromisoformat(self.as_of), self.table.source[self.row]


def table(
    now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], valid_at: datetime, region: Region = EVERYWHERE
) -> RevisionTable:
    """The places of a region at `valid_at` (and some more): designated shelters, and every place of which a source
    states something then."""
    status = now["shelter_status"]
    said = _claims(status)
    places = list(views(now, seen, region).values())
    if region != EVERYWHERE:
        codes, points = [place.muni_code for place in places], [place.geometry for place in places]
        places = [places[n] for n in rows.inside(region, codes, points)]
    exposure = now["hazard_exposure"]
    if region != EVERYWHERE:
        keys = {key for place in places for key in place.keys}
        exposure = rows.picked(exposure, [n for n, key in enumerate(exposure.item_id) if key in keys])
    exposed = exposure_by_subject(exposure)
    found_at = {revision: row for row, revision in enumerate(exposure.revision)}
    warnings, orders = warned(now), ordered(now)
    made = []
    for place in places:
        claims = sorted((said[key] for key in place.keys if key in said), key=lambda claim: claim.order, reverse=True)
        if not claims and not (place.first_seen_at <= valid_at and any(_to_stay(e, valid_at) for e in place.members)):
            continue
        zones, hazards, revisions = _hazards(place, exposed)
        around = {
            "hazard_zones": zones,
            "hazards": hazards,
            "warnings": [one.shown for one in warnings.get(place.muni_code or "", ())],
            "orders": [one.shown for one in orders.get(place.muni_code or "", ())],
        }
        behind = [
            *_behind(("hazards", "hazard_zones"), ((exposure, found_at[revision]) for revision in revisions)),
            *_behind(("warnings",), _stated_by(warnings.get(place.muni_code or "", ()))),
            *_behind(("orders",), _stated_by(orders.get(place.muni_code or "", ()))),
        ]
        made.append(_row(place, claims, around, behind, valid_at))
    return rows.table_of("shelter_now", status.status, valid_at, status.known_at, made)


def _behind(fields: Sequence[str], stated: Iterable[tuple[RevisionTable, int]]) -> Iterator[dict[str, Any]]:
    for table, row in stated:
        yield {**rows.source(table, row), "attributes": list(fields)}


def _stated_by(found: Sequence[Warned]) -> list[tuple[RevisionTable, int]]:
    return [(one.said.table, one.said.row) for one in found]


def _claims(status: RevisionTable) -> dict[str, _Claim]:
    """Member key → what is stated of it now."""
    found: dict[str, _Claim] = {}
    for row, (item_id, text) in enumerate(zip(status.item_id, status.props, strict=True)):
        props = orjson.loads(text)
        as_of = props.get("as_of") or local(status.issued_at[row])
        claim = _Claim(props, status, row, as_of)
        key = f"shelter_status/{item_id}"
        if key not in found or claim.order > found[key].order:
            found[key] = claim
    return found


def _to_stay(entry: Entry, valid_at: datetime) -> bool:
    """A list that still stands has it as a place to stay in."""
    if entry.until is not None and entry.until <= valid_at:
        return False
    if entry.kind == "municipal_site":
        return entry.props.get("site_type") in _TO_STAY or entry.props.get("also_shelter") is True
    return entry.kind == "shelter"


def _row(
    place: PlaceView,
    claims: Sequence[_Claim],
    around: Mapping[str, Any],
    behind: Sequence[Mapping[str, Any]],
    valid_at: datetime,
) -> rows.Row:
    newest = claims[0] if claims else None
    rests: defaultdict[int, list[str]] = defaultdict(list)  # number of a claim → the fields that rest on it
    shown: dict[str, Any] = dict.fromkeys((*_NUMBERS, *_WORDS))
    for name in (*_NUMBERS, *_WORDS):
        n = _newest_that_tells(claims, name)
        if n is not None:
            shown[name] = claims[n].props[name]
            rests[n].append(name)
            if name == "evacuees":
                rests[n] += ["evacuees_as_of", "occupancy_rate"]
    if newest is not None:
        rests[0] += ["state", "as_of"]
    listed = None if shown["capacity"] is not None else _capacity(place.members)
    if listed is not None:
        shown["capacity"] = listed.props["capacity"]
    evacuees_of = _newest_that_tells(claims, "evacuees")
    evacuees_as_of = None if evacuees_of is None else claims[evacuees_of].as_of
    before = None if claims else _last_stated(place.members, valid_at)
    props = {
        "name": place.name,
        "alternative_names": list(place.alternative_names),
        "address": place.address,
        "common_ids": sorted({e.props["common_id"] for e in place.members if e.props.get("common_id")}),
        "unlisted": place.unlisted,
        "state": "no_statement" if newest is None else newest.props.get("state") or "unknown",
        **shown,
        "occupancy_rate": _rate(shown["evacuees"], shown["capacity"]),
        "as_of": None if newest is None else newest.as_of,
        "evacuees_as_of": evacuees_as_of,
        "age_min": None if newest is None else rows.age_min(newest.as_of, valid_at),
        "evacuees_age_min": None if evacuees_as_of is None else rows.age_min(evacuees_as_of, valid_at),
        "statuses": [_stated(claim) for claim in claims],
        "conflicts": _conflicts(claims),
        "last_stated": None if before is None else _last(before),
        "position_source": None if place.located_by is None else place.located_by.table.source[place.located_by.row],
        "position_error_m": place.position_error_m,
        **around,
        "sources": [*_sources(place, claims, rests, listed, before), *behind],
    }
    # Of statuses only what held then: the last one that was ever stated may be of a later day.
    lists = [e for e in place.members if e.kind != "shelter_status" or e is before]
    stated = [(e.table, e.row) for e in lists] + [(claim.table, claim.row) for claim in claims]
    return rows.Row(
        item_id=place.place_id,
        muni_code=place.muni_code,
        props=props,
        geometry=place.geometry,
        feeds=frozenset(table.source[row] for table, row in stated),
        issued_at=max(table.issued_at[row] for table, row in stated),
        recorded_at=max(table.recorded_at[row] for table, row in stated),
        revision=max(table.revision[row] for table, row in stated),
    )


def _newest_that_tells(claims: Sequence[_Claim], name: str) -> int | None:
    """The number of the newest claim that has a value: for a count, one that says something, be it that nobody knows;
    an empty cell says nothing."""
    for n, claim in enumerate(claims):
        value = claim.props.get(name)
        if value is not None and not (name in _NUMBERS and value["state"] == "blank"):
            return n
    return None


def _capacity(members: Sequence[Entry]) -> Entry | None:
    """The entry whose list states how many the place takes."""
    return next((e for e in members if (e.props.get("capacity") or {}).get("value") is not None), None)


def _rate(evacuees: Mapping[str, Any] | None, capacity: Mapping[str, Any] | None) -> float | None:
    """People by capacity, two decimals; more than 1 is what happens. None where either is no number (or 0 places)."""
    people = None if evacuees is None else evacuees["value"]
    places = None if capacity is None else capacity["value"]
    return None if people is None or not places else round(people / places, 2)


def _stated(claim: _Claim) -> dict[str, Any]:
    return {
        **{name: claim.props.get(name) for name in _CLAIMED},
        "source": claim.table.source[claim.row],
        "issuer": claim.table.issuer[claim.row],
        "as_of": claim.as_of,
        "item_id": claim.table.item_id[claim.row],
        "revision": claim.table.revision[claim.row],
    }


def _conflicts(claims: Sequence[_Claim]) -> list[str]:
    """The fields of which two claims say different things; one that says nothing of a field contradicts nobody."""
    if len(claims) < 2:
        return []
    found = []
    for name in ("state", *_NUMBERS, *_WORDS):
        values = [claim.props.get(name) for claim in claims]
        told = {
            orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
            for value in values
            if value is not None and value != "unknown" and not (name in _NUMBERS and value["value"] is None)
        }
        if len(told) > 1:
            found.append(name)
    return found


def _last_stated(members: Sequence[Entry], valid_at: datetime) -> Entry | None:
    """The status that ended last."""
    ended = [e for e in members if e.kind == "shelter_status" and e.until is not None and e.until <= valid_at]
    return max(ended, key=lambda e: (e.until, e.key), default=None)


def _last(entry: Entry) -> dict[str, Any]:
    assert entry.until is not None
    return {
        "state": entry.props.get("state"),
        "evacuees": entry.props.get("evacuees"),
        "until": local(entry.until),
        "source": entry.table.source[entry.row],
        "issuer": entry.table.issuer[entry.row],
        "revision": entry.table.revision[entry.row],
    }


def _hazards(
    place: PlaceView, exposed: Mapping[str, Exposure]
) -> tuple[list[dict[str, Any]], dict[str, str], list[int]]:
    """Zones, how the place lies to the zones of each hazard, and the revisions that say so.

    Of all positions that lists state for the place. ``no_position``: no list states one; ``not_assessed``: what was
    computed is of another position, or nothing was computed yet.
    """
    placed = [e for e in place.members if e.lon is not None and not e.stand_in]
    told = [one for e in placed if (one := exposed.get(e.key)) is not None and (one.lon, one.lat) == (e.lon, e.lat)]
    if not told:
        return [], dict.fromkeys(HAZARDS.values(), "not_assessed" if placed else "no_position"), []
    zones: dict[str, dict[str, Any]] = {}
    relation = {}
    for hazard in HAZARDS.values():
        said = [one.hazards[hazard] for one in told]
        relation[hazard] = _gravest([one["state"] for one in said])
        for about in said:
            for zone in about["zones"]:
                zones.setdefault(zone["item_id"], {"hazard": hazard, **zone})
    revisions = {revision for one in told for revision in one.revisions.values()}
    return [zones[item_id] for item_id in sorted(zones)], relation, sorted(revisions)


def _gravest(states: Sequence[str]) -> str:
    """Of what is said of several positions of a place: inside, before not knowing, before outside."""
    return next(state for state in ("inside", "not_covered", "outside") if state in states)


def _sources(
    place: PlaceView,
    claims: Sequence[_Claim],
    rests: Mapping[int, Sequence[str]],
    listed: Entry | None,
    before: Entry | None,
) -> list[dict[str, Any]]:
    """The statements behind the fields: the claims, newest first, then the entries of the lists."""
    found = [
        {
            **rows.source(claim.table, claim.row, claim.as_of),
            "attributes": sorted({*rests.get(n, ()), "statuses", "conflicts"}),
        }
        for n, claim in enumerate(claims)
    ]
    for entry in place.members:
        fields = ["common_ids"] if entry.props.get("common_id") else []
        fields += ["name"] if entry is place.named_by else []
        fields += ["alternative_names"] if entry.props.get("name") in place.alternative_names else []
        fields += ["address"] if entry is place.addressed_by else []
        fields += ["geometry", "position_source"] if entry is place.located_by else []
        fields += ["capacity", "occupancy_rate"] if entry is listed else []
        fields += ["last_stated"] if entry is before else []
        if entry.kind != "shelter_status":
            fields.append("unlisted")
        if fields:
            found.append({**rows.source(entry.table, entry.row), "attributes": sorted(fields)})
    return found
