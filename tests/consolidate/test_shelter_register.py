"""The register as it is shown: what every list says, side by side, and whose is what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.consolidate.shelter_places import KINDS, mint
from bousai.consolidate.shelter_register import CONFLICT_M, PlaceView, table, views
from bousai.model import RevisionTable, Sightings

from .shelter_lists import AT, DAY, entry, kept, lists

HERE = shapely.Point(136.97, 37.04)


def one_place(*entries: Mapping[str, Any]) -> PlaceView:
    (view,) = views(kept({"place-a": [one["key"] for one in entries]}), lists(entries)).values()
    return view


def east(metres: float) -> shapely.Point:
    return shapely.Point(HERE.x + metres / 88_900, HERE.y)


def shown(now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], at: datetime) -> dict[str, dict[str, Any]]:
    made = table(now, seen, at)
    return {item_id: json.loads(props) for item_id, props in zip(made.item_id, made.props, strict=True)}


def test_the_surveyed_list_is_shown_first_and_no_claim_is_lost() -> None:
    view = one_place(
        entry("shelter_status/new", name="訓練会館体育館", _at=AT, _point=east(50)),
        entry("shelter_status/old", name="くんれん会館", _at=AT - DAY),
        entry("municipal_site/m", name="訓練会館（町）", address=None, _point=east(30)),
        entry("evacuation_site/e", name="訓練会館", _point=east(20)),
        entry("shelter/s", name=None, address="七尾市訓練町1-1", _point=HERE, _until=AT),
    )
    assert view.keys == (
        "shelter/s",
        "evacuation_site/e",
        "municipal_site/m",
        "shelter_status/new",
        "shelter_status/old",
    )
    assert (view.name, view.address) == ("訓練会館", "七尾市訓練町1-1")
    assert view.alternative_names == ("訓練会館（町）", "訓練会館体育館", "くんれん会館")
    assert view.located_by is not None
    assert view.located_by.key == "shelter/s"
    assert view.geometry == shapely.to_wkb(HERE)
    assert view.position_error_m == pytest.approx(50, abs=0.5)
    assert not view.unlisted


def test_what_still_holds_is_shown_before_what_has_ended() -> None:
    ended = entry("shelter/a", name="旧名", _at=AT, _until=AT + DAY)
    assert one_place(ended, entry("shelter/b", name="新名", _at=AT - DAY)).name == "新名"


@pytest.mark.parametrize("metres", [0.0, CONFLICT_M - 5, CONFLICT_M + 5, 5000.0])
def test_positions_that_differ_are_a_conflict_that_is_shown(metres: float) -> None:
    view = one_place(entry("shelter/a", _point=HERE), entry("shelter_status/b", _point=east(metres)))
    assert view.position_error_m == pytest.approx(metres, rel=0.01)
    assert view.position_conflict == (metres > CONFLICT_M)


def test_one_position_has_no_error_that_could_be_known() -> None:
    view = one_place(entry("shelter/a", _point=HERE), entry("shelter_status/b"))
    assert (view.position_error_m, view.position_conflict) == (None, False)


@pytest.mark.parametrize(("houses", "stands_in"), [(2, False), (3, True)])
def test_the_point_of_a_village_is_no_position(houses: int, stands_in: bool) -> None:
    entries = [
        entry(f"municipal_site/{n}", name=f"訓練{n}区集会所", address=f"訓練町{n}", _point=HERE)
        for n in range(houses)
    ]
    now = kept({f"place-{n}": [one["key"]] for n, one in enumerate(entries)})
    for view in views(now, lists(entries)).values():
        assert (view.geometry is None) == stands_in
        assert view.members[0].stand_in == stands_in
    for one in shown(now, lists(entries), AT).values():
        assert (one["position_source"] is None) == stands_in
        assert one["members"][0]["lon"] == pytest.approx(HERE.x)


def test_buildings_of_one_address_share_a_point_by_right() -> None:
    entries = [entry(f"municipal_site/{n}", name=f"訓練小学校{n}号館", _point=HERE) for n in range(4)]
    now = kept({f"place-{n}": [one["key"]] for n, one in enumerate(entries)})
    assert all(view.geometry is not None for view in views(now, lists(entries)).values())


def test_a_place_is_there_from_its_first_sighting_with_what_later_lists_say_of_it() -> None:
    entries = [
        entry("shelter_status/open", _at=AT - 2 * DAY),
        entry("shelter/later", _at=AT + 300 * DAY),
        entry("shelter/other", _at=AT + 300 * DAY),
    ]
    now = kept({"place-a": ["shelter_status/open", "shelter/later"], "place-b": ["shelter/other"]})
    (one,) = shown(now, lists(entries), AT).values()
    assert [member["since"] for member in one["members"]] == [
        "2027-09-01T18:00:00+09:00",
        "2026-11-03T18:00:00+09:00",
    ]
    assert shown(now, lists(entries), AT - 3 * DAY) == {}
    assert set(shown(now, lists(entries), AT + 300 * DAY)) == {"place-a", "place-b"}


def test_what_every_list_has_dropped_says_so() -> None:
    dropped = entry("shelter/a", _at=AT - 3 * DAY, _until=AT - DAY)
    for open_too, at, expected in ((False, AT, False), (False, AT - 2 * DAY, True), (True, AT, True)):
        entries = [dropped, *([entry("shelter_status/b", _at=AT - DAY)] if open_too else [])]
        (one,) = shown(kept({"place-a": [e["key"] for e in entries]}), lists(entries), at).values()
        assert one["in_force"] is expected


def test_what_was_not_matched_yet_is_a_place_of_its_own() -> None:
    entries = [entry("shelter_status/x"), entry("shelter_status/y")]
    made = shown(kept({}), lists(entries), AT)
    assert set(made) == {mint("shelter_status/x"), mint("shelter_status/y")}
    for one in made.values():
        assert one["unlisted"] is True
        assert one["members"][0]["verdict"] is None
        assert one["state"] == "provisional"
    taken = kept({}, {mint("shelter_status/x"): ("tombstone", None)})
    assert mint("shelter_status/x", {mint("shelter_status/x")}) in shown(taken, lists(entries), AT)


def test_redirects_and_tombstones_are_features_without_geometry() -> None:
    entries = [entry("shelter/a", _point=HERE), entry("shelter/late", _at=AT + DAY)]
    ids = {
        "place-b": ("redirect", "place-a"),
        "place-c": ("tombstone", None),
        "place-d": ("redirect", "place-c"),
        "place-e": ("redirect", "place-late"),
    }
    now = kept({"place-a": ["shelter/a"], "place-late": ["shelter/late"]}, ids)
    made = table(now, lists(entries), AT)
    assert list(made.item_id) == ["place-a", "place-b", "place-c", "place-d"]
    assert [geometry is None for geometry in made.geometry] == [False, True, True, True]
    assert [json.loads(props)["state"] for props in made.props] == ["active", "redirect", "tombstone", "redirect"]


def test_every_field_says_whose_it_is() -> None:
    entries = [entry("shelter/a", _point=HERE), entry("shelter_status/b", name="別名", _point=east(30), _at=AT - DAY)]
    (one,) = shown(kept({"place-a": ["shelter/a", "shelter_status/b"]}), lists(entries), AT).values()
    rests = {(s["kind"], s["item_id"]): set(s["attributes"]) for s in one["sources"]}
    assert rests["shelter", "a"] >= {"display_name", "address", "geometry", "position_source", "unlisted"}
    assert rests["shelter_status", "b"] >= {"alternative_names", "position_error_m", "first_seen_at"}
    assert rests["shelter_member", "shelter/a"] == {"members"}
    told = {name for names in rests.values() for name in names}
    own = {name for name, value in one.items() if value not in (None, [])}
    assert own - told == {"state", "sources"}


keys = st.sets(st.sampled_from([f"{kind}/{n}" for kind in KINDS for n in range(3)]), min_size=1)


@given(keys=keys, numbers=st.lists(st.integers(0, 4), min_size=12, max_size=12), day=st.integers(-3, 3))
def test_every_entry_is_in_exactly_one_place(keys: set[str], numbers: list[int], day: int) -> None:
    entries = [entry(key, _at=AT + (n - 2) * DAY) for key, n in zip(sorted(keys), numbers, strict=False)]
    grouped: dict[str, list[str]] = {}
    for key, n in zip(sorted(keys), numbers, strict=False):
        if n:  # 0: not matched yet
            grouped.setdefault(f"place-{n}", []).append(key)
    now, seen = kept(grouped), lists(entries)
    every = [key for view in views(now, seen).values() for key in view.keys]
    assert sorted(every) == sorted(keys)
    at = AT + day * DAY
    there = {key for one in shown(now, seen, at).values() for key in (m["key"] for m in one["members"])}
    assert there >= {one["key"] for one in entries if one["at"] <= at}
