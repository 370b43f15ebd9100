"""EEI 05 as a table: every attribute, ends, words, spreadsheets, and what is refused."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, time
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tests.parse import road_samples as made

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import road_restriction_list

COLUMNS = {
    "道路種別": "road_type",
    "路線名": "road_name",
    "規制場所始点": "start_point",
    "規制場所終点": "end_point",
    "距離・延長": "length_km",
    "規制種別": "restriction",
    "規制理由": "cause",
    "規制開始日": "start_day",
    "規制開始時間": "start_time",
    "規制終了日": "end_day",
    "規制終了時間": "end_time",
    "都道府県名": "pref",
    "市区町村名": "municipality",
    "担当者": "drop",
    "電話番号": "drop",
}
ROW = {
    "道路種別": "都道府県道",
    "路線名": "県道999号訓練線",
    "規制場所始点": "訓練町1",
    "規制場所終点": "訓練町9",
    "距離・延長": "2.5km",
    "規制種別": "全面通行止め",
    "規制理由": "落石",
    "規制開始日": "2026/11/5",
    "規制開始時間": "9:10",
    "規制終了日": "",
    "規制終了時間": "",
    "都道府県名": "神奈川県",
    "市区町村名": "小田原市",
}
OPTIONS = road_restriction_list.Options("roads", "訓練県", "202611051800", COLUMNS)


def table(*rows: dict[str, str]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)) or list(ROW))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def parsed(body: bytes, options: road_restriction_list.Options = OPTIONS) -> tuple[Bulletin, list[Issue]]:
    results = list(road_restriction_list.parse(body, options))
    [bulletin] = [result for result in results if isinstance(result, Bulletin)]
    return bulletin, [result for result in results if isinstance(result, Issue)]


def one(**changes: str) -> tuple[Item, list[str]]:
    bulletin, issues = parsed(table({**ROW, **changes}))
    [item] = bulletin.items.rows()
    return item, [issue.code for issue in issues]


def refused(body: bytes, options: road_restriction_list.Options = OPTIONS) -> str:
    with pytest.raises(ParseError) as caught:
        parsed(body, options)
    assert caught.value.remedy
    return caught.value.code


def test_every_attribute() -> None:
    bulletin, issues = parsed(table(ROW))
    assert issues == []
    assert (bulletin.scope, bulletin.complete, bulletin.issuer) == ("roads/road_restriction", False, "訓練県")
    assert bulletin.issued_at == datetime.fromisoformat("2026-11-05T18:00:00+09:00")
    [item] = bulletin.items.rows()
    assert {name: value for name, value in item.props.items() if value is not None} == {
        "road_type": "prefectural",
        "road_no": "999",
        "road_name": "県道999号訓練線",
        "start_point": "訓練町1",
        "end_point": "訓練町9",
        "length_km": 2.5,
        "restriction": "closed",
        "restriction_text": "全面通行止め",
        "cause": "落石",
        "started_at": "2026-11-05T09:10:00+09:00",
        "area_name": "神奈川県小田原市",
        "as_of": "2026-11-05T18:00:00+09:00",
    }
    assert (item.muni_code, item.ended, item.position) == ("14206", False, "line 2")


@pytest.mark.parametrize(
    ("day", "clock", "ended", "codes"),
    [
        ("", "", False, []),
        ("2026/11/5", "18:00", True, []),
        ("2026/11/5", "18:01", False, []),
        ("2026/11/4", "", True, []),
        ("2026/11/5", "", False, ["no_end_time"]),
        ("2026/11/6", "", False, []),
        ("令和8年11月5日", "17時30分", True, []),
        ("未定", "", False, ["bad_time"]),
        ("2026/11/4", "夕方", True, ["bad_time"]),
        ("", "17:00", False, ["bad_time"]),
    ],
)
def test_a_road_is_open_only_where_the_list_says_so(day: str, clock: str, ended: bool, codes: list[str]) -> None:
    item, found = one(規制終了日=day, 規制終了時間=clock)
    assert (item.ended, found) == (ended, codes)


def test_a_day_alone_is_no_instant() -> None:
    item, codes = one(規制開始時間="")
    assert (item.props["started_at"], item.props["detail"], codes) == (None, "規制開始日 2026-11-05", [])


def test_lifted_by_its_word() -> None:
    item, _ = one(規制種別="規制解除")
    assert (item.ended, item.props["restriction"]) == (True, "unknown")
    item, codes = one(規制種別="徐行")
    assert (item.ended, item.props["restriction"], codes) == (False, "unknown", ["unknown_restriction"])


@pytest.mark.parametrize(
    ("text", "km", "codes"),
    [("300m", 0.3, []), ("１．２", 1.2, []), ("約2km", 2.0, []), ("", None, []), ("長い", None, ["bad_number"])],
)
def test_lengths(text: str, km: float | None, codes: list[str]) -> None:
    bulletin, issues = parsed(table({**ROW, "距離・延長": text}))
    [item] = bulletin.items.rows()
    assert (item.props["length_km"], [issue.code for issue in issues]) == (km, codes)


def test_a_restriction_is_known_again_when_its_kind_or_end_changes() -> None:
    first, _ = one()
    later, _ = one(規制種別="片側交互通行", 規制終了日="2026/11/5", 規制終了時間="17:00")
    other, _ = one(規制場所終点="訓練町8")
    assert first.item_id == later.item_id != other.item_id


def test_rows_that_are_twice_or_say_nothing() -> None:
    bulletin, issues = parsed(table(ROW, ROW, {**ROW, "規制種別": "片側交互通行"}, dict.fromkeys(ROW, "")))
    assert len(set(bulletin.items.item_id)) == len(bulletin.items) == 2
    assert [issue.code for issue in issues] == ["duplicate_record", "duplicate_id"]
    bulletin, issues = parsed(table({**dict.fromkeys(ROW, ""), "規制種別": "全面通行止め"}))
    assert (len(bulletin.items), [issue.code for issue in issues]) == (0, ["no_identity"])


def test_people_are_left_out_and_new_columns_are_seen() -> None:
    bulletin, issues = parsed(table({**ROW, "担当者": "訓練太郎", "電話番号": "000-0000-0000", "迂回路": "有"}))
    assert "訓練太郎" not in repr(list(bulletin.items.rows()))
    assert [(issue.code, issue.position) for issue in issues] == [("unread", "迂回路")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_encodings_and_the_order_of_columns(encoding: str) -> None:
    body = table(dict(reversed(ROW.items()))).decode().encode(encoding)
    assert list(parsed(body)[0].items.rows()) == list(parsed(table(ROW))[0].items.rows())


def test_a_spreadsheet_says_the_same() -> None:
    cells: dict[str, Any] = {**ROW, "規制開始日": date(2026, 11, 5), "規制開始時間": time(9, 10)}
    body = made.book(["通行規制一覧（令和8年11月5日18時現在）"], [], list(cells), list(cells.values()), [None] * 13)
    bulletin, issues = parsed(body)
    assert issues == []
    [item], [same] = bulletin.items.rows(), parsed(table(ROW))[0].items.rows()
    assert dict(item.props) == dict(same.props)
    assert (item.muni_code, item.position) == ("14206", "訓練!4")


def test_a_place_where_the_list_has_one() -> None:
    columns = {**COLUMNS, "緯度": "lat", "経度": "lon"}
    options = road_restriction_list.Options("roads", "訓練県", "202611051800", columns)
    [item] = parsed(table({**ROW, "緯度": "35.25", "経度": "139.15"}), options)[0].items.rows()
    assert item.geometry == shapely.to_wkb(shapely.Point(139.15, 35.25))
    bulletin, issues = parsed(table({**ROW, "緯度": "北緯35度", "経度": "139.15"}), options)
    assert (list(bulletin.items.geometry), [issue.code for issue in issues]) == ([None], ["bad_geometry"])


def test_what_is_refused() -> None:
    assert refused(b"") == "empty"
    assert refused(b"<!DOCTYPE html>") == "html_instead_of_csv"
    assert refused(table({"道路": "x"})) == "no_header"
    assert refused(made.book(["道路"], ["x"])) == "no_header"
    assert refused(made.book([*ROW, "路線名"], [*ROW.values(), "x"])) == "duplicate_header"
    for options in (
        road_restriction_list.Options("roads", "x", "202611051800", {"路線名": "road"}),
        road_restriction_list.Options("roads", "x", "202611051800", {"路線名": "road_name"}),
        road_restriction_list.Options("roads", "x", "202611051800", {**COLUMNS, "a": "cause", "b": "cause"}),
    ):
        assert refused(table(ROW), options) == "bad_columns"
    assert refused(table(ROW), road_restriction_list.Options("roads", "x", "202613051800", COLUMNS)) == "bad_time"


def test_the_mark_of_a_drill() -> None:
    drill = {**ROW, "規制理由": "【訓練】落石"}
    assert parsed(table(drill, {**drill, "路線名": "訓練道"}))[0].status == "exercise"
    assert parsed(table({**ROW, "規制理由": "訓練のため"}))[0].status == "actual"
    assert refused(table(drill, ROW)) == "unknown_status"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_an_end_lifts_exactly_from_its_minute_on(end: datetime) -> None:
    item, codes = one(規制終了日=f"{end:%Y/%m/%d}", 規制終了時間=f"{end:%H:%M}")
    assert item.ended is (end.replace(second=0, microsecond=0) <= datetime(2026, 11, 5, 18))  # noqa: DTZ001
    assert codes == []
