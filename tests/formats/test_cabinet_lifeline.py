"""断水 and 停電 in the reports of the Cabinet Office: what the shapes of the two tables are, one by one."""

from __future__ import annotations

import pytest

from bousai.errors import ParseError
from bousai.formats import cabinet_lifeline
from bousai.formats.layout_table import Line

HEADING = "県・市町村      断水戸数（戸）      断水\n・事業者名   最大   現在   期間  被害等の状況\n"


def lines(text: str) -> list[Line]:
    return [Line(1, number, line) for number, line in enumerate(text.split("\n"), 1)]


def test_a_period_over_three_lines_and_a_total_over_three() -> None:
    table = cabinet_lifeline.water(
        lines(
            HEADING + "【静岡県】\n"
            "  く   ん                         9/1～\n 訓練市           38      0                    ・復旧済\n"
            "                                       2\n 訓練町  不明  約10  9/1～  ・管破損に\n"
            "                                               伴う漏水\n"
            "            約        約\n       合計\n           50      10\n"
        )
    )
    assert table is not None
    first, second = table.rows
    assert (first.period, first.state, first.now["value"]) == ("9/1~2", "復旧済", 0)
    assert (second.period, second.state, second.most["state"]) == ("9/1~", "管破損に伴う漏水", "unknown")
    assert (table.total.most["qualifier"], table.total.most["value"], table.total.now["value"]) == ("approx", 50, 10)


def test_a_mark_behind_a_number_stays() -> None:
    table = cabinet_lifeline.water(
        lines(HEADING + "【静岡県】\n訓練市（北部） 約100 0※ 9/1～9/2 ※夜間断水あり\n合計 約 100 0\n")
    )
    assert table is not None
    [row] = table.rows
    assert (row.name, row.now["value"], row.now["text"], row.state) == ("訓練市(北部)", 0, "0※", "※夜間断水あり")
    assert (table.total.most["qualifier"], table.total.now["qualifier"]) == ("approx", "exact")


def test_the_list_above_the_table() -> None:
    above = "  静岡県  訓練市 断水あり・漏水あり\n       訓練村 濁水あり\n 愛知県  別訓練市 飲用制限あり\n"
    table = cabinet_lifeline.water(lines(above + HEADING + "【静岡県】\n訓練市 10 5 9/1～\n合計 10 5\n"))
    assert table is not None
    assert table.rows[0].listed == "断水あり・漏水あり"
    assert [(row.pref, row.name, row.state) for row in table.listed] == [
        ("22", "訓練村", "濁水あり"),
        ("23", "別訓練市", "飲用制限あり"),
    ]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("【静岡県】\n訓練市 10 5\n", "no_total"),
        ("【静岡県】\n訓練市 10\n合計 10 5\n", "unknown_table"),
        ("【静岡県】\n訓練市 10 5\n合計 1 2 3\n\n1\n2\n3\n4\n5\n", "unknown_table"),
        ("【静岡県】\n訓練市 1,00 5\n合計 10 5\n", "unknown_cell"),
        ("訓練市 10 5\n訓練町 1 1\n訓練村 1 1\n訓練区 1 1\n訓練島 1 1\n訓練谷 1 1\n", "unknown_table"),
    ],
)
def test_another_table_is_refused(rows: str, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        cabinet_lifeline.water(lines(HEADING + rows))
    assert caught.value.code == code


POWER = "地域       停電戸数     内訳（都道府県）          最大停電戸数\n"


def test_places_and_the_numbers_beside_them() -> None:
    table = cabinet_lifeline.power(
        lines(
            POWER + "                        静岡県 約 1,500 戸\n"
            "訓練電力    約 1,500 戸    ・訓練市   北区 約 1,100 戸     約 9,000 戸\n"
            "管内                      ・訓練町 400 戸      （9/1 08:10 時点）\n"
            "・復旧作業中 300 戸。\n・訓練村 9 戸\n"
        )
    )
    assert table is not None
    assert [(p.pref, p.muni, p.now["value"], p.now["qualifier"]) for p in table.places] == [
        ("22", None, 1500, "approx"),
        ("22", "訓練市北区", 1100, "approx"),
        ("22", "訓練町", 400, "exact"),
    ]
    assert ([n["value"] for n in table.now], [n["value"] for n in table.most]) == ([1500], [9000])
    assert ([name for name, _ in table.utilities], table.odd) == (["訓練電力"], [])


@pytest.mark.parametrize(
    "text",
    [
        "地域  停電戸数  最大停電戸数\n静岡県 約 10 戸\n",
        POWER + "・訓練市 約 10 戸\n",
        POWER + "静岡県 約 10 戸\n静岡県 約 20 戸\n",
        POWER + "調査中\n",
        "地域  停電戸数\n静岡県 約 10 戸\n",
    ],
)
def test_another_table_of_power_is_refused(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        cabinet_lifeline.power(lines(text))
    assert caught.value.code == "unknown_table"


@pytest.mark.parametrize(
    ("words", "over"),
    [
        ("最大約 48,530 戸（7/28 17:09 時点）の停電が発生したが、31 日（金）16 時 44\n 分に復旧済み。", True),
        ("の停電が発生したが、７月 31 日（金）16 時 44 分に高圧線の停電は復旧済み。", True),
        ("約 36,900 戸の停電が発生しているが、安全を確保した上で、巡視・復旧作業中。", False),
        ("停電の状況は調査中。熊本市の断水は復旧済み。", False),
        ("宇土市の停電は復旧済み、宇城市の停電は継続している。", False),
        ("最大約 300 戸の停電が発生したが、訓練市は復旧済み。訓練町では停電が継続。", False),
    ],
)
def test_words_that_say_that_it_is_over(words: str, over: bool) -> None:
    assert cabinet_lifeline.all_restored(lines(words)) is over
    assert cabinet_lifeline.power(lines(words)) is None
