"""What the consolidated layers share: tables that are read when they are asked for, and rows of a table."""

from __future__ import annotations

import pytest

from bousai.consolidate import rows
from bousai.consolidate.rows import AsAsked, Box
from bousai.model import Sightings
from tests.consolidate.statements import AT, stated, table

MESH = table("population_mesh", [stated(None, name) for name in "abc"])
BOX = (136.0, 37.0, 137.0, 38.0)


def sightings(*those: int) -> Sightings:
    found = rows.picked(MESH, those)
    return Sightings(found, [AT] * len(found), [None] * len(found))


def test_a_kind_is_read_once_and_only_when_it_is_asked_for() -> None:
    read: list[str] = []

    def whole(kind: str) -> Sightings:
        read.append(kind)
        return sightings(0, 1, 2)

    seen = AsAsked(("municipality", "population_mesh"), whole)
    assert (list(seen), len(seen), read) == (["municipality", "population_mesh"], 2, [])
    assert seen["population_mesh"] is seen["population_mesh"]
    assert read == ["population_mesh"]
    assert seen.get("shelter") is None
    with pytest.raises(KeyError):
        seen["shelter"]
    assert read == ["population_mesh"]


def test_of_a_mesh_what_lies_near_is_read_where_that_can_be_asked() -> None:
    asked: list[Box] = []

    def near(kind: str, box: Box) -> Sightings:
        asked.append(box)
        return sightings(1)

    some = AsAsked(("population_mesh",), lambda _: sightings(0, 1, 2), near)
    every = AsAsked(("population_mesh",), lambda _: sightings(0, 1, 2))
    held = {"population_mesh": sightings(0, 1, 2)}
    assert [len(rows.near(seen, "population_mesh", BOX)) for seen in (some, every, held)] == [1, 3, 3]
    assert asked == [BOX]


def test_rows_are_picked_in_the_order_in_which_they_are_named() -> None:
    assert list(rows.picked(MESH, [2, 0, 1]).item_id) == ["c", "a", "b"]
    assert list(rows.picked(MESH, []).item_id) == []
    assert rows.picked(MESH, [0, 1, 2]) is MESH
