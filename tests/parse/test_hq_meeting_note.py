"""Notes of a headquarters: every real meeting against numbers read by eye, and sentences that are not certain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bousai import catalogue
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import hq_meeting_note
from bousai.parse.hq_meeting_note import Options

PROJECT = Path(__file__).resolve().parents[2]
OPTIONS = msgspec.convert(catalogue.load(PROJECT / "config").feeds["yatsushiro_hq_note"].options, Options)
SAMPLE = (PROJECT / "tests/feeds/yatsushiro_hq_note/yatsushiro-kunren.txt").read_text(encoding="utf-8")


def read(body: bytes) -> tuple[dict[str, list[Item]], list[Issue], list[Bulletin]]:
    found = list(hq_meeting_note.parse(body, OPTIONS))
    bulletins = [one for one in found if isinstance(one, Bulletin)]
    items = {bulletin.kind: list(bulletin.items.rows()) for bulletin in bulletins}
    return items, [one for one in found if isinstance(one, Issue)], bulletins


def value(count: dict[str, Any]) -> int | str:
    return count["value"] if count["value"] is not None else count["state"]


# Read by eye from the pages: time, shelters, evacuees and their time, most so far, dead, severe, minor, houses,
# destroyed, unclassified, water.
BY_EYE = {
    2: ("07-29T11:00", 59, 2571, "07-29T10:00", 3002, None, "unknown", "unknown", 28, None, None, 18),
    3: ("07-29T18:00", 59, 2896, "07-29T18:00", 3002, 8, 2, 1, 32, None, None, 22),
    4: ("07-30T15:00", 63, 3716, "07-30T15:00", 3867, 19, 2, 1, 42, None, None, 26),
    7: ("08-02T15:00", 43, 3550, "08-02T14:00", 3997, 20, "unknown", "unknown", 53, None, None, 27),
    8: ("08-03T15:00", 43, 2908, "08-03T15:00", 3997, 20, "investigating", "investigating", 2500, 320, 2180, 27),
    9: ("08-04T16:00", 41, 3161, "08-04T15:00", 3997, 20, "investigating", "investigating", 2500, 320, 2180, 28),
    14: ("08-09T15:00", 38, 2018, "08-09T15:00", 4097, 20, "investigating", "investigating", 2500, 320, 2180, 30),
    18: ("08-13T15:00", 38, 1886, "08-13T15:00", 4097, 20, "investigating", "investigating", 2500, 874, 1626, 31),
}


@pytest.mark.parametrize("meeting", BY_EYE)
def test_a_real_note_says_what_a_person_reads(realdata: Path, meeting: int) -> None:
    path = realdata / f"damage-tables/r8-kumamoto-yatsushiro/yatsushiro-{meeting:03}.json"
    items, _, bulletins = read(path.read_bytes())
    (evacuation,), (damage,) = items["evacuation_summary"], items["damage_count"]
    water = next(item for item in items["lifeline_outage"] if item.props["utility"] == "water")

    def said(item: Item, name: str) -> int | str | None:
        return value(item.props[name]) if name in item.props else None

    assert {bulletin.issued_at.isoformat()[5:16] for bulletin in bulletins if bulletin.issued_at} == {
        BY_EYE[meeting][0]
    }
    assert BY_EYE[meeting][1:] == (
        said(evacuation, "shelters_open"),
        said(evacuation, "evacuees"),
        evacuation.props["as_of"][5:16],
        said(evacuation, "evacuees_max"),
        said(damage, "dead"),
        said(damage, "injured_severe"),
        said(damage, "injured_minor"),
        said(damage, "house_damaged"),
        said(damage, "house_destroyed"),
        said(damage, "house_unclassified"),
        value(water.props["affected"]),
    )
    (order,) = items["evacuation_order"]
    assert (order.props["order"], order.props["level"], order.props["district_name"]) == (
        "evacuate",
        None,
        "市内全域",
    )
    assert order.props["ordered_at"] == "2026-07-28T18:00:00+09:00"


def test_every_number_of_every_real_note_is_taken_or_told(realdata: Path) -> None:
    for path in sorted((realdata / "damage-tables/r8-kumamoto-yatsushiro").glob("*.json")):
        _, issues, _ = read(path.read_bytes())
        # 農業被害 in 件 is no amount of money; a wrong day of the week.
        assert {issue.code for issue in issues} <= {"uncertain_sentence", "weekday_differs"}
        assert [
            issue for issue in issues if issue.code == "uncertain_sentence" and "農業被害" not in issue.cause
        ] == []
        assert ("weekday_differs" in {issue.code for issue in issues}) == (path.stem == "yatsushiro-009")


def test_reports_received_keep_their_wording_and_are_no_money_and_no_households() -> None:
    items, issues, _ = read(SAMPLE.encode())
    (damage,) = items["damage_count"]
    assert damage.props["house_damaged"]["text"].startswith("住家被害:1,003件")
    assert damage.props["house_destroyed"]["text"] is None
    assert "loss_agriculture_kyen" not in damage.props
    assert {item.props["unit"] for item in items["lifeline_outage"]} == {"件"}
    assert [issue.code for issue in issues] == ["uncertain_sentence"] * 2
    assert any("農業被害" in issue.cause for issue in issues)
    assert any("けが人らしき者" in issue.cause for issue in issues)


def test_text_and_json_of_a_page_are_the_same() -> None:
    packed = json.dumps({"meeting": 1, "page": 2, "text": SAMPLE}, ensure_ascii=False).encode()
    assert read(packed)[0] == read(SAMPLE.encode())[0]


def test_lines_may_break_anywhere() -> None:
    head, _, tail = SAMPLE.partition("（３）")
    broken = f"{head}（３）" + "\n".join(tail)
    assert read(broken.encode())[0] == read(SAMPLE.encode())[0]


def test_a_number_that_is_not_certain_is_none_and_told() -> None:
    items, issues, _ = read(SAMPLE.replace("合計１２か所を開設中", "１２か所前後を開設").encode())
    assert items["evacuation_summary"][0].props["shelters_open"] is None
    assert any("number of shelters" in issue.cause for issue in issues)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_hq_note"),
        ("会議次第".encode(), "not_hq_note"),
        (SAMPLE.replace("時点", "").encode(), "no_time"),
        (SAMPLE.replace("11月5日（木）15", "13月5日（木）15").encode(), "no_time"),
        (SAMPLE.split("（３）")[0].encode(), "not_hq_note"),
        (b'{"page": 2}', "not_hq_note"),
    ],
)
def test_what_is_no_note_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        read(body)
    assert refused.value.code == code
