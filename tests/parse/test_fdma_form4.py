"""第4号様式: the official form filled in at its real places, as XLSX, XLS and CSV; tables; blank, 0 and 未確認."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt

from bousai.errors import ParseError
from bousai.formats import spreadsheet
from bousai.model import Bulletin, Issue
from bousai.parse import fdma_form4
from bousai.parse.fdma_form4 import Options

OPTIONS = Options("form4", "14", year=2026)
# What each placeholder of the official form means, read off its labels by eye.
MEANS = {
    "casualties21": "dead",
    "casualties22": "missing",
    "casualties23": "injured_severe",
    "casualties24": "injured_minor",
    **{
        f"house{name}{n}": f"{item}{suffix}"
        for name, item in (
            ("all", "house_destroyed"),
            ("half", "house_half_destroyed"),
            ("part", "house_partly_damaged"),
            ("upper", "flooded_above_floor"),
            ("lower", "flooded_below_floor"),
        )
        for n, suffix in ((1, ""), (2, "_households"), (3, "_people"))
    },
    "build1": "public_building",
    "build2": "other_building",
    "field1": "paddy_washed_ha",
    "field2": "paddy_flooded_ha",
    "farm1": "field_washed_ha",
    "farm2": "field_flooded_ha",
    "school": "school",
    "hospital": "hospital",
    "road": "road",
    "bridge": "bridge",
    "river": "river",
    "harbor": "port",
    "landslide": "erosion_control",
    "gabage": "waste_facility",
    "cliff": "cliff_collapse",
    "railway": "railway",
    "ship": "ship",
    "water": "water",
    "telephone": "telephone",
    "electricity": "power",
    "gas": "gas",
    "block": "block_wall",
    "suffer1": "affected_households",
    "suffer2": "affected_people",
    "fire1": "fire_building",
    "fire2": "fire_hazmat",
    "fire3": "fire_other",
    "amount1": "loss_schools_kyen",
    "amount2": "loss_farming_facilities_kyen",
    "amount3": "loss_public_works_kyen",
    "amount4": "loss_other_facilities_kyen",
    "subtotal": "loss_facilities_kyen",
    "amount5": "loss_agriculture_kyen",
    "amount6": "loss_forestry_kyen",
    "amount7": "loss_livestock_kyen",
    "amount8": "loss_fishery_kyen",
    "amount9": "loss_commerce_kyen",
    "amount10": "loss_other_kyen",
    "atotal": "loss_kyen",
    "fireman1": "firefighters",
    "fireman2": "volunteer_firefighters",
}
WORDS = {
    "city": "横須賀市",
    "pref": "神奈川県",
    "disastername": "【訓練】相模湾地震",
    "reportno": "第３報",
    "reporttime": "（１１月５日１４時現在）",
    "reporter": "訓練　太郎",
    "receiver": "訓練　次郎",
    "headoffice21": "【訓練】横須賀市災害対策本部",
    "headoffice22": "１１月５日１０時３０分",
    "headoffice23": "",
    "note2": "備考の文",
    "status": "",
}
FIRST = {
    "reporttime": "令和８年１１月５日１１時００分",
    "casualties1": "死者　１人",
    "casualties2": "不明　２人",
    "casualties3": "３人",
    "total": "計　６人",
    "house1": "全壊　４棟",
    "house2": "半壊　未確認",
    "house3": "一部破損　５棟",
    "house4": "床上浸水　棟",
    "occurtime": "令和８年１１月５日１０時１０分",
    "summary": "概況の文",
    "headoffice1": "",
    "headoffice2": "",
    "disastername": "災害名【訓練】相模湾地震",
    "reportno": "（第１報）",
}
Rows = list[list[str]]


def filled(realdata: Path, sheet: int, numbers: dict[str, str]) -> Rows:
    """The official form with its placeholders replaced; what has neither number nor word is left blank."""
    blank = spreadsheet.read((realdata / "damage-tables/form4/no.4.xls").read_bytes())[sheet]
    words = {**WORDS, **FIRST} if sheet == 0 else WORDS

    def cell(text: str) -> str:
        return re.sub(r"<%(\w+)%>", lambda m: numbers.get(m[1], words.get(m[1], "")), text)

    return [[cell(text) for text in row] for row in blank.rows]


def xlsx(rows: Rows) -> bytes:
    book = openpyxl.Workbook()
    for n, row in enumerate(rows, start=1):
        for c, text in enumerate(row, start=1):
            if text:
                book.active.cell(n, c, int(text) if text.isdecimal() else text)  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xls(rows: Rows) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("様式")
    for n, row in enumerate(rows):
        for c, text in enumerate(row):
            if text:
                sheet.write(n, c, int(text) if text.isdecimal() else text)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_csv(rows: Rows) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("cp932")


def read(body: bytes, options: Options = OPTIONS) -> tuple[list[Bulletin], list[Issue]]:
    found = list(fdma_form4.parse(body, options))
    return [one for one in found if isinstance(one, Bulletin)], [one for one in found if isinstance(one, Issue)]


def props(bulletins: list[Bulletin], kind: str = "damage_count") -> dict[str, Any]:
    (bulletin,) = [one for one in bulletins if one.kind == kind]
    (item,) = bulletin.items.rows()
    return dict(item.props)


@pytest.mark.parametrize("write", [xlsx, xls, as_csv])
def test_every_cell_of_the_official_form_is_its_item(realdata: Path, write: Callable[[Rows], bytes]) -> None:
    numbers = {name: str(100 + n) for n, name in enumerate(MEANS)}
    bulletins, issues = read(write(filled(realdata, 1, numbers)))
    said = props(bulletins)
    assert {item: said[item]["value"] for item in MEANS.values()} == {MEANS[n]: int(v) for n, v in numbers.items()}
    assert [issue for issue in issues if issue.severity != "info"] == []
    assert (said["incident"], said["report_no"], said["area_name"]) == ("【訓練】相模湾地震", "3", "横須賀市")
    assert said["as_of"] == "2026-11-05T14:00:00+09:00"
    hq = props(bulletins, "disaster_hq")
    assert (hq["state"], hq["set_up_at"]) == ("set_up", "2026-11-05T10:30:00+09:00")
    assert "太郎" not in repr([list(bulletin.items.rows()) for bulletin in bulletins])


def test_blank_zero_and_not_known_stay_apart(realdata: Path) -> None:
    rows = filled(
        realdata, 1, {"casualties21": "0", "casualties22": "未確認", "casualties23": "調査中", "school": "－"}
    )
    said = props(read(xlsx(rows))[0])
    states = {name: (said[name]["value"], said[name]["state"]) for name in ("dead", "missing", "injured_severe")}
    assert states == {
        "dead": (0, "reported"),
        "missing": (None, "unconfirmed"),
        "injured_severe": (None, "investigating"),
    }
    assert (said["injured_minor"]["state"], said["school"]["state"]) == ("blank", "not_applicable")


def test_the_first_form_tells_label_number_and_unit_in_one_cell(realdata: Path) -> None:
    bulletins, issues = read(xlsx(filled(realdata, 0, {})))
    said = props(bulletins)
    numbers = {
        name: said[name]["value"]
        for name in ("dead", "missing", "injured", "house_destroyed", "house_partly_damaged")
    }
    assert numbers == {"dead": 1, "missing": 2, "injured": 3, "house_destroyed": 4, "house_partly_damaged": 5}
    assert said["house_half_destroyed"]["state"] == "unconfirmed"
    assert said["flooded_above_floor"]["state"] == "blank"
    assert said["as_of"] == "2026-11-05T11:00:00+09:00"
    assert (said["area_name"], said["report_no"]) == ("横須賀市", "1")
    assert issues == []


def test_casualties_that_do_not_add_up_are_told(realdata: Path) -> None:
    _, issues = read(xlsx(filled(realdata, 0, {"total": "計　９人"})))
    assert [issue.code for issue in issues] == ["total_differs"]


def test_the_blank_official_form_is_refused_as_blank(realdata: Path) -> None:
    with pytest.raises(ParseError) as refused:
        read((realdata / "damage-tables/form4/no.4.xls").read_bytes())
    assert refused.value.code == "template_not_filled"


def test_a_time_without_a_year_is_not_completed_by_the_clock(realdata: Path) -> None:
    rows = filled(realdata, 1, {"casualties21": "1"})
    bulletins, issues = read(xlsx(rows), Options("form4", "14"))
    assert bulletins[0].issued_at is None
    assert "no_time" in {issue.code for issue in issues}


TABLE = """【訓練】相模湾地震による被害状況（第５報）,,,,,,,
２０２６年１１月５日１８時現在,,,,,,,
市町村名,人的被害,,,,住家被害,,
,死者,行方不明者,負傷者,,全壊,,床上浸水
,,,重傷,軽傷,棟,世帯,棟
横須賀市,1,0,2,10,3,4,0
三浦市,0,調査中,,1,1,1,－
計,1,0,2,11,5,5,0
"""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
def test_a_table_of_a_prefecture(encoding: str) -> None:
    bulletins, issues = read(TABLE.encode(encoding), Options("form4", "14"))
    (bulletin,) = bulletins
    rows = {item.props["area_name"]: item for item in bulletin.items.rows()}
    assert [rows[name].muni_code for name in ("横須賀市", "三浦市", "計")] == ["14201", "14210", None]
    first = rows["横須賀市"].props
    assert [
        first[name]["value"]
        for name in (
            "dead",
            "missing",
            "injured_severe",
            "injured_minor",
            "house_destroyed",
            "house_destroyed_households",
        )
    ] == [1, 0, 2, 10, 3, 4]
    assert rows["三浦市"].props["missing"]["state"] == "investigating"
    assert rows["三浦市"].props["injured_severe"]["state"] == "blank"
    assert bulletin.issued_at is not None
    assert bulletin.issued_at.isoformat() == "2026-11-05T18:00:00+09:00"
    assert (bulletin.complete, bulletin.serial) == (True, "5")
    # 全壊 3 + 1, but 計 says 5: told, and both stand.
    assert [issue.code for issue in issues] == ["total_differs"]
    assert "住家 全壊: 計 is 5, the rows add up to 4" in issues[0].cause


def test_columns_may_come_in_any_order_and_a_new_one_is_told() -> None:
    text = "市町村名,軽傷,死者,重傷,新しい列\n三浦市,3,1,2,9\n"
    bulletins, issues = read(f"2026年11月5日18時現在,,,,\n{text}".encode(), Options("form4", "14"))
    said = props(bulletins)
    assert [said[name]["value"] for name in ("dead", "injured_severe", "injured_minor")] == [1, 2, 3]
    assert [issue.code for issue in issues] == ["unread"]


def test_a_row_of_no_municipality_is_held_back_and_the_statement_is_not_whole() -> None:
    text = "市町村名,死者,重傷,軽傷\n三浦市,1,2,3\n架空市,1,2,3\n"
    bulletins, issues = read(text.encode(), Options("form4", "14", year=2026))
    assert not bulletins[0].complete
    assert len(bulletins[0].items) == 1
    assert "unknown_municipality" in {issue.code for issue in issues}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        ("名称,住所\nあ,い\n".encode(), "not_form4"),
        (b"PK\x03\x04", "not_spreadsheet"),
        (b"<html></html>", "html_instead_of_csv"),
        ("被害状況即報,,\n".encode(), "template_not_filled"),
        ("被害状況即報,,\n市町村名,架空市,\n死者,人,1\n".encode(), "no_municipality"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        read(body)
    assert refused.value.code == code
