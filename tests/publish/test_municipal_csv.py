"""指定緊急避難場所一覧: in the columns of the standard, and read back by the reader of such lists."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import shapely

from bousai import catalogue, settings
from bousai.model import Bulletin, Item, ReleasedLayer
from bousai.parse import municipal_site
from bousai.publish import features, formats_of, write_files
from bousai.publish.municipal_csv import COLUMNS
from bousai.vocab.count import Count, reported, without
from tests.publish.tables import PUBLISHER, SOURCE, T0, layer, row, table

KNOWN = catalogue.load(settings.load({}).config)
HAZARDS = {"flood": True, "landslide": False, "storm_surge": None, "tsunami": True}


def written(folder: Path, layer_id: str, *rows: dict[str, Any]) -> Path:
    one = KNOWN.layer(layer_id)
    shown = ReleasedLayer(**{name: getattr(one, name) for name in type(one).model_fields}, tier="public")
    found = features(shown, [table([row(f"x/{n}", **said) for n, said in enumerate(rows)], layer_id)], {})
    table_, beside = write_files(
        folder,
        found,
        ["evacuation_space.csv"],
        valid_at=T0,
        known_at=T0,
        published_at=T0,
        freshness=[SOURCE],
        publisher=PUBLISHER,
    )
    said = json.loads(beside.read_bytes())
    assert (said["url"], said["dc:source"]) == (table_.name, ["出典：内閣府"])
    return table_


def site(name: str, capacity: Count | None = None, **props: Any) -> dict[str, Any]:
    return {
        "props": {"name": name, "site_type": "evacuation_site", "hazards": HAZARDS, "capacity": capacity, **props},
        "muni_code": "01202",
        "geometry": shapely.Point(140.7, 41.8),
    }


def cells(path: Path) -> list[dict[str, str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = csv.DictReader(file)
        assert tuple(found.fieldnames or ()) == COLUMNS
        return list(found)


def test_a_site_in_the_columns_of_the_standard(tmp_path: Path) -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 39
    rows = cells(
        written(
            tmp_path,
            "municipal_site",
            site("髙﨑①～−㈱", reported(0), common_id="E0120200001201", address="函館市本町1", also_shelter=True),
            site("=公園", without("unknown", "屋内191人／屋外0人"), elevation_m=1.5, note="－"),
            site("福祉避難所", site_type="welfare_shelter"),
        )
    )
    assert [one["名称"] for one in rows] == ["髙﨑①～−㈱", "'=公園"]
    first, second = rows
    assert {name: value for name, value in first.items() if value} == {
        "全国地方公共団体コード": "012025",
        "ID": "E0120200001201",
        "名称": "髙﨑①～−㈱",
        "所在地_全国地方公共団体コード": "012025",
        "所在地_連結表記": "函館市本町1",
        "所在地_都道府県": "北海道",
        "所在地_市区町村": "函館市",
        "緯度": "41.8",
        "経度": "140.7",
        "災害種別_洪水": "1",
        "災害種別_津波": "1",
        "指定避難所との重複": "1",
        "想定収容人数": "0",
    }
    assert (second["想定収容人数"], second["標高"], second["指定避難所との重複"]) == ("屋内191人／屋外0人", "1.5", "")


def test_the_reader_of_such_lists_reads_it(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "evacuation_site",
        *(
            site(f"公園{n}", common_id=f"E012020000{n}201", address=f"函館市本町{n}", same_address=n == 1)
            for n in range(4)
        ),
    )
    found = list(municipal_site.parse(path.read_bytes(), municipal_site.Options(source="x")))
    items: list[Item] = [item for one in found if isinstance(one, Bulletin) for item in one.items.rows()]
    assert [one for one in found if not isinstance(one, Bulletin)] == []
    assert [item.props["name"] for item in items] == [f"公園{n}" for n in range(4)]
    for n, item in enumerate(items):
        assert item.muni_code == "01202"
        assert item.geometry == shapely.to_wkb(shapely.Point(140.7, 41.8))
        assert item.props["hazards"]["flood"] is item.props["hazards"]["tsunami"] is True
        assert item.props["hazards"]["landslide"] is False
        assert (item.props["address"], item.props["also_shelter"]) == (f"函館市本町{n}", n == 1)


def test_only_lists_of_sites_have_it() -> None:
    assert "evacuation_space.csv" not in formats_of(layer("n"))
    assert [one.id for one in KNOWN.layers.values() if "evacuation_space.csv" in formats_of(one)] == [
        "evacuation_site",
        "municipal_site",
    ]
