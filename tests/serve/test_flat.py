"""`/flat`: what GDAL (and QGIS, which reads the same way) has of it is what the GeoPackage of the layer says."""

from __future__ import annotations

import math
import re
import urllib.parse
import warnings
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyogrio
import pyogrio.raw
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from bousai import pipeline
from bousai import settings as settings_module
from bousai.catalogue import load
from bousai.model import ReleasedLayer
from bousai.settings import Settings
from tests.serve import test_schemathesis
from tests.serve.serving import Served

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_clients")]

PAGE = 10
"""As many features as GDAL 3.6 and QGIS 3.22 look at."""
ROOTS = {"/flat": "", "/exercise/flat": "exercise"}
SCALARS = (str, int, float, bool, type(None))


def released(layer_id: str) -> ReleasedLayer:
    known = load(settings_module.load({}).config)
    return known.released(known.layer(layer_id), "public")


def read(source: str, layer: str, **options: str) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Types of the columns, and the rows by id."""
    told, _, _, columns = pyogrio.raw.read(source, layer=layer, read_geometry=False, **options)
    names = list(told["fields"])
    rows = [dict(zip(names, map(plain, row), strict=True)) for row in zip(*columns, strict=True)]
    return dict(zip(names, map(str, told["dtypes"]), strict=True)), {row["id"]: row for row in rows}


def plain(value: Any) -> Any:
    """A value of numpy as Python has it; None where it is none."""
    found = value.item() if hasattr(value, "item") else value
    if isinstance(found, str):
        # GDAL writes a date anew where all texts of one page are dates
        return found.replace("/", "-") if re.fullmatch(r"\d{4}/\d\d/\d\d", found) else found
    if isinstance(found, date):
        return found.isoformat()
    return None if isinstance(found, float) and math.isnan(found) else found


def tree_of(tree: Settings, root: str) -> Path:
    return tree.public / ROOTS[root] / "layers"


def with_features(tree: Settings, root: str) -> list[str]:
    index = orjson.loads((tree_of(tree, root).parent / "index.json").read_bytes())
    return [one["id"] for one in index["layers"] if one["features"]]


def times(columns: dict[str, str]) -> set[str]:
    return {name for name, kind in columns.items() if kind == "datetime64[ms]"}


@pytest.mark.parametrize("root", ROOTS)
def test_gdal_reads_of_every_collection_what_its_geopackage_says(server: Served, tree: Settings, root: str) -> None:
    """Column by column and row by row, page by page."""
    counts = 0
    for layer in with_features(tree, root):
        kinds, rows = read(f"OAPIF:{server.base}{root}", layer, PAGE_SIZE=str(PAGE))
        wanted_kinds, wanted = read(str(tree_of(tree, root) / layer / "latest.gpkg"), layer)
        assert rows.keys() == wanted.keys(), layer
        assert kinds.keys() == wanted_kinds.keys(), layer
        clock = times(wanted_kinds)
        assert times(kinds) == clock, layer
        for name in kinds.keys() - clock:
            assert {k: row[name] for k, row in rows.items()} == {k: row[name] for k, row in wanted.items()}, name
        counts += sum(row[name] is not None for row in rows.values() for name in kinds if f"{name}_state" in kinds)
    assert counts > 10


def test_columns_have_the_types_of_the_layer(server: Served, tree: Settings) -> None:
    """Also those in which no feature has a value, and in a layer that has none."""
    for layer in load(settings_module.load({}).config).layers:
        kinds = pyogrio.read_info(f"OAPIF:{server.base}/flat", layer=layer)
        found = dict(zip(kinds["fields"], map(str, kinds["dtypes"]), strict=True))
        schema = pipeline.flat_fields(released(layer))
        for field in schema:
            wanted = {"integer": "int32", "number": "float64", "boolean": "bool"}.get(field.type)
            assert wanted is None or found[field.name] == wanted or found[field.name] == "int64", (layer, field.name)
            assert field.type != "datetime" or found[field.name].startswith("datetime"), (layer, field.name)


def every(client: TestClient, address: str) -> list[dict[str, Any]]:
    """The features of all pages."""
    found: list[dict[str, Any]] = []
    after: str | None = address
    while after is not None:
        page = client.get(after).json()
        found += page["features"]
        after = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return found


@pytest.mark.parametrize("root", ROOTS)
def test_no_value_is_an_object_or_a_list(client: TestClient, tree: Settings, root: str) -> None:
    for layer in with_features(tree, root):
        flat = every(client, f"{root}/collections/{layer}/items?limit=500")
        nested = every(client, f"{root.removesuffix('/flat')}/collections/{layer}/items?limit=10000")
        assert sorted(one["id"] for one in flat) == [one["id"] for one in nested]
        shapes = {one["id"]: one["geometry"] for one in nested}
        for one in flat:
            assert all(isinstance(value, SCALARS) for value in one["properties"].values())
            assert one["geometry"] == shapes[one["id"]]


def test_the_first_features_have_what_any_has(client: TestClient, tree: Settings) -> None:
    """A client that looks at one page knows every column that is not empty in the whole layer."""
    for layer in with_features(tree, "/flat"):
        features = every(client, f"/flat/collections/{layer}/items?limit=1000")
        filled = {name for one in features for name, value in one["properties"].items() if value is not None}
        seen = {name for one in features[:PAGE] for name, value in one["properties"].items() if value is not None}
        assert seen == filled, layer


def test_pages_follow_each_other_in_one_order(client: TestClient) -> None:
    whole = [one["id"] for one in every(client, "/flat/collections/shelter_now/items?limit=1000")]
    assert [one["id"] for one in every(client, "/flat/collections/shelter_now/items?limit=3")] == whole


def test_a_feature_is_found_by_its_id(client: TestClient) -> None:
    for one in every(client, "/flat/collections/shelter_now/items?limit=1000"):
        found = client.get(f"/flat/collections/shelter_now/items/{urllib.parse.quote(one['id'], safe='')}")
        assert found.json()["properties"] == one["properties"]
    gone = client.get("/flat/collections/shelter_now/items/nothing")
    assert gone.status_code == 404
    assert gone.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "asked",
    [
        "muni=14205",
        "bbox=139.0,35.2,139.5,35.5",
        "filter=state = 'open'",
        "filter=evacuees > 0",
        "datetime=2026-11-05",
    ],
)
def test_what_is_asked_for_is_the_same(client: TestClient, asked: str) -> None:
    flat, nested = (
        sorted(one["id"] for one in every(client, f"{root}/collections/shelter_now/items?limit=1000&{asked}"))
        for root in ("/flat", "")
    )
    assert flat == nested


def test_filters_name_the_columns(client: TestClient) -> None:
    columns = client.get("/flat/collections/shelter_now/items?limit=1").json()["features"][0]["properties"]
    known = client.get("/flat/collections/shelter_now/queryables").json()["properties"]
    assert {*columns, "geometry"} == known.keys()
    stated = every(client, "/flat/collections/shelter_now/items?limit=1000&filter=evacuees_state IS NOT NULL")
    assert stated
    assert client.get("/flat/collections/shelter_now/items?filter=nothing = 1").status_code == 400


def test_the_schema_has_the_columns_in_their_order(client: TestClient) -> None:
    links = client.get("/flat/collections/shelter_now").json()["links"]
    (address,) = (one["href"] for one in links if one["rel"] == "http://www.opengis.net/def/rel/ogc/1.0/schema")
    answer = client.get(address)
    assert answer.headers["content-type"] == "application/schema+json"
    shown = answer.json()["properties"]
    assert shown.pop("geometry")["x-ogc-role"] == "primary-geometry"
    columns = client.get("/flat/collections/shelter_now/items?limit=1").json()["features"][0]["properties"]
    assert sorted(shown, key=lambda name: shown[name]["x-ogc-propertySeq"]) == list(columns)
    assert shown["evacuees"]["type"] == "integer"


def test_what_has_not_changed_is_not_sent(client: TestClient) -> None:
    address = "/flat/collections/shelter_now/items?limit=2"
    etag = client.get(address).headers["etag"]
    assert client.get(address, headers={"if-none-match": etag}).status_code == 304
    assert client.get("/collections/shelter_now/items?limit=2").headers["etag"] != etag


@pytest.mark.parametrize("root", ROOTS)
def test_a_person_finds_the_layers(client: TestClient, root: str) -> None:
    page = client.get(f"{root}/", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert f"{root}/collections/shelter_now" in page.text
    for part in ("collections/shelter_now", "collections/shelter_now/items", "conformance", "api"):
        assert client.get(f"{root}/{part}", params={"f": "html"}).status_code == 200


LAYER = released("shelter_now")


def rows_of(*values: dict[str, Any]) -> list[bytes]:
    return [orjson.dumps({"id": str(n), **value}) for n, value in enumerate(values)]


def count(value: int) -> dict[str, Any]:
    return {"value": value, "state": "reported", "qualifier": "exact", "text": None}


def test_the_most_telling_feature_comes_first() -> None:
    found = pipeline.flat(
        LAYER,
        "actual",
        rows_of({}, {"evacuees": count(1)}, {"evacuees": count(2), "name": "x"}, {"state": "open"}),
        [True, True, True, False],
    )
    assert found.first == [2, 3]


def test_a_number_that_needs_64_bits_is_seen_at_once() -> None:
    """Else GDAL takes the column for 32 bits and cuts it."""
    texts = rows_of(*({"evacuees": count(n)} for n in (1, 2, 3_000_000_000)))
    found = pipeline.flat(LAYER, "actual", texts, [True] * 3)
    assert 2 in found.first
    assert found.formats == {"evacuees": "int64"}


def test_a_text_that_is_not_always_a_date_is_seen_as_text() -> None:
    """Else GDAL takes the column for dates and shows nothing where there are words."""
    texts = rows_of({"name": "2026-11-05"}, {"name": "2026-11-06"}, {"name": "未定"})
    found = pipeline.flat(LAYER, "actual", texts, [True] * 3)
    assert 2 in found.first
    assert found.formats == {}


def test_a_text_that_is_always_a_date_is_said_to_be_one() -> None:
    texts = rows_of({"name": "2026-11-05"}, {"name": None}, {"name": "2026-11-06"})
    assert pipeline.flat(LAYER, "actual", texts, [True] * 3).formats == {"name": "date"}


def test_times_are_those_of_japan_and_numbers_have_their_decimals() -> None:
    """QGIS drops the offset of a time, and takes a column of 2, 3 and 2.5 for whole numbers."""
    texts = rows_of({"opened_at": "2026-11-05T03:00:00Z", "occupancy_rate": 2}, {"opened_at": None})
    found = [orjson.loads(text) for text in pipeline.flat(LAYER, "actual", texts, [True, True]).properties]
    assert [one["opened_at"] for one in found] == ["2026-11-05T12:00:00+09:00", None]
    assert isinstance(found[0]["occupancy_rate"], float)


def test_a_column_is_text_as_a_whole_where_one_value_is_none_of_its_type() -> None:
    """However far it is from the others: features are made flat some at a time."""
    texts = rows_of(*({"unlisted": True} for _ in range(3000)), {"unlisted": "maybe"})
    found = pipeline.flat(LAYER, "actual", texts, [True] * len(texts))
    (field,) = (one for one in found.fields if one.name == "unlisted")
    assert field.type == "text"
    assert {orjson.loads(text)["unlisted"] for text in found.properties} == {"true", "maybe"}
    assert len(found.properties) == len(texts)


def test_nothing_at_all_is_flat_too() -> None:
    found = pipeline.flat(LAYER, "actual", [], [])
    assert (found.properties, found.first, found.formats) == ([], [], {})
    assert found.fields == pipeline.flat_fields(LAYER)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*test_schemathesis.OPERATIONS, "schema", "feature_schema"])
def test_every_answer_is_as_the_api_describes_it(server: Served, name: str) -> None:
    """As in test_schemathesis, for what may be asked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
    for kind, values in test_schemathesis.FORMATS.items():
        schemathesis.openapi.format(kind, values)
    found: Any = schemathesis.openapi.from_url(f"{server.base}/flat/api")

    @given(case=found.find_operation_by_id(name).as_strategy(), box=test_schemathesis.BOXES)
    @settings(
        max_examples=10,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def tried(case: Any, box: str) -> None:
        for parameter in ("cursor", "filter-lang", "bbox-crs"):
            (case.query or {}).pop(parameter, None)
        if case.query and "bbox" in case.query:
            case.query["bbox"] = box
        case.call_and_validate()

    tried()
