"""The table of municipalities: its own rules, and the official list of codes."""

from __future__ import annotations

import doctest
import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from bousai.vocab import municipality, rows
from bousai.vocab.code import PrefCode
from bousai.vocab.municipality import check_digit, code_of, municipalities, named, prefecture, resolve, wards

# 都道府県 in the order of JIS X 0401.
_PREFECTURES = """
北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県
東京都 神奈川県 新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県
滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県 岡山県 広島県 山口県 徳島県
香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県
"""
_DESIGNATED_CITIES = """
札幌市 仙台市 さいたま市 千葉市 横浜市 川崎市 相模原市 新潟市 静岡市 浜松市
名古屋市 京都市 大阪市 堺市 神戸市 岡山市 広島市 北九州市 福岡市 熊本市
"""
PREFECTURES, DESIGNATED_CITIES = _PREFECTURES.split(), _DESIGNATED_CITIES.split()
NORTHERN_TERRITORIES = {
    "01695": "色丹村",
    "01696": "泊村",
    "01697": "留夜別村",
    "01698": "留別村",
    "01699": "紗那村",
    "01700": "蘂取村",
}
NOW = {code: one for code, one in municipalities().items() if one.valid_to is None}


@pytest.fixture(scope="module")
def official(realdata: Path) -> dict[str, str]:
    """Full name → six-digit code; prefectures have no municipality in it."""
    found: dict[str, str] = json.loads((realdata / "codes/city-to-code.json").read_bytes())
    return found


def test_module_examples() -> None:
    result = doctest.testmod(municipality)
    assert result.attempted >= 2
    assert not result.failed


def test_no_code_twice() -> None:
    codes = [row["code"] for row in rows("municipality")]
    assert codes == sorted(set(codes)) == list(municipalities())


def test_codes_have_five_digits_and_the_number_of_their_prefecture() -> None:
    for code, one in municipalities().items():
        assert re.fullmatch(r"\d{5}", code, re.ASCII), code
        assert PREFECTURES[int(code[:2]) - 1] == one.pref, code
        assert not code.endswith("000"), f"{code} is a prefecture"
    assert {one.pref for one in NOW.values()} == set(PREFECTURES)


def test_names_are_those_of_municipalities() -> None:
    for one in municipalities().values():
        assert one.name.endswith(("区",) if one.city else ("市", "町", "村", "区")), one
        assert one.name == one.name.strip()
        assert not one.name.startswith(one.pref)


def test_a_ward_belongs_to_a_designated_city_that_exists() -> None:
    assert sorted(NOW[city].name for city in wards()) == sorted(DESIGNATED_CITIES)
    for city, codes in wards().items():
        for code in codes:
            ward = municipalities()[code]
            assert (ward.pref, ward.city) == (NOW[city].pref, city)
            assert ward.name.startswith(NOW[city].name)
            assert ward.name != NOW[city].name
    assert sorted(code for codes in wards().values() for code in codes) == [
        code for code, one in municipalities().items() if one.city
    ]
    assert all(NOW[city].city is None for city in wards())


def test_a_municipality_named_like_a_ward_is_one_of_tokyo() -> None:
    special = [one for one in NOW.values() if one.name.endswith("区") and one.city is None]
    assert ({one.pref for one in special}, len(special)) == ({"東京都"}, 23)


def test_every_official_code_is_there_with_its_name_and_no_other(official: dict[str, str]) -> None:
    expected = {code[:5]: name for name, code in official.items() if not code[:5].endswith("000")}
    assert len(expected) == len(official) - 47
    found = {code: one.pref + one.name for code, one in NOW.items()}
    assert {code: found.get(code) for code in expected} == expected
    assert set(found) - set(expected) == {"01403"}  # 泊村 of 古宇郡: a list by name can hold only one of two


def test_check_digits(official: dict[str, str]) -> None:
    for name, code in official.items():
        assert check_digit(code[:5]) == code[5], name


def test_check_digits_see_a_wrong_digit() -> None:
    wrong = [f"{digit}7204" for digit in "023456789"]
    assert check_digit("17204") not in [check_digit(code) for code in wrong]


def test_the_code_of_a_name(official: dict[str, str]) -> None:
    for name, code in official.items():
        if not code[:5].endswith("000") and name != "北海道泊村":
            assert code_of(name) == code[:5]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("石川県輪島市", "17204"),
        ("東京都千代田区", "13101"),
        ("北海道札幌市", "01100"),
        ("北海道札幌市中央区", "01101"),
        ("広島県府中市", "34208"),
        ("東京都府中市", "13206"),
        ("静岡県浜松市天竜区", "22140"),  # the same name before 2024 with the code 22137
        ("静岡県浜松市中区", None),
        ("北海道泊村", None),  # two of them
        ("北海道", None),
        ("輪島市", None),
        ("石川県 輪島市", None),
        ("", None),
    ],
)
def test_the_code_of_a_full_name_that_is_in_force(name: str, code: str | None) -> None:
    assert code_of(name) == code


def test_abolished_codes_lead_to_those_that_took_their_place() -> None:
    gone = {code: one for code, one in municipalities().items() if one.valid_to is not None}
    assert sorted(gone) == [f"2213{n}" for n in range(1, 8)]
    for one in gone.values():
        assert one.valid_to == date(2023, 12, 31)
        assert one.successors
        for code in one.successors:
            successor = NOW[code]
            assert (successor.pref, successor.city) == (one.pref, one.city)
            assert one.valid_to is not None
            assert successor.valid_from == one.valid_to + timedelta(days=1)
    assert not [one for one in NOW.values() if one.successors]


def test_northern_territories() -> None:
    assert {code: NOW[code].name for code in NORTHERN_TERRITORIES} == NORTHERN_TERRITORIES
    assert {NOW[code].pref for code in NORTHERN_TERRITORIES} == {"北海道"}


@pytest.mark.parametrize("pref", ["13", "15", "16", "17", "18", "43"])
def test_every_code_of_the_real_areas_is_known(realdata: Path, pref: str) -> None:
    """国土数値情報 N03 of 2021, the second source of codes and names."""
    features = json.loads((realdata / f"n03/N03-21_{pref}_210101.json").read_bytes())["features"]
    found = {f["properties"]["N03_007"]: f["properties"] for f in features if f["properties"]["N03_007"]}
    assert set(found) == {code for code, one in NOW.items() if code[:2] == pref and code not in wards()}
    for code, said in found.items():
        one = NOW[code]
        city = said["N03_003"] if one.city else ""
        assert (one.pref, one.name) == (said["N03_001"], f"{city}{said['N03_004']}")


def test_every_way_to_write_a_code_is_resolved_or_refused_and_never_another_municipality() -> None:
    for code in municipalities():
        full = code + check_digit(code)
        assert resolve(full).code == code
        assert resolve(code, width=5).code == code
        assert resolve(full.lstrip("0"), width=6).code == code
        for written in (code, full, code.lstrip("0"), full.lstrip("0")):
            found = resolve(written)
            assert found.code in (code, None), written
            assert found.code is not None or found.why


def test_a_code_that_can_be_two_is_not_guessed() -> None:
    both = [code for code in municipalities() if resolve(code).code is None]
    assert "43214" in both
    assert len(both) < 20
    assert all(resolve(code, pref=PrefCode(code[:2])).code == code for code in both)


@pytest.mark.parametrize(
    "written", ["", None, "abc", "12", "1234567", "131017", "99999", "170003", "²³45", "１３１０１x"]
)
def test_what_is_no_code_says_why(written: str | None) -> None:
    found = resolve(written)
    assert found.code is None
    assert found.why


def test_a_code_counts_for_its_time() -> None:
    assert resolve("22131", date(2023, 12, 31)).code == "22131"
    assert resolve("22131", date(2024, 1, 1)).code is None
    assert resolve("22138", date(2024, 1, 1)).code == "22138"
    assert resolve("22138", date(2023, 12, 31)).code is None


def test_names_are_found_within_their_prefecture_and_twins_are_not_guessed() -> None:
    for code, one in NOW.items():
        found = named(one.name, code[:2])
        assert found.code in (code, None)
        assert named(one.pref + one.name).code == found.code
    assert named("府中市").code is None
    assert named("府中市", "13").code == "13206"
    assert named("球磨郡　錦町", "43").code == "43501"
    assert prefecture("熊本県") == "43"


@pytest.mark.parametrize("name", ["", "益城", "熊本県", "架空市"])
def test_a_name_of_no_municipality_says_why(name: str) -> None:
    assert named(name, "43").code is None
    assert named(name, "43").why
