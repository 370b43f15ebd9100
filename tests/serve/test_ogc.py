"""The documents around the items, by the requirements of OGC 17-069r4 (Part 1), 18-058r1 (2) and 19-079r2 (3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from bousai.serve import crs, filters
from bousai.settings import Settings

if TYPE_CHECKING:
    from starlette.testclient import TestClient

ROOTS = ["", "/exercise"]
CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"


def links(body: dict[str, Any], rel: str) -> list[dict[str, str]]:
    return [one for one in body["links"] if one["rel"] == rel]


def index(tree: Settings, root: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tree.public / root.strip("/") / "index.json").read_bytes())
    return {layer["id"]: layer for layer in found["layers"]}


@pytest.mark.parametrize("root", ROOTS)
def test_landing_page_leads_everywhere(client: TestClient, root: str) -> None:
    """Part 1, requirements 1 and 2; every link answers."""
    body = client.get(f"{root}/", headers={"accept": "application/json"}).json()
    for rel in ("self", "service-desc", "service-doc", "conformance", "data"):
        (link,) = links(body, rel)
        answer = client.get(link["href"], headers={"accept": link["type"]})
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].replace(" ", "").startswith(link["type"].replace(" ", "")), link
    assert body["title"].startswith("【訓練】") == bool(root)


@pytest.mark.parametrize("root", ROOTS)
def test_conformance(client: TestClient, root: str) -> None:
    """Part 1, requirements 5 and 6."""
    declared = client.get(f"{root}/conformance").json()["conformsTo"]
    assert CORE in declared
    assert set(filters.CONFORMANCE) < set(declared)
    assert len(declared) == len(set(declared))


@pytest.mark.parametrize("root", ROOTS)
def test_every_layer_is_a_collection(client: TestClient, tree: Settings, root: str) -> None:
    """Part 1, requirements 11 to 18; Part 2, requirements 1 to 4."""
    body = client.get(f"{root}/collections").json()
    published = index(tree, root)
    assert {one["id"] for one in body["collections"]} >= published.keys()
    assert body["crs"] == list(crs.SUPPORTED)
    for one in body["collections"]:
        alone = client.get(f"{root}/collections/{one['id']}").json()
        assert alone == one
        assert one["title"].startswith("【訓練】") == bool(root)
        assert one["itemType"] == "feature"
        assert one["storageCrs"] in one["crs"]
        assert {link["type"] for link in links(one, "items")} == {"application/geo+json", "text/html"}
        ((west, south, east, north),) = one["extent"]["spatial"]["bbox"]
        assert west <= east
        assert south <= north
        if one["id"] in published:
            entry = published[one["id"]]
            assert one["bousai:version"] == entry["version"]
            assert one["bousai:features"] == entry["features"]
            assert all(credit in one["attribution"] for credit in entry["credits"])


def test_files_of_a_collection_are_there(client: TestClient) -> None:
    body = client.get("/collections/shelter").json()
    assert {link["type"] for link in links(body, "enclosure")} >= {"application/geo+json", "text/csv"}
    for link in [*links(body, "enclosure"), *links(body, "describedby"), *links(body, "history")]:
        assert client.head(urlsplit(link["href"]).path).status_code == 200, link


@pytest.mark.parametrize("layer", ["shelter", "shelter_now", "earthquake", "municipality_situation"])
def test_what_is_queryable_can_be_queried(client: TestClient, layer: str) -> None:
    """Part 3, requirements 2 to 5."""
    (link,) = links(client.get(f"/collections/{layer}").json(), "http://www.opengis.net/def/rel/ogc/1.0/queryables")
    answer = client.get(link["href"])
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    assert schema["additionalProperties"] is False
    for name in schema["properties"]:
        found = client.get(f"/collections/{layer}/items", params={"filter": f'"{name}" IS NULL', "limit": 1})
        assert found.status_code == 200, f"{name}: {found.text}"


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("form", ["json", "html"])
def test_every_document_has_both_forms_and_is_not_sent_twice(client: TestClient, root: str, form: str) -> None:
    kind = {"json": "json", "html": "text/html"}[form]
    paths = ["", "/shelter", "/shelter/queryables", "/shelter/items"]
    for path in [f"{root}/conformance", *(f"{root}/collections{one}" for one in paths)]:
        first = client.get(path, params={"f": form})
        assert first.status_code == 200, path
        assert kind in first.headers["content-type"], path
        again = client.get(path, params={"f": form}, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("application/json;q=0.5,text/html;q=0.4", "application/json"),
        ("application/geo+json;q=0.1,text/html;q=0.2", "text/html"),
        ("image/png", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_form_that_is_liked_better(client: TestClient, accept: str, kind: str) -> None:
    answer = client.get("/collections", headers={"accept": accept})
    assert answer.headers["content-type"].startswith(kind)
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize(
    "path", ["/collections/nope", "/collections/nope/items", "/collections/nope/queryables", "/nope"]
)
def test_what_is_not_there_is_a_problem(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    "layer", ["shelter", "shelter_now", "shelter_register", "weather_warning", "evacuation_order"]
)
def test_every_feature_leads_to_its_documents(client: TestClient, layer: str) -> None:
    features = client.get(f"/collections/{layer}/items?limit=5").json()["features"]
    assert features
    for one in features:
        item = f"/collections/{layer}/items/{quote(one['id'], safe='')}"
        body = client.get(f"{item}/sources").json()
        assert body["id"] == one["id"]
        assert body["sources"], one["id"]
        for source in body["sources"]:
            assert len(source["sha256"]) == 64
            assert source["issuer"]
            assert source["url"] is None or source["url"].startswith(("http://", "https://"))
        (link,) = links(client.get(item).json(), "self")
        assert client.get(link["href"]).json()["id"] == one["id"]


def test_the_api_describes_what_it_has(client: TestClient) -> None:
    api = client.get("/api").json()
    assert api["openapi"].startswith("3.0")
    named = {one["name"] for one in api["components"]["parameters"].values()}
    asked = dict.fromkeys(named - {"layer", "feature", "f"}, "x")
    answer = client.get("/collections/shelter/items", params=asked)
    assert answer.status_code == 400
    assert "no parameter" not in answer.json()["detail"]  # each that it names is known
    for path in api["paths"]:
        if "{" not in path:
            assert client.get(path).status_code == 200, path
