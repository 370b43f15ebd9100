"""Composes SIP4D-ZIP packages for tests, and the samples of the feed (``python tests/formats/sip4d_package.py``).

All that is fictional is marked 訓練. The bytes are the same for ever: entries have a fixed time and are not packed.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

STEM = "kunren"
DATE = "2026-11-05T09:00:00"
META: dict[str, Any] = {
    "version": "1.1",
    "title": "【訓練】避難所",
    "ttid": "00000000-0000-4000-8000-000000000001",
    "code": "01-001-01",
    "category": "その他",
    "tags": ["訓練"],
    "format": "SIP4D-ZIP",
    "payload_type": "VECTOR",
    "updated": DATE,
    "information_date": DATE,
    "author": {"name": "訓練県", "e-mail": "kunren@example.jp"},
    "maintainer": {"name": "訓練県", "e-mail": "kunren@example.jp"},
    "disaster": {"name": "【訓練】令和８年総合防災訓練", "id": "kunren-2026", "report": 3},
    "lgcode": ["14000"],
    "openflg": "一般公開可能",
    "testflg": "訓練",
    "character": "UTF-8",
    "license_id": "cc-by",
    "note": "訓練",
    "entry_num": 1,
    "entry": [{"type": "GeoJSON", "title": "【訓練】", "file": f"{STEM}.geojson", "updated": DATE}],
}
WORDS: dict[str, list[tuple[str, str]]] = {
    "eststts": [
        ("未開設", "notopen"),
        ("開設", "open"),
        ("閉鎖", "close"),
        ("常設", "permanent"),
        ("不明", "unknown"),
        ("その他", "other"),
    ],
    "estab": [
        ("閉鎖", "close"),
        ("受入不可", "notaccept"),
        ("開設", "open"),
        ("不明", "unknown"),
        ("その他", "other"),
    ],
    "passstts": [
        ("通行止め・閉鎖", "road_close"),
        ("片側交互通行", "one_sided_alternating_traffic"),
        ("不明", "unknwon"),
    ],
    "josetu": [("常設", "permanect"), ("臨時", "temporary")],
}


def column(name: str, kind: str = "String", **more: Any) -> dict[str, Any]:
    """One described attribute; a List gets the standard's words with the keys "1", "2", …"""
    described = {"name": name, "jname": name, "connid": name, "show": True, "type": kind}
    if kind == "List" and "key_list" not in more:
        words = WORDS[more.pop("words", name)]
        described |= {
            "num_key": len(words),
            "key_list": [str(number) for number in range(1, len(words) + 1)],
            "value_list": [word for word, _ in words],
            "conn_attr_list": [attr for _, attr in words],
        }
    return described | more


def feature(geometry: dict[str, Any] | None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def point(lon: float = 139.16, lat: float = 35.26) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def line(*places: tuple[float, float]) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [list(place) for place in places]}


def square(west: float = 139.15, south: float = 35.25, side: float = 0.01) -> dict[str, Any]:
    east, north = round(west + side, 6), round(south + side, 6)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def files(
    columns: list[dict[str, Any]],
    features: list[dict[str, Any]],
    described: dict[str, Any] | None = None,
    **meta: Any,
) -> dict[str, bytes]:
    """The files of a package by name; `meta` changes members of the metadata, None takes one away."""
    stated = {name: value for name, value in {**META, **meta}.items() if value is not None}
    about = {"version": "1", "code": stated.get("code"), "num_column": len(columns), "columns": columns}
    collection = {"type": "FeatureCollection", "features": features}
    return {
        "sip4d_zip_meta.json": _json(stated),
        f"{STEM}.geojson": _json(collection),
        f"{STEM}_columns.json": _json({**about, **(described or {})}),
    }


def packed(contents: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 5, 9, 0, 0)), content)
    return body.getvalue()


def package(columns: list[dict[str, Any]], features: list[dict[str, Any]], **meta: Any) -> bytes:
    return packed(files(columns, features, **meta))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


PLACE = [column(name) for name in ("id", "name", "cityname", "citycode", "address")]
SINCE = [column("starttime", "Datetime"), column("endtime", "Datetime")]
SHELTER = [
    *PLACE,
    column("eststts", "List"),
    column("evacueeno", "Integer"),
    column("capacity", "Integer"),
    column("phoneno"),
    *SINCE,
    column("note"),
]
CITY = {"cityname": "小田原市", "citycode": "14206"}


def shelter(number: int, state: str, **more: Any) -> dict[str, Any]:
    said = {
        "id": f"K{number}",
        "name": f"訓練第{number}小学校",
        **CITY,
        "address": "【訓練】訓練町1-1",
        "eststts": state,
    }
    return feature(point(139.16 + number / 100), **{**said, "phoneno": "000-0000-0000", **more})


def samples() -> dict[str, bytes]:
    """The samples of the feed by name."""
    counts = [column("citycode"), column("cityname"), *(column(n, "Integer") for n in ("deadno", "alldstno"))]
    outage = [
        *(column(n) for n in ("citycode", "cityname", "range", "cause", "estendtime")),
        column("houseno", "Integer"),
        column("maxhouseno", "Integer"),
        *SINCE,
    ]
    road = [
        *(
            column(n)
            for n in ("id", "cityname", "citycode", "roadno", "roadname", "startpoint", "endpoint", "category")
        ),
        column("roadtype"),
        column("passstts", "List"),
        *SINCE,
        column("note"),
    ]
    river = [column(n) for n in ("citycode", "cityname", "rivername", "wsystem", "leftright", "kp", "detail")]
    occurred = [column("occurday"), column("occurtime")]
    site = [*PLACE, column("estab", "List"), *SINCE, column("note")]

    def stated(code: str, title: str, **more: Any) -> dict[str, Any]:
        return {"code": code, "title": f"【訓練】{title}", **more}

    start = "2026-11-05T08:10:00"
    later = {"information_date": "2026-11-05T12:00:00", "updated": "2026-11-05T12:01:00"}
    report_4 = {"disaster": {**META["disaster"], "report": 4}}
    return {
        "kunren_01-001-01_0900.zip": package(
            SHELTER,
            [
                shelter(1, "2", evacueeno=120, capacity=300, starttime=start),
                shelter(2, "1", evacueeno=None, capacity=None),
                shelter(3, "2", evacueeno=0, capacity=80, starttime="2026/11/05 08:30:00"),
            ],
        ),
        "kunren_01-001-01_1200.zip": package(
            SHELTER,
            [
                shelter(1, "2", evacueeno=95, capacity=300, starttime=start),
                shelter(2, "3", evacueeno=0, starttime=start, endtime="2026-11-05T11:00:00"),
            ],
            **later,
            **report_4,
        ),
        "kunren_01-002-01.zip": package(
            [*site, column("division"), column("personelno", "Integer")],
            [
                feature(
                    point(),
                    id="S1",
                    name="訓練物資センター",
                    **CITY,
                    estab="3",
                    division="地域物資拠点",
                    personelno=12,
                    starttime=start,
                )
            ],
            **stated("01-002-01", "物資拠点"),
        ),
        "kunren_01-003-01.zip": package(
            [*PLACE, column("status"), column("workbedno", "Integer"), column("toukai")],
            [feature(point(), id="H1", name="訓練病院", **CITY, status="支援要", workbedno=40, toukai="おそれなし")],
            **stated("01-003-01", "医療機関"),
        ),
        "kunren_01-004-01.zip": package(
            [*site, column("wood"), column("storage", "Integer")],
            [feature(point(), id="W1", name="訓練仮置場", **CITY, estab="2", wood="受入可", storage=1500)],
            **stated("01-004-01", "災害廃棄物仮置場"),
        ),
        "kunren_01-005-02.zip": package(
            road,
            [
                feature(
                    line((139.15, 35.25), (139.16, 35.26), (139.17, 35.26)),
                    id="R1",
                    **CITY,
                    roadno="1",
                    roadname="訓練国道1号",
                    startpoint="訓練橋",
                    endpoint="訓練峠",
                    category="【訓練】路面損傷",
                    roadtype="一般国道",
                    passstts="1",
                    starttime=start,
                    note="緊急車両のみ通行可",
                ),
                feature(
                    line((139.18, 35.25), (139.19, 35.26)),
                    id="R2",
                    **CITY,
                    roadname="訓練市道",
                    roadtype="市区町村道",
                    passstts="2",
                    starttime=start,
                    endtime="2026-11-05T08:50:00",
                ),
            ],
            **stated("01-005-02", "道路規制"),
        ),
        "kunren_01-006-01.zip": package(
            [*site, column("josetu", "List"), column("openhour")],
            [feature(point(), id="B1", name="訓練給水所", **CITY, estab="3", josetu="1", openhour="9時から17時")],
            **stated("01-006-01", "給水拠点"),
        ),
        "kunren_01-007-01_power.zip": package(
            outage,
            [feature(square(), **CITY, range="【訓練】訓練町", houseno=1200, maxhouseno=3000, starttime=start)],
            **stated("01-007-01", "停電"),
        ),
        "kunren_01-007-01_water.zip": package(
            outage,
            [
                feature(square(), **CITY, range="【訓練】訓練町", houseno=450, starttime=start, estendtime="未定"),
                feature(
                    square(139.17),
                    **CITY,
                    range="【訓練】港町",
                    houseno=0,
                    maxhouseno=90,
                    starttime=start,
                    endtime="2026-11-05T08:40:00",
                ),
            ],
            **stated("01-007-01", "断水"),
        ),
        "kunren_01-008-03.zip": package(
            [column("citycode"), column("cityname"), column("note")],
            [feature(square(139.1, 35.2, 0.05), **CITY, note="【訓練】携帯電話が使えない")],
            **stated("01-008-03", "携帯電話の不通エリア"),
        ),
        "kunren_01-009-02.zip": package(
            [*river, *occurred],
            [
                feature(
                    line((139.15, 35.27), (139.155, 35.28)),
                    **CITY,
                    rivername="訓練川",
                    wsystem="訓練川水系",
                    leftright="左岸",
                    kp="3.2k",
                    detail="【訓練】堤防の沈下",
                    occurday="2026-11-05",
                    occurtime="07:45",
                )
            ],
            **stated("01-009-02", "河川被害"),
        ),
        "kunren_01-010-03.zip": package(
            [
                *(column(n) for n in ("citycode", "cityname", "pointname", "type")),
                column("deadno", "Integer"),
                *occurred,
            ],
            [
                feature(
                    square(139.12),
                    **CITY,
                    pointname="訓練沢",
                    type="土石流",
                    deadno=0,
                    occurday="2026-11-05",
                    occurtime="未明",
                )
            ],
            **stated("01-010-03", "土砂災害"),
        ),
        "kunren_01-011-01.zip": package(
            counts,
            [
                feature(point(), **CITY, deadno=1, alldstno=12),
                feature(point(139.1), citycode="14207", cityname="茅ヶ崎市", deadno=None, alldstno="調査中"),
            ],
            **stated("01-011-01", "人的・住家被害"),
        ),
        "kunren_01-012-01.zip": package(
            [column("citycode"), column("cityname"), column("applyno", "Integer"), column("mhalfdstno", "Integer")],
            [feature(point(), **CITY, applyno=230, mhalfdstno=14)],
            **stated("01-012-01", "罹災証明"),
        ),
        "kunren_99-999-99_refused.zip": package([column("attr0")], [], **stated("99-999-99", "道路被害")),
        "kunren_responders.zip": package(SHELTER, [shelter(1, "2")], openflg="災害対応機関のみ公開可能"),
        "kunren_unknown_openflg_refused.zip": package(SHELTER, [shelter(1, "2")], openflg="公開"),
        "kunren_wrong_time_refused.zip": package(SHELTER, [shelter(1, "2")], information_date="2026-11-05T010:05:02"),
    }


def main() -> None:
    folder = Path(__file__).resolve().parents[1] / "feeds" / "sip4d"
    for name, body in samples().items():
        (folder / name).write_bytes(body)


if __name__ == "__main__":
    main()
