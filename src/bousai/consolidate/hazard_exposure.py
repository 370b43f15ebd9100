"""Which zones of the hazard maps (災害想定区域) a place lies in, and where there is no map to tell.

A statement speaks of one subject, a place that a source gave (key ``<kind>/<item id>``), and of one hazard:

* ``inside``: it lies in at least one zone. All zones are listed, each with class, depth, scenario (想定), edition and
  source; `worst` is the gravest of each scenario.
* ``outside``: zones of a map lie in its municipality, and it is in none of them. That is no statement of safety: a
  map assumes one flood, one wave, one source, and real ones have gone beyond their maps.
* ``not_covered``: no such map is known for its municipality, or it cannot be told. Nobody knows. It is never stored:
  it is what `exposure_by_subject` says where nothing is.

A map is what one feed gives in one edition for one scenario and one kind of zone. It counts for a municipality where
it says so itself (its zones carry the code), or where a corner of one of its zones lies in the municipality and
farther than some 200 m from every other: the maps of two neighbours do not meet exactly, and a sliver across the
border is no map of the neighbour. Where a zone of a map has no shape, or is only a line or a point, the map does not
tell who is outside.

Where the stated municipality of a subject is not where its point lies, its place is in doubt: it may be ``inside``,
it is never ``outside``.

The layer is a view of what holds: every place, with what is said of it. `SUBJECTS` are the kinds that count.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from bousai.consolidate import rows
from bousai.model import ItemTable, RevisionTable, Sightings
from bousai.vocab.japanese_time import local
from bousai.vocab.municipality import municipalities, wards
from bousai.vocab.prefecture_box import Box, boxes, may_touch

VERSION = "1"
HAZARDS: Mapping[str, str] = {
    "hazard_zone_flood": "flood",
    "hazard_zone_inland_flood": "inland_flood",
    "hazard_zone_storm_surge": "storm_surge",
    "hazard_zone_tsunami": "tsunami",
    "hazard_zone_landslide": "landslide",
    "hazard_zone_designated": "designated",
}
"""Kind of zone → name of the hazard in statements and in the layer."""
PLACES = (
    "shelter",
    "evacuation_site",
    "municipal_site",
    "shelter_status",
    "landslide_damage",
    "river_damage",
    "medical_facility",
    "supply_point",
    "water_point",
    "waste_site",
)
"""The kinds whose items are the features of the layer."""
SUBJECTS = (*PLACES, "population_mesh")
"""The kinds of all subjects. Cells of the population mesh are for `people_estimate`, and in no layer of exposure."""
NOT_COVERED: Mapping[str, Any] = {"state": "not_covered", "worst": [], "zones": [], "maps": []}
"""What is said where no map tells."""

Indices = npt.NDArray[np.intp]
Numbers = npt.NDArray[np.float64]
Shapes = npt.NDArray[np.object_]
_POLYGONS = (3, 6)  # shapely's type ids of Polygon and MultiPolygon
_AT_A_TIME = 5_000  # polygons whose indexes are in memory: an index takes as much as its polygon
_INDEX_FROM = 16  # candidates from which it pays to index a polygon
_BORDER = 0.002  # degrees, some 200 m: closer to another municipality a zone may be a sliver of the neighbour's map
_COARSE = 0.0005  # degrees by which a municipality is simplified before it is widened by as much more
_CORNERS = 64  # of a zone that are looked at, evenly along its rings


# ── the join ─────────────────────────────────────────────────────────────────────────────────────────────


def inside(x: Numbers, y: Numbers, polygons: Shapes) -> tuple[Indices, Indices]:
    """Which points lie in which polygons: indices of points and, beside them, of polygons, in the order of the
    polygons.

    A point on a border counts as inside: a border is only as exact as its map, and what lies on it cannot be told to
    be out. A point with a NaN and a polygon that is None or empty is in nothing. Polygons must be valid.
    """
    places: Shapes = shapely.points(x, y)
    places[~(np.isfinite(x) & np.isfinite(y))] = None  # one NaN, and the tree would find nothing
    tree = shapely.STRtree(places)
    starts = range(0, len(polygons), _AT_A_TIME)
    if not len(x) or not starts:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    tree.query(shapely.Point(0, 0))  # GEOS builds a tree at its first question, which must not be two at once
    there = polygons[~shapely.is_missing(polygons)]
    apart = len({id(one) for one in there}) == len(there)
    # GEOS works without Python's lock, so that threads share the portions; an index belongs to one of them.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1) if apart else 1) as threads:
        found = list(threads.map(partial(_inside, tree, x, y, polygons), starts))
    return np.concatenate([point for point, _ in found]), np.concatenate([area for _, area in found])


def _inside(tree: shapely.STRtree, x: Numbers, y: Numbers, polygons: Shapes, start: int) -> tuple[Indices, Indices]:
    some = polygons[start : start + _AT_A_TIME]
    area, point = tree.query(some)
    indexed = some[np.bincount(area, minlength=len(some)) >= _INDEX_FROM]
    shapely.prepare(indexed)
    hit = shapely.intersects_xy(some[area], x[point], y[point])
    shapely.destroy_prepared(indexed)
    return point[hit], area[hit] + start


# ── municipalities and places ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """The municipalities whose area is known: code, polygon, and the polygon with a margin of `_BORDER`.
    `revisions`: what states them."""

    codes: Sequence[str]
    revisions: Sequence[int]
    shapes: Shapes
    wide: Shapes


def areas(table: RevisionTable) -> Areas:
    """The areas of a table of kind `municipality` (N03: designated cities by their wards)."""
    known = [n for n in range(len(table)) if table.muni_code[n] is not None and table.geometry[n] is not None]
    shapes: Shapes = shapely.from_wkb(np.array([*(table.geometry[n] for n in known), None], dtype=object))[:-1]
    wide = shapely.buffer(shapely.simplify(shapes, _COARSE), _BORDER + _COARSE, quad_segs=2)
    return Areas([str(table.muni_code[n]) for n in known], [table.revision[n] for n in known], shapes, wide)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The subjects of one prefecture, ordered by key.

    `area` is the code of the municipality that tells which maps cover the point, None where none can: the ward or
    municipality in whose area it lies, or the stated one where areas are not loaded, or where the point lies within
    `_BORDER` of it. `muni_code` is as stated, else as found. `stated`: the source gave a point, not a line or an area
    of which this is the centre.
    """

    key: Sequence[str]
    kind: Sequence[str]
    item_id: Sequence[str]
    x: Numbers
    y: Numbers
    stated: Sequence[bool]
    muni_code: Sequence[str | None]
    area: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def box(self) -> Box | None:
        """West, south, east, north of all points; None where there is none."""
        if not len(self):
            return None
        return float(self.x.min()), float(self.y.min()), float(self.x.max()), float(self.y.max())


def subject_key(kind: str, item_id: str) -> str:
    """The key of a subject: ``shelter/17202-0001``."""
    return f"{kind}/{item_id}"


def codes_of(pref: str) -> list[str]:
    """All codes of municipalities and wards of a prefecture, abolished ones too."""
    return [code for code in municipalities() if code.startswith(pref)]


def box_of(pref: str) -> Box:
    """West, south, east, north of a prefecture, with some sea around it (`vocab.prefecture_box`)."""
    return boxes()[pref]


def prefectures_of(news: Iterable[tuple[str, str | None, Box | None]]) -> set[str]:
    """The prefectures whose exposure may be another after news: (kind, prefecture code stated, box of the items).

    A place that states its prefecture is of that one; zones and areas reach over borders, and count wherever they may
    lie.
    """
    found: set[str] = set()
    for kind, pref, box in news:
        if kind in SUBJECTS and pref in boxes():
            found.add(str(pref))
        elif box is not None:
            found.update(code for code in boxes() if may_touch(code, box))
        elif kind in HAZARDS:
            found.update(boxes() if pref not in boxes() else [str(pref)])
    return found


def points(geometry: Sequence[bytes | None]) -> tuple[Numbers, Numbers, npt.NDArray[np.bool_]]:
    """One point for each geometry (WKB), and whether it is one: the centre of an area, the middle of a line; NaN
    where
    there is none."""
    shapes: Shapes = shapely.from_wkb(np.array([*geometry, None], dtype=object))[:-1]
    kinds = shapely.get_type_id(shapes)
    stated = kinds == 0
    is_area = np.isin(kinds, _POLYGONS)
    shapes[is_area] = shapely.centroid(shapes[is_area])
    others = ~is_area & ~stated & (kinds >= 0)
    shapes[others] = shapely.point_on_surface(shapes[others])
    return shapely.get_x(shapes), shapely.get_y(shapes), stated


def places(tables: Iterable[RevisionTable], known: Areas, pref: str) -> Places:
    """The subjects of a prefecture among the items of some tables.

    Without a municipality code an item belongs to the prefecture in whose municipality it lies; where none that is
    known has it, to the first whose box holds it, so that it is counted once in the country.
    """
    held = [(table, n) for table in tables for n in range(len(table)) if table.geometry[n] is not None]
    held.sort(key=lambda one: (one[0].issued_at[one[1]], one[0].scope[one[1]]))
    last = {subject_key(table.kind, table.item_id[n]): (table, n) for table, n in held}
    keys = sorted(last)
    x, y, stated = points([last[key][0].geometry[last[key][1]] for key in keys])
    codes = [last[key][0].muni_code[last[key][1]] for key in keys]
    lies_in, near = _lies_in(x, y, known)
    kept: list[int] = []
    area: list[str | None] = []
    for n, code in enumerate(codes):
        if np.isnan(x[n]) or np.isnan(y[n]):
            continue
        found = lies_in.get(n)
        if code is None and (found or _first_box(x[n], y[n]))[:2] != pref:
            continue
        kept.append(n)
        area.append(_area(code, found, near.get(n, ()), known))
    return Places(
        key=[keys[n] for n in kept],
        kind=[last[keys[n]][0].kind for n in kept],
        item_id=[last[keys[n]][0].item_id[last[keys[n]][1]] for n in kept],
        x=x[kept],
        y=y[kept],
        stated=stated[kept].tolist(),
        muni_code=[codes[n] or lies_in.get(n) for n in kept],
        area=area,
    )


def _lies_in(x: Numbers, y: Numbers, known: Areas) -> tuple[dict[int, str], dict[int, list[str]]]:
    """Index of a point → the municipality that has it (of two with one border the lower code), and all near it."""
    lies_in: dict[int, str] = {}
    for point, area in zip(*(found.tolist() for found in inside(x, y, known.shapes)), strict=True):
        lies_in[point] = min(known.codes[area], lies_in.get(point, "~"))
    near: dict[int, list[str]] = defaultdict(list)
    for point, area in zip(*(found.tolist() for found in inside(x, y, known.wide)), strict=True):
        near[point].append(known.codes[area])
    return lies_in, near


def _area(stated: str | None, found: str | None, near: Sequence[str], known: Areas) -> str | None:
    if stated is None:
        return found
    own = {stated, *wards().get(stated, ())}
    if found in own:
        return found
    if own.isdisjoint(known.codes):
        # Its area is not loaded: its word stands, unless it lies in the area of another.
        return stated if found is None else None
    close = sorted(own.intersection(near))
    return close[0] if len(close) == 1 else None


def _first_box(x: float, y: float) -> str:
    for code, (west, south, east, north) in boxes().items():
        if west <= x <= east and south <= y <= north:
            return code
    return ""


# ── zones ────────────────────────────────────────────────────────────────────────────────────────────────


class Map(NamedTuple):
    """One hazard map: what a feed gives in one edition for one scenario, one hazard and one kind of zone.

    Who lies outside the special zones for debris flows may lie in a zone for steep slopes that was never loaded.
    """

    source: str
    issuer: str
    edition: str | None
    scenario: str | None
    hazard: str | None
    zone: str | None


@dataclass(slots=True)
class Survey:
    """What was found of one hazard: `hits` (places by index, zones by number in `zones`), which maps tell of which
    municipality (`covers`, by code), and where a map has zones of unknown extent (`blind`: a municipality, a
    prefecture, or ``""`` for everywhere)."""

    hits: list[tuple[Indices, Indices]] = field(default_factory=list)
    zones: list[dict[str, Any]] = field(default_factory=list)
    covers: dict[str, set[Map]] = field(default_factory=lambda: defaultdict(set))
    blind: dict[Map, set[str]] = field(default_factory=lambda: defaultdict(set))

    def maps_of(self, code: str | None) -> list[Map]:
        """The maps that tell who is outside in a municipality (or ward), in order."""
        if code is None:
            return []
        city = municipalities()[code].city if code in municipalities() else None
        found = self.covers.get(code, set()) | (self.covers.get(city, set()) if city else set())
        seeing = (
            one
            for one in found
            if not any(code.startswith(part) or (city or code).startswith(part) for part in self.blind.get(one, ()))
        )
        return sorted(seeing, key=lambda one: tuple(text or "" for text in one))


def survey(subjects: Places, known: Areas, zones: Iterable[RevisionTable]) -> Survey:
    """Which zones of one hazard each place lies in, and which maps cover which municipality.

    `zones` are read one table at a time, so that a map may be larger than memory; of a zone in which no place lies
    nothing is kept.
    """
    found = Survey()
    for table in zones:
        _add(found, subjects, known, table)
    return found


_SHOWN = (
    "hazard", "zone", "class_code", "class_text", "depth_min_m", "depth_max_m", "duration_min_h", "duration_max_h",
    "scenario", "name", "designated_on", "edition",
)  # fmt: skip


def _add(found: Survey, subjects: Places, known: Areas, table: RevisionTable) -> None:
    shapes: Shapes = shapely.from_wkb(np.array([*table.geometry, None], dtype=object))[:-1]
    said = [orjson.loads(props) for props in table.props]
    maps = [
        Map(table.source[n], table.issuer[n], *(one.get(name) for name in ("edition", "scenario", "hazard", "zone")))
        for n, one in enumerate(said)
    ]
    is_area = np.isin(shapely.get_type_id(shapes), _POLYGONS)
    for n, one in enumerate(maps):
        code = table.muni_code[n]
        if code is not None:
            for part in (code, *wards().get(code, ())):
                found.covers[part].add(one)
    _cover(found, known, shapes, maps)
    for n in np.flatnonzero(~is_area).tolist():
        found.blind[maps[n]].update(_whereabouts(known, shapes[n], table.muni_code[n], said[n].get("pref_code")))
    shapes[~is_area] = None
    place, zone = inside(subjects.x, subjects.y, shapes)
    hit, number = np.unique(zone, return_inverse=True)
    found.hits.append((place, number + len(found.zones)))
    for n in hit.tolist():
        shown = {name: said[n].get(name) for name in _SHOWN}
        found.zones.append(
            {
                "kind": table.kind,
                "item_id": table.item_id[n],
                "revision": table.revision[n],
                **shown,
                "source": table.source[n],
                "issuer": table.issuer[n],
                "issued_at": local(table.issued_at[n]),
            }
        )


def _cover(found: Survey, known: Areas, shapes: Shapes, maps: Sequence[Map]) -> None:
    """Notes the municipalities in which a corner of a zone lies, clear of all others."""
    corners, of = shapely.get_coordinates(shapes, return_index=True)
    if not len(corners) or not len(known.codes):
        return
    counts = np.bincount(of, minlength=len(shapes))
    step = -(-counts // _CORNERS)
    place = np.arange(len(of)) - (np.cumsum(counts) - counts)[of]
    taken = place % step[of] == 0
    x, y, of = corners[taken, 0], corners[taken, 1], of[taken]
    near = np.bincount(inside(x, y, known.wide)[0], minlength=len(x))
    lone = near == 1
    corner, area = inside(x[lone], y[lone], known.shapes)
    for zone, code in set(zip(of[lone][corner].tolist(), area.tolist(), strict=True)):
        found.covers[known.codes[code]].add(maps[zone])


def _whereabouts(known: Areas, shape: Any, muni: str | None, pref: str | None) -> set[str]:
    """Where a zone of unknown extent may reach: the municipalities at its line or point, else what it says."""
    if shape is not None and not shapely.is_empty(shape) and len(known.codes):
        touched = {known.codes[n] for n in np.flatnonzero(shapely.intersects(known.wide, shape)).tolist()}
        if touched:
            return touched
    return {muni or pref or ""}


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────


def statements(hazard: str, subjects: Places, found: Survey) -> ItemTable:
    """One item for each place of which something can be said: in ``props[<hazard>]`` its state, the worst of each
    scenario, all zones and the maps that tell of its municipality. The geometry is the point that was looked at."""
    lies_in: dict[int, list[int]] = defaultdict(list)
    for place, zone in found.hits:
        for one, number in zip(place.tolist(), zone.tolist(), strict=True):
            lies_in[one].append(number)
    maps = {code: [one._asdict() for one in found.maps_of(code)] for code in set(subjects.area)}
    kept: list[int] = []
    said: list[dict[str, Any]] = []
    for n, area in enumerate(subjects.area):
        zones = sorted((found.zones[number] for number in lies_in.get(n, ())), key=_order)
        if zones or maps[area]:
            kept.append(n)
            state = "inside" if zones else "outside"
            said.append({"state": state, "worst": worst(zones), "zones": zones, "maps": maps[area]})
    wkb = shapely.to_wkb(shapely.points(subjects.x[kept], subjects.y[kept]))
    return ItemTable(
        item_id=[subjects.key[n] for n in kept],
        props={
            "subject_kind": [subjects.kind[n] for n in kept],
            "subject_id": [subjects.item_id[n] for n in kept],
            "is_centre": [not subjects.stated[n] for n in kept],
            hazard: said,
        },
        muni_code=[subjects.muni_code[n] for n in kept],
        geometry=[bytes(one) for one in wkb],
        position=[f"places[{n}]" for n in kept],
    )


def _order(zone: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("hazard", "scenario", "source", "item_id")
    return (*(zone[name] or "" for name in names), str(zone["revision"]))


def digest(subjects: Places, known: Areas, maps: Mapping[str, tuple[datetime, int]]) -> str:
    """Equal where statements would be equal: the same places, municipalities, and last statements of the maps."""
    place = [subjects.key, subjects.x.tolist(), subjects.y.tolist(), subjects.muni_code, subjects.area]
    last = {kind: [at.isoformat(), position] for kind, (at, position) in maps.items()}
    said = orjson.dumps([VERSION, place, sorted(known.revisions), last], option=orjson.OPT_SORT_KEYS)
    return f"{VERSION}/{blake2b(said, digest_size=16).hexdigest()}"


def is_current(version: str) -> bool:
    """Whether a `digest` is of this version of the method."""
    return version.startswith(f"{VERSION}/")


def document(kind: str, pref: str, as_of: datetime, subjects: Places, found: Survey) -> dict[str, Any]:
    """All that the statements of one hazard and prefecture follow from, for the archive: places with their points
    (degrees), zones in which any lies, which in which, and the maps by municipality."""
    lies_in = [np.stack(hit, axis=1).tolist() for hit in found.hits if len(hit[0])]
    return {
        "method": f"hazard_exposure {VERSION}",
        "kind": kind,
        "pref_code": pref,
        "as_of": as_of,
        "places": [
            dict(zip(("key", "lon", "lat", "muni_code", "area"), one, strict=True))
            for one in zip(
                subjects.key, subjects.x.tolist(), subjects.y.tolist(), subjects.muni_code, subjects.area, strict=True
            )
        ],
        "zones": found.zones,
        "lies_in": [pair for some in lies_in for pair in some],
        "maps": {
            code: [one._asdict() for one in found.maps_of(code)] for code in sorted(set(filter(None, subjects.area)))
        },
    }


def states(items: ItemTable) -> dict[str, int]:
    """How many statements say ``inside`` and how many ``outside``."""
    (column,) = (column for name, column in items.props.items() if name in HAZARDS.values())
    return dict(Counter(said["state"] for said in column))


_ZONES = ("special_warning", "planned_special_warning", "warning", "planned_warning")
"""土砂災害特別警戒区域 before 警戒区域: where zones have no depth."""
_SAME = ("hazard", "scenario")
_CLASS = (
    "zone", "class_code", "class_text", "depth_min_m", "depth_max_m", "duration_min_h", "duration_max_h",
)  # fmt: skip


def worst(zones: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The gravest class for each hazard and scenario: the deepest, else the longest under water, else the strictest.

    `count` is how many zones there are, `without_measure` how many of them state neither depth nor duration: what
    they mean is not known, and may be worse.

    >>> shallow = dict.fromkeys((*_SAME, *_CLASS)) | {"scenario": "maximum", "depth_min_m": 0.5, "depth_max_m": 3.0}
    >>> deep = {**shallow, "depth_min_m": 5.0, "depth_max_m": None}
    >>> [(one["depth_min_m"], one["count"], one["without_measure"]) for one in worst([shallow, deep])]
    [(5.0, 2, 0)]
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for zone in zones:
        groups[tuple(zone[name] for name in _SAME)].append(zone)
    found = []
    for key in sorted(groups, key=lambda key: tuple(text or "" for text in key)):
        gravest = max(groups[key], key=_gravity)
        unknown = sum(zone["depth_min_m"] is None and zone["duration_min_h"] is None for zone in groups[key])
        found.append(
            {
                **dict(zip(_SAME, key, strict=True)),
                **{name: gravest[name] for name in _CLASS},
                "count": len(groups[key]),
                "without_measure": unknown,
            }
        )
    return found


def _gravity(zone: Mapping[str, Any]) -> tuple[Any, ...]:
    def measure(low: str, high: str) -> tuple[float, float]:
        if zone[low] is None:
            return -1.0, -1.0
        return zone[low], float("inf") if zone[high] is None else zone[high]

    strict = -_ZONES.index(zone["zone"]) if zone["zone"] in _ZONES else -len(_ZONES)
    code = zone["class_code"] or ""
    return *measure("depth_min_m", "depth_max_m"), *measure("duration_min_h", "duration_max_h"), strict, code


# ── what others ask ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is said of one subject at the point (degrees) that was looked at; `hazards` names every hazard."""

    lon: float
    lat: float
    hazards: Mapping[str, Mapping[str, Any]]
    revisions: Mapping[str, int]

    def at(self, geometry: bytes | None) -> Mapping[str, Mapping[str, Any]]:
        """The same for a place whose geometry (WKB) is this: it has moved, or had another place then, and nothing is
        known of that place, unless it is the same."""
        (x,), (y,), _ = points([geometry])
        return self.hazards if (x, y) == (self.lon, self.lat) else UNKNOWN


UNKNOWN: Mapping[str, Mapping[str, Any]] = dict.fromkeys(HAZARDS.values(), NOT_COVERED)
"""Every hazard, not covered: what is said of a subject that is not in `exposure_by_subject`."""


class _Exposures(Mapping[str, Exposure]):
    """What is said of each subject, read when it is asked for: that of a nation is gigabytes of objects."""

    def __init__(self, table: RevisionTable) -> None:
        order = sorted(range(len(table)), key=lambda n: (table.item_id[n], table.issued_at[n], table.scope[n]))
        x, y, _ = points([table.geometry[n] for n in order])
        self._table = table
        self._found: dict[str, tuple[float, float, list[int]]] = {}
        for n, lon, lat in zip(order, x.tolist(), y.tolist(), strict=True):
            one = self._found.get(table.item_id[n])
            if one is None or one[:2] != (lon, lat):
                one = self._found[table.item_id[n]] = (lon, lat, [])
            one[2].append(n)

    def __getitem__(self, key: str) -> Exposure:
        lon, lat, those = self._found[key]
        hazards, revisions = dict(UNKNOWN), {}
        for n in those:
            said = orjson.loads(self._table.props[n])
            for hazard in said.keys() & UNKNOWN.keys():
                hazards[hazard] = said[hazard]
                revisions[hazard] = self._table.revision[n]
        return Exposure(lon, lat, hazards, {name: revisions[name] for name in UNKNOWN if name in revisions})

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def exposure_by_subject(table: RevisionTable) -> Mapping[str, Exposure]:
    """Subject key (``<kind>/<item id>``) → what is said of it, from stored items of kind `hazard_exposure`.

    Every hazard is there, with state ``inside``, ``outside`` or ``not_covered``; a subject that is not there is not
    covered by any map (`UNKNOWN`). Each answer is read when it is asked for; whoever needs it twice keeps it.
    """
    return _Exposures(table)


# ── the layer ────────────────────────────────────────────────────────────────────────────────────────────


def table(now: Mapping[str, RevisionTable], _: Mapping[str, Sightings], valid_at: datetime) -> RevisionTable:
    """Every place that holds at `valid_at`, with what is said of it for each hazard, ``not_covered`` where nothing
    is.

    Of a place that has moved since its exposure was worked out nothing is said.
    """
    stored = now["hazard_exposure"]
    known = exposure_by_subject(stored)
    by_revision = {revision: n for n, revision in enumerate(stored.revision)}
    made: list[rows.Row] = []
    for kind in PLACES:
        places_now = now[kind]
        order = sorted(range(len(places_now)), key=lambda n: (places_now.issued_at[n], places_now.scope[n]))
        last = {places_now.item_id[n]: n for n in order if places_now.geometry[n] is not None}
        x, y, stated = points([places_now.geometry[n] for n in last.values()])
        for n, lon, lat, is_point in zip(last.values(), x.tolist(), y.tolist(), stated.tolist(), strict=True):
            exposure = known.get(subject_key(kind, places_now.item_id[n]))
            if exposure is not None and (exposure.lon, exposure.lat) != (lon, lat):
                exposure = None
            behind = () if exposure is None else (by_revision[one] for one in exposure.revisions.values())
            made.append(_feature(places_now, n, lon, lat, is_point, exposure, stored, list(behind)))
    return rows.table_of("hazard_exposure", stored.status, valid_at, stored.known_at, made)


def _feature(
    place: RevisionTable,
    n: int,
    lon: float,
    lat: float,
    is_point: bool,
    exposure: Exposure | None,
    stored: RevisionTable,
    behind: Sequence[int],
) -> rows.Row:
    hazards = UNKNOWN if exposure is None else exposure.hazards
    said_of_place = orjson.loads(place.props[n])
    sources = [
        {**rows.source(place, n), "attributes": ["subject_kind", "subject_id", "name", "is_centre"]},
        *(
            {
                **_ZONE_SOURCE,
                **{key: zone[key] for key in _SOURCE},
                "as_of": zone["issued_at"],
                "attributes": [hazard],
            }
            for hazard, said in hazards.items()
            for zone in said["zones"]
        ),
        *({**rows.source(stored, k), "attributes": [_hazard_of(stored.scope[k])]} for k in behind),
    ]
    props = {
        "subject_kind": place.kind,
        "subject_id": place.item_id[n],
        "name": said_of_place.get("name") or said_of_place.get("river_name"),
        "is_centre": not is_point,
        **hazards,
        "sources": sources,
    }
    return rows.Row(
        item_id=subject_key(place.kind, place.item_id[n]),
        muni_code=place.muni_code[n] or next((stored.muni_code[k] for k in behind), None),
        # As text at once, which table_of takes as it is: the objects of a nation would need ten times as much. orjson
        # cuts a buffer of 8 KB to size, and nothing fits into what is left between them: a copy frees it whole.
        props=cast(
            "Mapping[str, Any]",
            orjson.Fragment(bytes(memoryview(orjson.dumps(props, option=orjson.OPT_SORT_KEYS)))),
        ),
        geometry=bytes(shapely.to_wkb(shapely.Point(lon, lat))),
        feeds=frozenset([place.source[n], *(zone["source"] for said in hazards.values() for zone in said["zones"])]),
        issued_at=max([place.issued_at[n], *(stored.issued_at[k] for k in behind)]),
        recorded_at=max([place.recorded_at[n], *(stored.recorded_at[k] for k in behind)]),
        revision=max([place.revision[n], *(stored.revision[k] for k in behind)]),
    )


_SOURCE = ("source", "issuer", "issued_at", "kind", "item_id", "revision")
_ZONE_SOURCE: Mapping[str, Any] = {"document": None, "position": None}


def _hazard_of(scope: str) -> str:
    return HAZARDS[scope.split("/")[1]]
