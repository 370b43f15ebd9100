"""A whole report of few claims, and what differs between two."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bousai.errors import UsageError
from bousai.model import Claim
from bousai.report import compare, compose, empty_words, read_words
from bousai.report.document import Chart, Heading, Paragraph, Report, Slot, Table

from .making import after, claim, evidence, number, telling

FIRST = claim(
    "damage_count",
    "p",
    telling(1, after(hours=2)),
    muni=None,
    area_name="神奈川県",
    area_level="prefecture",
    report_no="1",
    dead=number(2),
    house_destroyed=number(5),
)
SECOND = claim(
    "damage_count",
    "p",
    telling(2, after(hours=5)),
    muni=None,
    area_name="神奈川県",
    area_level="prefecture",
    report_no="2",
    dead=number(3),
    house_destroyed=number(4),
)
ORDER = claim(
    "evacuation_order", "o", telling(3, after(hours=1)), area_name="横須賀市", order="evacuate", order_text="避難指示"
)
WORDS = read_words(empty_words(evidence().incident), "kunren.words.yml")


def text(report: Report) -> str:
    return "\n".join(
        "|".join("".join(run.text for run in one) for one in row) for table in report.tables() for row in table.rows
    )


def test_every_number_leads_to_a_source() -> None:
    made = compose(evidence(FIRST, SECOND, ORDER), WORDS)
    known = {one.number: one for one in made.sources}
    named = {n for table in made.tables() for row in table.rows for one in row for run in one for n in run.sources}
    assert named == set(known) == set(range(1, len(known) + 1))
    assert {one.reference for one in made.sources} == {"1001", "1002", "1003"}
    (course,) = (one for one in made.tables() if one.id.endswith("-course"))
    (dead,) = (row for row in course.rows if row[0][0].text == "死者")
    assert [
        ("".join(run.text for run in one), [known[n].reference for run in one for n in run.sources])
        for one in dead[2:4]
    ] == [("2", ["1001"]), ("3", ["1002"])]


def test_ids_are_unique_and_figures_have_their_table() -> None:
    made = compose(evidence(FIRST, SECOND, ORDER), WORDS)
    ids = [one.id for one in made.blocks if hasattr(one, "id")]
    assert len(ids) == len(set(ids))
    tables = {one.id for one in made.tables()}
    assert all(figure.table in tables for figure in made.figures())
    assert all(figure.alt for figure in made.figures())


def test_headings_go_down_one_level_at_a_time() -> None:
    made = compose(evidence(FIRST, SECOND, ORDER), WORDS)
    levels = [one.level for one in made.blocks if isinstance(one, Heading)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_chronology_alone_is_narrowed() -> None:
    whole = compose(evidence(FIRST, SECOND, ORDER), WORDS)
    some = compose(evidence(FIRST, SECOND, ORDER), WORDS, categories=["発令"])
    rows = {
        name: next(one for one in made.tables() if one.id == "chronology-table").rows
        for name, made in (("whole", whole), ("some", some))
    }
    assert (len(rows["whole"]), len(rows["some"])) == (3, 1)
    assert len(some.blocks) == len(whole.blocks)


def test_no_record_is_no_all_clear() -> None:
    made = compose(evidence(), WORDS)
    said = "".join(run.text for one in made.blocks if getattr(one, "role", "") == "warning" for run in one.runs)
    for what in ("被害報", "避難情報", "避難者", "ライフライン", "通行規制"):
        assert what in said
    assert said.count("という意味ではない") >= 5


def test_what_people_wrote_stays_theirs_and_a_report_is_a_draft_until_they_say_so() -> None:
    made = compose(evidence(), WORDS)
    assert made.draft
    assert {one.words for one in made.blocks if isinstance(one, Slot)} == {None}
    said = read_words(
        "final: true\ngood: <b>早かった</b>\nplan:\n- {issue: 遅れ, owner: 防災課, due: 2027-03-31}\n", "x"
    )
    made = compose(evidence(), said)
    assert not made.draft
    assert [one.words for one in made.blocks if isinstance(one, Slot) and one.id == "words-good"] == [
        "<b>早かった</b>"
    ]
    assert "遅れ|||防災課|2027-03-31" in text(made)


@pytest.mark.parametrize("wrong", ["- a\n", "good: [1\n", "nothing: x\n", "plan:\n- {owner: x}\n"])
def test_words_that_cannot_be_read_are_told_with_the_place(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"kunren\.words\.yml: "):
        read_words(wrong, "kunren.words.yml")


def test_what_differs_is_told_row_by_row_with_the_sources_of_both() -> None:
    before, after_it = compose(evidence(FIRST), WORDS), compose(evidence(FIRST, SECOND, ORDER), WORDS)
    made = compare(before, after_it)
    (course,) = (one for one in made.tables() if one.id.endswith("-course"))
    changed = [["".join(run.text for run in one) for one in row] for row in course.rows]
    assert ["変更", "死者 / 人", "第2報 11/5 15:00", "", "3"] in changed
    (rows,) = (one.rows for one in made.tables() if one.id == "diff-chronology-table")
    assert [row[0][0].text for row in rows] == ["追加", "追加"]
    numbers = {one.number for one in made.sources}
    assert {
        n for table in made.tables() for row in table.rows for one in row for run in one for n in run.sources
    } == numbers
    assert made.title.endswith("比較")


def test_the_same_report_does_not_differ_from_itself() -> None:
    made = compose(evidence(FIRST, SECOND, ORDER), WORDS)
    same = compare(made, made)
    assert not list(same.tables())
    assert [one for one in same.blocks if isinstance(one, Table)] == []


def test_what_was_so_already_when_the_incident_began_is_in_its_timelines_and_not_in_its_chronology() -> None:
    earlier = telling(9, after(hours=-6))
    before = (
        claim("evacuation_order", "o", earlier, order="evacuate", order_text="避難指示", area_name="横須賀市"),
        claim("road_restriction", "r", earlier, road_name="訓練道", restriction_text="通行止め"),
        claim("shelter_status", "s", earlier, name="訓練小", state="open"),
        claim("damage_count", "p", earlier, muni=None, area_name="神奈川県", dead=number(7)),
        # over before the incident, though we came to know it later
        claim(
            "evacuation_order",
            "past",
            earlier,
            muni="14203",
            order="evacuate",
            order_text="過去の避難指示",
            until=after(hours=-2),
            closed=telling(8, after(hours=-2), recorded=after(hours=3)),
        ),
    )
    made = compose(evidence(SECOND, before=before), WORDS)
    rows = {
        table.id: ["|".join("".join(run.text for run in one) for one in row) for row in table.rows]
        for table in made.tables()
    }
    assert any("避難指示" in row and "11/5 04:00" in row for row in rows["orders-list"])
    assert any("訓練道" in row for row in rows["roads-table"])
    assert any("横須賀市" in row and "11/5 04:00" in row for row in rows["openings-table"])
    assert not any("避難指示" in row or "訓練道" in row or "訓練小" in row for row in rows["chronology-table"])
    assert "過去の避難指示" not in text(made)
    # that the other had ended was known two hours later
    assert any(
        row.startswith("2026-11-05 11:00|避難指示以上の市町村|1市町村|2市町村") for row in rows["moments-table"]
    )
    assert any(
        row.startswith("2026-11-05 13:00|避難指示以上の市町村|1市町村|1市町村") for row in rows["moments-table"]
    )
    # the dead of another disaster are not this one's
    assert not any("死者|7" in row for row in rows["moments-table"])


def test_the_course_of_shelters_has_a_gap_where_nobody_counted_and_the_share_of_those_with_a_capacity() -> None:
    def counted(shelter: str, hours: float, people: int, **told: object) -> Claim:
        said = telling(int(hours * 10) + 100, after(hours=hours))
        return claim("shelter_status", shelter, said, name=shelter, state="open", evacuees=number(people), **told)

    made = compose(
        evidence(
            counted("甲", 1, 30, capacity=number(60)),
            counted("乙", 1, 50),
            counted("甲", 2, 45, capacity=number(60)),
            counted("甲", 9, 12, capacity=number(60)),
        ),
        WORDS,
    )
    (course,) = (one for one in made.tables() if one.id.endswith("-course-1"))
    told = [["".join(run.text for run in one) for one in row] for row in course.rows]
    # at eleven 甲 of 60 places and 乙 that states none; at nineteen what 乙 said eight hours before is no count
    assert told == [
        ["2026-11-05 11:00", "80（50%）"],
        ["2026-11-05 12:00", "95（75%）"],
        ["2026-11-05 19:00", "12（20%）"],
    ]
    (chart,) = (one for one in made.figures() if one.table == course.id)
    assert isinstance(chart, Chart)
    assert chart.series[0].values == (80.0, 95.0, 12.0)


def test_many_counts_are_told_by_the_hour_and_what_is_only_carried_on_is_marked() -> None:
    claims = [
        claim("shelter_status", "s", telling(n, after(minutes=n)), state="open", evacuees=number(n))
        for n in (*range(1, 90), 400)
    ]
    made = compose(evidence(*claims), WORDS)
    (course,) = (one for one in made.tables() if one.id.endswith("-course-1"))
    told = [["".join(run.text for run in one) for one in row] for row in course.rows]
    assert told == [
        ["2026-11-05 11:00", "60"],
        ["2026-11-05 12:00", "89"],
        ["2026-11-05 13:00", "89"],
        ["2026-11-05 14:00", "89"],
        ["2026-11-05 15:00", ""],
        ["2026-11-05 16:00", ""],
        ["2026-11-05 17:00", "400"],
    ]
    (chart,) = (one for one in made.figures() if one.table == course.id)
    assert isinstance(chart, Chart)
    # within a day the line goes on
    assert chart.series[0].values == (60, 89, 89, 89, 400)
    assert chart.series[0].stale == (False, False, True, True, False)


def test_a_line_is_broken_where_a_day_went_by_without_a_count() -> None:
    claims = [
        claim("shelter_status", name, telling(n, after(hours=hours)), muni=muni, state="open", evacuees=number(n))
        for n, (name, muni, hours) in enumerate(
            (("a", "14201", 0), ("a", "14201", 17), ("b", "14203", 21), ("b", "14203", 42), ("a", "14201", 46)), 1
        )
    ]
    made = compose(evidence(*claims), WORDS)
    (chart,) = (one for one in made.figures() if one.id.startswith("shelters-"))
    assert isinstance(chart, Chart)
    assert {one.label: one.values for one in chart.series} == {"横須賀市": (1, 2, None, 5), "平塚市": (3, 4)}


def test_a_place_that_says_0_is_not_one_that_says_nothing() -> None:
    told = telling(1, after(hours=1))
    made = compose(
        evidence(
            claim("damage_count", "a", told, muni="14201", dead=number(2)),
            claim("damage_count", "b", told, muni="14203", dead=number(0)),
            claim("damage_count", "c", told, muni="14204"),
            claim("lifeline_outage", "a", told, utility="power", unit="件", affected=number(5), area_name="横須賀市"),
            claim("lifeline_outage", "b", told, muni="14203", utility="power", area_name="平塚市"),
            claim(
                "lifeline_outage", "c", told, muni="14204", utility="power", affected=number(0), area_name="鎌倉市"
            ),
        ),
        WORDS,
    )
    (damage,) = (one for one in made.tables() if one.id.startswith("damage-") and one.id.endswith("-1-table"))
    assert [row[0][0].text for row in damage.rows] == ["横須賀市"]
    assert damage.note == "ほかに、すべて0の地域が1、数の記載のない地域が1。"
    (power,) = (one for one in made.tables() if one.id.startswith("outage-"))
    assert [row[0][0].text for row in power.rows] == ["横須賀市"]
    assert [one.title for one in power.columns][1::2][:3] == ["最大の数（件）", "最後の報の数（件）", "件×時間"]
    said = {"".join(run.text for run in one.runs): one for one in made.blocks if isinstance(one, Paragraph)}
    assert said["数の記載のない1地域: 平塚市"].runs[1].sources
    assert said["0とだけ報告された1地域: 鎌倉市"].runs[1].sources
