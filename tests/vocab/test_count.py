"""Counts: the number, how sure it is, and that blank, 0 and not known stay apart."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.vocab import count as module
from bousai.vocab.count import count, reported, without


def test_module_examples() -> None:
    result = doctest.testmod(module)
    assert result.attempted >= 3
    assert not result.failed


@given(
    st.integers(0, 10**9), st.sampled_from(["", "人", "名", "棟", "戸", "軒", "世帯", "箇所", " 件"]), st.booleans()
)
def test_a_number_is_itself_however_it_is_written(value: int, unit: str, full_width: bool) -> None:
    text = f"{value:,}{unit}"
    if full_width:
        text = text.translate(str.maketrans("0123456789,", "０１２３４５６７８９，"))
    assert count(text) == reported(value)
    assert count(f"{value}") == reported(value)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", "blank"),
        (None, "blank"),
        ("　", "blank"),
        ("調査中", "investigating"),
        ("未確認", "unconfirmed"),
        ("確認中", "unconfirmed"),
        ("不明", "unknown"),
        ("―", "not_applicable"),
        ("－", "not_applicable"),
        ("-", "not_applicable"),
        ("−", "not_applicable"),
        ("多数", "many"),
    ],
)
def test_words_for_not_knowing_are_states_and_never_zero(text: str | None, state: str) -> None:
    found = count(text)
    assert found is not None
    assert (found["value"], found["state"]) == (None, state)


@pytest.mark.parametrize(
    ("text", "value", "qualifier"),
    [
        ("約800軒", 800, "approx"),
        ("100軒未満", 100, "less_than"),
        ("10 戸未満", 10, "less_than"),
        ("50人以上", 50, "at_least"),
        ("最大1,200人", 1200, "at_most"),
        ("300名程度", 300, "approx"),
        ("約10人程度", 10, "approx"),
    ],
)
def test_the_qualifier_stays_with_the_number(text: str, value: int, qualifier: str) -> None:
    assert count(text) == {"value": value, "state": "reported", "qualifier": qualifier, "text": text}


@pytest.mark.parametrize(
    "text",
    ["1.5", "12/3", "屋内191人／屋外0人", "3人(うち1人重傷)", "①", "三人", "1,23", "-5", "1人2人", "約", "約5人以上"],
)
def test_what_is_no_plain_count_is_not_guessed(text: str) -> None:
    assert count(text) is None


def test_states_without_a_number_keep_the_wording() -> None:
    assert count("調査中") == without("investigating", "調査中")


def test_a_number_beyond_all_measure_is_none() -> None:
    assert count("9" * 15) == reported(10**15 - 1)
    assert count("9" * 16) is None
    assert count("9" * 5000) is None
