"""Warnings, orders, intensities and tsunami warnings by municipality: what agencies said, untouched.

The highest of each hazard is shown; names, grades and levels are the issuer's, and JMA's level never becomes an order
of the municipality. What is highest is decided by the rank of JMA's own scheme of warnings, in which 大津波警報,
噴火警報（居住地域） and the 特別警報 of weather are of one class (気象庁「特別警報について」), and 土砂災害警戒情報
(until 2026) stands where the レベル４危険警報 that replaced it does. The rank orders and is shown nowhere.

JMA warns coast sections of a tsunami; `tsunami_coast` says which municipality lies on which, and ``match`` how
surely:
``municipality``, or ``prefecture`` (a coast of its prefecture; whether of this municipality is not known).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from bousai.consolidate.situation_statements import Said, by_code, handed_on, moment, said_of
from bousai.model import RevisionTable
from bousai.vocab import jma
from bousai.vocab.japanese_time import JST
from bousai.vocab.map_scale import order_rank
from bousai.vocab.municipality import in_force, municipalities
from bousai.vocab.tsunami_coast import Match, coasts_of

INTENSITY_WINDOW = timedelta(days=7)
"""An earthquake counts as long as JMA's newest statement on its intensities is not older than this."""

_RANK = {
    "advisory": 1,
    "warning": 2,
    "danger_warning": 3,
    "emergency_warning": 4,
    "major_warning": 4,
    "crater_warning": 2,
    "residential_warning": 4,
}
_WARNED = ("weather_warning", "landslide_warning", "river_flood", "volcanic_warning")
_SHOWN = ("level", "grade", "kind_code", "kind_name", "condition", "change", "area_name", "full_or_partial")


class Warned(NamedTuple):
    """One warning as it is shown, the statement that it is, and others that stand in it."""

    shown: dict[str, Any]
    said: Said
    beside: tuple[Said, ...] = ()


def warnings_by_municipality(now: Mapping[str, RevisionTable]) -> dict[str, list[dict[str, Any]]]:
    """Municipality → the highest warning in force of each hazard, the gravest first; see `warned`."""
    return {code: [one.shown for one in found] for code, found in warned(now).items()}


def orders_by_municipality(now: Mapping[str, RevisionTable]) -> dict[str, list[dict[str, Any]]]:
    """Municipality → its evacuation orders in force, the gravest first; see `ordered`."""
    return {code: [one.shown for one in found] for code, found in ordered(now).items()}


def warned(
    now: Mapping[str, RevisionTable], coasts: Mapping[str, list[Warned]] | None = None
) -> dict[str, list[Warned]]:
    """Municipality → the highest warning in force of each hazard, the gravest first.

    Of the kinds `weather_warning`, `landslide_warning`, `river_flood` and `volcanic_warning`, as far as they are in
    `now`, and of the coasts (`tsunamis`, where they are not given). ``parts`` lists all that is in force of the
    hazard where that is more than one: parts of the municipality, rivers, volcanoes, coasts, and what was said of the
    city and of a ward.
    """
    said = [one for kind in _WARNED for one in said_of(now.get(kind), _is_warning)]
    rivers = _rivers(now.get("river_flood"))
    found: defaultdict[str, dict[str, list[Warned]]] = defaultdict(dict)
    for code, statements in handed_on(by_code(said)).items():
        for one in statements:
            warned_of = _risen(one, rivers) if one.table.kind == "river_flood" else Warned(_warning(one), one)
            found[code].setdefault(warned_of.shown["phenomenon"], []).append(warned_of)
    for code, sections in (tsunamis(now) if coasts is None else coasts).items():
        for section in sections:
            if section.shown["grade"] != "forecast":
                found[code].setdefault("tsunami", []).append(Warned(_tsunami_warning(section), section.said))
    return {code: _gravest_first(_highest(one) for one in hazards.values()) for code, hazards in found.items()}


def _is_warning(props: Mapping[str, Any]) -> bool:
    """A municipality's warning: not the state of a volcano or of a river, and not what was lifted."""
    return props.get("grade") not in ("forecast", "lifted", "cleared", "sea_warning")


def _warning(one: Said) -> dict[str, Any]:
    kind = one.table.kind
    named = {"landslide_warning": "landslide", "river_flood": "river_flood", "volcanic_warning": "volcano"}
    phenomenon = one.props.get("phenomenon") or named.get(kind, "tsunami")
    source_name = {"river_flood": "section_name", "volcanic_warning": "volcano_name"}.get(kind)
    return {
        "phenomenon": phenomenon,
        **{name: one.props.get(name) for name in _SHOWN},
        "of": None if source_name is None else one.props.get(source_name),
        "match": "municipality",
        "kind": kind,
        "item_id": one.table.item_id[one.row],
        **one.origin,
        "listed": None,
        "parts": [],
    }


def _rivers(table: RevisionTable | None) -> dict[str, Said]:
    """Forecast section → what its newest statement says."""
    found: dict[str, Said] = {}
    for row, text in enumerate(table.props if table is not None else ()):
        props = orjson.loads(text)
        if table is not None and props.get("area_type") == "section" and props.get("section_code"):
            found[props["section_code"]] = Said(table, row, props, "")
    return found


def _risen(one: Said, rivers: Mapping[str, Said]) -> Warned:
    """A municipality that a flood forecast listed. Where the section has a graver one since, which came with its
    headline alone, that is shown, and what the municipality was listed with stands in ``listed``."""
    own = _warning(one)
    section = rivers.get(one.props.get("section_code") or "")
    if section is None or not _is_warning(section.props):
        return Warned(own, one)
    risen = _warning(section)
    if (_rank(risen), risen["level"] or 0) <= (_rank(own), own["level"] or 0):
        return Warned(own, one)
    listed = {name: own[name] for name in ("level", "grade", "kind_code", "kind_name", "issued_at", "revision")}
    place = {"area_name": own["area_name"], "stated_for": one.code, "listed": listed}
    return Warned(risen | place, section, (one,))


def _tsunami_warning(section: Warned) -> dict[str, Any]:
    told = section.shown
    place = {"area_name": told["coast_name"], "match": told["match"], "stated_for": told["coast_code"]}
    return _warning(section.said) | place


def _rank(shown: Mapping[str, Any]) -> int:
    if shown["kind"] == "landslide_warning":
        return _RANK["danger_warning"]
    return _RANK.get(shown["grade"] or "", 0)


def _order(one: Warned) -> tuple[Any, ...]:
    """Gravest first; then what is surely of this municipality, the newest, and the order of names."""
    shown = one.shown
    newest = -one.said.table.issued_at[one.said.row].timestamp()
    sure = 0 if shown["match"] == "municipality" else 1
    return -_rank(shown), -(shown["level"] or 0), sure, newest, shown["phenomenon"], shown["item_id"], one.said.key


def _gravest_first(found: Iterable[Warned]) -> list[Warned]:
    return sorted(found, key=_order)


def _highest(found: list[Warned]) -> Warned:
    first, *others = _gravest_first(found)
    if not others:
        return first
    names = ("area_name", "of", "level", "grade", "kind_name", "match", "stated_for", "issued_at", "revision")
    parts = [{name: one.shown[name] for name in names} for one in (first, *others)]
    beside = tuple(said for one in (first, *others) for said in (one.said, *one.beside) if said is not first.said)
    return Warned({**first.shown, "parts": parts}, first.said, beside)


# ── tsunami ──────────────────────────────────────────────────────────────────────────────────────────────────


def tsunamis(now: Mapping[str, RevisionTable], inland: Collection[str] = ()) -> dict[str, list[Warned]]:
    """Municipality → what JMA has in force for the coast sections that it lies on, or that its prefecture has.

    `inland` are municipalities of which a map shows that they have no coast: no coast of their prefecture is theirs.
    """
    table = now.get("tsunami_forecast")
    if table is None or not len(table):
        return {}
    sections: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for row, text in enumerate(table.props):
        props = orjson.loads(text)
        if props.get("grade") != "cleared":
            sections.setdefault(props["coast_code"], []).append((row, props))
    found: dict[str, list[Warned]] = {}
    day = table.valid_at.astimezone(JST).date()
    for code in municipalities():
        coasts = coasts_of(code) if in_force(code, day) else {}
        if code in inland:
            coasts = {coast: match for coast, match in coasts.items() if match == "municipality"}
        met = [
            _coast(Said(table, row, props, code), coasts[coast])
            for coast in coasts
            for row, props in sections.get(coast, ())
        ]
        if met:
            found[code] = _gravest_first(met)
    return found


def _coast(one: Said, match: Match) -> Warned:
    names = (
        *("coast_code", "coast_name", "event_id", "grade", "kind_code", "kind_name", "last_kind_code"),
        *("first_wave_at", "first_wave_condition", "max_height_m", "max_height_text", "max_height_condition"),
    )
    shown = {name: one.props.get(name) for name in names} | {"match": match} | one.origin
    shown |= {"kind": "tsunami_forecast", "item_id": one.table.item_id[one.row], "level": None}
    return Warned(shown | {"phenomenon": "tsunami"}, one)


# ── evacuation orders ────────────────────────────────────────────────────────────────────────────────────────

_ORDER = (
    *("order", "order_text", "level", "hazard", "district_name", "households", "people", "ordered_at", "area_name"),
    "incident",
)


def ordered(now: Mapping[str, RevisionTable]) -> dict[str, list[Warned]]:
    """Municipality → its evacuation orders in force, the gravest first.

    ``basis`` is ``order`` where the order itself is known, district by district, and ``summary`` where a report says
    only that there is one.
    """
    valid_at = next((table.valid_at for table in now.values()), None)

    def holds(props: Mapping[str, Any]) -> bool:
        over = moment(props.get("lifted_at"))
        return over is None or valid_at is None or over > valid_at

    said = said_of(now.get("evacuation_order"), holds)
    said += said_of(now.get("evacuation_summary"), lambda p: bool(p.get("order_level") or p.get("order_text")))
    return {
        code: sorted((_ordered(one) for one in found), key=_order_of_orders)
        for code, found in handed_on(by_code(said)).items()
    }


def _ordered(one: Said) -> Warned:
    if one.table.kind == "evacuation_order":
        shown = {name: one.props.get(name) for name in _ORDER} | {"basis": "order"}
    else:
        renamed = {"level": "order_level", "households": "order_households", "people": "order_people"}
        shown = {name: one.props.get(renamed.get(name, name)) for name in _ORDER} | {"basis": "summary"}
    return Warned(shown | {"item_id": one.table.item_id[one.row]} | one.origin, one)


def _order_of_orders(one: Warned) -> tuple[Any, ...]:
    rank = order_rank(one.shown["order"], one.shown["level"])
    return -rank, -(one.shown["level"] or 0), one.shown["basis"], one.shown["district_name"] or "", one.said.key


# ── seismic intensity ────────────────────────────────────────────────────────────────────────────────────────


def intensities(now: Mapping[str, RevisionTable], valid_at: datetime) -> dict[str, list[Warned]]:
    """Municipality → its intensity in each earthquake of the last days (`INTENSITY_WINDOW`), the strongest first.

    Intensities are symbols: they sort by rank, in which 震度５弱以上未入電 (``!5-``) stands above 5 lower. Of several
    statements on one earthquake and place the newest counts. In the first minutes JMA tells of regions and
    prefectures alone (震度速報): until it tells of a municipality of the prefecture, all of them have the largest
    intensity of the prefecture, with ``match`` ``prefecture``.
    """
    table = now.get("seismic_intensity")
    if table is None:
        return {}
    every = [Said(table, row, orjson.loads(text), table.muni_code[row] or "") for row, text in enumerate(table.props)]
    newest: dict[str, datetime] = {}
    for one in every:
        event, at = one.props["event_id"], table.issued_at[one.row]
        newest[event] = max(newest.get(event, at), at)
    recent = {event for event, at in newest.items() if valid_at - at <= INTENSITY_WINDOW}
    last: dict[str, Said] = {}
    for one in every:
        item_id = table.item_id[one.row]
        if one.props.get("intensity") is None or one.props["event_id"] not in recent:
            continue
        if item_id not in last or (one.at, one.key) > (last[item_id].at, last[item_id].key):
            last[item_id] = one
    own = by_code([one for one in last.values() if one.code])
    found = {code: [_felt(one, "municipality") for one in felt] for code, felt in handed_on(own).items()}
    told = {(one.props["event_id"], code[:2]) for code, felt in own.items() for one in felt}
    day = valid_at.astimezone(JST).date()
    for one in last.values():
        pref = one.props["area_code"]
        if one.props.get("area_level") == "pref" and (one.props["event_id"], pref) not in told:
            for code in municipalities():
                if code[:2] == pref and in_force(code, day):
                    found.setdefault(code, []).append(_felt(one._replace(code=pref), "prefecture"))
    return {code: sorted(felt, key=_strongest) for code, felt in found.items()}


def _felt(one: Said, match: Match) -> Warned:
    names = ("event_id", "intensity", "intensity_received", "condition", "revised", "area_code", "area_name")
    shown = {name: one.props.get(name) for name in names} | {"match": match}
    shown["intensity_rank"] = jma.intensity_rank(one.props["intensity"])
    return Warned(shown | {"item_id": one.table.item_id[one.row]} | one.origin, one)


def _strongest(one: Warned) -> tuple[Any, ...]:
    newest = -one.said.table.issued_at[one.said.row].timestamp()
    return -(one.shown["intensity_rank"] or 0), newest, one.said.key
