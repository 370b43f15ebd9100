"""Lists of outages: the real series of two utilities against another reading of them, ranges, restored areas."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bousai import catalogue
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse import outage_list
from bousai.parse.outage_list import Options

FEEDS = catalogue.load(Path(__file__).resolve().parents[2] / "config").feeds


def options(feed: str) -> Options:
    return msgspec.convert(FEEDS[feed].options, Options)


def read(body: bytes, feed: str) -> tuple[Bulletin, list[Issue]]:
    found = list(outage_list.parse(body, options(feed)))
    (bulletin,) = [one for one in found if isinstance(one, Bulletin)]
    return bulletin, [one for one in found if isinstance(one, Issue)]


def rikuden(realdata: Path) -> list[Path]:
    return sorted((realdata / "damage-tables/rikuden-outage-2024").glob("*.csv"))


def tepco(realdata: Path) -> list[Path]:
    return sorted((realdata / "damage-tables/tepco-outage-2019").glob("*.json"))


def test_every_outage_of_hokuriku_is_there_with_its_range(realdata: Path) -> None:
    for path in rikuden(realdata):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        bulletin, issues = read(path.read_bytes(), "hokuriku_power_outage")
        items = list(bulletin.items.rows())
        assert len(items) == len({tuple(row) for row in rows}), path.name
        assert {issue.code for issue in issues} <= {"repeated_row"}
        assert bulletin.complete
        expected = Counter((row[1][:5], row[5].replace(" ", "")) for row in {tuple(row) for row in rows})
        shown = Counter((item.muni_code, _written(item.props["affected"], "戸")) for item in items)
        assert shown == expected, path.name


def _written(count: dict[str, Any], unit: str) -> str:
    value = count["value"]
    return f"約{value}{unit}" if count["qualifier"] == "approx" else f"{value}{unit}未満"


def test_every_outage_of_tepco_is_there_and_equal_rows_count_once(realdata: Path) -> None:
    repeated = {}
    for path in tepco(realdata):
        rows = json.loads(path.read_bytes())
        bulletin, issues = read(path.read_bytes(), "tepco_power_outage")
        distinct = {tuple(row) for row in rows}
        repeated[path.name] = sum(issue.code == "repeated_row" for issue in issues)
        assert repeated[path.name] == len(rows) - len(distinct)
        items = list(bulletin.items.rows())
        assert Counter((i.muni_code, _written(i.props["affected"], "軒")) for i in items) == Counter(
            (row[0][:5], row[4]) for row in distinct
        )
        assert bulletin.complete
    assert repeated["data.201909111941.json"] == 47


def test_an_empty_array_says_that_all_is_restored_and_an_empty_file_says_nothing() -> None:
    bulletin, issues = read(b"[]", "tepco_power_outage")
    assert (len(bulletin.items), bulletin.complete, issues) == (0, True, [])
    with pytest.raises(ParseError) as refused:
        read(b"", "hokuriku_power_outage")
    assert refused.value.code == "empty"


def test_ids_do_not_depend_on_the_order_of_other_places() -> None:
    rows = [["12219000000.html", "千葉県", "市原市", f"訓練{n}", "約100軒"] for n in range(5)]
    first, _ = read(json.dumps(rows).encode(), "tepco_power_outage")
    second, _ = read(json.dumps(rows[::-1]).encode(), "tepco_power_outage")
    assert set(first.items.item_id) == set(second.items.item_id)
    assert len(set(first.items.item_id)) == 5


def test_code_and_name_that_disagree_give_no_municipality() -> None:
    rows = [["12219000000.html", "千葉県", "銚子市", "訓練", "約100軒"]]
    bulletin, issues = read(json.dumps(rows).encode(), "tepco_power_outage")
    assert bulletin.items.muni_code == [None]
    assert [issue.code for issue in issues] == ["unknown_municipality"]
    assert "two municipalities" in issues[0].cause


def test_a_count_in_other_words_is_kept_as_not_known() -> None:
    rows = [["12219000000.html", "千葉県", "市原市", "訓練", "一部地域"]]
    bulletin, issues = read(json.dumps(rows).encode(), "tepco_power_outage")
    (item,) = bulletin.items.rows()
    assert item.props["affected"] == {"value": None, "state": "unknown", "qualifier": "exact", "text": "一部地域"}
    assert [issue.code for issue in issues] == ["bad_count"]


WATER = "都道府県,市区町村,地区,断水戸数,最大断水戸数,原因,断水開始日時,復旧日時,復旧見込み,備考"


def test_a_restored_area_has_ended_and_columns_may_come_in_any_order() -> None:
    row = "神奈川県,葉山町,訓練台,0戸,320戸,停電,2026/11/05 08:10,2026/11/05 12:00,,"
    bulletin, issues = read(f"{WATER}\n{row}\n".encode(), "water_outage")
    (item,) = bulletin.items.rows()
    assert (item.ended, item.muni_code, issues) == (True, "14301", [])
    assert item.props["affected"]["value"] == 0
    turned = "\n".join(",".join(reversed(line.split(","))) for line in (WATER, row))
    again, _ = read(turned.encode(), "water_outage")
    (other,) = again.items.rows()
    assert (other.item_id, other.props) == (item.item_id, item.props)


def test_a_new_column_is_told_and_a_lost_one_refuses_the_list() -> None:
    row = "神奈川県,葉山町,訓練台,1戸,2戸,,,,,"
    _, issues = read(f"{WATER},新しい列\n{row},x\n".encode("cp932"), "water_outage")
    assert [issue.code for issue in issues] == ["unread"]
    with pytest.raises(ParseError) as refused:
        read(f"{WATER.replace('断水戸数,最大', '戸数,最大')}\n{row}\n".encode(), "water_outage")
    assert refused.value.code == "missing_column"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<!DOCTYPE html><html></html>", "html_instead_of_csv"),
        (b"2024/01/01 16:10,172040011,a\n", "ragged"),
        (b'[["a"]]', "ragged"),
        (b'[[["a"]]]', "not_rows"),
        (b'{"a": 1}', "not_rows"),
        (b"[NaN]", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[[1e999]]", "not_json"),
        (b"\xff\xfe\x00", "wrong_encoding"),
    ],
)
def test_what_is_no_list_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        read(body, "hokuriku_power_outage")
    assert refused.value.code == code


def test_a_column_map_with_a_wrong_field_is_refused() -> None:
    wrong: Sequence[Any] = ("started_at", "surprise")
    with pytest.raises(ParseError) as refused:
        list(outage_list.parse(b"a,b\n", Options("x", "x", "power", tuple(wrong))))
    assert refused.value.code == "wrong_column_map"
