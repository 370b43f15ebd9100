"""A part of a layer is that part of the whole layer: feature by feature, whatever it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shapely

from bousai import pipeline
from bousai.settings import Settings
from tests.serve import site
from tests.serve.conftest import client_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

LAYERS = ("shelter_now", "shelter_register", "weather_warning", "earthquake", "municipality_situation", "shelter")
BOXES = ((139.0, 35.2, 139.5, 35.5), (139.4, 35.3, 139.6, 35.45), (138.0, 34.0, 140.0, 35.2))
MUNIS = ("14205", "14206", "13101")
AT = datetime.fromisoformat("2026-11-05T12:00:00+09:00")


@pytest.fixture
def own(tree: Settings, tmp_path: Path) -> Settings:
    return site.copy_of(tree, tmp_path / "data", "serve")


def asked(own: Settings, layer: str, **only: Any) -> list[dict[str, Any]]:
    text = b"".join(pipeline.layer_geojson(layer, own, valid_at=AT, status="exercise", **only))
    found: list[dict[str, Any]] = json.loads(text)["features"]
    return found


def touches(box: tuple[float, float, float, float]) -> Callable[[dict[str, Any]], bool]:
    shape = shapely.box(*box)
    return lambda one: (
        one["geometry"] is not None and shapely.from_geojson(json.dumps(one["geometry"])).intersects(shape)
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_a_part_is_that_part_of_the_whole(own: Settings, layer: str) -> None:
    """Of a warning the area is borrowed, of an earthquake one statement has the place and another the intensity."""
    whole = asked(own, layer)
    assert whole
    for box in BOXES:
        assert asked(own, layer, bbox=box) == list(filter(touches(box), whole))
    for muni in MUNIS:
        assert asked(own, layer, muni=muni) == [one for one in whole if one["properties"]["muni_code"] == muni]
    # neither question was idle
    assert any(touches(box)(one) for one in whole for box in BOXES)


def test_a_page_of_another_time_is_cut_from_a_part_as_from_the_whole(own: Settings) -> None:
    """Whether the whole is there or not, and whatever part is there already."""
    times = {"datetime": AT.isoformat(), "known-at": (datetime.now().astimezone() - timedelta(seconds=1)).isoformat()}
    address = "/exercise/collections/shelter_now/items"
    questions = [
        {"muni": "14205"},
        {"muni": "14"},
        {"muni": "14205,13101"},
        {"bbox": "139.4,35.3,139.6,35.45"},
        {"bbox": "139.41,35.31,139.52,35.44", "muni": "14205"},
        {"bbox": "139.4,35.3,139.6,35.45", "filter": "state <> 'open'"},
    ]
    with client_of(own) as client:
        parts = [client.get(address, params={**times, **one, "limit": "2"}).json() for one in questions]
        kept = len(list((own.data / "serve").glob("*.geojson")))
        assert kept > 2
        followed = [_whole(client, one) for one in parts]
        with_all = client.get(address, params={**times, "limit": "10000"}).json()
        feature_id = with_all["features"][0]["id"]
    with client_of(own) as client:
        again = [client.get(address, params={**times, **one, "limit": "10000"}).json() for one in questions]
        assert len(list((own.data / "serve").glob("*.geojson"))) == kept + 1  # from the whole now
        assert client.get(f"{address}/{feature_id}", params=times).json()["id"] == feature_id
    assert followed == [one["features"] for one in again]
    assert [one["numberMatched"] for one in parts] == [len(one) for one in followed]
    assert any(followed)
    assert followed[0] == [one for one in with_all["features"] if one["properties"]["muni_code"] == "14205"]


def _whole(client: TestClient, page: dict[str, Any]) -> list[dict[str, Any]]:
    found = list(page["features"])
    while following := [one["href"] for one in page["links"] if one["rel"] == "next"]:
        page = client.get(following[0]).json()
        found += page["features"]
    return found


def test_a_feature_of_another_time_is_found_wherever_it_was(own: Settings) -> None:
    """Asked alone, without the whole: the same feature, also one that is no longer there, and none that was not."""
    whole = {one["id"]: one for one in asked(own, "shelter_now")}
    times = {"datetime": AT.isoformat()}
    for feature_id, expected in whole.items():
        with client_of(own) as client:
            for path in (own.data / "serve").glob("*.geojson"):
                path.unlink()
            found = client.get(f"/exercise/collections/shelter_now/items/{feature_id}", params=times).json()
            assert found["properties"] == expected["properties"]
            assert (
                client.get(f"/exercise/collections/shelter_now/items/{feature_id}x", params=times).status_code == 404
            )
            sources = client.get(f"/exercise/collections/shelter_now/items/{feature_id}/sources", params=times)
            assert sources.json()["sources"]
