"""避難所の現況: which places are shown, whose figure is shown, and what is never inferred."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.consolidate import shelter_now
from bousai.model import RevisionTable, Sightings
from bousai.vocab.count import Count, reported, without

T0 = datetime(2024, 1, 15, 9, tzinfo=UTC)
AT = T0 + timedelta(hours=3)
HERE = shapely.Point(136.97373, 37.04185)
KINDS = (
    "shelter_member",
    "shelter_place",
    "shelter_status",
    "hazard_exposure",
    "weather_warning",
    "landslide_warning",
    "tsunami_forecast",
    "river_flood",
    "volcanic_warning",
    "evacuation_order",
)


def table(kind: str, *items: Mapping[str, Any]) -> RevisionTable:
    """A table of items given as ``item_id``, ``props`` and what else is not the default."""
    rows = [
        {
            "muni_code": "17202",
            "geometry": None,
            "source": "feed",
            "issued_at": T0,
            "revision": n + 1,
            **item,
        }
        for n, item in enumerate(items)
    ]
    return RevisionTable(
        kind=kind,
        status="actual",
        valid_at=AT,
        known_at=AT,
        revision=[row["revision"] for row in rows],
        item_id=[row["item_id"] for row in rows],
        scope=["scope"] * len(rows),
        muni_code=[row["muni_code"] for row in rows],
        props=[json.dumps(row["props"]) for row in rows],
        geometry=[None if row["geometry"] is None else shapely.to_wkb(row["geometry"]) for row in rows],
        source=[row["source"] for row in rows],
        issuer=["七尾市"] * len(rows),
        issued_at=[row["issued_at"] for row in rows],
        recorded_at=[row["issued_at"] for row in rows],
        bulletin_type=["list"] * len(rows),
        serial=[None] * len(rows),
        document=["list.csv"] * len(rows),
        position=["line 2"] * len(rows),
    )


def seen(now: RevisionTable, since: datetime = T0, until: datetime | None = None) -> Sightings:
    """All rows of a table as sightings."""
    return Sightings(now, [since] * len(now), [until] * len(now))


def status(item_id: str, hours: int = 0, source: str = "feed", **props: Any) -> dict[str, Any]:
    """A stated status, `hours` after T0."""
    at = T0 + timedelta(hours=hours)
    said = {"name": "山王小学校", "state": "open", "as_of": at.isoformat(), **props}
    return {"item_id": item_id, "source": source, "issued_at": at, "props": said}


def member(key: str, place: str) -> dict[str, Any]:
    """The link of an entry to a place."""
    props = {"place_id": place, "decided_at": T0.isoformat(), "reasons": []}
    return {"item_id": key, "props": props, "source": "shelter_register"}


LISTED = {
    "item_id": "E1720200028111",
    "source": "gsi_shelter",
    "geometry": HERE,
    "props": {"name": "山王小学校", "address": "石川県七尾市山王町ツ34", "common_id": "E1720200028111"},
}


def world(
    statuses: tuple[dict[str, Any], ...] = (),
    listed: tuple[dict[str, Any], ...] = (),
    members: tuple[dict[str, Any], ...] = (),
    before: Sightings | None = None,
    site: tuple[dict[str, Any], ...] = (),
    **more: RevisionTable,
) -> dict[str, dict[str, Any]]:
    """Place id → props of the layer in a world made of these."""
    stated = table("shelter_status", *statuses)
    now = {kind: table(kind) for kind in KINDS} | {
        "shelter_status": stated,
        "shelter_member": table("shelter_member", *members),
        **more,
    }
    sightings = {
        "shelter": seen(table("shelter", *listed)),
        "evacuation_site": seen(table("evacuation_site", *site)),
        "municipal_site": seen(table("municipal_site")),
        "shelter_status": seen(stated) if before is None else before,
    }
    made = shelter_now.table(now, sightings, AT)
    return {item_id: json.loads(props) for item_id, props in zip(made.item_id, made.props, strict=True)}


def only(**given_: Any) -> dict[str, Any]:
    """The one place of a world."""
    (props,) = world(**given_).values()
    return props


BOTH = (member("shelter/E1720200028111", "place-a"), member("shelter_status/a", "place-a"))


def test_a_listed_shelter_and_its_status_are_one_row_with_the_figures_of_the_status() -> None:
    places = world(statuses=(status("a", evacuees=reported(156)),), listed=(LISTED,), members=BOTH)
    assert list(places) == ["place-a"]
    shown = places["place-a"]
    assert (shown["name"], shown["state"], shown["unlisted"]) == ("山王小学校", "open", False)
    assert shown["evacuees"] == reported(156)
    assert shown["common_ids"] == ["E1720200028111"]
    assert shown["evacuees_as_of"] == "2024-01-15T09:00:00+00:00"
    assert (shown["age_min"], shown["evacuees_age_min"]) == (180, 180)
    behind = [one for one in shown["sources"] if "evacuees" in one["attributes"]]
    assert [(one["item_id"], one["document"], one["position"]) for one in behind] == [("a", "list.csv", "line 2")]


def test_a_status_without_any_link_is_a_place_of_its_own() -> None:
    shown = only(statuses=(status("new", name="寄合い処みそぎ"),))
    assert (shown["name"], shown["unlisted"], shown["state"]) == ("寄合い処みそぎ", True, "open")


def test_a_designated_shelter_of_which_nobody_says_anything_says_so() -> None:
    shown = only(listed=(LISTED,))
    assert (shown["state"], shown["evacuees"], shown["as_of"], shown["last_stated"]) == (
        "no_statement",
        None,
        None,
        None,
    )


def test_a_place_that_is_only_an_evacuation_site_is_not_shown() -> None:
    assert world(site=({**LISTED, "item_id": "E1720200028201"},)) == {}


def test_a_shelter_that_left_the_list_is_not_called_closed() -> None:
    ended = seen(table("shelter_status", status("a", evacuees=reported(8))), until=T0 + timedelta(hours=1))
    shown = only(listed=(LISTED,), members=BOTH, before=ended)
    assert shown["state"] == "no_statement"
    assert shown["evacuees"] is None
    assert (shown["last_stated"]["state"], shown["last_stated"]["until"]) == ("open", "2024-01-15T19:00:00+09:00")


def test_an_end_that_lies_ahead_is_no_end_yet() -> None:
    later = seen(table("shelter_status", status("a")), until=AT + timedelta(days=9))
    assert only(listed=(LISTED,), members=BOTH, before=later)["last_stated"] is None


TWO = (member("shelter_status/a", "place-a"), member("shelter_status/b", "place-a"))


def test_the_newer_claim_is_shown_and_the_older_one_beside_it() -> None:
    shown = only(
        statuses=(
            status("a", 0, "city", evacuees=reported(100)),
            status("b", 2, "portal", state="closed", evacuees=reported(90)),
        ),
        members=TWO,
    )
    assert (shown["state"], shown["evacuees"]["value"]) == ("closed", 90)
    assert shown["conflicts"] == ["state", "evacuees"]
    assert [(one["source"], one["evacuees"]["value"]) for one in shown["statuses"]] == [("portal", 90), ("city", 100)]


@pytest.mark.parametrize("nothing", [None, without("blank")])
def test_a_claim_without_a_number_leaves_the_number_of_another_with_its_own_time(nothing: Count | None) -> None:
    shown = only(
        statuses=(status("a", 0, "city", evacuees=reported(100)), status("b", 2, "portal", evacuees=nothing)),
        members=TWO,
    )
    assert shown["evacuees"]["value"] == 100
    assert (shown["evacuees_age_min"], shown["age_min"]) == (180, 60)
    assert shown["conflicts"] == []


def test_a_newer_word_that_nobody_knows_is_not_hidden_behind_an_old_number() -> None:
    shown = only(
        statuses=(
            status("a", 0, "city", evacuees=reported(100)),
            status("b", 2, "portal", evacuees=without("investigating", "調査中")),
        ),
        members=TWO,
    )
    assert shown["evacuees"] == without("investigating", "調査中")


@pytest.mark.parametrize(
    ("people", "places", "rate"),
    [
        (reported(310), reported(400), 0.78),
        (reported(500), reported(400), 1.25),
        (reported(0), reported(400), 0.0),
        (reported(310), reported(0), None),
        (reported(310), without("blank", "屋内480人／屋外3,350人"), None),
        (without("unknown"), reported(400), None),
        (None, reported(400), None),
    ],
)
def test_occupancy_needs_both_numbers(people: Count | None, places: Count, rate: float | None) -> None:
    shown = only(statuses=(status("a", evacuees=people, capacity=places),))
    assert shown["occupancy_rate"] == rate


def exposure(hazard: str, state: str, point: shapely.Point = HERE) -> RevisionTable:
    """What was computed of the listed shelter."""
    zone = {"item_id": "zone-1", "class_text": "2m以上5m未満", "kind": f"hazard_zone_{hazard}"}
    said = {"state": state, "worst": [], "zones": [zone] if state == "inside" else [], "maps": []}
    return table(
        "hazard_exposure",
        {"item_id": "shelter/E1720200028111", "geometry": point, "props": {hazard: said}, "revision": 77},
    )


def test_the_zones_of_the_position_are_those_of_the_place() -> None:
    shown = only(listed=(LISTED,), hazard_exposure=exposure("tsunami", "inside"))
    assert (shown["hazards"]["tsunami"], shown["hazards"]["flood"]) == ("inside", "not_covered")
    assert [(zone["hazard"], zone["class_text"]) for zone in shown["hazard_zones"]] == [("tsunami", "2m以上5m未満")]
    assert [one["revision"] for one in shown["sources"] if "hazard_zones" in one["attributes"]] == [77]


def test_what_was_computed_for_another_position_is_not_said_of_this_one() -> None:
    elsewhere = exposure("tsunami", "outside", shapely.Point(136.9, 37.0))
    assert set(only(listed=(LISTED,), hazard_exposure=elsewhere)["hazards"].values()) == {"not_assessed"}


def test_without_a_position_nothing_is_said_of_zones() -> None:
    shown = only(statuses=(status("a"),))
    assert set(shown["hazards"].values()) == {"no_position"}
    assert shown["hazard_zones"] == []


@given(
    st.lists(
        st.tuples(st.integers(-9, 2), st.one_of(st.none(), st.integers(0, 500)), st.sampled_from(["open", "closed"])),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_is_shown_some_source_said(told: list[tuple[int, int | None, str]]) -> None:
    statuses = tuple(
        status(
            f"s{n}", hours, f"feed{n}", state=state, evacuees=without("blank") if people is None else reported(people)
        )
        for n, (hours, people, state) in enumerate(told)
    )
    members = tuple(member(f"shelter_status/s{n}", "place-a") for n in range(len(told)))
    shown = only(statuses=statuses, members=members)
    assert len(shown["statuses"]) == len(told)
    newest = max(hours for hours, _, _ in told)
    assert shown["state"] in {state for hours, _, state in told if hours == newest}
    numbers = [(hours, people) for hours, people, _ in told if people is not None]
    if not numbers:
        assert shown["evacuees"] is None
    else:
        last = max(hours for hours, _ in numbers)
        assert shown["evacuees"]["value"] in {people for hours, people in numbers if hours == last}
    assert ("evacuees" in shown["conflicts"]) == (len({people for _, people in numbers}) > 1)
    assert ("state" in shown["conflicts"]) == (len({state for _, _, state in told}) > 1)
