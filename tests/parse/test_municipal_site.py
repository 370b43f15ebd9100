"""Municipal lists: the real ones cell by cell, and what must not depend on encoding, order, zeros or neighbours."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import shapely
import yahoo_form
from hypothesis import given
from hypothesis import strategies as st

import goldens
from bousai import pipeline
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import municipal_site
from bousai.parse.municipal_site import Options
from bousai.vocab.municipality import check_digit, municipalities

FEEDS = {feed.id: feed for feed in goldens.feeds()}
HAZARDS = ("flood", "landslide", "storm_surge", "earthquake", "tsunami", "fire", "inland_flood", "volcano")
STANDARD = (
    "災害種別_洪水", "災害種別_崖崩れ、土石流及び地滑り", "災害種別_高潮", "災害種別_地震", "災害種別_津波",
    "災害種別_大規模な火事", "災害種別_内水氾濫", "災害種別_火山現象",
)  # fmt: skip
FLAG = {"1": True, "": False, "－": None}


def read(body: bytes, options: Options) -> tuple[Bulletin, list[Item], list[Issue]]:
    found = list(municipal_site.parse(body, options))
    [bulletin] = [one for one in found if isinstance(one, Bulletin)]
    return bulletin, list(bulletin.items.rows()), [one for one in found if isinstance(one, Issue)]


def fed(feed: str, body: bytes, name: str = "x.csv") -> tuple[list[Item], list[Issue]]:
    """What a feed makes of a document, with the options of its YAML."""
    found = list(pipeline.parsed(FEEDS[feed], name, body))
    items = [item for one in found if isinstance(one, Bulletin) for item in one.items.rows()]
    return items, [one for one in found if isinstance(one, Issue)]


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def table(rows: list[dict[str, str]], header: list[str] | None = None, encoding: str = "utf-8-sig") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header or list(rows[0]), extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def plain(items: list[Item]) -> list[Any]:
    return sorted((dataclasses.astuple(dataclasses.replace(item, position="")) for item in items), key=repr)


def codes(issues: list[Issue]) -> Counter[str]:
    return Counter(issue.code for issue in issues)


@pytest.fixture(scope="module")
def ishikawa(realdata: Path) -> bytes:
    return (realdata / "municipal-shelters/170003_evacuation_space.csv").read_bytes()


@pytest.fixture(scope="module")
def funabashi(realdata: Path) -> bytes:
    return (realdata / "municipal-shelters/funabashi/hinanbasyo.csv").read_bytes()


# ── the real lists ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_list_of_a_prefecture(ishikawa: bytes) -> None:
    expected = [row for row in rows_of(ishikawa) if row["名称"]]
    items, issues = fed("ishikawa_evacuation_site", ishikawa)
    assert len(items) == len(expected) == 1525
    for item, row in zip(items, expected, strict=True):
        assert item.item_id == f"ishikawa_site/{row['ID']}"
        assert item.muni_code == row["所在地_全国地方公共団体コード"][:5]
        assert municipalities()[str(item.muni_code)].name.endswith(row["所在地_市区町村"])
        props = item.props
        assert (props["name"], props["name_kana"] or "") == (row["名称"].strip(), row["名称_カナ"].strip())
        parts = (row[f"所在地_{part}"].strip() for part in ("都道府県", "市区町村", "町字", "番地以下"))
        assert props["address"] == (row["所在地_連結表記"].strip() or "".join(parts))
        assert (props["lat"], props["lon"]) == (round(float(row["緯度"]), 6), round(float(row["経度"]), 6))
        assert item.geometry == shapely.to_wkb(shapely.Point(props["lon"], props["lat"]).normalize())
        assert props["hazards"] == {h: FLAG[row[c]] for h, c in zip(HAZARDS, STANDARD, strict=True)}
        assert props["also_shelter"] is FLAG[row["指定避難所との重複"]]
        assert props["site_type"] == ("both" if row["指定避難所との重複"] else "evacuation_site")
        capacity, said = props["capacity"], row["想定収容人数"].strip()
        if said.isdecimal():
            assert capacity == {"value": int(said), "state": "reported", "qualifier": "exact", "text": None}
        elif said in ("", "－"):
            assert (capacity["value"], capacity["state"]) == (None, "not_applicable" if said else "blank")
        elif said.startswith("屋内"):
            assert (capacity["value"], capacity["text"]) == (None, said)
        else:  # 「100人2.0㎡あたり1人」, and a few that begin with the number, too
            assert capacity["value"] == int(re.match(r"[\d,]+", said)[0].replace(",", ""))  # type: ignore[index]
            assert capacity["text"] == (None if re.fullmatch(r"[\d,]+人?", said) else said)
    assert codes(issues) == {"shifted_columns": 3, "empty_row": 1, "bad_number": 1, "capacity_in_words": 1}
    assert {issue.severity for issue in issues if issue.code == "shifted_columns"} == {"info"}


def test_the_real_list_without_its_right_code_is_placed_by_name_only(ishikawa: bytes) -> None:
    """The codes that stand under 内線番号 are never used, be they right or wrong."""
    rows = rows_of(ishikawa)
    full, _ = fed("ishikawa_evacuation_site", ishikawa)
    for row in rows:
        row["所在地_全国地方公共団体コード"] = ""
        if row["内線番号"]:
            row["内線番号"] = "131016"
    items, issues = fed("ishikawa_evacuation_site", table(rows))
    assert [item.muni_code for item in items] == [item.muni_code for item in full]
    shifted = {issue.position: issue.severity for issue in issues if issue.code == "shifted_columns"}
    assert shifted["内線番号"] == "warning"


def test_every_row_of_a_city_with_repeated_numbers(funabashi: bytes) -> None:
    expected = rows_of(funabashi)
    items, issues = fed("funabashi_evacuation_site", funabashi)
    assert len({item.item_id for item in items}) == len(items) == len(expected) == 145
    for item, row in zip(items, expected, strict=True):
        assert (item.props["name"], item.props["source_id"]) == (row["名称"].strip(), row["NO"])
        assert item.muni_code == row["市区町村コード"][:5]
        assert item.props["hazards"] == {h: row[c] == "1" for h, c in zip(HAZARDS, STANDARD, strict=True)}
        said = row["想定収容人数"].removesuffix("人").replace(",", "")
        assert item.props["capacity"]["value"] == (int(said) if said.isdecimal() else None)
    assert Counter(item.muni_code for item in items) == {"12204": 143, "12203": 2}
    assert codes(issues) == {"capacity_in_words": 1}
    school = [item for item in items if str(item.props["name"]).startswith("船橋小学校")]
    assert len(school) == 2
    assert school[0].props["hazards"] != school[1].props["hazards"]
    assert not any(number in repr(items) for row in expected if (number := row["電話番号"]) not in ("", "なし"))


def test_the_number_of_a_row_is_no_part_of_an_id(funabashi: bytes) -> None:
    rows = rows_of(funabashi)
    before, _ = fed("funabashi_evacuation_site", funabashi)
    for number, row in enumerate(reversed(rows)):
        row["NO"], row["_id"] = str(number), str(number * 7)
    after, _ = fed("funabashi_evacuation_site", table(rows))
    assert [item.item_id for item in after] == [item.item_id for item in before]


def test_places_for_people_who_cannot_get_home(realdata: Path) -> None:
    body = (realdata / "municipal-shelters/funabashi/kitakukonnansya.csv").read_bytes()
    items, issues = fed("funabashi_temporary_stay", body)
    assert [item.props["name"] for item in items] == [row["施設名"] for row in rows_of(body)]
    assert {item.props["site_type"] for item in items} == {"temporary_stay"}
    assert {item.muni_code for item in items} == {"12204"}
    assert set(items[0].props["hazards"].values()) == {None}
    assert codes(issues) == {"no_positions": 1}


@pytest.mark.filterwarnings("ignore:Unknown extension")
def test_every_row_of_the_workbook(realdata: Path) -> None:
    body = (realdata / "municipal-shelters/hachioji/hachioji_hinanjo.xlsx").read_bytes()
    sheet = openpyxl.load_workbook(io.BytesIO(body), read_only=True)["投入データ"]
    header, *lines = [list(line) for line in sheet.iter_rows(values_only=True)]
    expected = [dict(zip(header, line, strict=True)) for line in lines if any(line)]
    items, issues = fed("hachioji_evacuation_site", body, "hachioji_hinanjo.xlsx")
    assert len(items) == len(expected) == 152
    flags = {"0": False, "1": True, "9": None}
    for item, row in zip(items, expected, strict=True):
        assert item.item_id == f"hachioji_site/{row['ID (v2.0)']}"
        assert (item.props["name"], item.muni_code) == (row["名称"], "13201")
        said = [
            row[c] for c in ("洪水", "崖崩れ、土石流及び地滑り", "高潮", "地震", "津波", "火事", "内水氾濫", "火山")
        ]
        assert list(item.props["hazards"].values()) == [flags[str(one)] for one in said]
        kinds = {("true", "true"): "both", ("true", "false"): "evacuation_site", ("false", "true"): "shelter"}
        assert item.props["site_type"] == kinds[(row["避難場所"], row["避難所"])]
        assert item.ended is (row["削除"] == "true")
    assert sum(item.ended for item in items) == 2
    assert codes(issues) == {"sheet_left_out": 1}


def test_hazards_in_one_cell_are_those_of_the_flags(realdata: Path) -> None:
    """The collector's CSV of the same list: what it names is what the workbook says yes to, row by row."""
    body = (realdata / "municipal-shelters/hachioji/避難場所.csv").read_bytes()
    flags, _ = fed(
        "hachioji_evacuation_site", (realdata / "municipal-shelters/hachioji/hachioji_hinanjo.xlsx").read_bytes()
    )
    by_place = {item.geometry: item.props for item in flags if not item.ended}
    assert len(by_place) == 150
    _, items, issues = read(body, Options(source="x", muni_code="13201", pref="13"))
    assert len(items) == 150
    for item in items:
        yes = {hazard for hazard, said in by_place[item.geometry]["hazards"].items() if said}
        assert {hazard for hazard, said in item.props["hazards"].items() if said} == yes
    assert codes(issues) == {"unknown_municipality": 1}  # 明星大学 lies in 日野市
    assert [item.props["name"] for item in items if item.muni_code is None] == ["明星大学"]


def test_a_table_of_the_citys_own(realdata: Path) -> None:
    body = (realdata / "municipal-shelters/echizen_city_shelters.csv").read_bytes()
    items, issues = fed("echizen_evacuation_site", body)
    assert issues == []
    for item, row in zip(items, rows_of(body), strict=True):
        assert (item.props["name"], item.props["address"]) == (row["name"], row["address"])
        assert (item.props["site_type"], item.props["site_type_text"]) == ("wide_area_site", "広域避難場所")
        meant = set(HAZARDS) if row["category3"] == "全災害" else {"earthquake"}
        assert {hazard for hazard, said in item.props["hazards"].items() if said} == meant
        assert (item.muni_code, item.props["districts"]) == ("18209", row["area"])


def test_anonymous_columns_of_a_gis(realdata: Path) -> None:
    body = (realdata / "municipal-shelters/yokosuka/evacuation_site.geojson").read_bytes()
    features = json.loads(body)["features"]
    items, issues = fed("yokosuka_evacuation_site", body)
    assert (len(items), issues) == (71, [])
    for item, feature in zip(items, features, strict=True):
        said = feature["properties"]
        assert (item.props["name"], item.props["address"]) == (said["NAME"].strip(), said["ITEM008"].strip())
        lon, lat = feature["geometry"]["coordinates"]
        assert (item.props["lat"], item.props["lon"]) == (round(lat, 6), round(lon, 6))
        assert (item.muni_code, item.props["districts"]) == ("14201", said["ITEM006"])


def test_the_excerpt_of_the_list_of_the_prefecture_says_the_same(realdata: Path, ishikawa: bytes) -> None:
    """reference_data.csv of 七尾市 holds rows of 石川県's list with flags as 1.0: equal ids, equal flags."""
    body = (realdata / "shelter-status-nanao/reference_data.csv").read_bytes()
    _, excerpt, _ = read(body, Options(source="x", pref="17"))
    whole = {item.props["source_id"]: item for item in fed("ishikawa_evacuation_site", ishikawa)[0]}
    shared = [item for item in excerpt if item.props["source_id"] in whole]
    assert len(shared) == 109
    for item in shared:
        other = whole[item.props["source_id"]]
        assert item.muni_code == other.muni_code == "17202"
        assert {k: bool(v) for k, v in item.props["hazards"].items()} == {
            k: bool(v) for k, v in other.props["hazards"].items()
        }


# ── what must not matter ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("feed", ["ishikawa_evacuation_site", "funabashi_evacuation_site"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_the_encoding_does_not_matter(ishikawa: bytes, funabashi: bytes, feed: str, encoding: str) -> None:
    """① 髙 﨑 ～ ㈱ survive; the minus sign U+2212 is － in CP932, and stands in telephone numbers only."""
    rows = rows_of(ishikawa if feed.startswith("ishikawa") else funabashi)
    for row in rows:
        for name, cell in row.items():
            text = cell.replace("\u2212", "－")
            row[name] = text.encode("cp932", "ignore").decode("cp932")
    named = [row for row in rows if row["名称"]][1:4]
    for row in named:
        row["名称"] += "①髙﨑～－㈱"
    expected, issues = fed(feed, table(rows))
    items, again = fed(feed, table(rows, encoding=encoding))
    assert plain(items) == plain(expected)
    assert again == issues
    assert sum("①髙﨑～－㈱" in str(item.props["name"]) for item in items) == 3


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_columns_and_rows_does_not_matter(ishikawa: bytes, funabashi: bytes, seed: int) -> None:
    for feed, body in (("ishikawa_evacuation_site", ishikawa), ("funabashi_evacuation_site", funabashi)):
        rows = rows_of(body)
        header = list(rows[0])
        random.Random(seed).shuffle(header)
        random.Random(seed).shuffle(rows)
        items, issues = fed(feed, table(rows, header))
        expected, before = fed(feed, body)
        assert plain(items) == plain(expected)
        assert codes(issues) == codes(before)


def hokkaido(zeros: bool, code: Callable[[str], str] = lambda code: code) -> list[dict[str, str]]:
    """A composed list of a place in every municipality from 北海道 to 栃木県, whose codes begin with 0."""
    rows = []
    for one in municipalities().values():
        if one.code < "10" and one.valid_to is None and one.city is None and one.name != "泊村":
            six = one.code + check_digit(one.code)
            rows.append(
                {
                    "ID": f"A{one.code}", "名称": f"【訓練】{one.name}の訓練場", "緯度": "42.0", "経度": "141.0",
                    "所在地_全国地方公共団体コード": code(six) if zeros else code(six).lstrip("0"),
                    "所在地_都道府県": one.pref, "所在地_市区町村": one.name,
                }
            )  # fmt: skip
    return rows


@pytest.mark.parametrize("digits", [5, 6])
@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("width", [None, "known"])
def test_a_lost_zero_is_never_another_municipality(digits: int, names: bool, width: str | None) -> None:
    rows = hokkaido(zeros=False, code=lambda six: six[:digits])
    header = [name for name in rows[0] if names or name not in ("所在地_都道府県", "所在地_市区町村")]
    _, items, issues = read(table(rows, header), Options(source="x", code_width=digits if width else None))  # type: ignore[arg-type]
    assert len(items) == len(rows) > 300
    wrong = [item for item in items if item.muni_code not in (str(item.props["source_id"])[1:], None)]
    assert wrong == []
    lost = [item for item in items if item.muni_code is None]
    assert len(lost) == codes(issues)["unknown_municipality"]
    if names or width:
        assert lost == []


def test_code_and_name_that_disagree_are_both_left(ishikawa: bytes) -> None:
    rows = rows_of(ishikawa)[:20]
    rows[3]["所在地_市区町村"] = "輪島市"
    rows[4]["所在地_都道府県"] = "富山県"
    rows[5]["所在地_全国地方公共団体コード"] = "172010"
    items, issues = fed("ishikawa_evacuation_site", table(rows))
    assert [n for n, item in enumerate(items) if item.muni_code is None] == [3, 4, 5]
    found = [issue for issue in issues if issue.code == "unknown_municipality"]
    assert len(found) == 3
    assert "17201 金沢市" in found[0].cause


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pq"), st.sampled_from("01")), min_size=1, max_size=6)
)
def test_every_row_survives_under_an_id_of_its_own(rows: list[tuple[str, str, str]]) -> None:
    """Rows of one name and address with other hazards are two places; rows that are equal are one."""
    lines = [
        {"名称": name, "住所": address, "緯度": "35.1", "経度": "139.1", "災害種別_地震": flag}
        for name, address, flag in rows
    ]
    options = Options(source="x", muni_code="14201", pref="14")
    _, items, issues = read(table(lines), options)
    assert len({item.item_id for item in items}) == len(items) == len(set(rows))
    assert codes(issues)["repeated_row"] == len(rows) - len(set(rows))
    _, again, _ = read(table(lines[::-1]), options)
    assert plain(items) == plain(again)


def test_an_id_that_two_rows_have_names_both_apart(ishikawa: bytes) -> None:
    rows = rows_of(ishikawa)[:10]
    rows[1]["ID"] = rows[0]["ID"]
    items, issues = fed("ishikawa_evacuation_site", table(rows))
    assert len({item.item_id for item in items}) == 10
    assert codes(issues)["duplicate_id"] == 2
    assert items[0].item_id != "ishikawa_site/CC0000000001"


# ── what is refused or shown ─────────────────────────────────────────────────────────────────────────────────────


def test_cells_beside_their_headers_are_refused(funabashi: bytes) -> None:
    """As if a column had been lost on the way: heights would be telephone numbers, codes flags."""
    rows = rows_of(funabashi)
    names = list(rows[0])
    for shift in (1, 2, 5):
        cells = [[*list(row.values())[shift:], *[""] * shift] for row in rows]
        text = io.StringIO(newline="")
        csv.writer(text).writerows([names, *cells])
        with pytest.raises(ParseError) as caught:
            fed("funabashi_evacuation_site", text.getvalue().encode())
        assert caught.value.code == "shifted_columns"


def test_a_column_that_nobody_knows_is_unread(funabashi: bytes) -> None:
    rows = [{**row, "開設状況": "開設", "新しい列": "x"} for row in rows_of(funabashi)]
    _, issues = fed("funabashi_evacuation_site", table(rows))
    assert [issue.position for issue in issues if issue.code == "unread"] == ["開設状況", "新しい列"]


def test_a_declared_column_that_is_gone_is_told(realdata: Path) -> None:
    body = (
        (realdata / "municipal-shelters/echizen_city_shelters.csv").read_bytes().replace(b"category3", b"category9")
    )
    items, issues = fed("echizen_evacuation_site", body)
    assert codes(issues) == {"missing_column": 1, "unread": 1}
    assert {value for item in items for value in item.props["hazards"].values()} == {None}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        ("<!DOCTYPE html><p>メンテナンス".encode(), "html_instead_of_csv"),
        ("日付,天気,気温\n1,2,3\n".encode(), "no_header"),
        ("名称,住所,緯度,経度\n【訓練】,x,35\n".encode(), "ragged"),
        ("名称,住所,住所,緯度\na,b,c,35\n".encode(), "duplicate_header"),
        (b'{"type": "FeatureCollection", "features": []}', "no_header"),
        (b"PK\x03\x04", "not_spreadsheet"),
    ],
)
def test_what_is_no_list_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        list(municipal_site.parse(body, Options(source="x")))
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_flag_of_the_form_that_is_empty_or_9_is_unknown() -> None:
    """And in the standard list an empty one says no; without the column nobody knows."""
    items, _ = fed("hachioji_evacuation_site", yahoo_form.book(yahoo_form.KUNREN))
    assert [items[0].props["hazards"][one] for one in ("flood", "tsunami", "earthquake", "volcano")] == [
        False,
        None,
        True,
        None,
    ]
    body = table([{"名称": "【訓練】", "住所": "x", "緯度": "35.1", "経度": "139.1", "災害種別_地震": ""}])
    _, items, _ = read(body, Options(source="x", muni_code="14201"))
    assert (items[0].props["hazards"]["earthquake"], items[0].props["hazards"]["flood"]) == (False, None)


def test_the_sample_workbook_is_what_the_form_makes() -> None:
    sample = (goldens.PROJECT / "tests/feeds/hachioji_evacuation_site/hinanjo_kunren.xlsx").read_bytes()
    made = yahoo_form.book(yahoo_form.KUNREN)
    assert fed("hachioji_evacuation_site", sample) == fed("hachioji_evacuation_site", made)
    shuffled = yahoo_form.book(yahoo_form.KUNREN, sorted(yahoo_form.HEADER))
    assert plain(fed("hachioji_evacuation_site", shuffled)[0]) == plain(fed("hachioji_evacuation_site", made)[0])


def test_lists_of_many_publishers_are_statements_of_their_own(ishikawa: bytes) -> None:
    feed = FEEDS["bodik_evacuation_site"]
    for name in ("170003_evacuation_space.csv", "01__170003_evacuation_space.csv", "hinanjo.csv"):
        found = [one for one in pipeline.parsed(feed, name, ishikawa) if isinstance(one, Bulletin)]
        assert [(one.scope, one.issuer) for one in found] == [("bodik_site/170003", "石川県")]
    rows = rows_of(ishikawa)[:30]
    for row in rows[10:]:
        row["全国地方公共団体コード"] = "12025"  # 函館市, its zero lost
    found = [one for one in pipeline.parsed(feed, "all.csv", table(rows)) if isinstance(one, Bulletin)]
    assert [(one.scope, one.issuer, len(one.items)) for one in found] == [
        ("bodik_site/012025", "北海道函館市", 20),
        ("bodik_site/170003", "石川県", 10),
    ]
    rows[0]["全国地方公共団体コード"] = "999999"
    with pytest.raises(ParseError) as caught:
        list(pipeline.parsed(feed, "all.csv", table(rows)))
    assert caught.value.code == "unknown_publisher"


def test_a_row_as_utsunomiya_publishes_it() -> None:
    """Codes without their zero, the whole address in the column of the municipality, a latitude of 369 degrees."""
    row = {
        "全国地方公共団体コード": "92011", "ID": "1", "名称": "【訓練】訓練小学校",
        "所在地_全国地方公共団体コード": "92011", "所在地_都道府県": "栃木県",
        "所在地_市区町村": "宇都宮市訓練町1-29", "緯度": "369.56056", "経度": "139.8847", "災害種別_地震": "1",
    }  # fmt: skip
    [item], issues = fed("bodik_evacuation_site", table([row]), "092011_evacuation_space.csv")
    assert (item.item_id, item.muni_code, item.geometry) == ("bodik_site/092011/1", "09201", None)
    assert codes(issues) == {"no_position": 1}


def test_a_mark_between_yes_and_no_is_unknown_and_said_once(funabashi: bytes) -> None:
    """△ (高松市: only the upper floors) stands in whole columns: null, and one issue for all of them."""
    rows = rows_of(funabashi)
    for row in rows[:40]:
        row["災害種別_高潮"] = "△"
    rows[50]["災害種別_津波"] = "△"
    items, issues = fed("funabashi_evacuation_site", table(rows))
    assert [item.props["hazards"]["storm_surge"] for item in items[:40]] == [None] * 40
    found = [issue.cause for issue in issues if issue.code == "unknown_flag"]
    assert len(found) == 2
    assert "in 40 rows (line 2, line 3, line 4, …)" in found[0]


def test_contacts_are_not_kept(ishikawa: bytes) -> None:
    canary = {
        "電話番号": "0767-99-1234",
        "連絡先メールアドレス": "canary@example.invalid",
        "備考": "担当 090-1234-5678",
    }
    rows = [{**row, **canary} for row in rows_of(ishikawa)[:5]]
    items, issues = fed("ishikawa_evacuation_site", table(rows))
    assert len(items) == 5
    assert not any(text in repr((items, issues)) for text in ("0767-99", "canary", "090-1234"))
