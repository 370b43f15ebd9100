"""What headers, flags, codes and places of municipal lists mean, and that a table is found wherever it stands."""

from __future__ import annotations

import csv
import doctest
import io
import json

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.formats import listing, municipal_list
from bousai.formats.municipal_list import HAZARDS, Where
from bousai.model import Issue
from bousai.vocab import rows as vocab_rows
from bousai.vocab.municipality import check_digit, municipalities

READS = municipal_list.Meaning.__args__  # type: ignore[attr-defined]
HEADER = municipal_list.is_header({}, {}, ("name",))


def test_module_examples() -> None:
    result = doctest.testmod(municipal_list)
    assert result.attempted >= 10
    assert not result.failed


def table(*rows: list[str], encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def sheet(*rows: list[str]) -> tuple[municipal_list.Sheet, list[Issue]]:
    issues: list[Issue] = []
    found = municipal_list.sheet(listing.read(table(*rows), HEADER), {}, {}, READS, issues)
    return found, issues


# ── where the table stands ───────────────────────────────────────────────────────────────────────────────────────


def test_lines_of_title_above_the_header_are_passed_over() -> None:
    rows = [
        ["訓練市 避難所一覧", "", ""],
        ["2026年11月5日現在", "", ""],
        ["名称", "住所", "緯度"],
        ["a", "b", "35.1"],
    ]
    found = listing.read(table(*rows), HEADER)
    assert found.columns == {"名称": ["a"], "住所": ["b"], "緯度": ["35.1"]}
    assert found.position == ["line 4"]


def test_every_sheet_with_the_header_is_read() -> None:
    made = openpyxl.Workbook()
    for title, rows in {
        "説明": [["項目", "説明"], ["名称", "施設の名称"]],
        "東": [["名称", "住所", "緯度"], ["a", "b", 35.1]],
        "西": [["一覧"], [], ["名称", "経度", "住所", None], ["c", 139, "d", None]],
    }.items():
        one = made.create_sheet(title)
        for row in rows:
            one.append(row)
    del made["Sheet"]
    out = io.BytesIO()
    made.save(out)
    found = listing.read(out.getvalue(), HEADER)
    assert found.columns == {
        "名称": ["a", "c"],
        "住所": ["b", "d"],
        "緯度": ["35.1", None],
        "経度": [None, "139"],
    }
    assert (found.position, found.left_out) == (["東!2", "西!4"], ["説明"])


def test_features_without_a_member_are_not_empty_there() -> None:
    features = [
        {"type": "Feature", "properties": {"名称": "a", "住所": None, "緯度": 35.0}, "geometry": None},
        {"type": "Feature", "properties": {"名称": "b", "緯度": True, "経度": 1.5}, "geometry": None},
    ]
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    found = listing.read(body, HEADER)
    assert found.columns == {"名称": ["a", "b"], "住所": ["", None], "緯度": ["35", "true"], "経度": [None, "1.5"]}


def test_empty_columns_at_the_right_do_not_count_and_others_are_named() -> None:
    found = listing.read(table(["名称", "住所", "緯度", "", ""], ["a", "b", "1", "", ""]), HEADER)
    assert list(found.columns) == ["名称", "住所", "緯度"]
    found = listing.read(table(["名称", "住所", "緯度", "", ""], ["a", "b", "1", "", "x"]), HEADER)
    assert list(found.columns) == ["名称", "住所", "緯度", "(column 5 without a header)"]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["名称"], ["a"]], "no_header"),
        ([["名称", "別の列", "更に別", "他"], ["a", "b", "c", "d"]], "no_header"),
        ([["名称", "住所", "住所", "緯度"], ["a", "b", "c", "1"]], "duplicate_header"),
        ([["名称", "住所", "緯度"], ["a", "b"]], "ragged"),
        ([["名称", "住所", "緯度"], ["a", "b", "1", ""]], "ragged"),
    ],
)
def test_what_is_no_such_table(rows: list[list[str]], code: str) -> None:
    with pytest.raises(ParseError) as caught:
        listing.read(table(*rows), HEADER)
    assert caught.value.code == code


# ── what the columns mean ────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_of_headers_is_sound() -> None:
    """No header has two meanings, every meaning is one, and what is left out has a reason."""
    rows = vocab_rows("site_column")
    folded = [municipal_list.fold(row["header"]) for row in rows]
    by_name = {
        name: {row["meaning"] for row, one in zip(rows, folded, strict=True) if one == name} for name in folded
    }
    assert {name for name, meanings in by_name.items() if len(meanings) > 1} == set()
    assert {row["meaning"] for row in rows} <= {*READS, ""}
    assert all(bool(row["meaning"]) != bool(row["why_left_out"]) for row in rows)


@given(st.data())
def test_how_a_header_is_written_does_not_matter(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from([row for row in vocab_rows("site_column") if row["meaning"] in HAZARDS]))
    mark = data.draw(st.sampled_from(["_", "＿", "＝", "=", "・", " "]))
    written = row["header"].replace("_", mark)
    wide = written.translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)}) if data.draw(st.booleans()) else written
    found, issues = sheet(["名称", "住所", wide], ["a", "b", "1"])
    assert (list(found.header), issues) == (["name", "address", row["meaning"]], [])


def test_the_code_of_the_place_comes_before_other_codes() -> None:
    header = ["市区町村コード", "名称", "所在地_全国地方公共団体コード", "全国地方公共団体コード"]
    found, issues = sheet(header, ["172014", "a", "172022", "170003"], ["172014", "b", "", "170003"])
    assert (issues, found.further_codes) == ([], ("市区町村コード",))
    assert [municipal_list.municipality(found, n, Where(), issues) for n in (0, 1)] == ["17202", "17201"]


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    code=st.sampled_from(sorted(code for code, one in municipalities().items() if one.valid_to is None)),
    six=st.booleans(),
    lost=st.booleans(),
    named=st.booleans(),
    wide=st.booleans(),
)
def test_a_code_is_the_right_municipality_or_an_issue(
    code: str, six: bool, lost: bool, named: bool, wide: bool
) -> None:
    one = municipalities()[code]
    written = code + check_digit(code) if six else code
    written = written.lstrip("0") if lost else written
    written = written.translate({n: n + 0xFEE0 for n in range(0x30, 0x3A)}) if wide else written
    row = [written, "a", one.pref if named else "", one.name if named else ""]
    found, _ = sheet(["市区町村コード", "名称", "都道府県名", "市区町村名"], row)
    issues: list[Issue] = []
    resolved = municipal_list.municipality(found, 0, Where(), issues)
    assert resolved in (code, None)
    assert [issue.code for issue in issues] == ([] if resolved else ["unknown_municipality"])
    if named or not lost or not code.startswith("0"):
        # 泊村 of 北海道 is two; five digits without a zero can be those of another one that lost it
        assert resolved == code or one.name == "泊村" or (not six and not named)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("越前市国府二丁目9-12", "18209"),
        ("福井県越前市国府二丁目", "18209"),
        ("国府二丁目9-12", "18209"),
        ("坂本町1-19", "18209"),
        ("鯖江市訓練町1", None),
        ("福井県鯖江市訓練町1", None),
        ("", "18209"),
    ],
)
def test_a_list_of_one_city_with_a_place_elsewhere(address: str, expected: str | None) -> None:
    found, _ = sheet(["名称", "住所", "緯度"], ["a", address, "35"])
    issues: list[Issue] = []
    assert municipal_list.municipality(found, 0, Where(None, "18209"), issues) == expected
    assert len(issues) == (expected is None)


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(lat=st.floats(20.5, 45.5), lon=st.floats(122.5, 153.5))
def test_a_position_is_what_is_written(lat: float, lon: float) -> None:
    place = municipal_list.place_of(repr(lat), repr(lon))
    assert place is not None
    assert (place.lat, place.lon) == (round(lat, 6), round(lon, 6))


@pytest.mark.parametrize(
    "text", ["999", "nan", "inf", "1e999", "0x1", "35度", "35.1.2", "３５．１．２", "①", "35,1", "1_0"]
)
def test_what_is_no_number_is_no_position(text: str) -> None:
    assert municipal_list.place_of(text, "139") is None
    assert municipal_list.place_of("35", text) is None
