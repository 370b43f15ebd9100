"""Addresses as a town and numbers."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.vocab import place_address
from bousai.vocab.place_address import taken_apart


@pytest.mark.parametrize(
    ("one", "two", "muni"),
    [
        ("石川県七尾市中挟町リ２３番地", "中挟町リ23", "17202"),
        ("七尾市西藤橋町エ１－１", "石川県七尾市西藤橋町エ1番地1", "17202"),
        ("熊本県熊本市中央区神水1丁目1-1", "中央区神水１ー１ー１", "43100"),
        ("熊本市東区錦ケ丘1-1", "東区錦ヶ丘１番１号", "43100"),
        ("石川県羽咋郡志賀町高浜町カの１番地１", "志賀町高浜町カ1-1", "17384"),
        ("石川県珠洲市若山町古蔵１１部100-1", "珠洲市若山町古蔵11-100-1", "17205"),
        ("石川県鳳珠郡穴水町字川島ラ-174", "石川県穴水町字川島ラ174", "17461"),
        ("益城町大字木山236", "熊本県上益城郡益城町木山236番地", "43443"),
        ("金沢市二俣町サ21", "金沢市二俣町さ21番地", "17201"),
        ("金沢市若松町ほか", "石川県金沢市若松町", "17201"),
        ("七尾市鹿島台は部14-4", "七尾市鹿島台は14番4", "17202"),
        ("札幌市中央区北１条西２丁目", "中央区北1条西2", "01100"),
    ],
)
def test_spellings_of_one_address_are_equal(one: str, two: str, muni: str) -> None:
    assert taken_apart(one, muni) == taken_apart(two, muni)


@pytest.mark.parametrize(
    ("one", "two", "muni"),
    [
        ("七尾市山王町1", "七尾市山王町2", "17202"),
        ("七尾市山王町1-2", "七尾市山王町12", "17202"),
        ("札幌市中央区北1条西2丁目", "札幌市中央区北2条西2丁目", "01100"),
        ("八代市泉町下岳2974", "八代市泉町椎原2974", "43202"),
    ],
)
def test_other_addresses_are_not(one: str, two: str, muni: str) -> None:
    assert taken_apart(one, muni) != taken_apart(two, muni)


def test_a_city_alone_is_no_address() -> None:
    assert taken_apart("熊本県八代市", "43202") == ("", ())


@given(st.text(max_size=40), st.sampled_from([None, "17202", "43100", "01100", "99999"]))
def test_any_text_is_taken(text: str, muni: str | None) -> None:
    found = taken_apart(text, muni)
    assert len(found.numbers) <= 4
    assert all(number >= 0 for number in found.numbers)


def test_module_examples() -> None:
    result = doctest.testmod(place_address)
    assert (result.attempted > 0, result.failed) == (True, 0)
