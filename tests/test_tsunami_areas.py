"""Tsunami warnings on a map: a coast section is drawn as its municipalities, all of them or not at all."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from bousai import pipeline, settings
from bousai.settings import Settings
from bousai.vocab.tsunami_coast import municipalities_of

pytestmark = [pytest.mark.store]

AT = datetime.fromisoformat("2024-01-01T16:30:00+09:00")


@pytest.fixture(scope="module")
def noto(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with the telegrams of 1 January 2024 and the municipalities of some prefectures."""
    own = settings.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("noto") / "var")})
    pipeline.prepare(own)
    telegrams = sorted((realdata / "jma-xml" / "real-2024-noto").glob("*.xml"))
    areas = sorted((realdata / "n03").glob("N03-*.json"))
    edition = datetime.fromisoformat("2021-01-01T00:00:00+09:00")
    for feed, files, dated_at in (("jma_tsunami", telegrams, None), ("ksj_municipality", areas, edition)):
        done = list(pipeline.ingest_files(feed, ((one.name, one) for one in files), own, dated_at=dated_at))
        assert "stored" in {one.outcome for one in done}
    return own


def coasts(own: Settings, **only: Any) -> dict[str, dict[str, Any]]:
    text = b"".join(pipeline.layer_geojson("tsunami_forecast", own, valid_at=AT, **only))
    return {one["properties"]["coast_name"]: one for one in json.loads(text)["features"]}


def test_a_coast_is_the_union_of_its_municipalities(noto: Settings) -> None:
    found = coasts(noto)
    assert len(found) == 26
    grounds = {
        one["properties"]["muni_code"]: shapely.from_geojson(json.dumps(one["geometry"]))
        for one in json.loads(b"".join(pipeline.layer_geojson("municipality", noto)))["features"]
    }
    of_noto = found["石川県能登"]
    assert of_noto["properties"]["grade"] == "major_warning"
    shape = shapely.from_geojson(json.dumps(of_noto["geometry"]))
    expected = shapely.union_all([grounds[code] for code in municipalities_of("360")])
    assert shapely.is_valid(shape)
    assert shape.symmetric_difference(expected).area < 1e-9
    assert shape.contains(shapely.Point(136.9, 37.39))  # 輪島市
    assert not shape.intersects(shapely.Point(136.65, 36.56))  # 金沢市, on the coast of 加賀


def test_a_coast_of_which_not_all_is_known_has_no_shape_and_is_there(noto: Settings) -> None:
    found = coasts(noto)
    unknown = found["京都府"]
    assert unknown["geometry"] is None
    assert unknown["properties"]["grade"] == "advisory"
    assert any(match == "prefecture" for match in municipalities_of("390").values())


def test_a_box_on_a_coast_finds_its_warning(noto: Settings) -> None:
    assert set(coasts(noto, bbox=(136.88, 37.38, 136.92, 37.40))) == {"石川県能登"}
