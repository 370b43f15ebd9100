"""What happened, in which words, by which clock; what was corrected stays, struck through."""

from __future__ import annotations

from dataclasses import replace

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
