"""OWSLib's client finds its way from the landing page to a filtered page of features."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import pytest

from bousai.settings import Settings
from tests.serve.serving import Served

if TYPE_CHECKING:
    from owslib.ogcapi.features import Features

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.xdist_group("serve_clients"),
]


@pytest.fixture(scope="module")
def features(server: Served) -> Features:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from owslib.ogcapi.features import Features as Client
    return Client(f"{server.base}/")


def test_it_finds_what_is_there(features: Features, tree: Settings) -> None:
    listed = {one["id"] for one in json.loads((tree.public / "index.json").read_bytes())["layers"]}
    assert {link["rel"] for link in features.links} >= {"self", "service-desc", "conformance", "data"}
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in features.conformance()["conformsTo"]
    assert set(features.feature_collections()) >= listed
    assert features.api()["openapi"].startswith("3.0")


def test_it_reads_a_collection(features: Features) -> None:
    told = features.collection("shelter")
    assert told["itemType"] == "feature"
    assert "muni_code" in features.collection_queryables("shelter")["properties"]
    whole = features.collection_items("shelter", limit=1000)
    assert whole["numberReturned"] == whole["numberMatched"] == len(whole["features"]) > 7
    one = whole["features"][0]
    assert features.collection_item("shelter", one["id"])["properties"] == one["properties"]


def test_it_asks_by_box_time_and_filter(features: Features) -> None:
    whole = features.collection_items("shelter", limit=1000)["features"]
    lon, lat = whole[0]["geometry"]["coordinates"][:2]
    near = features.collection_items("shelter", bbox=[lon - 1e-4, lat - 1e-4, lon + 1e-4, lat + 1e-4])["features"]
    assert whole[0]["id"] in {one["id"] for one in near}
    assert len(near) < len(whole)
    code = whole[0]["properties"]["muni_code"]
    same = features.collection_items("shelter", filter=f"muni_code = '{code}'", limit=1000)["features"]
    assert {one["id"] for one in same} == {one["id"] for one in whole if one["properties"]["muni_code"] == code}
    before = features.collection_items("shelter", datetime_="2000-01-01T00:00:00Z")
    assert before["numberMatched"] == 0
