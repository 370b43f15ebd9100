"""Coast sections and municipalities: the tables fit together and, where N03 is at hand, the ground."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from bousai.vocab import jma, rows
from bousai.vocab.municipality import municipalities, wards
from bousai.vocab.tsunami_coast import coasts_of

PREFECTURES = {"15": "新潟県", "16": "富山県", "17": "石川県", "18": "福井県", "43": "熊本県"}
ISLANDS = {"佐渡": "341", "隠岐": "551", "壱岐・対馬": "731", "伊豆諸島": "320", "小笠原諸島": "321"}


def test_the_tables_speak_of_sections_and_municipalities_that_exist() -> None:
    for row in rows("municipality_coast"):
        assert row["muni_code"] in municipalities()
        assert bool(row["coast_code"]) == (row["match"] in ("municipality", "prefecture"))
        if row["coast_code"]:
            coast = next(one for one in rows("jma_tsunami_coast") if one["code"] == row["coast_code"])
            assert row["muni_code"][:2] in coast["prefectures"].split()
    assert len(jma.tsunami_coasts()) == 66


def test_every_section_lies_in_a_prefecture_that_its_name_tells() -> None:
    names = {one.code[:2]: one.pref for one in municipalities().values()}
    told = {code: name for code, name in jma.tsunami_coasts().items() if name[:3] in names.values()}
    assert len(told) > 40
    for row in rows("jma_tsunami_coast"):
        assert row["prefectures"]
        if row["code"] in told:
            assert [names[pref] for pref in row["prefectures"].split()] == [told[row["code"]][:3]]


def test_no_municipality_of_a_prefecture_without_a_coast_has_one() -> None:
    inland = {"栃木県", "群馬県", "埼玉県", "山梨県", "長野県", "岐阜県", "滋賀県", "奈良県"}
    met = {one.pref for code, one in municipalities().items() if coasts_of(code)}
    assert not met & inland
    assert met | inland == {one.pref for one in municipalities().values()}


def test_every_section_has_a_municipality() -> None:
    met = {coast for code in municipalities() for coast in coasts_of(code)}
    assert met == set(jma.tsunami_coasts())


@pytest.mark.parametrize(("name", "code"), ISLANDS.items())
def test_a_section_of_islands_is_of_their_municipalities_alone(name: str, code: str) -> None:
    assert jma.tsunami_coasts()[code] == name
    on_it = {muni: coasts_of(muni) for muni in municipalities() if code in coasts_of(muni)}
    assert on_it
    assert all(coasts == {code: "municipality"} for coasts in on_it.values())


def test_a_city_has_the_coasts_of_its_wards() -> None:
    listed = {row["muni_code"] for row in rows("municipality_coast")}
    for city, parts in wards().items():
        known = [ward for ward in parts if ward in listed and municipalities()[ward].valid_to is None]
        if city in listed:
            assert set(coasts_of(city)) == {coast for ward in known for coast in coasts_of(ward)}


# ── the ground ───────────────────────────────────────────────────────────────────────────────────────────────


def _ring_edges(shape: Any) -> list[tuple[Any, Any]]:
    found = []
    for polygon in shapely.get_parts(shape):
        for ring in (polygon.exterior, *polygon.interiors):
            found += [tuple(sorted(edge)) for edge in pairwise(map(tuple, ring.coords))]
    return found


@pytest.mark.parametrize("pref", PREFECTURES)
def test_who_has_a_coast_is_what_the_outlines_say(realdata: Path, pref: str) -> None:
    """A coast is an outline that no other municipality has, away from every other prefecture."""
    read = json.loads((realdata / "n03" / f"N03-21_{pref}_210101.json").read_bytes())
    edges: dict[str, list[Any]] = {}
    for one in read["features"]:
        shape = shapely.geometry.shape(one["geometry"])
        edges.setdefault(one["properties"]["N03_007"] or "", []).extend(_ring_edges(shape))
    times = Counter(edge for found in edges.values() for edge in found)
    land = json.loads((realdata / "n03" / "prefectures.json").read_bytes())
    others = shapely.union_all(
        [
            shapely.make_valid(shapely.geometry.shape(one["geometry"]))
            for one in land["features"]
            if one["properties"]["N03_001"] != PREFECTURES[pref]
        ]
    )
    shapely.prepare(others)
    wide = 0.01  # degrees: the outlines of the prefectures are coarser
    coastal = set()
    for code, found in edges.items():
        free = np.array([edge for edge in found if times[edge] == 1]).reshape(-1, 2, 2)
        middle = shapely.points(free.mean(axis=1))
        if code and not shapely.dwithin(middle, others, wide).all():
            coastal.add(code)
    ours = {code for code in edges if code and coasts_of(code)}
    assert ours == coastal
    assert 9 <= len(coastal) < len(edges)
