"""自治体標準オープンデータセット「指定緊急避難場所一覧」: sites in the columns that every office knows.

The 39 columns of the 2022 edition in their order. A hazard is 1 where the site is designated for it and empty
otherwise, as the data set has it: that a list says nothing of a hazard it cannot tell. What is not known is empty.
Only designated emergency evacuation sites (指定緊急避難場所) are in it, no shelters.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from bousai.publish.csv_text import BOM, described, harmless, places
from bousai.publish.sheet import Sheet
from bousai.vocab.municipality import check_digit, municipalities

KINDS = ("evacuation_site", "municipal_site")
_HAZARDS = {
    "災害種別_洪水": "flood",
    "災害種別_崖崩れ、土石流及び地滑り": "landslide",
    "災害種別_高潮": "storm_surge",
    "災害種別_地震": "earthquake",
    "災害種別_津波": "tsunami",
    "災害種別_大規模な火事": "fire",
    "災害種別_内水氾濫": "inland_flood",
    "災害種別_火山現象": "volcano",
}
COLUMNS = (
    *("全国地方公共団体コード", "ID", "名称", "名称_カナ", "名称_英字", "所在地_全国地方公共団体コード", "町字ID"),
    *("所在地_連結表記", "所在地_都道府県", "所在地_市区町村", "所在地_町字", "所在地_番地以下", "建物名等(方書)"),
    *("緯度", "経度", "標高", "電話番号", "内線番号", "連絡先メールアドレス", "連絡先FormURL"),
    *("連絡先備考（その他、SNSなど）", "郵便番号", "市区町村コード", "地方公共団体名"),
    *_HAZARDS,
    *("指定避難所との重複", "想定収容人数", "対象となる町会・自治会", "URL", "画像", "画像_ライセンス", "備考"),
)


def write(path: Path, of: Sheet) -> None:
    """Write the table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM)
        rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\r\n")
        rows.writeheader()
        rows.writerows(_rows(of))


def _rows(of: Sheet) -> Iterator[dict[str, Any]]:
    values = {column.name: column.values for column in of.columns}
    lon, lat = places(of)
    for n in range(len(of)):
        row = {name: column[n] for name, column in values.items()}
        if row.get("site_type", "evacuation_site") in ("evacuation_site", "both"):
            yield {name: harmless(one) if isinstance(one, str) else one for name, one in _row(row).items()} | {
                "経度": lon[n],
                "緯度": lat[n],
            }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    code = row["muni_code"]
    place = municipalities().get(code) if code else None
    six = f"{code}{check_digit(code)}" if code else None
    hazards = orjson.loads(row["hazards"]) if row.get("hazards") else {}
    return {
        "全国地方公共団体コード": six,
        "ID": row.get("common_id") or row.get("source_id"),
        "名称": row.get("name"),
        "名称_カナ": row.get("name_kana"),
        "所在地_全国地方公共団体コード": six,
        "所在地_連結表記": row.get("address"),
        "所在地_都道府県": place.pref if place else None,
        "所在地_市区町村": place.name if place else None,
        "標高": row.get("elevation_m"),
        **{header: 1 if hazards.get(hazard) is True else None for header, hazard in _HAZARDS.items()},
        "指定避難所との重複": 1 if row.get("also_shelter") or row.get("same_address") else None,
        "想定収容人数": row["capacity"] if row.get("capacity_state") == "reported" else row.get("capacity_text"),
        "対象となる町会・自治会": row.get("districts"),
        "備考": row.get("note"),
    }


def metadata(of: Sheet, url: str) -> bytes:
    """The description of the table, as of the other one."""
    columns: list[dict[str, Any]] = [
        {"titles": {"ja": name}, "datatype": "double" if name in ("緯度", "経度", "標高") else "string"}
        for name in COLUMNS
    ]
    return described(of, url, columns, None)
