"""Names of facilities taken apart."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.vocab import place_name, rows
from bousai.vocab.place_name import comparable, says_what, short_name, taken_apart


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("錦ヶ丘", "錦が丘"),
        ("錦ケ丘", "錦ｹ丘"),
        ("つつじが丘", "つつじヶ丘"),
        ("さくら", "サクラ"),
        ("山之内", "山ノ内"),
        ("山の内", "山内"),
        ("コミュニティーセンター", "コミュニティセンタ－"),
        ("ﾃﾞｲｻｰﾋﾞｽ", "ディサービス"),
        ("第十二分団", "第12分団"),
        ("二十一号棟", "２１号棟"),
        ("髙濵", "高浜"),
        ("南大吞　", "南大呑"),
        ("１−２", "1-2"),
    ],
)
def test_spellings_of_one_name_compare_equal(one: str, two: str) -> None:
    assert comparable(one) == comparable(two)


@pytest.mark.parametrize(
    ("one", "two"), [("つつじが丘", "つつじ丘"), ("の", ""), ("東小", "西小"), ("一の宮", "二の宮")]
)
def test_other_names_stay_apart(one: str, two: str) -> None:
    assert comparable(one) != comparable(two)


@given(st.text(max_size=30))
def test_comparable_text_is_comparable(text: str) -> None:
    once = comparable(text)
    assert " " not in once
    assert "　" not in once
    assert taken_apart(text).whole or not once


@pytest.mark.parametrize(
    ("name", "stem", "head"),
    [
        ("七尾市立山王小学校", "山王", "小学校"),
        ("市立山王小学校", "山王", "小学校"),
        ("山王小", "山王", "小学校"),
        ("第二中", "2", "中学校"),
        ("石川県立七尾高等学校", "七尾", "高校"),
        ("旧七尾市立山王小学校", "山王", "小学校"),
        ("七尾市立旧山王小学校", "山王", "小学校"),
        ("（旧）山王小学校", "山王", "小学校"),
        ("七尾市文化ホール", "", "文化ホール"),
        ("御祓地区公民館", "御祓", "公民館"),
        ("徳田コミセン", "徳田", "コミュニティセンター"),
        ("特別養護老人ホーム秀楽苑", "秀楽", "苑"),
        ("小学校前公園", "小学校前", "公園"),
        ("元八王子市民センター", "元八王子", "市民センター"),
        ("オオミチ", "オオミチ", ""),
        ("パトリア４Ｆ", "パトリア", ""),
    ],
)
def test_own_words_and_what_it_is(name: str, stem: str, head: str) -> None:
    found = taken_apart(name, "17202")
    assert (found.stem, found.head) == (stem, head)


def test_a_short_name_of_a_town_is_no_school() -> None:
    assert taken_apart("府中").head == ""
    assert taken_apart("田中").head == ""


def test_parts_floors_and_brackets() -> None:
    assert taken_apart("山王小学校体育館及び武道場").parts == {"体育館", "武道場"}
    assert taken_apart("山王小学校（校舎２階、体育館）").parts == {"校舎", "体育館"}
    assert taken_apart("鵠巣公民館横広場").parts == {"広場"}
    assert taken_apart("宝達高校第２体育館").part_numbers == (2,)
    assert taken_apart("南阿蘇中学校第2体育館1階").part_numbers == (2,)
    assert taken_apart("白山神社（雲津）").inside == ("雲津",)
    assert taken_apart("水前寺競技場【ペット避難場所】").inside == ()
    assert taken_apart("（体育館）").whole
    assert taken_apart("西部小学校跡地").former


def test_who_runs_it_and_what_it_was() -> None:
    assert taken_apart("金沢市立工業高校", "17201").operator == "muni"
    assert taken_apart("石川県立工業高校", "17201").operator == "pref"
    assert taken_apart("県営体育館").operator == "pref"
    assert taken_apart("旧西岸小学校").former
    assert not taken_apart("元町小学校").former


def test_levels_of_school() -> None:
    assert taken_apart("山王小学校").levels & taken_apart("大谷小中学校").levels
    assert not taken_apart("山王小学校").levels & taken_apart("山王中学校").levels
    assert taken_apart("山王公民館").levels == 0


def test_words_of_the_list() -> None:
    roles = {row["role"] for row in rows("facility_word")}
    assert roles == {"head", "lead", "part", "note"}
    for row in rows("facility_word"):
        assert bool(row["means"]) == (row["role"] != "note")
        if row["role"] in ("head", "lead"):
            assert says_what(comparable(row["word"]))
    variants = {row["variant"]: row["usual"] for row in rows("kanji_variant")}
    assert len(variants) == len(rows("kanji_variant"))
    assert not variants.keys() & set(variants.values())
    assert all(len(one) == len(two) == 1 for one, two in variants.items())


def test_short_names_of_municipalities() -> None:
    assert short_name("17202") == "七尾"
    assert short_name(None) == short_name("99999") == ""


def test_module_examples() -> None:
    result = doctest.testmod(place_name)
    assert (result.attempted > 0, result.failed) == (True, 0)
