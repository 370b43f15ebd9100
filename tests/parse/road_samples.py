"""Writes the samples of the road feeds that are not text (``python tests/parse/road_samples.py``); all are 訓練."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl

FEEDS = Path(__file__).resolve().parents[1] / "feeds"
LINE = {"type": "LineString", "coordinates": [[139.15, 35.25], [139.16, 35.26], [139.17, 35.26]]}
FULL: dict[str, Any] = {
    "県名": "神奈川県",
    "市町村名": "小田原市",
    "道路種別": "都道府県道",
    "路線名": "県道999号訓練小田原線",
    "始点住所": "神奈川県小田原市【訓練】訓練町１-１",
    "終点住所": "神奈川県小田原市【訓練】訓練町９-９",
    "規制種別": "災害",
    "規制理由": "落石",
    "規制開始_日時": "2026/11/5 9:30",
    "規制開始_内容": "全面通行止",
    "延長_Km": "1.25",
    "始点緯度経度": "35.25,139.15",
    "終点緯度経度": "35.26,139.17",
    "_color": "#FF0000",
    "_opacity": 0.7,
    "_weight": 10,
}
SECTION: dict[str, Any] = {
    "name": "整理ID20261105093001",
    "道路種別": "高速道路",
    "路線名": "訓練自動車道",
    "始点": "訓練IC",
    "終点": "訓練JCT",
    "規制種別": "点検",
    "規制理由": "地震",
    "規制内容": "全面通行止め",
    "_color": "#000000",
    "_opacity": 1,
    "_weight": 10,
    "_dashArray": "",
}
CHANGED: dict[str, Any] = {
    **FULL,
    "道路種別": "補助国道",
    "路線名": "国道999号（訓練）",
    "規制変更_日時": "2026/11/5/11:00",
    "規制変更_内容": "片側交互通行",
    "孤立集落_有無": "無",
    "迂回路_有無": "有",
}
BARE: dict[str, Any] = {"name": "整理ID20261105100001", "_color": "#800080", "_opacity": 0.5, "_weight": 10}


def feature(properties: dict[str, Any], geometry: dict[str, Any] | None = LINE) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def delivery(features: list[dict[str, Any]], name: str = "dourokisei.geojson", **others: bytes) -> bytes:
    collection = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for path, content in {name: collection, **others}.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 11, 5, 12, 0, 0)), content)
    return body.getvalue()


def book(*rows: list[Any]) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.title = "訓練"
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def main() -> None:
    folder = FEEDS / "mlit_passable_roads"
    speed = {"ETC2.0_speed_data1.geojson": b'{"type": "FeatureCollection", "features": []}'}
    whole = [feature(FULL), feature(SECTION), feature(CHANGED), feature(BARE)]
    (folder / "2611051200data.zip").write_bytes(delivery(whole, **speed))
    notice = {"261105data/notice.txt": "【訓練】規制情報のみ15:00時点".encode()}
    later = delivery([feature(SECTION), feature(CHANGED)], "261105data/dourokisei.geojson", **notice)
    (folder / "2611051600data.zip").write_bytes(later)
    (folder / "2611051800data.zip").write_bytes(delivery([], "tukoujisseki.geojson"))


if __name__ == "__main__":
    main()
