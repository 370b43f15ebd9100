"""影響人口の推計: how many people live where a hazard is, by municipality. An estimate, never a count.

No source gives these figures; they follow from the population of grid squares (人口メッシュ) and from what agencies
say. One item for each municipality (or ward) and hazard, ``<municipality>/<hazard>``, as long as the hazard is there:

* ``earthquake``: JMA's intensity of the municipality is 6 lower or more in the last seven days. All who live in the
  municipality. Where JMA only says that 5 lower or more is estimated and nothing was received (震度５弱以上未入電),
  the number is
  ``unconfirmed``; `residents` says how many it may be.
* ``tsunami``: 大津波警報 or 津波警報 is in force for a coast section on which the municipality lies, or may lie
  (`match`). Who lives in its tsunami zones.
* ``flood``, ``inland_flood``, ``storm_surge``: 洪水予報 of level 3 or more, or 警報 or more of heavy rain, flood or
  storm surge. Who lives in its zones of that hazard.

How. A square belongs to the municipality in which its centre lies, so that nobody is counted twice. A populated
square on the shore whose centre lies in the water belongs to the municipality that it reaches into nearest to its
centre, so that nobody is lost; where the areas of a neighbouring prefecture are not loaded, such a square may be of
that one, and `uncertainty` says so. A square lies in a zone where its centre does (`hazard_exposure`), of whichever
map and scenario (想定): at 1 km that says little of a narrow zone, at 250 m more. Whose square no map tells of is in
`not_covered` and never taken to be outside; where no square is told of there is no number at all, never 0. Landslides
are left out: their zones are narrower than any square.

Of several meshes the one that has all of the municipality is taken, then the newest that is not of a later day (else
the first after it), then the finest; what the others give stands beside it in `others`. People of a suppressed square
are in the square that it was merged into and nowhere else. What is known to be missing is in `uncertainty`. No
mesh, no item.

Known gaps:
* residents of the census night, not those who are there now: commuters, visitors, those who have left
* within a municipality the intensity is the highest that was observed in it, for all of it
* a populated square that reaches into no municipality (land made after the edition of N03) is in none
* a tsunami that runs up a river reaches municipalities without a coast; they have no item
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from bousai.consolidate import hazard_exposure, rows
from bousai.consolidate import situation_warnings as warnings
from bousai.consolidate.situation_warnings import Warned
from bousai.model import RevisionTable, Sightings
from bousai.vocab import jma, mesh
from bousai.vocab.count import Count, reported, without
from bousai.vocab.japanese_time import JST
from bousai.vocab.municipality import municipalities
from bousai.vocab.prefecture_box import boxes as boxes_of_prefectures

VERSION = "people_estimate 1"
METHOD: Mapping[str, Mapping[str, str]] = {
    "earthquake": {
        "version": VERSION,
        "ja": "推計。震度（気象庁）が6弱以上の市区町村について、中心点がそこにある人口メッシュの人口を合計。",
        "en": (
            "Estimate: where JMA's intensity of the municipality is 6 lower or more, the population of the squares"
            " whose centre lies in it."
        ),
    },
    "zone": {
        "version": VERSION,
        "ja": "推計。警報等の発表中、中心点がその市区町村と想定区域の両方にある人口メッシュの人口を合計。",
        "en": (
            "Estimate: while a warning is in force, the population of the squares whose centre lies both in the"
            " municipality and in a hazard zone, of whichever scenario."
        ),
    },
}
UNCERTAINTY: Mapping[str, tuple[str, str]] = {
    "residents": (
        "調査日に住んでいた人（常住人口）の数であり、いまその場にいる人の数ではない",
        "residents on the day of the census, not those who are there now",
    ),
    "by_centre": (
        "メッシュは中心点で判定するため、市区町村や区域の境では実際と異なる",
        "a square is judged by its centre: along borders of municipalities and zones it may be otherwise",
    ),
    "one_intensity": (
        "市区町村内の最大震度を全域に当てている",
        "the highest intensity in the municipality is taken for all of it",
    ),
    "intensity_not_received": (
        "震度５弱以上と推定されるが入電がなく、６弱以上かどうか分からない",
        "estimated to be 5 lower or more, but not received: whether it is 6 lower or more is not known",
    ),
    "coast_not_certain": (
        "この津波予報区に面しているかどうか確かでない（同じ都道府県の予報区）",
        "whether the municipality lies on this coast section of its prefecture is not certain",
    ),
    "zones_not_covered": (
        "想定区域図のないメッシュの人は、区域内かどうか分からない",
        "of people in squares that no hazard map covers it is not known whether they are in a zone",
    ),
    "mesh_not_whole": (
        "人口メッシュがこの市区町村の全域にあるとは限らず、実際はこれより多いことがある",
        "the mesh may not have all of this municipality: there may be more people",
    ),
    "neighbours_not_loaded": (
        "隣の都道府県の行政区域が読み込まれておらず、境のメッシュに隣の人が含まれることがある",
        "the areas of a neighbouring prefecture are not loaded: squares at the border may hold people from there",
    ),
    "suppressed_elsewhere": (
        "秘匿メッシュの合算先が読み込まれておらず、その人数は含まれない",
        "people of suppressed squares are in squares that are not loaded, and are not counted",
    ),
    "cells_unknown": (
        "人数の分からないメッシュがあり、その人数は含まれない",
        "squares of which the number is not known are not counted",
    ),
}
"""What makes an estimate uncertain: code → in Japanese and in English."""
_FROM = "6-"
_RECEIVED_NOTHING = "!5-"
_ALARMED = ("warning", "danger_warning", "emergency_warning")
_TSUNAMI = ("warning", "major_warning")
_RAIN = {
    "flood": ("flood", "heavy_rain"),
    "inland_flood": ("heavy_rain",),
    "storm_surge": ("storm_surge",),
}
"""Zones of a hazard → the phenomena of JMA's warnings while which they count; 指定河川洪水予報 besides for flood."""
_RIVER_FROM = 3  # level: 氾濫警戒情報
_BASIS = (
    *(
        "kind",
        "item_id",
        "phenomenon",
        "grade",
        "level",
        "kind_name",
        "intensity",
        "event_id",
        "coast_code",
        "coast_name",
    ),
    *("of", "match", "stated_for", "issuer", "issued_at", "source", "revision"),
)
_METRE = 1e-5  # degrees: by less than that a square does not reach into a municipality
_OTHERS = ("mesh_source", "mesh_level", "population_on", "population", "residents", "cells", "mesh_squares_missing")

Numbers = npt.NDArray[np.float64]


def table(now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], valid_at: datetime) -> RevisionTable:
    """The estimates at `valid_at`, of what is in force then."""
    hit = _hit(now, valid_at)
    made: list[rows.Row] = []
    if hit:
        ground = _ground(seen["municipality"], valid_at)
        known = set(ground.code)
        hit = {(code, hazard): because for (code, hazard), because in hit.items() if code in known}
    if hit:
        peopled = _peopled(seen, ground, {code for code, _ in hit})
        exposed = _exposed(now["hazard_exposure"], peopled)
        for (code, hazard), because in sorted(hit.items()):
            made += _row(code, hazard, because, peopled, exposed, ground, valid_at)
    stated = now["seismic_intensity"]
    return rows.table_of("people_estimate", stated.status, valid_at, stated.known_at, made)


# ── where a hazard is ────────────────────────────────────────────────────────────────────────────────────────


def _hit(now: Mapping[str, RevisionTable], valid_at: datetime) -> dict[tuple[str, str], list[Warned]]:
    """Municipality and hazard → the statements because of which people are counted, the gravest first."""
    found: dict[tuple[str, str], list[Warned]] = {}

    def add(code: str, hazard: str, those: Iterable[Warned]) -> None:
        of = municipalities().get(code)
        own = (code, of.city if of is not None else None)  # what holds for a ward is not said of the rest of its city
        kept = [one for one in those if one.said.code in own]
        if kept:
            found[code, hazard] = kept

    least = jma.intensity_rank(_FROM) or 0
    for code, felt in warnings.intensities(now, valid_at).items():
        strong = [one for one in felt if (one.shown["intensity_rank"] or 0) >= least]
        add(code, "earthquake", strong or [one for one in felt if one.shown["intensity"] == _RECEIVED_NOTHING])
    for code, coasts in warnings.tsunamis(now).items():
        add(code, "tsunami", [one for one in coasts if one.shown["grade"] in _TSUNAMI])
    for code, those in warnings.warned(now, {}).items():
        for hazard, phenomena in _RAIN.items():
            add(code, hazard, [one for one in those if _alarms(one.shown, hazard, phenomena)])
    return found


def _alarms(shown: Mapping[str, Any], hazard: str, phenomena: Sequence[str]) -> bool:
    if shown["phenomenon"] == "river_flood":
        return hazard == "flood" and (shown["level"] or 0) >= _RIVER_FROM
    return shown["phenomenon"] in phenomena and shown["grade"] in _ALARMED


# ── the ground ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """The municipalities whose area is known: code, row in the table of areas, polygon; ordered by code."""

    table: RevisionTable
    code: Sequence[str]
    row: Sequence[int]
    shapes: npt.NDArray[np.object_]


def _ground(known: Sightings, valid_at: datetime) -> _Ground:
    """As the edition that holds at `valid_at` has them; for a time before the first edition, as the first has
    them.
    """
    areas = known.table
    held: dict[str, int] = {}
    later: dict[str, int] = {}
    for row, code in enumerate(areas.muni_code):
        until = known.until[row]
        if code is not None and areas.geometry[row] is not None and (until is None or until > valid_at):
            (held if known.since[row] <= valid_at else later)[code] = row
    prefectures = {code[:2] for code in held}
    found = sorted((held | {code: row for code, row in later.items() if code[:2] not in prefectures}).items())
    wkb = np.array([*(areas.geometry[row] for _, row in found), None], dtype=object)
    return _Ground(areas, [code for code, _ in found], [row for _, row in found], shapely.from_wkb(wkb)[:-1])


# ── the people ───────────────────────────────────────────────────────────────────────────────────────────────


class _Edition(NamedTuple):
    """One mesh: what a feed gives as of one day in one level."""

    source: str
    on: str
    level: str


class _Cell(NamedTuple):
    """A populated square: its code, its row in the table of the mesh, and what is said of it."""

    code: str
    row: int
    props: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Peopled:
    """The populated squares about some municipalities.

    `squares`: municipality → the 80 km squares that it touches. `cells`: municipality and edition → its squares.
    `open`: municipalities with squares that may be of a prefecture whose areas are not loaded. `known`: edition → all
    squares that were looked at. `covers`: edition → 80 km squares and prefectures of which it
    has everybody.
    """

    table: RevisionTable
    squares: Mapping[str, Sequence[str]]
    cells: Mapping[tuple[str, _Edition], Sequence[_Cell]]
    open: set[str]
    known: Mapping[_Edition, set[str]]
    covers: Mapping[_Edition, set[str]]

    def missing(self, code: str, edition: _Edition) -> list[str]:
        """The 80 km squares of a municipality of which an edition may not have everybody."""
        covers = self.covers.get(edition, set())
        return [] if code[:2] in covers else [one for one in self.squares[code] if one not in covers]


def _peopled(seen: Mapping[str, Sightings], ground: _Ground, wanted: set[str]) -> _Peopled:
    shapes = {code: shape for code, shape in zip(ground.code, ground.shapes, strict=True) if code in wanted}
    squares = {code: _squares(shape) for code, shape in shapes.items()}
    touched = {square for those in squares.values() for square in those}
    west, south, east, north = shapely.total_bounds(shapely.box(*mesh.bounds(sorted(touched)).T)).tolist()
    sighted = rows.near(seen, "population_mesh", (west, south, east, north))
    table = sighted.table
    every = [item_id.rpartition("/")[2] for item_id in table.item_id]  # <day>/<code>
    keep = [row for row, code in enumerate(every) if code[:4] in touched and sighted.until[row] is None]
    known: dict[_Edition, set[str]] = defaultdict(set)
    covers: dict[_Edition, set[str]] = defaultdict(set)
    cells: dict[tuple[str, _Edition], list[_Cell]] = defaultdict(list)
    owners, open_at = _owners([every[row] for row in keep], list(shapes.values()), ground)
    for row, owner in zip(keep, owners, strict=True):
        props = orjson.loads(table.props[row])
        edition = _Edition(table.source[row], props["surveyed_on"], props["mesh_level"])
        known[edition].add(every[row])
        if props["covers"] is not None:
            covers[edition].add(props["covers"])
        if owner in wanted:
            cells[owner, edition].append(_Cell(every[row], row, props))
    return _Peopled(table, squares, cells, open_at, known, covers)


def _squares(shape: Any) -> list[str]:
    """The 80 km squares that an area touches."""
    west, south, east, north = shapely.bounds(shape).tolist()
    x, y = np.meshgrid(
        np.arange(np.floor(west), east) + 0.5, (np.arange(np.floor(south * 1.5), north * 1.5) + 0.5) / 1.5
    )
    codes = [code for code in mesh.codes_at(x.ravel(), y.ravel(), "80km").tolist() if code]
    touched = shapely.intersects(shape, shapely.box(*mesh.bounds(codes).T))
    return [code for code, yes in zip(codes, touched.tolist(), strict=True) if yes]


def _owners(codes: Sequence[str], wanted: Sequence[Any], ground: _Ground) -> tuple[list[str], set[str]]:
    """The municipality of each square, "" where it is not near a wanted one or reaches into none; and the
    municipalities
    that were given a square on which a prefecture may lie whose areas are not loaded."""
    found = [""] * len(codes)
    open_at: set[str] = set()
    if not codes:
        return found, open_at
    boxes = shapely.box(*mesh.bounds(codes).T)
    near = np.unique(shapely.STRtree(boxes).query(np.array(wanted, dtype=object))[1])
    x, y = (one[near] for one in mesh.centres(codes))
    for point, area in zip(*(one.tolist() for one in hazard_exposure.inside(x, y, ground.shapes)), strict=True):
        square = int(near[point])
        found[square] = min(ground.code[area], found[square] or "~")
    # Where the centre is in the water, or in no municipality that is known.
    lost = [n for n, square in enumerate(near.tolist()) if not found[square]]
    west, south, east, north = mesh.bounds([codes[square] for square in near[lost].tolist()]).T
    within = shapely.box(west + _METRE, south + _METRE, east - _METRE, north - _METRE)
    of, area = shapely.STRtree(ground.shapes).query(within, predicate="intersects")
    away = shapely.distance(shapely.points(x[lost], y[lost])[of], ground.shapes[area])
    unloaded = [box for pref, box in boxes_of_prefectures().items() if pref not in {code[:2] for code in ground.code}]
    for _, code, n in sorted(zip(away.tolist(), (ground.code[one] for one in area), of.tolist(), strict=True)):
        square = int(near[lost[n]])
        if not found[square]:
            found[square] = code
            lon, lat = x[lost[n]], y[lost[n]]
            if any(west <= lon <= east and south <= lat <= north for west, south, east, north in unloaded):
                open_at.add(code)
    return found, open_at


@dataclass(frozen=True, slots=True, eq=False)
class _Exposed:
    """What is said of the hazards of squares (by their row). `row`: square and hazard → the row of `table` that says
    it."""

    table: RevisionTable
    said: Mapping[int, hazard_exposure.Exposure]
    row: Mapping[tuple[int, str], int]

    def state(self, cell: _Cell, hazard: str) -> str:
        """inside, outside or not_covered."""
        return str(self.said[cell.row].hazards[hazard]["state"]) if cell.row in self.said else "not_covered"


def _exposed(table: RevisionTable, peopled: _Peopled) -> _Exposed:
    keys = {
        hazard_exposure.subject_key("population_mesh", peopled.table.item_id[cell.row]): cell.row
        for cells in peopled.cells.values()
        for cell in cells
    }
    keep = [row for row, key in enumerate(table.item_id) if key in keys]
    row_of = {(table.item_id[row], table.revision[row]): row for row in keep}
    said = hazard_exposure.exposure_by_subject(rows.picked(table, keep))
    return _Exposed(
        table,
        {keys[key]: one for key, one in said.items()},
        {
            (keys[key], hazard): row_of[key, revision]
            for key, one in said.items()
            for hazard, revision in one.revisions.items()
        },
    )


# ── the estimate ─────────────────────────────────────────────────────────────────────────────────────────────


def _row(
    code: str,
    hazard: str,
    because: Sequence[Warned],
    peopled: _Peopled,
    exposed: _Exposed,
    ground: _Ground,
    valid_at: datetime,
) -> list[rows.Row]:
    """The item of a municipality and hazard; none where no mesh has anything of it."""
    editions = [
        edition
        for edition in peopled.known
        if peopled.cells.get((code, edition)) or not peopled.missing(code, edition)
    ]
    if not editions:
        return []
    editions.sort(
        key=lambda one: (
            len(peopled.missing(code, one)),
            *_how_old(one, valid_at),
            mesh.LEVELS[one.level].steps,
            one.source,
        )
    )
    figures = [_figures(code, hazard, because, edition, peopled, exposed) for edition in editions]
    municipality = municipalities().get(code)
    shown = figures[0] | {
        "hazard": hazard,
        "name": None if municipality is None else municipality.name,
        "pref_name": None if municipality is None else municipality.pref,
        "estimate": True,
        "method": METHOD["earthquake" if hazard == "earthquake" else "zone"],
        "intensity": because[0].shown["intensity"] if hazard == "earthquake" else None,
        "basis": [{name: one.shown[name] for name in _BASIS if name in one.shown} for one in because],
        "as_of": max(because, key=lambda one: one.said.at).said.as_of,
        "others": [{name: one[name] for name in _OTHERS} for one in figures[1:]],
    }
    place = ground.code.index(code)
    claims = _claims(code, hazard, because, editions[0], peopled, exposed, (ground.table, ground.row[place]))
    shown["sources"] = [rows.source(table, row) | {"attributes": fields} for table, row, fields in claims]
    return [
        rows.Row(
            item_id=f"{code}/{hazard}",
            muni_code=code,
            props=shown,
            geometry=ground.table.geometry[ground.row[place]],
            feeds=frozenset(table.source[row] for table, row, _ in claims),
            issued_at=max(one.said.table.issued_at[one.said.row] for one in because),
            recorded_at=max(table.recorded_at[row] for table, row, _ in claims),
            revision=max(table.revision[row] for table, row, _ in claims),
        )
    ]


def _how_old(edition: _Edition, valid_at: datetime) -> tuple[bool, int]:
    """By which editions are ordered: first those up to that day, the newest of them first, then those after it."""
    days = (valid_at.astimezone(JST).date() - date.fromisoformat(edition.on)).days
    return days < 0, abs(days)


def _figures(
    code: str,
    hazard: str,
    because: Sequence[Warned],
    edition: _Edition,
    peopled: _Peopled,
    exposed: _Exposed,
) -> dict[str, Any]:
    """The numbers that one mesh gives, and what makes them uncertain."""
    in_zones = hazard != "earthquake"
    cells = peopled.cells.get((code, edition), ())
    people: dict[str, int] = dict.fromkeys(("inside", "outside", "not_covered"), 0)
    squares = dict(people)
    suppressed, elsewhere, unknown = 0, 0, 0
    for cell in cells:
        count = cell.props["population"]
        suppressed += count["state"] == "suppressed"
        elsewhere += count["state"] == "suppressed" and cell.props["merged_into"] not in peopled.known[edition]
        unknown += count["value"] is None and count["state"] != "suppressed"
        state = exposed.state(cell, hazard) if in_zones else "inside"
        squares[state] += 1
        people[state] += count["value"] or 0
    missing = peopled.missing(code, edition)
    doubts = {
        "residents": True,
        "by_centre": True,
        "one_intensity": hazard == "earthquake",
        "intensity_not_received": hazard == "earthquake" and because[0].shown["intensity"] == _RECEIVED_NOTHING,
        "coast_not_certain": hazard == "tsunami" and all(one.shown["match"] != "municipality" for one in because),
        "zones_not_covered": squares["not_covered"] > 0,
        "mesh_not_whole": bool(missing),
        "neighbours_not_loaded": code in peopled.open,
        "suppressed_elsewhere": elsewhere > 0,
        "cells_unknown": unknown > 0,
    }
    seen = squares["inside"] + squares["outside"]
    coverage = "full" if not squares["not_covered"] else "partial" if seen else "not_covered"
    if doubts["intensity_not_received"]:
        population = without("unconfirmed", UNCERTAINTY["intensity_not_received"][0])
    elif coverage == "not_covered":
        population = without("unknown", UNCERTAINTY["zones_not_covered"][0])
    else:
        population = _about(people["inside"])
    return {
        "population": population,
        "residents": _about(sum(people.values())),
        "coverage": coverage if in_zones else None,
        "population_outside": _about(people["outside"]) if in_zones and coverage != "not_covered" else None,
        "population_not_covered": _about(people["not_covered"]) if in_zones else None,
        "population_year": int(edition.on[:4]),
        "population_on": edition.on,
        "mesh_source": edition.source,
        "mesh_level": edition.level,
        "mesh_squares_missing": missing,
        "cells": len(cells),
        "cells_inside": squares["inside"],
        "cells_not_covered": squares["not_covered"] if in_zones else None,
        "cells_suppressed": suppressed,
        "cells_unknown": unknown,
        "uncertainty": [
            {"code": name, "ja": UNCERTAINTY[name][0], "en": UNCERTAINTY[name][1]}
            for name, yes in doubts.items()
            if yes
        ],
    }


def _about(people: int) -> Count:
    return reported(people, "approx", f"推計 約{people:,}人")


_NUMBERS = (
    *("population", "residents", "population_outside", "population_not_covered", "cells", "cells_inside"),
    *("cells_not_covered", "cells_suppressed", "cells_unknown", "coverage"),
)


def _claims(
    code: str,
    hazard: str,
    because: Sequence[Warned],
    edition: _Edition,
    peopled: _Peopled,
    exposed: _Exposed,
    area: tuple[RevisionTable, int],
) -> list[tuple[RevisionTable, int, list[str]]]:
    """The statements that an item rests on, as table and row, and the fields that do; of the squares of one document
    the first stands for all."""
    claims = [
        (one.said.table, one.said.row, ["as_of", "basis", "hazard", "intensity", "population"]) for one in because
    ]
    claims.append((*area, ["geometry", *_NUMBERS]))
    cells = sorted(peopled.cells.get((code, edition), ()))
    by_mesh = [*_NUMBERS, "mesh_level", "mesh_source", "population_on", "population_year", "uncertainty"]
    claims += _one_a_document(peopled.table, [cell.row for cell in cells], by_mesh)
    by_map = [exposed.row[cell.row, hazard] for cell in cells if (cell.row, hazard) in exposed.row]
    claims += _one_a_document(exposed.table, by_map, list(_NUMBERS))
    return claims


def _one_a_document(
    table: RevisionTable, those: Sequence[int], fields: list[str]
) -> list[tuple[RevisionTable, int, list[str]]]:
    first: dict[tuple[str, str, datetime], int] = {}
    for row in those:
        first.setdefault(
            (table.source[row], table.document[row] if table.document else "", table.issued_at[row]), row
        )
    return [(table, row, fields) for row in first.values()]
