"""Codes of 危険度 and words of 警報級の可能性."""

from __future__ import annotations

import doctest

import pytest

from bousai import vocab
from bousai.vocab import outlook, warning


def test_module_examples() -> None:
    result = doctest.testmod(outlook)
    assert result.attempted
    assert not result.failed


def test_codes_and_words_stand_once() -> None:
    for table, column in (("jma_significancy", "code"), ("jma_possibility", "word")):
        values = [row[column] for row in vocab.rows(table)]
        assert len(values) == len(set(values)) > 2


def test_level_and_grade_agree_and_rise_with_the_code() -> None:
    known = [outlook.significancy(row["code"]) for row in vocab.rows("jma_significancy")]
    levels = {(one.grade, one.level) for one in known if one and one.level}
    assert levels == {("advisory", 2), ("warning", 3), ("danger_warning", 4), ("emergency_warning", 5)}
    by_code = [warning.severity(one.grade) for one in sorted(one for one in known if one)]
    assert by_code == sorted(by_code)
    assert warning.severity(None) == 0


@pytest.mark.parametrize("code", ["", "10", "1", "２１", "021"])
def test_a_code_of_another_list_is_none_here(code: str) -> None:
    assert outlook.significancy(code) is None


@pytest.mark.parametrize("word", ["", "値なし", "低", "高い"])
def test_a_word_that_is_none_has_no_rank(word: str) -> None:
    assert outlook.possibility(word) is None
