"""The table's rows say what the layer says, in fewer words; the moments are those of the documents."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from bousai import pipeline
from bousai.serve.situation import row
from bousai.settings import Settings
from bousai.vocab.map_scale import scales

if TYPE_CHECKING:
    from starlette.testclient import TestClient

AT = "2026-11-05T12:20:00+09:00"


def layer(own: Settings, at: datetime | None, **more: Any) -> list[dict[str, Any]]:
    text = b"".join(pipeline.layer_geojson("municipality_situation", own, valid_at=at, **more))
    return [one["properties"] for one in json.loads(text)["features"]]


@pytest.mark.parametrize("status", ["actual", "exercise"])
def test_rows_are_those_of_the_layer_at_the_asked_time(client: TestClient, tree: Settings, status: str) -> None:
    found = client.get("/map/situation.json", params={"datetime": AT, "status": status}).json()
    said = layer(tree, datetime.fromisoformat(AT), status=status)
    assert found["rows"] == [row(one) for one in said]
    assert datetime.fromisoformat(found["valid_at"]) == datetime.fromisoformat(AT)
    assert any("warning" in one for one in found["rows"])
    by_code = {one["code"]: one for one in found["rows"]}
    for one in said:
        short = by_code[one["muni_code"]]
        if one["max_warning"] is None:
            assert "warning" not in short
        else:
            assert short["warning"]["grade"] == one["max_warning"].get("grade")
            assert short["warning"]["issuer"] == one["max_warning"]["issuer"]
        assert short.get("intensity") == one["max_intensity"]
        assert ("order" in short) == bool(one["orders"])


def test_now_is_what_is_published(client: TestClient, tree: Settings) -> None:
    file = json.loads((tree.public / "layers" / "municipality_situation" / "latest.geojson").read_bytes())
    found = client.get("/map/situation.json").json()
    assert found["rows"] == [row(one["properties"]) for one in file["features"]]
    assert found["published_at"] == file["timeStamp"]
    assert found["freshness"] == file["bousai:freshness"]


def test_etag(client: TestClient) -> None:
    first = client.get("/map/situation.json")
    again = client.get("/map/situation.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def _municipality(**said: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(
        ["max_warning", "max_intensity", "max_intensity_rank", "shelters_open", "evacuees", "roads_closed", "damage"]
    )
    lists: dict[str, Any] = {name: [] for name in ("orders", "tsunami", "outages", "conflicts")}
    known = {"muni_code": "17204", "name": "輪島市", "pref_name": "石川県", "area_level": "municipality", "as_of": {}}
    return {**empty, **lists, **known, **said}


def test_what_nobody_says_is_absent_and_not_zero() -> None:
    assert row(_municipality()) == {"code": "17204", "name": "輪島市", "pref": "石川県"}


@pytest.mark.parametrize(
    ("count", "short"),
    [
        ({"value": 0, "state": "reported", "qualifier": "exact"}, [0]),
        ({"value": 12, "state": "reported", "qualifier": "at_least"}, [12, "reported", "at_least"]),
        ({"value": None, "state": "investigating", "qualifier": "exact"}, [None, "investigating", "exact"]),
        ({"value": None, "state": "suppressed", "qualifier": "exact"}, [None, "suppressed", "exact"]),
        (None, None),
    ],
)
def test_counts_keep_their_state(count: dict[str, Any] | None, short: list[Any] | None) -> None:
    assert row(_municipality(evacuees=count)).get("evacuees") == short


def test_the_gravest_order_is_shown_and_all_are_counted() -> None:
    """By what it says: an order for an earthquake or a tsunami has no level, and none below it may hide it."""
    elderly = {"order": "elderly_evacuate", "level": 3, "issuer": "輪島市"}
    evacuate = {"order": "evacuate", "level": None, "ordered_at": "2024-01-01T16:30:00+09:00", "issuer": "輪島市"}
    safety = {"order": "emergency_safety", "level": None, "issuer": "輪島市"}
    by_level = {"order": None, "level": 4, "basis": "summary", "issuer": "石川県"}
    for orders, shown in (
        ([elderly, evacuate], {**{k: v for k, v in evacuate.items() if v}, "rank": 40}),
        ([elderly, evacuate, safety], {"order": "emergency_safety", "issuer": "輪島市", "rank": 50}),
        ([elderly, by_level], {"level": 4, "basis": "summary", "issuer": "石川県", "rank": 40}),
    ):
        short = row(_municipality(orders=orders))
        assert short["order"] == shown
        assert short["orders"] == len(orders)


def test_ranks_are_those_of_the_colours_of_the_map() -> None:
    warning = {"phenomenon": "tsunami", "grade": "major_warning", "kind_name": "大津波警報", "issuer": "気象庁"}
    short = row(_municipality(max_warning=warning, tsunami=[{"grade": "warning", "kind_name": "津波警報"}]))
    ranks = {name: {step.value: step.rank for step in scales()[name]} for name in ("warning", "tsunami")}
    assert short["warning"]["rank"] == ranks["warning"]["major_warning"]
    assert short["tsunami"]["rank"] == ranks["tsunami"]["warning"]


@pytest.mark.parametrize("status", ["actual", "exercise"])
def test_sources_of_the_table_are_judged_as_those_of_the_layers(client: TestClient, status: str) -> None:
    table = client.get("/map/situation.json", params={"status": status}).json()
    layers = client.get("/map/layers.json", params={"status": status}).json()
    (layer,) = (one for one in layers["layers"] if one["id"] == "municipality_situation")
    assert table["feeds"] == {feed: layers["feeds"][feed] for feed in layer["feeds"]}
    then = {"status": status, "datetime": "2026-11-05T12:00:00+09:00"}
    assert "feeds" not in client.get("/map/situation.json", params=then).json()


def test_moments_are_when_something_was_issued_and_recorded(client: TestClient, tree: Settings) -> None:
    for status in ("actual", "exercise"):
        found = client.get("/map/moments.json", params={"status": status}).json()
        issued = [datetime.fromisoformat(one) for one in found["issued"]]
        assert issued == sorted(set(issued))
        assert datetime.fromisoformat("2026-11-05T12:10:00+09:00") in issued
        assert all(one.year > 1950 for one in issued)
        (first, *_) = (datetime.fromisoformat(one) for one in found["recorded"])
        warnings = layer(tree, None, known_at=first, status=status)
        assert isinstance(warnings, list)
        assert first >= datetime.fromisoformat("2026-11-01T00:00:00+09:00")


@pytest.mark.parametrize(
    "address", ["/map/situation.json?limit=1", "/map/moments.json?x=1", "/map/moments.json?status=x"]
)
def test_wrong_questions(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 400
    assert answer.json()["remedy"]
