"""Classes of depth and duration: every wording that occurs, and what is no class."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.vocab import depth as module
from bousai.vocab.depth import Bounds, depth, duration


def test_module_examples() -> None:
    result = doctest.testmod(module)
    assert result.attempted >= 4
    assert not result.failed


@given(
    st.integers(0, 300), st.integers(1, 300), st.sampled_from(["～", "〜", "~", "", " ～ ", "から"]), st.booleans()
)
def test_an_interval_is_itself_however_it_is_written(low: int, step: int, between: str, words: bool) -> None:
    a, b = low / 10, (low + step) / 10
    start, end = (f"{a}m以上", f"{b}m未満") if words or not between.strip() else (f"{a}", f"{b}m")
    assert depth(start + between + end) == Bounds(round(a, 3), round(b, 3))
    full = (start + between + end).translate(str.maketrans("0123456789.m", "０１２３４５６７８９．ｍ"))
    assert depth(full) == Bounds(round(a, 3), round(b, 3))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.3m未満", 0, 0.3),
        ("0.01m以上 〜 0.3m未満", 0.01, 0.3),
        ("10m以上 ～ 20m未満", 10, 20),
        ("20m以上", 20, None),
        ("0.5m未満の区域", 0, 0.5),
        ("5ｍ～", 5, None),
        ("50センチメートル以上1メートル未満", 0.5, 1),
        ("50センチ以上", 0.5, None),
        ("0～0.5m", 0, 0.5),
        ("2.0ｍ～5.0ｍ未満の区域", 2, 5),
    ],
)
def test_wordings_of_prefectures(text: str, low: float, high: float | None) -> None:
    assert depth(text) == Bounds(low, high)


@pytest.mark.parametrize(
    "text", [None, "", "3", "1", "浸水区域", "5m以上3m未満", "m以上", "1.2.3m未満", "－", "10時間未満"]
)
def test_what_is_no_class_of_depth_is_not_guessed(text: str | None) -> None:
    assert depth(text) is None


@pytest.mark.parametrize("text", [None, "", "3", "3m以上", "長時間"])
def test_what_is_no_class_of_duration_is_not_guessed(text: str | None) -> None:
    assert duration(text) is None
