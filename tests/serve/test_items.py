"""Items: what the published file has, and for other times what the corridor says; every parameter, every "no"."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import shapely

from bousai import pipeline
from bousai.model import Status
from bousai.settings import Settings
from bousai.vocab.tsunami_coast import coasts_of
from tests.serve.conftest import client_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

LAYERS = ("shelter", "shelter_now", "earthquake", "weather_warning", "municipality_situation", "hazard_zone_tsunami")


def published(own: Settings, layer: str, status: Status = "actual") -> dict[str, Any]:
    root = own.public / "exercise" if status == "exercise" else own.public
    found: dict[str, Any] = json.loads((root / "layers" / layer / "latest.geojson").read_bytes())
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_now_is_what_is_published(client: TestClient, tree: Settings, layer: str) -> None:
    page = client.get(f"/collections/{layer}/items?limit=10000").json()
    file = published(tree, layer)
    assert file["features"]
    own = ("features", "links", "numberMatched", "numberReturned")
    assert page["features"] == file["features"]
    assert {name: value for name, value in page.items() if name not in own} == {
        name: value for name, value in file.items() if name != "features"
    }
    assert page["numberMatched"] == page["numberReturned"] == len(file["features"])


@pytest.mark.parametrize("address", ["/exercise/collections/{}/items", "/collections/{}/items?status=exercise"])
def test_an_exercise_is_the_exercise_tree_and_says_so(client: TestClient, tree: Settings, address: str) -> None:
    page = client.get(address.format("shelter_now")).json()
    assert page["title"].startswith("【訓練】")
    assert page["features"] == published(tree, "shelter_now", "exercise")["features"]
    assert {one["properties"]["status"] for one in page["features"]} == {"exercise"}


TIMES = ["2026-11-05T10:20:00+09:00", "2026-11-05T12:00:00+09:00", "2024-01-01T00:00:00+09:00"]


def _by_id(text: bytes) -> dict[str, Any]:
    return {one["id"]: one for one in json.loads(text)["features"]}


@pytest.mark.parametrize("status", ["actual", "exercise"])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("at", TIMES)
def test_another_time_is_what_the_corridor_says(
    client: TestClient, tree: Settings, layer: str, at: str, status: Status
) -> None:
    moment = datetime.fromisoformat(at)
    answer = client.get(f"/collections/{layer}/items", params={"datetime": at, "status": status, "limit": 10000})
    said = b"".join(pipeline.layer_geojson(layer, tree, valid_at=moment, status=status))
    assert _by_id(answer.content) == _by_id(said)
    assert datetime.fromisoformat(answer.json()["bousai:valid_at"]) == moment


def test_known_at_is_bounded_by_what_was_recorded(client: TestClient, tree: Settings) -> None:
    asked = {"datetime": TIMES[1], "limit": "10000"}
    now = client.get("/collections/weather_warning/items", params=asked).json()
    assert now["features"]
    before = {**asked, "known-at": "2024-01-01T00:00:00+09:00"}
    assert client.get("/collections/weather_warning/items", params=before).json()["features"] == []
    after = {**asked, "known-at": datetime.now(UTC).isoformat()}
    assert client.get("/collections/weather_warning/items", params=after).json()["features"] == now["features"]


def test_an_interval_has_what_held_at_some_time_in_it(client: TestClient) -> None:
    def ids(period: str) -> set[str]:
        asked = {"datetime": period, "limit": "10000"}
        return {
            one["id"] for one in client.get("/collections/weather_warning/items", params=asked).json()["features"]
        }

    begin, end = (
        datetime.fromisoformat("2026-11-05T08:00:00+09:00"),
        datetime.fromisoformat("2026-11-05T14:00:00+09:00"),
    )
    instants = [begin + timedelta(minutes=10 * n) for n in range(37)]
    each = set().union(*(ids(one.isoformat()) for one in instants))
    assert each
    assert ids(f"{begin.isoformat()}/{end.isoformat()}") == each
    assert ids(f"{begin.isoformat()}/..") >= each
    assert ids(f"../{begin.isoformat()}") <= ids(f"../{end.isoformat()}")
    assert ids("1990-01-01/1991-01-01") == set()


@pytest.mark.parametrize("layer", ["shelter", "weather_warning"])
def test_muni_takes_codes_of_every_width(client: TestClient, tree: Settings, layer: str) -> None:
    def codes(muni: str) -> set[str]:
        page = client.get(f"/collections/{layer}/items", params={"muni": muni, "limit": "10000"}).json()
        return {one["properties"]["muni_code"] for one in page["features"]}

    every = {one["properties"]["muni_code"] for one in published(tree, layer)["features"]} - {None}
    assert codes("14205") == codes("142051") == {"14205"}
    assert codes("14") == {code for code in every if code.startswith("14")}
    assert codes("14205,14207") == {"14205", "14207"} & every
    wards = {code for code in every if code.startswith("1410") and code != "14100"}
    assert codes("14100") >= wards  # a designated city with its wards


def test_a_coast_is_found_by_its_municipalities(client: TestClient) -> None:
    """The warning of a coast section is one of each municipality on it; inland there is none."""
    then = {"datetime": "2026-11-05T10:20:00+09:00", "limit": "10000"}
    address = "/collections/tsunami_forecast/items"
    every = {one["properties"]["coast_code"] for one in client.get(address, params=then).json()["features"]}
    assert every

    def found(muni: str) -> set[str]:
        page = client.get(address, params={**then, "muni": muni}).json()["features"]
        return {one["properties"]["coast_code"] for one in page}

    for muni in ("14205", "13101", "20201", "17204"):
        assert found(muni) == every & set(coasts_of(muni))
    assert found("14205")
    assert found("20201") == set()  # 長野市
    assert found("14") >= found("14205")


def test_a_box_is_what_touches_it(client: TestClient, tree: Settings) -> None:
    features = published(tree, "hazard_zone_tsunami")["features"]
    shapes = [shapely.from_geojson(json.dumps(one["geometry"])) for one in features]
    west, south, east, north = shapely.total_bounds(shapes)
    box = (west, south, (west + east) / 2, (south + north) / 2)
    inside = [one["id"] for one, shape in zip(features, shapes, strict=True) if shape.intersects(shapely.box(*box))]
    asked = {"bbox": ",".join(map(repr, map(float, box))), "limit": "10000"}
    found = client.get("/collections/hazard_zone_tsunami/items", params=asked).json()["features"]
    assert [one["id"] for one in found] == inside
    around = {"bbox": "170,-10,140,60", "limit": "10000"}  # across the antimeridian, all the way to Japan
    assert len(client.get("/collections/hazard_zone_tsunami/items", params=around).json()["features"]) == len(
        features
    )


def test_one_feature(client: TestClient, tree: Settings) -> None:
    for one in published(tree, "weather_warning")["features"]:
        for written in (one["id"], one["id"].replace("/", "%2F")):
            found = client.get(f"/collections/weather_warning/items/{written}").json()
            assert {name: found[name] for name in one} == one
            assert "bousai:freshness" in found
            assert "bousai:credits" in found


def test_leaner_pages(client: TestClient) -> None:
    asked = {"properties": "name,muni_code", "skip-geometry": "true"}
    page = client.get("/collections/shelter/items", params=asked).json()
    assert page["features"]
    for one in page["features"]:
        assert list(one["properties"]) == ["name", "muni_code"]
        assert one["geometry"] is None


def test_not_modified(client: TestClient) -> None:
    for address in (
        "/collections/shelter/items?limit=2",
        "/collections",
        "/collections/shelter",
        "/api",
        "/conformance",
    ):
        first = client.get(address)
        again = client.get(address, headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), address
        other = client.get(address, headers={"If-None-Match": '"another"'})
        assert other.status_code == 200
    one, two = (client.get(f"/collections/shelter/items?limit={n}").headers["etag"] for n in (1, 2))
    assert one != two


WRONG = {
    "bbox": ["", "1,2,3", "a,b,c,d", "1,2,3,nan", "0,50,10,40", "0,0,999,10", "1,2,3,4,5"],
    "datetime": [
        "",
        "yesterday",
        "2024-13-01",
        "2024-01-01T24:30",
        "2024-02-01/2024-01-01",
        "../..",
        "a/b/c",
        "9999999",
    ],
    "known-at": ["", "2999-01-01T00:00:00Z", "x"],
    "muni": ["", "1", "00", "99999", "172040", "１７２０４", "17204;"],
    "limit": ["0", "-1", "many", "1.5", "", "99999999999"],
    "status": ["real", ""],
    "crs": ["EPSG:4326", "http://www.opengis.net/def/crs/EPSG/0/2451"],
    "bbox-crs": ["x"],
    "filter-lang": ["sql"],
    "f": ["xml"],
    "properties": ["nope"],
    "skip-geometry": ["1"],
    "nonsense": ["1"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values if (name, value) != ("muni", "17")],
)
def test_every_no_names_the_parameter_and_a_remedy(client: TestClient, name: str, value: str) -> None:
    more = {"bbox-crs": {"bbox": "1,2,3,4"}, "filter-lang": {"filter": "id='x'"}}.get(name, {})
    answer = client.get("/collections/shelter/items", params={name: value, **more})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert name in body["detail"]
    assert body["remedy"]
    assert "Traceback" not in answer.text


def test_a_parameter_twice_is_refused(client: TestClient) -> None:
    answer = client.get("/collections/shelter/items?limit=1&limit=2")
    assert answer.status_code == 400
    assert "twice" in answer.json()["detail"]


def test_too_much_is_the_most_that_there_is(client: TestClient) -> None:
    assert client.get("/collections/shelter/items?limit=99999").status_code == 200


@pytest.mark.store
def test_a_layer_that_was_never_published_is_asked_of_the_store(own_unpublished: Settings) -> None:
    with client_of(own_unpublished) as client:
        page = client.get("/collections/shelter/items").json()
        assert page["features"]
        assert client.get("/collections/shelter").json()["bousai:version"] is None
