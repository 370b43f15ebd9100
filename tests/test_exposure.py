"""The exercise's hazard maps and places through the verbs of exposure, on both stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
import sqlalchemy as sa

from bousai import cli, pipeline, settings, store
from bousai.consolidate import hazard_exposure
from bousai.consolidate.hazard_exposure import HAZARDS
from bousai.settings import Settings

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("postgis")]

KUNREN = Path(__file__).resolve().parents[1] / "exercises" / "kunren"
AT = datetime.fromisoformat("2026-10-01T00:00:00+09:00")


def take(own: Settings, feed: str, text: bytes | None = None, at: datetime = AT) -> None:
    """Ingest the exercise's files of a feed, or one text as if it were the only one."""
    files = [(path.name, path.read_bytes()) for path in sorted((KUNREN / feed).iterdir())]
    files = files if text is None else [(files[0][0], text)]
    done = list(pipeline.ingest_files(feed, files, own, dated_at=at, taint="exercise", accept=True))
    assert {one.outcome for one in done} <= {"stored", "unchanged"}, done


@pytest.fixture(params=["embedded", "server"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """An empty store of each kind."""
    where = {"BOUSAI_DATA": str(tmp_path / "data")}
    if request.param == "server":
        address = request.getfixturevalue("postgis_server")
        name = f"exposure_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_").lower()[:60]
        engine = sa.create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        where["BOUSAI_STORE"] = f"{address}/{name}"
    made = settings.load(where)
    pipeline.prepare(made)
    return made


def said(own: Settings, at: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Feature id → properties of the layer."""
    text = b"".join(pipeline.layer_geojson("hazard_exposure", own, valid_at=at, status="exercise"))
    return {one["id"]: one["properties"] for one in json.loads(text)["features"]}


def states(own: Settings, at: datetime | None = None) -> set[tuple[str, str, str]]:
    return {
        (feature_id, hazard, one[hazard]["state"])
        for feature_id, one in said(own, at).items()
        for hazard in HAZARDS.values()
        if one[hazard]["state"] != "not_covered"
    }


def revisions(own: Settings) -> int:
    with pipeline.opened(own) as house, house.store.engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM revision")).scalar_one())


def run(own: Settings) -> dict[str, dict[str, int]]:
    return {pref: pipeline.expose(pref, own) for pref in pipeline.prefectures_to_expose(own)}


def test_what_is_worked_out_is_what_shapely_says_and_only_when_it_changes(own: Settings) -> None:
    for feed in ("ksj_municipality", "gsi_shelter", "gsi_evacuation_site", "ksj_flood", "ksj_tsunami"):
        take(own, feed)
    assert "14" in run(own)
    assert pipeline.prefectures_to_expose(own) == []
    told = states(own)
    with pipeline.opened(own) as house:
        tables = {
            kind: store.items(house.store, kind, valid_at=datetime.now(UTC), status="exercise")
            for kind in ("shelter", "evacuation_site", "hazard_zone_flood", "hazard_zone_tsunami")
        }
    inside = {
        (f"{kind}/{item_id}", hazard, "inside")
        for kind in ("shelter", "evacuation_site")
        for item_id, point in zip(tables[kind].item_id, tables[kind].geometry, strict=True)
        for hazard in ("flood", "tsunami")
        for zone in tables[f"hazard_zone_{hazard}"].geometry
        if point and zone and shapely.covers(shapely.from_wkb(zone), shapely.from_wkb(point))
    }
    assert {one for one in told if one[2] == "inside"} == inside
    assert {hazard for _, hazard, _ in inside} == {"flood", "tsunami"}
    assert {hazard for _, hazard, state in told if state == "outside"} >= {"flood"}

    # Once more, and once more by force: nothing is written, for nothing is new.
    before = revisions(own)
    assert pipeline.expose("14", own)["maps"] == 0
    with pipeline.opened(own) as house:
        store.mark_published(house.store, "exposure/exercise", "14", 0, "0/another", datetime.now(UTC))
    assert "14" in pipeline.prefectures_to_expose(own)  # worked out by another method
    again = pipeline.expose("14", own)
    assert (again["maps"], again["opened"], again["changed"], again["closed"]) == (2, 0, 0, 0)
    assert (again["unchanged"], revisions(own)) == (len(told), before)

    # Before the maps nobody knows; nothing of the exercise is in the actual layer.
    assert states(own, datetime.fromisoformat("2022-01-01T00:00:00+09:00")) == set()
    assert not json.loads(b"".join(pipeline.layer_geojson("hazard_exposure", own)))["features"]


def moved(text: bytes, change: Callable[[list[Any]], None]) -> bytes:
    document = json.loads(text)
    change(document["features"])
    return json.dumps(document, ensure_ascii=False).encode()


def test_a_place_that_moves_and_a_map_that_changes(own: Settings) -> None:
    for feed in ("ksj_municipality", "gsi_evacuation_site", "ksj_tsunami"):
        take(own, feed)
    run(own)
    inside = sorted(one for one, hazard, state in states(own) if (hazard, state) == ("tsunami", "inside"))
    assert inside
    path = KUNREN / "gsi_evacuation_site" / "14_2_kunren.geojson"
    (key,) = inside[:1]

    def away(features: list[Any]) -> None:
        for one in features:
            if key.removeprefix("evacuation_site/") in one["properties"].values():
                one["geometry"]["coordinates"] = [139.4, 35.5]

    take(own, "gsi_evacuation_site", moved(path.read_bytes(), away), AT + timedelta(days=1))
    # Moved, and not worked out yet: what was said of the other point is not said of this one.
    assert said(own)[key]["tsunami"]["state"] == "not_covered"
    assert said(own, AT + timedelta(hours=1))[key]["tsunami"]["state"] == "inside"
    assert set(run(own)) == {"14"}
    assert said(own)[key]["tsunami"]["state"] != "inside"
    assert {one for one, hazard, state in states(own) if state == "inside"} == set(inside) - {key}

    # The next statement of the map has one zone less: what rested on it ends with it, and was true until then.
    path = KUNREN / "ksj_tsunami" / "A40-24_14.geojson"
    take(own, "ksj_tsunami", moved(path.read_bytes(), lambda features: features.pop()), AT + timedelta(days=2))
    assert "14" in run(own)
    with pipeline.opened(own) as house:
        left = store.items(house.store, "hazard_zone_tsunami", valid_at=datetime.now(UTC), status="exercise")
    assert len(left) == 1
    assert {zone["item_id"] for one in said(own).values() for zone in one["tsunami"]["zones"]} <= set(left.item_id)
    before = said(own, AT + timedelta(hours=1))
    assert {zone["item_id"] for one in before.values() for zone in one["tsunami"]["zones"]} - set(left.item_id)


def test_a_new_place_is_told_of_though_the_maps_that_are_asked_are_older(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for feed in ("ksj_municipality", "gsi_evacuation_site", "ksj_tsunami"):
        take(own, feed)
    run(own)
    now_inside = states(own)
    take(own, "gsi_shelter")
    asked = store.last_statement

    def older(*given: Any, **more: Any) -> tuple[datetime, int] | None:
        found = asked(*given, **more)
        return None if found is None else (found[0] - timedelta(days=365), found[1])

    monkeypatch.setattr(store, "last_statement", older)
    assert "14" in run(own)
    assert states(own) > now_inside
    assert states(own, AT - timedelta(days=100)) == set()


def test_the_store_gives_a_map_in_portions(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for feed in ("ksj_tsunami", "ksj_flood"):
        take(own, feed)
    box = hazard_exposure.box_of("14")
    with pipeline.opened(own) as house:
        now = datetime.now(UTC)
        whole = store.items(house.store, "hazard_zone_tsunami", valid_at=now, bbox=box, status="exercise")
        monkeypatch.setattr("bousai.store.read._PORTION", 1)
        monkeypatch.setattr("bousai.store.read._ROWS", 1)
        parts = list(store.portions(house.store, "hazard_zone_tsunami", valid_at=now, bbox=box, status="exercise"))
        assert len(parts) == len(whole) > 1
        found = {(part.item_id[0], part.geometry[0], part.props[0]) for part in parts}
        assert found == set(zip(whole.item_id, whole.geometry, whole.props, strict=True))
        far = (122.0, 24.0, 123.0, 25.0)
        assert not list(store.portions(house.store, "hazard_zone_tsunami", valid_at=now, bbox=far, status="exercise"))
        assert store.last_statement(house.store, "hazard_zone_tsunami", far, until=now, status="exercise") is None
        stated = store.last_statement(house.store, "hazard_zone_tsunami", box, until=now, status="exercise")
        assert stated is not None
        assert stated[0] == max(whole.issued_at)
        news = store.news(house.store, HAZARDS, after=0, since=None, until=now, status="exercise")
        assert {one.kind for one in news} == {"hazard_zone_flood", "hazard_zone_tsunami"}
        bounds = shapely.total_bounds(shapely.from_wkb([g for g in whole.geometry if g]))
        boxes = [one.bbox for one in news if one.kind == "hazard_zone_tsunami" and one.bbox]
        assert [min(one[n] for one in boxes) for n in (0, 1)] == pytest.approx(bounds[:2].tolist(), abs=1e-4)
        position, _ = store.log_position(house.store)
        assert store.news(house.store, HAZARDS, after=position, since=now, until=now, status="exercise") == []


def test_by_hand(own: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for feed in ("ksj_municipality", "gsi_evacuation_site", "ksj_tsunami"):
        take(own, feed)
    monkeypatch.setenv("BOUSAI_DATA", str(own.data))
    monkeypatch.setenv("BOUSAI_STORE", own.store)
    assert cli.main(["consolidate", "--pref", "14", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["register"] is None
    assert printed["exposure"]["14"]["inside"] > 0
    assert cli.main(["consolidate", "--pref", "14"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == [
        "14",
        "神奈川県",
        str(printed["exposure"]["14"]["places"]),
        "-",
    ]
    assert cli.main(["consolidate"]) == 0
    assert "shelter register" in capsys.readouterr().out
    assert cli.main(["consolidate"]) == 0
    assert "nothing has changed" in capsys.readouterr().out
    assert cli.main(["consolidate", "--pref", "48"]) == 2
