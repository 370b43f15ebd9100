"""Typhoons: official samples against xpath, metric values, what ends a typhoon, withdrawals and late telegrams."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import shapely
from lxml import etree

from bousai import pipeline, settings
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import jma_typhoon

FEEDS = Path(__file__).resolve().parents[1] / "feeds" / "jma_typhoon"
FIRST, WITHDRAWAL, LAST = (path.read_text(encoding="utf-8") for path in sorted(FEEDS.glob("*.xml")))


def read(body: bytes) -> tuple[Bulletin, dict[str, Item], list[Issue]]:
    found = list(jma_typhoon.parse(body))
    (bulletin,) = [one for one in found if isinstance(one, Bulletin)]
    items = {item.props["step"]: item for item in bulletin.items.rows()}
    return bulletin, items, [one for one in found if isinstance(one, Issue)]


@pytest.mark.parametrize("name", ["10_04_02_170910_VPTW60.xml", "10_05_06_200826_VPTW62.xml"])
def test_an_official_sample_is_read_to_its_last_element(realdata: Path, name: str) -> None:
    path = realdata / "jma-xml/samples-official" / name
    tree = etree.parse(path)
    bulletin, items, issues = read(path.read_bytes())
    assert issues == []
    assert bulletin.scope == f"jma/typhoon/{tree.findtext('{*}Head/{*}EventID')}"
    raw = list(tree.iter("{*}MeteorologicalInfo"))
    assert len(items) == len(raw)
    by_time = {item.props["at"]: item for item in items.values()}
    for info in raw:
        item = by_time[info.findtext("{*}DateTime") or ""]

        def metric(local: str, kind: str, unit: str, info: Any = info) -> float:
            (node,) = [
                one
                for one in info.iter(f"{{*}}{local}")
                if one.get("type") == kind and one.get("unit") == unit and "Part" in one.getparent().tag
            ]
            return float(node.text)

        assert item.props["pressure_hpa"] == metric("Pressure", "中心気圧", "hPa")
        assert item.props["max_wind_mps"] == metric("WindSpeed", "最大風速", "m/s")
        assert item.props["gust_mps"] == metric("WindSpeed", "最大瞬間風速", "m/s")
        degrees = next(
            one.text
            for one in info.iter("{*}Coordinate", "{*}BasePoint")
            if one.get("type") == "中心位置（度）" and "Center" in "".join(p.tag for p in one.iterancestors())
        )
        point = shapely.from_wkb(item.geometry)
        assert f"{point.y:+.1f}{point.x:+.1f}/" == degrees


def test_steps_radii_and_the_name() -> None:
    bulletin, items, issues = read(FIRST.encode())
    assert issues == []
    assert set(items) == {"analysis", "estimate", "+12h", "+24h"}
    assert {item.props["name"] for item in items.values()} == {"KUNREN"}
    assert items["analysis"].props["storm_area"] == {
        "type": "暴風域",
        "wind_mps": 25.0,
        "radii": [{"direction": "東", "radius_km": 390.0}, {"direction": "西", "radius_km": 220.0}],
    }
    assert items["+12h"].props["probability_circle_km"] == 110
    assert (items["+24h"].props["class_code"], items["analysis"].props["speed_text"]) == ("LOW", "ゆっくり")
    assert bulletin.status == "exercise"


@pytest.mark.store
@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_a_typhoon_that_is_gone_is_gone_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    texts = (FIRST, LAST)
    list(pipeline.ingest_files("jma_typhoon", [(f"{n}.xml", texts[n].encode()) for n in order], own))

    def shown(at: str) -> set[str]:
        when = datetime.fromisoformat(f"{at}+09:00")
        chunks = pipeline.layer_geojson("typhoon", own, valid_at=when, status="exercise")
        return {feature["properties"]["step"] for feature in json.loads(b"".join(chunks))["features"]}

    assert shown("2026-11-05T09:50") == {"analysis", "estimate", "+12h", "+24h"}
    # a forecast holds until its own time
    assert shown("2026-11-05T22:00") == {"analysis", "estimate", "+24h"}
    assert shown("2026-11-06T10:00") == set()


@pytest.mark.store
@pytest.mark.parametrize("texts", [(FIRST, WITHDRAWAL), (WITHDRAWAL, FIRST)])
def test_a_withdrawn_statement_never_held(tmp_path: Path, texts: tuple[str, str]) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    list(pipeline.ingest_files("jma_typhoon", [(f"{n}.xml", text.encode()) for n, text in enumerate(texts)], own))
    when = datetime.fromisoformat("2026-11-05T12:00+09:00")
    chunks = pipeline.layer_geojson("typhoon", own, valid_at=when, status="exercise")
    assert json.loads(b"".join(chunks))["features"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("<EventID>TC2699", "<EventID>"), "bad_event_id"),
        (('type="実況"', 'type="予報　３時間後"'), "no_analysis"),
        (("<Status>訓練", "<Status>"), "unknown_status"),
        (("<InfoType>発表", "<InfoType>更新"), "unknown_info_type"),
    ],
)
def test_what_is_no_statement_is_refused(change: tuple[str, str], code: str) -> None:
    assert change[0] in FIRST
    with pytest.raises(ParseError) as refused:
        read(FIRST.replace(*change).encode())
    assert refused.value.code == code


def test_a_new_element_is_told() -> None:
    _, _, issues = read(FIRST.replace("<WindPart>", "<SurprisePart><X>1</X></SurprisePart><WindPart>").encode())
    assert {issue.code for issue in issues} == {"unread"}
