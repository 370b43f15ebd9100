"""Population by grid square: e-Stat's form and lists of one's own, suppression, dates, what is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai import catalogue
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import population_mesh
from bousai.parse.population_mesh import Options, census_tables
from bousai.vocab import mesh

FEED = catalogue.load(Path(__file__).resolve().parents[2] / "config").feeds["population_mesh"]
E_STAT = "KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T001141001,T001141002,T001141034"
LABELS = ",,,,　人口（総数）,　人口（総数）　男,　世帯総数"


def text(*lines: str, encoding: str = "cp932") -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode(encoding)


def read(body: bytes, name: str = "tblT001141H5339.txt", **options: Any) -> tuple[list[Bulletin], list[Issue]]:
    told = msgspec.convert({**FEED.options, **FEED.told_by(name), **options}, Options)
    found = list(population_mesh.parse(body, told))
    return [one for one in found if isinstance(one, Bulletin)], [one for one in found if isinstance(one, Issue)]


def items(bulletins: Sequence[Bulletin]) -> dict[str, Item]:
    return {item.props["mesh_code"]: item for one in bulletins for item in one.items.rows()}


def people(bulletins: Sequence[Bulletin]) -> dict[str, int | None]:
    return {code: item.props["population"]["value"] for code, item in items(bulletins).items()}


def refusal(body: bytes, name: str = "tblT001141H5339.txt", **options: Any) -> str:
    with pytest.raises(ParseError) as caught:
        read(body, name, **options)
    return caught.value.code


def test_a_table_of_e_stat_is_the_whole_of_its_square_as_of_the_census() -> None:
    body = text(E_STAT, LABELS, "533946113,0,,,812,401,455", "533946114,0,,,0,0,0")
    (one,), issues = read(body)
    assert not issues
    assert (one.scope, one.complete, one.status, one.issuer) == (
        "estat/population_mesh/2020-10-01/500m/5339",
        True,
        "actual",
        "総務省統計局",
    )
    assert one.issued_at is None  # the document's own time: given out again it corrects what was there
    assert list(one.items.item_id) == ["2020-10-01/533946113", "2020-10-01/533946114"]
    first = items([one])["533946113"]
    assert first.props == {
        "mesh_code": "533946113",
        "mesh_level": "500m",
        "population": {"value": 812, "state": "reported", "qualifier": "exact", "text": None},
        "households": {"value": 455, "state": "reported", "qualifier": "exact", "text": None},
        "year": 2020,
        "surveyed_on": "2020-10-01",
        "suppression": "none",
        "merged_into": None,
        "merged_from": [],
        "table_id": "T001141",
        "datum": "JGD2011",
        "covers": "5339",
    }
    assert first.position == "line 3"
    assert first.geometry is not None
    assert shapely.from_wkb(first.geometry).bounds == (139.7625, 35.679167, 139.76875, 35.683333)


def test_the_total_is_every_squares_own_though_its_details_went_elsewhere() -> None:
    """人口総数 is exempt from suppression: nothing is added along HTKSAKI and GASSAN."""
    body = text(
        E_STAT,
        LABELS,
        "533946111,1,,533946112;533946113,57,27,*",
        "533946112,2,533946111,,3,*,*",
        "533946113,2,533946111,,1,*,*",
    )
    (one,), issues = read(body)
    assert not issues
    assert people([one]) == {"533946111": 57, "533946112": 3, "533946113": 1}
    found = items([one])
    assert found["533946112"].props["households"]["state"] == "suppressed"
    assert [found[code].props["suppression"] for code in sorted(found)] == ["receives", "merged", "merged"]
    assert found["533946111"].props["merged_from"] == ["533946112", "533946113"]
    assert found["533946113"].props["merged_into"] == "533946111"


def test_a_suppressed_total_is_no_number_and_not_0() -> None:
    body = text(
        "KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T000999001",
        ",,,,　老年人口",
        "53394611,1,,53394612,310",
        "53394612,2,53394611,,*",
        "53394613,0,,,-",
        "53394614,0,,,",
    )
    found, issues = read(body, "elderly_2020.csv", columns={"老年人口": "population"})
    assert not issues
    count = {code: item.props["population"] for code, item in items(found).items()}
    assert count["53394612"] == {"value": None, "state": "suppressed", "qualifier": "exact", "text": "*"}
    assert [count[code]["state"] for code in sorted(count)] == ["reported", "suppressed", "not_applicable", "blank"]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (["533946111,2,,,5,1,1"], "533946111: HTKSYORI 2 with no square"),
        (["533946111,0,533946112,,5,1,1"], "533946111: HTKSYORI 0 with 533946112"),
        (["533946111,1,,,5,1,1"], "533946111: HTKSYORI 1 with no square"),
        (["533946111,3,,,5,1,1"], "533946111: HTKSYORI is '3'"),
        (["533946111,1,,533946119,5,1,1"], "533946111: '533946119' are not all squares"),
        (
            ["533946111,0,,,5,1,1", "533946112,2,533946111,,5,1,1"],
            "533946112 went into 533946111, which does not say so",
        ),
    ],
)
def test_suppression_that_does_not_fit_is_kept_with_an_issue(rows: list[str], why: str) -> None:
    found, issues = read(text(E_STAT, LABELS, *rows))
    assert [(issue.code, issue.cause) for issue in issues] == [("odd_suppression", why)]
    assert set(people(found).values()) == {5}


def test_a_square_may_have_gone_into_one_of_another_file() -> None:
    _, issues = read(text(E_STAT, LABELS, "533900001,2,523970003,,5,*,*".replace("533900001", "533900002")))
    assert not issues


def test_a_file_by_prefecture_is_not_all_of_any_square() -> None:
    body = text(E_STAT, LABELS, "533946113,0,,,812,401,455", "543900001,0,,,9,4,3")
    found, _ = read(body, "tblT001141H14.txt")
    assert [(one.scope[-9:], one.complete) for one in found] == [("500m/5339", False), ("500m/5439", False)]
    assert {item.props["covers"] for item in items(found).values()} == {"14"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_list_of_ones_own(encoding: str) -> None:
    body = text("メッシュコード,人口,世帯数", '53394611,"1,234",600', "533946005,20,9", encoding=encoding)
    found, issues = read(body, "people_2024-01-01.csv")
    assert not issues
    assert [(one.scope, one.complete) for one in found] == [
        ("estat/population_mesh/2024-01-01/1km/5339", False),
        ("estat/population_mesh/2024-01-01/2km/5339", False),
    ]
    assert people(found) == {"53394611": 1234, "533946005": 20}
    assert {(one.props["surveyed_on"], one.props["covers"]) for one in items(found).values()} == {
        ("2024-01-01", None)
    }


def test_a_list_without_households() -> None:
    found, _ = read(text("mesh_code,population", "5339,7"), "people_2024.csv")
    assert items(found)["5339"].props["households"] is None


@given(st.sampled_from(list(mesh.LEVELS)), st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_every_level_goes_through_with_its_number(level: str, numbers: list[int]) -> None:
    side = mesh.LEVELS[level].steps / 640
    codes = mesh.codes_at([125 + side * (n + 0.5) for n in range(len(numbers))], [35.1] * len(numbers), level)
    known = dict(zip(codes.tolist(), numbers, strict=True))
    known.pop("", None)
    body = text("mesh_code,population", *(f"{code},{n}" for code, n in known.items()))
    if not known:
        return
    found, issues = read(body, "people_2020.csv")
    assert not issues
    assert people(found) == known
    assert {one.scope.split("/")[3] for one in found} == {level}


def test_a_drill_says_so_in_a_heading() -> None:
    (one,), _ = read(text(E_STAT, LABELS.replace("世帯総数", "世帯総数【訓練】"), "533946113,0,,,8,4,4"))
    assert one.status == "exercise"
    assert items([one])["533946113"].props["households"]["value"] == 4
    (one,), _ = read(text("mesh_code,population【訓練】", "5339,7"), "people_2024.csv")
    assert one.status == "exercise"


def test_a_row_of_no_square_is_held_back_and_the_statement_not_whole() -> None:
    (one,), issues = read(text(E_STAT, LABELS, "533946113,0,,,8,4,4", "533946119,0,,,8,4,4"))
    assert [issue.code for issue in issues] == ["bad_mesh_code"]
    assert not one.complete
    assert [(code, item.props["covers"]) for code, item in items([one]).items()] == [("533946113", None)]


def test_a_row_that_is_there_twice_counts_once_and_two_that_differ_are_both_left_for_the_next_step() -> None:
    (one,), issues = read(text(E_STAT, LABELS, "533946113,0,,,8,4,4", "533946113,0,,,8,4,4"))
    assert [issue.code for issue in issues] == ["repeated_row"]
    assert (people([one]), one.complete) == ({"533946113": 8}, True)
    (one,), _ = read(text(E_STAT, LABELS, "533946113,0,,,8,4,4", "533946113,0,,,9,4,4"))
    assert list(one.items.props["mesh_code"]) == [
        "533946113",
        "533946113",
    ]  # normalise refuses: which one holds is not known


@pytest.mark.parametrize("cell", ["-5", "1.5", "8人くらい", "①"])
def test_what_is_no_count_is_not_known(cell: str) -> None:
    found, issues = read(text(E_STAT, LABELS, f"533946113,0,,,{cell},4,4", encoding="utf-8"))
    assert [issue.code for issue in issues] == ["bad_count"]
    assert items(found)["533946113"].props["population"] == {
        "value": None,
        "state": "unknown",
        "qualifier": "exact",
        "text": cell,
    }


def test_the_table_may_lie_in_an_archive() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tblT001141H5339.txt", text(E_STAT, LABELS, "533946113,0,,,8,4,4"))
    found, _ = read(packed.getvalue(), "tblT001141H5339.zip")
    assert people(found) == {"533946113": 8}
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("tblT001141H5340.txt", text(E_STAT, LABELS, "534046113,0,,,8,4,4"))
    assert refusal(packed.getvalue(), "tblT001141H5339.zip") == "many_tables"


ROW = "533946113,0,,,8,4,4"


@pytest.mark.parametrize(
    ("lines", "name", "code"),
    [
        ([E_STAT, LABELS, ROW], "tblT001101H5339.txt", "wrong_table"),
        ([E_STAT, LABELS, ROW], "tblT001141H5340.txt", "other_square"),
        ([E_STAT, LABELS, ROW], "people_2015.csv", "wrong_table"),
        ([E_STAT, LABELS, ROW, "53394611,0,,,8,4,4"], "tblT001141H5339.txt", "wrong_level"),
        ([E_STAT.replace("T001141", "T000777"), LABELS, ROW], "tblT000777H5339.txt", "no_date"),
        ([E_STAT, LABELS, "533946113,0,,"], "tblT001141H5339.txt", "ragged"),
        ([E_STAT, LABELS.replace("（総数）", "（日本人）"), ROW], "tblT001141H5339.txt", "missing_column"),
        (["code,population", "5339,1"], "people_2020.csv", "missing_column"),
        (["mesh_code,population,人口", "5339,1,2"], "people_2020.csv", "ambiguous_column"),
        (["mesh_code,population", "5339,1"], "people_2020-13-01.csv", "no_date"),
        (["mesh_code,population", "5339461111,1", "5339461107,1"], "people_2020.csv", "grid_of_100_m"),
        (["<!DOCTYPE html>"], "people_2020.csv", "html_instead_of_csv"),
        ([""], "people_2020.csv", "empty"),
    ],
)
def test_what_is_refused(lines: list[str], name: str, code: str) -> None:
    assert refusal(text(*lines), name) == code


def test_a_table_that_is_not_in_the_list_has_its_date_in_its_name() -> None:
    body = text(E_STAT.replace("T001141", "T000609"), LABELS, ROW)
    (one,), _ = read(body, "tblT000609H5339_2010.txt")
    assert (one.scope, one.complete) == ("estat/population_mesh/2010-10-01/500m/5339", False)
    assert items([one])["533946113"].props["table_id"] == "T000609"


def test_a_name_that_tells_no_date_is_not_taken() -> None:
    with pytest.raises(ParseError, match="not as the feed expects"):
        FEED.told_by("people.csv")


def test_the_list_of_tables() -> None:
    tables = census_tables()
    assert {table.level for table in tables.values()} <= set(mesh.LEVELS)
    assert {(table.on.month, table.on.day) for table in tables.values()} == {(10, 1)}
    assert len({(table.on, table.level, table.datum) for table in tables.values()}) == len(tables)
