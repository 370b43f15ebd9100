"""The shelter register (避難所台帳): one feature for each real place, with what every list says of it.

`views` puts the entries of all lists together to places; `table` is the layer made of them, and `shelter_now` builds
on the same views. What a list says is never changed: names, addresses and positions that differ stand side by side,
and each field of a feature says whose it is.

Which of several claims a feature shows first is a rule and no judgement on who is right: 国土地理院 (指定避難所, then
指定緊急避難場所), then the municipality's own list, then the newest list of shelters in use; of one kind, what still
holds before what has ended, the newer statement first. The designated lists have surveyed positions, most status
lists have none.

Time: a place does not begin with the list that names it. At `valid_at` the register has every place of which an entry
had been stated by then, with all of its entries: also those of lists that are of a later date, for they speak of the
same building. `since` and `until` of each member tell a reader so. A place that only later lists name is not there
yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import shapely
from pyproj import Geod

from bousai.consolidate.rows import Row, inside, source, table_of
from bousai.consolidate.shelter_places import KINDS, mint, rank
from bousai.model import EVERYWHERE, Region, RevisionTable, Sightings
from bousai.vocab.japanese_time import local

CONFLICT_M = 200.0
"""Positions of one place farther apart are shown as a conflict; those of a school and its ground are not."""

_STAND_IN = 3  # entries of one list with different addresses at the very same point: it stands for the village
_EARTH = Geod(ellps="GRS80")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One entry of a list: row `row` of `table`, stated first at `since`, no longer stated from `until` on (None: it
    is).

    `lon`, `lat` are degrees (JGD2011), None where the list gives no position. `stand_in`: the list puts several
    places with different addresses at this very point, so it is the point of their village and not of the place.
    `link` is the item of kind ``shelter_member`` (empty where the entry was not matched yet), `link_row` its row.
    """

    key: str
    table: RevisionTable
    row: int
    since: datetime
    until: datetime | None
    props: Mapping[str, Any]
    lon: float | None
    lat: float | None
    stand_in: bool
    link: Mapping[str, Any]
    link_row: int | None

    @property
    def kind(self) -> str:
        """The kind of the list: `shelter_places.KINDS`."""
        return self.table.kind


@dataclass(frozen=True, slots=True, eq=False)
class PlaceView:
    """One real place: its `members` in the order in which their claims are shown.

    `named_by`, `addressed_by`, `located_by` are the members whose name, address and position are shown, None where
    no member has one. `position_error_m` is the largest distance between positions that members give (metres,
    rounded), None where there are not two. `unlisted`: no designated or municipal list that we know has it.
    """

    place_id: str
    muni_code: str | None
    members: tuple[Entry, ...]
    named_by: Entry | None
    addressed_by: Entry | None
    located_by: Entry | None
    alternative_names: tuple[str, ...]
    position_error_m: float | None
    unlisted: bool
    first_seen_at: datetime

    @property
    def keys(self) -> tuple[str, ...]:
        """The member keys, in the order of `members`."""
        return tuple(entry.key for entry in self.members)

    @property
    def name(self) -> str | None:
        """施設名 as it is shown."""
        return None if self.named_by is None else self.named_by.props["name"]

    @property
    def address(self) -> str | None:
        """所在地 as it is shown."""
        return None if self.addressed_by is None else self.addressed_by.props["address"]

    @property
    def geometry(self) -> bytes | None:
        """WKB of the position that is shown; None where no list gives one of the place itself."""
        return None if self.located_by is None else self.located_by.table.geometry[self.located_by.row]

    @property
    def position_conflict(self) -> bool:
        """The lists put the place at points that are too far apart to be one."""
        return self.position_error_m is not None and self.position_error_m > CONFLICT_M


def views(
    now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], region: Region = EVERYWHERE
) -> dict[str, PlaceView]:
    """Every place that any list ever named, by its id; of a region, those that a list puts there, and some more.

    `now` has the kinds ``shelter_member`` and ``shelter_place``, `seen` those of `shelter_places.KINDS`; all of one
    status and one known time. An entry that was not matched yet is a place of its own, never missing; its id is
    provisional, for the entry may turn out to be of a place that there is.
    """
    linked = now["shelter_member"]
    taken = set(now["shelter_place"].item_id)
    keys = None if region == EVERYWHERE else _keys_of(region, seen, linked)
    grouped: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries(seen, linked, keys):
        grouped[entry.link["place_id"] if entry.link else mint(entry.key, taken)].append(entry)
    ordered = {place_id: tuple(sorted(grouped[place_id], key=_precedence)) for place_id in sorted(grouped)}
    errors = _disagreement(ordered)
    return {
        place_id: _view(place_id, members, error)
        for (place_id, members), error in zip(ordered.items(), errors, strict=True)
    }


def _keys_of(region: Region, seen: Mapping[str, Sightings], linked: RevisionTable) -> set[str]:
    """The keys of all entries of the places of which an entry is in a region. Where a place is and of which
    municipality is what one of its entries says, so none of the region is left out."""
    there = {
        f"{kind}/{table.item_id[n]}"
        for kind in KINDS
        if kind in seen
        for table in [seen[kind].table]
        for alone in (Region(munis=region.munis), Region(box=region.box))
        if alone != EVERYWHERE
        for n in inside(alone, table.muni_code, table.geometry)
    }
    place_of = {key: orjson.loads(props)["place_id"] for key, props in zip(linked.item_id, linked.props, strict=True)}
    places = {place_of[key] for key in there if key in place_of}
    return there | {key for key, place in place_of.items() if place in places}


def entries(
    seen: Mapping[str, Sightings], linked: RevisionTable, keys: Collection[str] | None = None
) -> Iterator[Entry]:
    """Every entry of the lists in `seen`, or those of these keys; `linked` is the table of ``shelter_member``."""
    row_of = {key: n for n, key in enumerate(linked.item_id)}
    for kind in KINDS:
        sightings = seen.get(kind)
        if sightings is None or not len(sightings):
            continue
        table = sightings.table
        wanted = [n for n, one in enumerate(table.item_id) if keys is None or f"{kind}/{one}" in keys]
        points = shapely.from_wkb(np.array([*(table.geometry[n] for n in wanted), None], dtype=object))[:-1]
        points[shapely.is_empty(points)] = None
        stand_in = _stand_ins(table)
        for n, lon, lat in zip(wanted, shapely.get_x(points), shapely.get_y(points), strict=True):
            key = f"{kind}/{table.item_id[n]}"
            link_row = row_of.get(key)
            has_position = not np.isnan(lon)
            yield Entry(
                key=key,
                table=table,
                row=n,
                since=sightings.since[n],
                until=sightings.until[n],
                props=orjson.loads(table.props[n]),
                lon=float(lon) if has_position else None,
                lat=float(lat) if has_position else None,
                stand_in=table.geometry[n] is not None and (table.source[n], table.geometry[n]) in stand_in,
                link={} if link_row is None else orjson.loads(linked.props[link_row]),
                link_row=link_row,
            )


def _stand_ins(table: RevisionTable) -> set[tuple[str, bytes]]:
    """The points, with the list that has them, at which several places with different addresses stand."""
    standing: defaultdict[tuple[str, bytes], list[int]] = defaultdict(list)
    for n, (feed, geometry) in enumerate(zip(table.source, table.geometry, strict=True)):
        if geometry is not None:
            standing[feed, geometry].append(n)
    found = set()
    for point, rows in standing.items():
        if len(rows) < _STAND_IN:  # as nearly everywhere: their addresses need not be read
            continue
        addresses = {orjson.loads(table.props[n]).get("address") for n in rows}
        if len(addresses - {None, ""}) >= _STAND_IN:
            found.add(point)
    return found


def _precedence(entry: Entry) -> tuple[Any, ...]:
    """Whose claim is shown first: see the head of this module."""
    issued = entry.table.issued_at[entry.row].timestamp()
    return (rank(entry.key)[0], entry.until is not None, -issued, entry.key)


def _disagreement(places: Mapping[str, Sequence[Entry]]) -> list[float | None]:
    """The largest distance between the positions of the members of each place, in metres."""
    owner, ends = [], []
    for n, members in enumerate(places.values()):
        points = sorted(
            {(e.lon, e.lat) for e in members if e.lon is not None and e.lat is not None and not e.stand_in}
        )
        counted = sum(e.lon is not None and not e.stand_in for e in members)
        if counted > 1 and len(points) == 1:
            points *= 2
        for k, a in enumerate(points):
            for b in points[k + 1 :]:
                owner.append(n)
                ends.append((*a, *b))
    found: list[float | None] = [None] * len(places)
    if ends:
        columns = np.array(ends, dtype=float).T
        for n, metres in zip(owner, _EARTH.inv(*columns)[2], strict=True):
            found[n] = max(found[n] or 0.0, round(float(metres), 1))
    return found


def _view(place_id: str, members: tuple[Entry, ...], error: float | None) -> PlaceView:
    names = dict.fromkeys(e.props["name"] for e in members if e.props.get("name"))
    return PlaceView(
        place_id=place_id,
        muni_code=next((code for e in members if (code := e.table.muni_code[e.row]) is not None), None),
        members=members,
        named_by=next((e for e in members if e.props.get("name")), None),
        addressed_by=next((e for e in members if e.props.get("address")), None),
        located_by=next((e for e in members if e.lon is not None and not e.stand_in), None),
        alternative_names=tuple(names)[1:],
        position_error_m=error,
        unlisted=all(e.kind == "shelter_status" for e in members),
        first_seen_at=min(e.since for e in members),
    )


# ── the layer ────────────────────────────────────────────────────────────────────────────────────────────


def table(now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], valid_at: datetime) -> RevisionTable:
    """The register at `valid_at`: the places, and the ids that redirect to one of them or are tombstones."""
    linked, ids = now["shelter_member"], now["shelter_place"]
    decided = _decided(now["register_decision"])
    rows = {
        view.place_id: _row(view, linked, now["register_decision"], decided, valid_at)
        for view in views(now, seen).values()
        if view.first_seen_at <= valid_at
    }
    rows |= {row.item_id: row for row in _retired(ids, rows) if row.item_id not in rows}
    return table_of("shelter_register", linked.status, valid_at, linked.known_at, rows.values())


def _decided(table: RevisionTable) -> dict[str, list[int]]:
    """The rows of the decisions on each entry, by member key."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for n, text in enumerate(table.props):
        said = orjson.loads(text)
        found[said["left"]].append(n)
        found[said["right"]].append(n)
    return found


def _row(
    view: PlaceView,
    linked: RevisionTable,
    decisions: RevisionTable,
    decided: Mapping[str, Sequence[int]],
    valid_at: datetime,
) -> Row:
    spoken = sorted({n for key in view.keys for n in decided.get(key, ())})
    rests = [
        *((e.table, e.row) for e in view.members if e.kind != "shelter_status" or e.link_row is None),
        *((linked, e.link_row) for e in view.members if e.link_row is not None),
        *((decisions, n) for n in spoken),
    ]
    shown = view.located_by
    props = {
        "state": "active" if view.members[0].link else "provisional",
        "redirect_to": None,
        "display_name": view.name,
        "alternative_names": list(view.alternative_names),
        "address": view.address,
        "unlisted": view.unlisted,
        "in_force": any(e.since <= valid_at and (e.until is None or e.until > valid_at) for e in view.members),
        "position_source": None if shown is None else shown.table.source[shown.row],
        "position_error_m": view.position_error_m,
        "position_conflict": view.position_conflict,
        "first_seen_at": local(view.first_seen_at),
        "members": _json([_member(e) for e in view.members]),
        "questions": [question for e in view.members for question in e.link.get("questions", ())],
        "decisions": [orjson.loads(decisions.props[n]) for n in spoken],
        "sources": _json(
            [
                *_sources(view, linked),
                *({**_own(decisions, n, _decided_at(decisions, n)), "attributes": ["decisions"]} for n in spoken),
            ]
        ),
    }
    return Row(
        item_id=view.place_id,
        muni_code=view.muni_code,
        props=props,
        geometry=view.geometry,
        feeds=frozenset(e.table.source[e.row] for e in view.members),
        issued_at=_issued_at(view),
        recorded_at=max(table.recorded_at[row] for table, row in rests),
        revision=max(table.revision[row] for table, row in rests),
    )


def _issued_at(view: PlaceView) -> datetime:
    """When the newest of the lists that name the place was issued; of one that is in none, its first sighting.

    A list of shelters in use is issued anew with every head count, which is no news of the place.
    """
    listed = [e.table.issued_at[e.row] for e in view.members if e.kind != "shelter_status"]
    return max(listed, default=view.first_seen_at)


def _json(rows: Sequence[Mapping[str, Any]]) -> orjson.Fragment:
    """Rows as the JSON that they become anyway: as objects those of a whole nation would take gigabytes."""
    # A copy: what orjson gives keeps the whole buffer of which it is a part.
    return orjson.Fragment(bytes(memoryview(orjson.dumps(rows, option=orjson.OPT_SORT_KEYS))))


def _own(table: RevisionTable, row: int, at: str) -> dict[str, Any]:
    """A statement of the register itself, made at `at`; it is true of all times."""
    return {**source(table, row, at), "issued_at": at}


def _decided_at(decisions: RevisionTable, row: int) -> str:
    at: str = orjson.loads(decisions.props[row])["decided_at"]
    return at


def _member(entry: Entry) -> dict[str, Any]:
    said, link = entry.props, entry.link
    return {
        "key": entry.key,
        "kind": entry.kind,
        "source": entry.table.source[entry.row],
        "source_id": said.get("source_id"),
        "item_id": entry.table.item_id[entry.row],
        "common_id": said.get("common_id"),
        "name": said.get("name"),
        "address": said.get("address"),
        "lat": None if entry.lat is None else round(entry.lat, 6),
        "lon": None if entry.lon is None else round(entry.lon, 6),
        "position_stands_for_area": entry.stand_in,
        "since": local(entry.since),
        "until": None if entry.until is None else local(entry.until),
        "verdict": link.get("verdict"),
        "score": link.get("score"),
        "against": link.get("against"),
        # why a person decided is in `decisions`, which not everybody sees: it is free text
        "reasons": link.get("reasons", []) if link.get("decided_by") == "rule" else [],
        "method": link.get("method"),
        "decided_by": link.get("decided_by"),
        "decided_at": link.get("decided_at"),
    }


def _sources(view: PlaceView, linked: RevisionTable) -> list[dict[str, Any]]:
    """Each member's statement with the fields that rest on it, then the statements that put it here."""
    found = []
    for e in view.members:
        rests = ["in_force", "members", "unlisted"]
        if e is view.named_by:
            rests.append("display_name")
        elif e.props.get("name") in view.alternative_names:
            rests.append("alternative_names")
        if e is view.addressed_by:
            rests.append("address")
        if e is view.located_by:
            rests += ["geometry", "position_source"]
        if e.lon is not None and not e.stand_in and view.position_error_m is not None:
            rests += ["position_error_m", "position_conflict"]
        if e.since == view.first_seen_at:
            rests.append("first_seen_at")
        found.append({**source(e.table, e.row), "attributes": sorted(rests)})
    for e in view.members:
        if e.link_row is not None:
            asked = ["questions"] if e.link.get("questions") else []
            found.append({**_own(linked, e.link_row, e.link["decided_at"]), "attributes": ["members", *asked]})
    return found


def _retired(ids: RevisionTable, shown: Mapping[str, Row]) -> Iterable[Row]:
    """The ids that are no place any more: those that lead to a place which is shown, and tombstones."""
    said = {item_id: orjson.loads(text) for item_id, text in zip(ids.item_id, ids.props, strict=True)}
    for n, item_id in enumerate(ids.item_id):
        state, target = said[item_id]["state"], said[item_id]["redirect_to"]
        if state == "active":
            continue
        leads = target is None or target in shown or said.get(target, {}).get("state") == "tombstone"
        if not leads:
            continue
        yield Row(
            item_id=item_id,
            muni_code=ids.muni_code[n],
            props={
                "state": state,
                "redirect_to": target,
                "alternative_names": [],
                "members": [],
                "questions": [],
                "decisions": [],
                "sources": [{**_own(ids, n, local(ids.recorded_at[n])), "attributes": ["redirect_to", "state"]}],
            },
            geometry=None,
            feeds=frozenset({ids.source[n]}),
            issued_at=ids.recorded_at[n],
            recorded_at=ids.recorded_at[n],
            revision=ids.revision[n],
        )
