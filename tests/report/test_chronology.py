"""What happened, in which words, by which clock; what was corrected stays, struck through."""

from __future__ import annotations

from dataclasses import replace

from bousai.model import Receipt, Work
from bousai.report import FeedRecord
from bousai.report.chronology import events

from .making import after, claim, evidence, number, telling


def test_an_order_is_told_when_it_was_given_and_when_it_was_known() -> None:
    told = telling(1, after(hours=2), recorded=after(hours=5))
    order = claim(
        "evacuation_order",
        "a",
        told,
        area_name="【訓練】訓練市",
        order="evacuate",
        order_text="避難指示",
        hazard="洪水",
        district_name="訓練町",
        ordered_at=after(hours=1).isoformat(),
        people=number(1200),
    )
    (row,) = events(evidence(order))
    assert (row.at, row.known_at, row.category) == (after(hours=1), after(hours=5), "発令")
    assert row.text == "避難指示（洪水） 訓練町 発令（対象 1,200人）"
    assert (row.places, row.munis, row.issuer) == (("【訓練】訓練市",), ("14201",), "【訓練】訓練市")


def test_places_of_one_document_share_a_row() -> None:
    told = telling(1, after(hours=1))
    warned = [
        claim("weather_warning", f"{muni}/rain", told, muni=muni, kind_name="大雨警報", area_name=name)
        for muni, name in (("14201", "横須賀市"), ("14203", "平塚市"))
    ]
    later = telling(2, after(hours=2))
    raised = claim("weather_warning", "14201/rain", later, kind_name="大雨特別警報", area_name="横須賀市")
    found = events(evidence(*warned, raised))
    assert [(one.text, one.places) for one in found] == [
        ("大雨警報を発表", ("横須賀市", "平塚市")),
        ("大雨警報から大雨特別警報に切替", ("横須賀市",)),
    ]


def test_what_is_over_is_told_once_and_what_goes_on_is_not_told_again() -> None:
    first, again, over = (telling(n, after(hours=n)) for n in (1, 2, 3))
    claims = [
        claim("weather_warning", "a", first, kind_name="大雨警報", status_text="発表"),
        claim("weather_warning", "a", again, kind_name="大雨警報", status_text="継続"),
        claim("weather_warning", "a", over, kind_name="解除", retired=over),
    ]
    assert [one.text for one in events(evidence(*claims))] == ["大雨警報を発表", "大雨警報を解除"]


def test_what_was_corrected_is_struck_and_stays() -> None:
    first, better = telling(1, after(hours=1)), telling(2, after(hours=2), msg_type="correct")
    wrong = claim("damage_count", "a", first, area_name="訓練市", report_no="1", dead=number(12), retired=better)
    right = claim(
        "damage_count", "a", better, area_name="訓練市", report_no="1", dead=number(2), since=after(hours=1)
    )
    found = events(evidence(wrong, right))
    assert [(one.text, one.struck) for one in found] == [("第1報 死者 12人", "訂正"), ("第1報 死者 2人", "")]


def test_what_only_moved_because_an_older_one_came_late_is_not_struck() -> None:
    """The store writes a statement anew where one that came late falls before it: the source changed nothing."""
    first, late = telling(2, after(hours=2)), telling(3, after(hours=1), recorded=after(hours=4))
    before = claim("weather_warning", "a", first, kind_name="大雨警報", retired=late)
    kept = replace(before, revision=9, retired=None, opened=late)
    older = claim("weather_warning", "a", late, kind_name="大雨注意報", until=after(hours=2))
    found = events(evidence(before, kept, older))
    assert [(one.text, one.struck) for one in found] == [
        ("大雨注意報を発表", ""),
        ("大雨注意報から大雨警報に切替", ""),
    ]


def test_changes_of_a_report_are_named_and_a_blank_is_no_zero() -> None:
    blank = {"value": None, "state": "investigating", "qualifier": "exact", "text": None}
    first = claim("damage_count", "a", telling(1, after(hours=1)), report_no="1", dead=blank, injured=number(3))
    second = claim("damage_count", "a", telling(2, after(hours=2)), report_no="2", dead=number(1), injured=number(3))
    assert [one.text for one in events(evidence(first, second))] == [
        "第1報 死者 調査中、負傷者計 3人",
        "第2報 死者 調査中→1人",
    ]


def test_what_this_installation_did_and_did_not_hear_is_in_it() -> None:
    def heard(hours: float) -> Receipt:
        return Receipt("kunren", "u", after(hours=hours), 0.1, "not_modified")

    feed = FeedRecord("kunren", "【訓練】訓練の情報源", "", 60, False, [heard(-1), heard(0), heard(5), heard(5.5)])
    done = Work("approve", "bousai.kunren.1", after(hours=2), 0.1, "done", actor="bousai-ka")
    found = events(evidence(feeds=[feed], works=[done], known_at=after(hours=6)))
    assert [(one.at, one.category, one.text, one.issuer) for one in found] == [
        (after(hours=0), "収集", "5時間00分 応答なし", "【訓練】訓練の情報源"),
        (after(hours=2), "操作", "承認: bousai.kunren.1", "bousai-ka"),
    ]


def test_a_report_that_counts_at_many_places_is_one_row_with_its_total_first() -> None:
    told = telling(1, after(hours=1))
    munis = [
        ("14201", "横須賀市"),
        ("14203", "平塚市"),
        ("14204", "鎌倉市"),
        ("14205", "藤沢市"),
        ("14206", "小田原市"),
    ]
    counted = [
        claim("lifeline_outage", muni, told, muni=muni, utility="power", area_name=name, affected=number(10 + n))
        for n, (muni, name) in enumerate(munis)
    ]
    total = claim(
        "lifeline_outage",
        "14",
        told,
        muni=None,
        utility="power",
        area_name="神奈川県",
        area_level="prefecture",
        affected=number(60),
    )
    (row,) = events(evidence(*counted, total))
    assert row.text == "神奈川県 停電 60戸／横須賀市 停電 10戸／平塚市 停電 11戸／鎌倉市 停電 12戸／ほか2地域"
    assert (len(row.places), len(row.munis), len(row.claims)) == (6, 5, 6)
    assert len(events(evidence(*counted[:3], total))) == 4


def test_what_came_late_is_not_over() -> None:
    """The store writes it, sees that a later statement is there already, and writes it anew with its end."""
    late, later = telling(2, after(hours=1), recorded=after(hours=9)), telling(1, after(hours=3))
    first = claim("road_restriction", "a", late, road_name="訓練道", restriction_text="通行止め", retired=late)
    anew = replace(first, revision=7, retired=None, valid_to=after(hours=3), closed=late)
    then = claim("road_restriction", "a", later, road_name="訓練道", restriction_text="片側交互通行")
    assert [one.text for one in events(evidence(first, anew, then))] == [
        "訓練道 通行止め",
        "訓練道 片側交互通行（変更）",
    ]


def test_shelters_that_only_count_anew_are_one_row_an_hour_and_what_opens_or_closes_is_not() -> None:
    claims = []
    for n, (muni, name) in enumerate((("14201", "横須賀市"), ("14203", "平塚市"))):
        told = [telling(10 * n + k, after(hours=k, minutes=5 + 20 * n)) for k in range(3)]
        states = ("open", "open", "open") if n else ("open", "open", "closed")
        claims += [
            claim("shelter_status", muni, one, muni=muni, area_name=name, state=state, evacuees=number(10 + k))
            for k, (one, state) in enumerate(zip(told, states, strict=True))
        ]
    found = events(evidence(*claims))
    assert [(one.text, one.places) for one in found] == [
        ("避難所 開設中", ("横須賀市",)),
        ("避難所 開設中", ("平塚市",)),
        ("避難所の内容を更新（避難者数など）（2件、11:25まで）", ("横須賀市", "平塚市")),
        ("避難所 開設中から閉鎖に", ("横須賀市",)),
        ("避難所の内容を更新（避難者数など）", ("平塚市",)),
    ]
    assert len(found[2].claims) == 2


def test_what_was_so_before_the_incident_is_no_row_and_what_becomes_of_it_is() -> None:
    earlier = [telling(n, after(hours=-5)) for n in (1, 2)]
    again, over = telling(3, after(hours=1)), telling(4, after(hours=2))
    closed = claim("road_restriction", "r", earlier[0], road_name="訓練道", restriction_text="通行止め")
    warned = claim("weather_warning", "w", earlier[1], kind_name="大雨警報", closed=over, until=after(hours=2))
    found = events(
        evidence(
            claim("road_restriction", "r", again, road_name="訓練道", restriction_text="通行止め"),
            claim("weather_warning", "w", over, kind_name="解除", retired=over),
            before=(closed, warned),
        )
    )
    assert [one.text for one in found] == ["大雨警報を解除"]
