"""The register as statements: nothing is said that was said already, and odd entries harm no other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai.consolidate import shelter_match
from bousai.consolidate.register_statements import Spoken, decided, decisions_of, fingerprint, moment, update
from bousai.consolidate.shelter_places import KINDS, Decision
from bousai.consolidate.shelter_register import views
from bousai.model import RevisionTable, Sightings

from .shelter_lists import AT, DAY, entry, kept, lists, stated

ODD = st.sampled_from(
    [
        None,
        "",
        "\u3000",
        "（）",
        "（（",
        "第",
        "１２３",
        "ヶ",
        "A" * 3000,
        "🏫",
        "ｱｲｳ",
        "町",
        "e\u0301",
        "訓練小学校",
        "訓練小（体育館）",
    ]
)
SHAPES = st.sampled_from(
    [
        None,
        shapely.Point(),
        shapely.Point(136.9, 37.0),
        shapely.Point(136.9001, 37.0),
        shapely.Point(180, 90),
        shapely.MultiPoint([(136, 37), (136.1, 37)]),
        shapely.box(136, 37, 136.1, 37.1),
    ]
)
odd_entries = st.lists(
    st.builds(
        lambda kind, n, **said: entry(f"{kind}/{n}|{n}", **said),
        st.sampled_from(KINDS),
        st.integers(0, 9),
        name=ODD,
        name_kana=ODD,
        address=ODD,
        common_id=st.sampled_from([None, "", "E17", "E1720200001111", "E1720200001201"]),
        source_id=st.sampled_from([None, "1"]),
        _point=SHAPES,
        _muni=st.sampled_from(["17202", "99999", "17204"]),
    ),
    max_size=12,
    unique_by=lambda one: one["key"],
)


def applied(spoken: Spoken | None, now: dict[str, RevisionTable]) -> dict[str, RevisionTable]:
    """The tables of the store after these statements, each the whole of its scope."""
    made = dict(now)
    for kind in ("shelter_member", "shelter_place"):
        said = {one.scope: one.items for one in (spoken.bulletins if spoken else ()) if one.kind == kind}
        old = now[kind]
        rows = [
            (old.item_id[n], json.loads(old.props[n]), old.muni_code[n], scope)
            for n, scope in enumerate(old.scope)
            if scope not in said
        ]
        rows += [(one.item_id, one.props, one.muni_code, scope) for scope in said for one in said[scope].rows()]
        rows.sort(key=lambda row: row[0])
        table = stated(kind, {row[0]: row[1] for row in rows}, munis=[row[2] for row in rows])
        made[kind] = replace(table, scope=[row[3] for row in rows])
    return made


def empty() -> dict[str, RevisionTable]:
    return kept({})


@settings(max_examples=60)
@given(entries=odd_entries, more=odd_entries)
def test_each_entry_is_said_once_and_only_what_changed_is_said_again(
    entries: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    seen = lists(entries)
    records = shelter_match.records(seen)
    first = update(records, empty(), "actual", AT)
    assert (first.spoken is None) == (not entries)
    now = applied(first.spoken, empty())
    assert sorted(now["shelter_member"].item_id) == sorted(one["key"] for one in entries)
    assert {key for view in views(now, seen).values() for key in view.keys} == {one["key"] for one in entries}
    assert update(records, now, "actual", AT + DAY).spoken is None
    both = {one["key"]: one for one in (*more, *entries)}
    later = update(shelter_match.records(lists(list(both.values()))), now, "actual", AT + DAY)
    after = applied(later.spoken, now)
    assert sorted(after["shelter_member"].item_id) == sorted(both)
    assert set(now["shelter_place"].item_id) <= set(after["shelter_place"].item_id)


def test_a_municipality_in_which_nothing_changed_says_nothing() -> None:
    entries = [entry("shelter/a", _muni="17202"), entry("shelter/b", _muni="17204", name="別の会館")]
    seen = lists(entries)
    first = update(shelter_match.records(seen), empty(), "actual", AT)
    assert first.spoken is not None
    assert {one.scope for one in first.spoken.bulletins} == {
        "register/17202",
        "register/17204",
        "shelter_place/17202",
        "shelter_place/17204",
    }
    now = applied(first.spoken, empty())
    more = lists([*entries, entry("shelter_status/c", _muni="17204", name="寄合い処")])
    second = update(shelter_match.records(more), now, "actual", AT + DAY)
    assert second.spoken is not None
    assert {one.scope for one in second.spoken.bulletins} == {"register/17204", "shelter_place/17204"}
    assert all(one.complete and one.sent_at == AT + DAY for one in second.spoken.bulletins)
    assert set(second.spoken.body["shelter_member"]) == {"17204"}


def test_a_place_whose_municipality_is_corrected_moves_with_its_id() -> None:
    before = lists([entry("shelter/a", _muni="17202")])
    first = update(shelter_match.records(before), empty(), "actual", AT)
    assert first.spoken is not None
    now = applied(first.spoken, empty())
    moved = update(shelter_match.records(lists([entry("shelter/a", _muni="17204")])), now, "actual", AT + DAY)
    assert moved.spoken is not None
    assert {one.scope: len(one.items) for one in moved.spoken.bulletins} == {
        "register/17202": 0,
        "register/17204": 1,
        "shelter_place/17202": 0,
        "shelter_place/17204": 1,
    }
    assert moved.register.places == first.register.places


def fingerprints(**said: Any) -> str:
    seen: dict[str, Sightings] = lists([entry("shelter_status/a", **{"_muni": "17202", **said})])
    return fingerprint(shelter_match.records(seen), empty()["register_decision"])


def test_only_what_tells_places_apart_makes_a_new_register() -> None:
    assert fingerprints() == fingerprints(evacuees={"value": 12}, state="open", _until=AT + DAY, _at=AT - DAY)
    for said in (
        {"name": "別の会館"},
        {"address": "別の町"},
        {"common_id": "E1720200001111"},
        {"source_id": "9"},
        {"_muni": "17204"},
        {"_point": shapely.Point(136.9, 37.0)},
    ):
        assert fingerprints(**said) != fingerprints()


def test_what_a_person_said_is_read_as_it_was_said() -> None:
    word = Decision("municipal_site/a|b", "shelter/c", "same", "防災課", "同じ", moment(AT + timedelta(seconds=1)))
    spoken = decided([word], [], "actual", AT)
    (bulletin,) = spoken.bulletins
    (item,) = bulletin.items.rows()
    assert decisions_of(stated("register_decision", {item.item_id: item.props})) == [word]
    assert moment(AT) < word.decided_at == "2026-11-05T18:00:01.000+09:00"
