"""Classes of hazard maps: the official lists as they stand, and depths as prefectures write them."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.vocab.depth import Bounds, depth
from bousai.vocab.hazard import gml_tags, hazard_classes


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("water_depth", "water_depth_code"),
        ("landslide_phenomenon", "CodeOfPhenomenon"),
        ("landslide_zone", "CodeOfZone_h27"),
        ("special_warning_pending", "CodeOfUnSpecification"),
    ],
)
def test_lists_are_the_official_ones(realdata: Path, name: str, file: str) -> None:
    text = (realdata / f"ksj/codelist/{file}.csv").read_text(encoding="utf-8-sig")
    official = {row["code"]: row["label"] for row in csv.DictReader(text.splitlines())}
    assert {one.code: one.label for one in hazard_classes(name).values()} == official


@pytest.mark.parametrize("name", ["water_depth", "water_depth_2012"])
def test_bounds_of_a_list_are_what_its_labels_say(name: str) -> None:
    for one in hazard_classes(name).values():
        assert depth(one.label) == Bounds(one.low or 0.0, one.high)


@pytest.mark.parametrize(
    ("name", "steps"), [("water_depth", [6]), ("water_depth_2012", [5, 7]), ("flood_duration", [7])]
)
def test_classes_of_a_scale_follow_on_each_other(name: str, steps: list[int]) -> None:
    classes = list(hazard_classes(name).values())
    assert len(classes) == sum(steps)
    for count in steps:
        scale, classes = classes[:count], classes[count:]
        assert scale[0].low == 0
        assert [one.high for one in scale[:-1]] == [one.low for one in scale[1:]]
        assert scale[-1].high is None


def test_the_real_classes_of_a_prefecture() -> None:
    """石川県, A40-17: seven classes, the first without a lower bound."""
    said = [
        "0.3m未満",
        "0.3m以上 ～ 0.5m未満",
        "0.5m以上 ～ 1m未満",
        "1m以上 ～ 3m未満",
        "3m以上 ～ 5m未満",
        "5m以上 ～ 10m未満",
        "10m以上 ～ 20m未満",
    ]
    edges = [0, 0.3, 0.5, 1, 3, 5, 10, 20]
    assert [depth(text) for text in said] == [Bounds(a, b) for a, b in pairwise(edges)]


NUMBER = st.integers(min_value=0, max_value=3000).map(lambda n: n / 100)


@given(low=NUMBER, high=NUMBER, dash=st.sampled_from("～〜~-－"), blank=st.sampled_from(["", " ", "\u3000"]))
def test_every_way_of_writing_a_span_gives_its_bounds(low: float, high: float, dash: str, blank: str) -> None:
    wide = str.maketrans("0123456789.m", "０１２３４５６７８９．ｍ")
    ways = [
        f"{low}m以上{blank}{dash}{blank}{high}m未満",
        f"{low}m以上{blank}{high}m未満",
        f"{low}{blank}{dash}{blank}{high}m",
        f"{low}m{dash}{high}m未満",
        f"浸水深{low}m以上{high}m未満（床上浸水）",
    ]
    expected = Bounds(low, high) if low < high else None
    for way in ways:
        assert depth(way) == depth(way.translate(wide)) == expected, way


@pytest.mark.parametrize(
    "text",
    ["", "不明", "床上", "0.5m", "0.5～1.0", "1", "m以上", "0m未満", "3階以上", "5m以上3m未満", "0.5m以上3.0m以上"],
)
def test_what_is_no_span_has_no_bounds(text: str) -> None:
    assert depth(text) is None


def test_tags_are_of_one_dataset() -> None:
    assert gml_tags("A33")["coz"] == "A33_002"
    assert gml_tags("A31a")["waterDepth"] != gml_tags("A31-2012")["waterDepth"]
    assert gml_tags("N03") == {}
