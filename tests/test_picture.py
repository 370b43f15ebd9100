"""One picture on real files: the shelters of Nanao in 2024, against the city's own lists read by other means."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bousai import pipeline, settings
from bousai.settings import Settings

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("nanao")]

MUNI = "17202"


def jst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


@pytest.fixture(scope="module")
def nanao(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with the lists of Ishikawa and every list of opened shelters of Nanao."""
    own = settings.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("nanao") / "var")})
    pipeline.prepare(own)

    def ingest(feed: str, files: Iterator[Path], at: str | None) -> None:
        dated = None if at is None else jst(at)
        done = list(pipeline.ingest_files(feed, ((one.name, one) for one in sorted(files)), own, dated_at=dated))
        assert {one.outcome for one in done} <= {"stored", "unchanged"}, feed

    ingest("nanao_shelter_status", (realdata / "shelter-status-nanao").glob("open_shelter_*.csv"), None)
    ingest("gsi_shelter", (realdata / "gsi-shelters/csv").glob("*ishikawa*"), "2025-07-01T00:00")
    ingest("gsi_evacuation_site", (realdata / "gsi-shelters/geojson/emergency").glob("172022*"), "2025-11-01T00:00")
    site = (realdata / "municipal-shelters").glob("170003_evacuation_space.csv")
    ingest("ishikawa_evacuation_site", site, "2025-07-01T00:00")
    return own


def series(realdata: Path) -> list[Path]:
    """The city's lists, by time."""
    return sorted((realdata / "shelter-status-nanao").glob("open_shelter_Nanao-shi_2024-*.csv"))


def rows(path: Path) -> list[dict[str, str]]:
    """A list as it is; the count under one name whatever its column is called."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    for row in found:
        row["count"] = next(value for name, value in row.items() if name.startswith("人数"))
    return found


def at_of(path: Path) -> datetime:
    """The time in a list's name."""
    return datetime.strptime(path.stem[-15:] + "+0900", "%Y-%m-%d-%H%M%z")


def picture(own: Settings, **options: Any) -> dict[str, dict[str, Any]]:
    collection = json.loads(b"".join(pipeline.layer_geojson("shelter_now", own, muni=MUNI, **options)))
    return {feature["id"]: feature["properties"] for feature in collection["features"]}


def test_every_list_of_the_city_is_the_picture_of_its_time(realdata: Path, nanao: Settings) -> None:
    for path in series(realdata):
        # an hour later: once the time in the list is half an hour after the one in its name
        now = picture(nanao, valid_at=at_of(path) + timedelta(hours=1), tier="responders").values()
        shown = [one for one in now if one["statuses"]]
        assert {one["state"] for one in shown} == {"open"}, path.name
        said = [(status["name"], one["evacuees"]["value"]) for one in shown for status in one["statuses"]]
        listed = [(re.sub(r"[\s　]+", " ", row["名称"]).strip(), int(row["count"])) for row in rows(path)]
        assert sorted(said) == sorted(listed), path.name


def test_a_shelter_that_the_national_list_names_just_so_carries_its_id(realdata: Path, nanao: Settings) -> None:
    with (realdata / "gsi-shelters/csv/designated_shelters_17_ishikawa.csv").open(
        encoding="utf-8-sig", newline=""
    ) as file:
        ids = {row["施設・場所名"]: row["共通ID"] for row in csv.DictReader(file) if row["共通ID"][1:6] == MUNI}
    shown = picture(nanao, valid_at=jst("2024-01-15T18:00"))
    opened = {status["name"]: one for one in shown.values() for status in one["statuses"]}
    same = opened.keys() & ids.keys()
    assert len(same) > 15
    for name in same:
        assert ids[name] in opened[name]["common_ids"], name
        assert not opened[name]["unlisted"]
    (own_house,) = [one for one in shown.values() if one["name"] == "寄合い処みそぎ"]
    assert own_house["unlisted"]
    assert own_house["evacuees"]["value"] == 36


def test_small_numbers_of_people_are_held_back_from_the_public_alone(nanao: Settings) -> None:
    at = jst("2024-01-15T18:00")
    everybody, responders = picture(nanao, valid_at=at), picture(nanao, valid_at=at, tier="responders")
    small = {
        place for place, one in responders.items() if one["evacuees"] and 0 < (one["evacuees"]["value"] or 0) < 5
    }
    assert small
    for place, one in everybody.items():
        if place in small:
            assert one["evacuees"]["state"] == "suppressed"
            assert one["evacuees"]["value"] is None
        else:
            assert one["evacuees"] == responders[place]["evacuees"]


def test_a_figure_of_the_picture_leads_to_the_row_of_the_city_s_list(realdata: Path, nanao: Settings) -> None:
    path = next(one for one in series(realdata) if "2024-01-15" in one.name)
    at = at_of(path)
    (place,) = [key for key, one in picture(nanao, valid_at=at).items() if one["name"] == "山王小学校"]
    (found,) = pipeline.trace(f"shelter_now/{place}#evacuees", nanao, valid_at=at)["revisions"]
    line = int(re.sub(r"\D", "", found["position"]))
    row = path.read_text(encoding="utf-8-sig").splitlines()[line - 1]
    assert "山王小学校" in row
    assert Path(found["archived_at"].removeprefix("file://")).read_bytes() == path.read_bytes()
    assert found["sha256"] in found["archived_at"]


def test_before_the_lists_were_known_the_opened_shelters_stood_by_themselves(realdata: Path, tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    path = next(one for one in series(realdata) if "2024-01-15" in one.name)
    list(pipeline.ingest_files("nanao_shelter_status", [(path.name, path)], own))
    before = picture(own, valid_at=at_of(path))
    assert len(before) == len(rows(path))
    assert all(one["unlisted"] for one in before.values())
    moment = datetime.now().astimezone()
    gsi = realdata / "gsi-shelters/csv/designated_shelters_17_ishikawa.csv"
    list(pipeline.ingest_files("gsi_shelter", [(gsi.name, gsi)], own, dated_at=jst("2025-07-01T00:00")))
    after = picture(own, valid_at=at_of(path))
    assert sum(not one["unlisted"] for one in after.values() if one["statuses"]) > 20
    assert picture(own, valid_at=at_of(path), known_at=moment) == before
