"""Words of roads, of SIP4D-ZIP and of drills; boxes of prefectures against the real areas."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest
from shapely.geometry import shape

from bousai.vocab import drill, municipality, prefecture_box, road, rows, sip4d

RESTRICTIONS = {
    "closed",
    "closed_to_large_vehicles",
    "chains_required",
    "lane_restriction",
    "alternating",
    "two_way",
    "other",
    "unknown",
    "lifted",
}


@pytest.mark.parametrize("module", [road, sip4d, drill, prefecture_box])
def test_module_examples(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_every_word_of_the_two_legends_is_known() -> None:
    legend = """通行止(異常気象等) 通行止(工事) 大型通行止 冬期通行止 車線規制 片側交互通行 移動規制 チェーン規制
        チェーン指導 その他規制"""
    for word in legend.split():
        assert road.restriction(word) in RESTRICTIONS - {"unknown", "lifted"}
        assert road.restriction(word.replace("(", "（").replace(")", "）")) == road.restriction(word)
    assert {row["value"] for row in rows("road_word") if row["attribute"] == "restriction"} == RESTRICTIONS
    for row in rows("sip4d_value"):
        if row["connid"] == "passstts":  # both tables say the same of one word
            assert road.restriction(row["ja"]) == row["value"]


@pytest.mark.parametrize("word", ["", "全面通行止め（解除済み）", "通行止めではない", "徐行", "通行可", "閉"])
def test_a_word_that_is_not_in_the_table_is_not_guessed(word: str) -> None:
    assert road.restriction(word) is None


def test_words_occur_once() -> None:
    words = [(row["attribute"], row["word"]) for row in rows("road_word")]
    assert len(set(words)) == len(words)
    values = [(row["code"], row["connid"], row["ja"]) for row in rows("sip4d_value")]
    assert len(set(values)) == len(values)


def test_names_of_conn_attr_list_mean_what_the_word_means() -> None:
    for row in rows("sip4d_value"):
        code = row["code"] if len(row["code"]) > 6 else f"{row['code']}-01"
        assert sip4d.by_word(code, row["connid"], row["ja"]) == row["value"]
        assert sip4d.by_name(code, row["connid"], row["conn_attr"]) == (row["value"], False)
        if row["also"]:
            assert sip4d.by_name(code, row["connid"], row["also"]) == (row["value"], True)


def test_every_real_prefecture_touches_its_box_and_no_distant_one(realdata: Path) -> None:
    features = json.loads((realdata / "n03/prefectures.json").read_bytes())["features"]
    codes = {municipality.prefecture(one["properties"]["N03_001"]): shape(one["geometry"]).bounds for one in features}
    assert len(codes) == 47
    for code, bounds in codes.items():
        assert code is not None
        west, south, east, north = bounds
        for corner in ((west, south), (east, north), (west, north), (east, south)):
            assert prefecture_box.may_touch(code, (*corner, *corner))
    assert not prefecture_box.may_touch("01", codes["47"])  # type: ignore[index]
    assert not prefecture_box.may_touch("23", (35.2, 136.9, 35.2, 136.9))  # latitude and longitude swapped
