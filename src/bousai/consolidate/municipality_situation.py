"""市区町村の状況: one feature for each municipality, with all that is said of it now, by whom and as of when.

Of what holds at `valid_at`: warnings and evacuation orders, intensities, tsunami warnings (`situation_warnings`), and
figures on shelters, people, damage, lifelines and roads (`situation_counts`, where it stands which claim is shown).
Nothing is added up over sources, nothing is inferred, and what nobody says is null or an empty list and never 0.

Rows: every municipality of the layer `municipality`, the designated cities (政令指定都市) of its wards, and every
code that a source names. An edition of N03 has the time at which it was read, and a municipality is older than the
edition: for a time before the first edition the areas are those of the first that is known.

`sources` has every statement that a field rests on; a claim that is not the one shown has ``claims`` there. `as_of`
has, by group, the newest time as of which what is shown holds; a group of which nobody says anything is null.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import shapely

from bousai.consolidate import rows
from bousai.consolidate import situation_counts as counts
from bousai.consolidate import situation_warnings as warnings
from bousai.consolidate.coastline import inland
from bousai.consolidate.situation_counts import Claim
from bousai.consolidate.situation_statements import Said, by_code, instant, said_of
from bousai.consolidate.situation_warnings import Warned
from bousai.model import RevisionTable, Sightings
from bousai.vocab.damage import damage_items
from bousai.vocab.municipality import municipalities, wards

GROUPS = (
    *("warnings", "orders", "intensity", "tsunami", "shelters", "evacuees", "damage", "outages", "roads"),
    *("disaster_hq", "people_estimate"),
)
"""The groups of which `as_of` and `data_age_min` tell the time and the age."""

_FIGURES = frozenset({"shelters", "evacuees", "damage", "outages", "roads"})


def table(now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], valid_at: datetime) -> RevisionTable:
    """The municipalities at `valid_at`, ordered by code."""
    known = seen["municipality"]
    grounds = _grounds(known, valid_at)
    heard = _Heard(now, valid_at, grounds)
    codes = {*grounds, *heard.codes}
    codes |= {
        one.city for code in grounds if (one := municipalities().get(code)) is not None and one.city is not None
    }
    made = [row for code in sorted(codes) if (row := _row(code, heard, grounds, valid_at)) is not None]
    tables = [known.table, *now.values()]
    return rows.table_of(
        "municipality_situation", known.table.status, valid_at, max(one.known_at for one in tables), made
    )


# ── the ground ───────────────────────────────────────────────────────────────────────────────────────────────


def _grounds(known: Sightings, valid_at: datetime) -> dict[str, Said]:
    """Code → the municipality as the edition that holds then has it, else as the first edition that there is."""
    held: dict[str, Said] = {}
    later: dict[str, Said] = {}
    area = known.table
    for row, code in enumerate(area.muni_code):
        until = known.until[row]
        if code is not None and (until is None or until > valid_at):
            one = Said(area, row, orjson.loads(area.props[row]), code)
            (held if known.since[row] <= valid_at else later)[code] = one
    prefectures = {code[:2] for code in held}
    return held | {code: one for code, one in later.items() if code[:2] not in prefectures}


def _area(code: str, grounds: Mapping[str, Said]) -> bytes | None:
    """WKB; that of a designated city is the union of its wards where all of them are there."""
    if code in grounds:
        one = grounds[code]
        return one.table.geometry[one.row]
    parts = [grounds[ward] for ward in wards().get(code, ()) if ward in grounds]
    shapes = [one.table.geometry[one.row] for one in parts]
    if not shapes or None in shapes:
        return None
    union = shapely.union_all(shapely.from_wkb(np.array(shapes, dtype=object)))
    found: bytes = shapely.to_wkb(shapely.orient_polygons(union, exterior_cw=False))
    return found


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────


class _Heard:
    """All statements on municipalities, by code."""

    def __init__(self, now: Mapping[str, RevisionTable], valid_at: datetime, grounds: Mapping[str, Said]) -> None:
        areas = {code: wkb for code, one in grounds.items() if (wkb := one.table.geometry[one.row]) is not None}
        forecast = now.get("tsunami_forecast")
        self.tsunami = warnings.tsunamis(now, inland(areas) if forecast is not None and len(forecast) else ())
        self.warnings = warnings.warned(now, self.tsunami)
        self.orders = warnings.ordered(now)
        self.intensities = warnings.intensities(now, valid_at)
        self.summaries = by_code(said_of(now.get("evacuation_summary")))
        self.statuses = _with_wards(by_code(said_of(now.get("shelter_status"))))
        self.place_of = counts.places(now.get("shelter_member"), now.get("shelter_place"))
        self.damage = by_code(said_of(now.get("damage_count")))
        self.outages = by_code(said_of(now.get("lifeline_outage")) + said_of(now.get("lifeline_outage/ended")))
        self.roads = _with_wards(counts.on_roads(now.get("road_restriction"), areas))
        self.hq = by_code(said_of(now.get("disaster_hq")))
        self.people = by_code(said_of(now.get("people_estimate")))

    @property
    def codes(self) -> set[str]:
        """Every code of which anybody says anything."""
        named: tuple[Mapping[str, Any], ...] = (
            *(self.warnings, self.orders, self.intensities, self.summaries, self.statuses, self.damage, self.outages),
            *(self.roads, self.hq, self.people),
        )
        return {code for one in named for code in one}


def _with_wards(named: Mapping[str, list[Said]]) -> dict[str, list[Said]]:
    """Places of a ward are places of its city too, a road through two wards once; those of the city are of no known
    ward."""
    found = {code: list(said) for code, said in named.items()}
    for code, said in named.items():
        one = municipalities().get(code)
        if one is not None and one.city is not None:
            found.setdefault(one.city, []).extend(said)
    return {code: list({one.key: one for one in said}.values()) for code, said in found.items()}


# ── a municipality ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Sources:
    """The statements that a feature rests on, with the fields that do, and the time of each group."""

    rests: dict[tuple[str, str, int], tuple[Said, set[str]]] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    behind: list[dict[str, Any]] = field(default_factory=list)

    def add(self, said: Iterable[Said], *fields: str) -> None:
        """These statements are what these fields rest on. What is estimated rests on what its estimate does."""
        for one in said:
            self.rests.setdefault(one.key, (one, set()))[1].update(fields)
            if one.table.kind == "people_estimate":
                self.behind += [{**source, "attributes": sorted(fields)} for source in one.props.get("sources", ())]

    def dated(self, group: str, as_of: Iterable[str]) -> None:
        """A group shows what holds as of these times."""
        known = [*as_of, *([self.times[group]] if group in self.times else [])]
        if known:
            self.times[group] = (min if group in _FIGURES else max)(known, key=instant)

    def listed(self) -> list[dict[str, Any]]:
        """As the layer has them, in an order that is the same for ever."""
        stated = [key for key in sorted(self.rests) if key[0] != "people_estimate"]
        return [*(counts.source_of(*self.rests[key]) for key in stated), *self.behind]


def _row(code: str, heard: _Heard, grounds: Mapping[str, Said], valid_at: datetime) -> rows.Row | None:
    """None where a statement names the municipality and then says nothing (a report whose cells are all empty)."""
    sources = _Sources()
    props = {
        **_named(code, grounds, sources),
        **_told(code, heard, sources),
        **_counted(code, heard, sources),
    }
    props["as_of"] = {group: sources.times.get(group) for group in GROUPS}
    props["data_age_min"] = {
        group: rows.age_min(at, valid_at) if (at := sources.times.get(group)) is not None else None
        for group in GROUPS
    }
    props["sources"] = sources.listed()
    every = [one for one, _ in sources.rests.values()]
    if not every:
        return None
    said = [one for one in every if one.table.kind != "municipality"] or every
    return rows.Row(
        item_id=code,
        muni_code=code,
        props=props,
        geometry=_area(code, grounds),
        feeds=frozenset(one.feed for one in every),
        issued_at=max(one.table.issued_at[one.row] for one in said),
        recorded_at=max(one.table.recorded_at[one.row] for one in said),
        revision=max(one.table.revision[one.row] for one in said),
    )


def _named(code: str, grounds: Mapping[str, Said], sources: _Sources) -> dict[str, Any]:
    one = municipalities().get(code)
    ground = [grounds[other] for other in (code, *wards().get(code, ())) if other in grounds]
    sources.add(ground[:1] if code in grounds else ground, "geometry")
    city = None if one is None else one.city
    return {
        "name": None if one is None else one.name,
        "pref_name": None if one is None else one.pref,
        "area_level": "ward" if city is not None else "municipality",
        "city_code": city,
    }


def _told(code: str, heard: _Heard, sources: _Sources) -> dict[str, Any]:
    """Warnings, orders, intensities, tsunami, headquarters and estimates."""
    lists: dict[str, Sequence[Warned]] = {
        "warnings": heard.warnings.get(code, ()),
        "orders": heard.orders.get(code, ()),
        "intensities": heard.intensities.get(code, ()),
        "tsunami": heard.tsunami.get(code, ()),
    }
    for name, found in lists.items():
        sources.add((said for one in found for said in (one.said, *one.beside)), name)
        sources.dated("intensity" if name == "intensities" else name, (one.said.as_of for one in found))
    gravest = lists["warnings"][0] if lists["warnings"] else None
    strongest = next((one for one in lists["intensities"] if one.shown["match"] == "municipality"), None)
    if gravest is not None:
        sources.add([gravest.said], "max_warning", "max_warning_grade")
    if strongest is not None:
        sources.add([strongest.said], "max_intensity", "max_intensity_rank")
    brief = ("phenomenon", "level", "grade", "kind_name", "match", "stated_for", "issuer", "issued_at")
    hq, people = heard.hq.get(code, []), heard.people.get(code, [])
    for name, said in (("disaster_hq", hq), ("people_estimate", people)):
        sources.add(said, name)
        sources.dated(name, (one.as_of for one in said))
    return {
        "max_warning": None if gravest is None else {name: gravest.shown[name] for name in brief},
        "max_warning_grade": None if gravest is None else gravest.shown["grade"],
        "warnings": [one.shown for one in lists["warnings"]],
        "orders": [_order(one) for one in lists["orders"]],
        "max_intensity": None if strongest is None else strongest.shown["intensity"],
        "max_intensity_rank": None if strongest is None else strongest.shown["intensity_rank"],
        "intensities": [one.shown for one in lists["intensities"]],
        "tsunami": [one.shown for one in lists["tsunami"]],
        "disaster_hq": [_hq(one) for one in sorted(hq, key=lambda one: one.key)],
        "people_estimate": [_estimate(one) for one in sorted(people, key=lambda one: one.key)],
    }


def _order(one: Warned) -> dict[str, Any]:
    """An order without the people of its district: small counts below a municipality are not for this layer."""
    return {name: value for name, value in one.shown.items() if name not in ("households", "people")}


def _estimate(one: Said) -> dict[str, Any]:
    """An estimate says that it is one, and how it was made."""
    told = {name: value for name, value in one.props.items() if name not in ("sources", "name", "pref_name")}
    return told | {"estimate": True, "method": one.props.get("method")}


def _hq(one: Said) -> dict[str, Any]:
    names = ("incident", "name", "hq_type", "state", "set_up_at", "dissolved_at")
    return {name: one.props.get(name) for name in names} | one.origin


def _counted(code: str, heard: _Heard, sources: _Sources) -> dict[str, Any]:
    """Figures, with the claims behind them and where they contradict each other."""
    shown_by: defaultdict[int, set[str]] = defaultdict(set)
    every: list[Claim] = []
    conflicts: list[dict[str, Any] | None] = []

    def first(claims: Sequence[Claim], figure: str, name: str, group: str, layer_field: str) -> Claim | None:
        """The claim shown for a figure; `name` is what the layer calls the figure."""
        conflicts.append(counts.conflict(claims, figure, name))
        one = counts.shown_of(claims, figure)
        if one is not None:
            shown_by[id(one)].add(name)
            sources.add(one.said, layer_field)
            sources.dated(group, [one.as_of])
        return one

    people = counts.summaries(heard.summaries.get(code, ()))
    summed = counts.shelter_sum(heard.statuses.get(code, ()), heard.place_of)
    people += [] if summed is None else [summed]
    every += people
    figures: dict[str, Any] = {}
    for name in counts.SUMMARY:
        group = "shelters" if name == "shelters_open" else "orders" if name.startswith("order_") else "evacuees"
        claim = first(people, name, name, group, name)
        figures[name] = None if claim is None else claim.figures[name]

    disasters: list[dict[str, Any]] = []
    for claims in counts.by_incident(counts.damages(heard.damage.get(code, ()))):
        every += claims
        layer_field = "damage" if not disasters else "damage_other"
        names = dict.fromkeys(name for claim in claims for name in claim.figures)
        found = {}
        for name in sorted(names, key=list(damage_items()).index):
            claim = first(claims, name, f"{layer_field}.{name}", "damage", layer_field)
            assert claim is not None
            found[name] = claim.figures[name]
        newest = max((claim.as_of for claim in claims), key=instant)
        disasters.append({"incident": claims[0].incident, "as_of": newest, "damage": found})

    outages: list[dict[str, Any]] = []
    for utility, claims in counts.outages(heard.outages.get(code, ())):
        every += claims
        name = f"outages.{utility}"
        one = first(claims, "affected", name, "outages", "outages") or min(claims, key=lambda claim: claim.order)
        first([one], "water_stations", f"{name}.water_stations", "outages", "outages")
        sources.add(one.said, "outages")
        sources.dated("outages", [one.as_of])
        outages.append(counts.outage_shown(one, utility))

    roads_closed, roads = counts.roads(heard.roads.get(code, ()))
    on_roads = heard.roads.get(code, [])
    sources.add(on_roads, "roads", "roads_closed")
    sources.dated("roads", (one.as_of for one in on_roads))
    for claim in every:
        sources.add(claim.said, "claims")
    return {
        **figures,
        "damage": disasters[0]["damage"] if disasters else None,
        "damage_incident": disasters[0]["incident"] if disasters else None,
        "damage_other": disasters[1:],
        "outages": outages,
        "roads_closed": roads_closed,
        "roads": roads,
        "claims": [
            counts.claim_shown(claim, shown_by[id(claim)])
            for claim in sorted(every, key=lambda claim: (claim.said[0].table.kind, claim.order))
        ],
        "conflicts": [one for one in conflicts if one is not None],
    }
