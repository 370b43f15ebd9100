"""Reports of the Cabinet Office cut into sections: the headings of eight real ones found a second time."""

from __future__ import annotations

import re
from pathlib import Path
from unicodedata import normalize

import pytest

from bousai.errors import ParseError
from bousai.formats import cabinet_report
from bousai.formats.cabinet_report import Report, Section, compact, plain, read_number
from bousai.formats.layout_table import Line

FOLDER = "damage-tables/r8-kumamoto-cabinet"
HEAD = "令和８年訓練地震に係る被害状況等について\n令 和 ８ 年 ９ 月 １ 日\n1 4 時 0 0 分 現 在\n"


@pytest.fixture(scope="module")
def reports(realdata: Path) -> dict[str, tuple[str, Report]]:
    paths = sorted((realdata / FOLDER).glob("*.txt"))
    return {path.stem: (path.read_text(encoding="utf-8"), cabinet_report.read(path.read_bytes())) for path in paths}


def titles(report: Report, part: str) -> list[str]:
    return [section.title for section in report.sections if section.above and section.above.title == part]


def test_every_heading_of_the_other_matters_is_found(reports: dict[str, tuple[str, Report]]) -> None:
    """They are written 「(３)道路」: half-width brackets, full-width digits, as nothing else in that part is."""
    assert len(reports) == 8
    for text, report in reports.values():
        part = text[text.index("４ その他の状況") : text.index("政府の主な対応")]
        expected = re.findall(r"^\f? {0,3}\(([０-９]+)\)(\S*)", part, re.MULTILINE)
        found = [section for section in report.sections if section.above and section.above.title == "その他の状況"]
        assert len(found) == len(expected) > 25
        for section, (number, title) in zip(found, expected, strict=True):
            assert section.known, section.title
            assert f"({number})" in section.head.text
            assert compact(title).startswith(compact(section.title)[:2])


def test_sections_that_are_read(reports: dict[str, tuple[str, Report]]) -> None:
    for name, (_, report) in reports.items():
        found = [section.title for section in report.sections]
        assert set(found) & set(cabinet_report.READ) >= set(cabinet_report.READ) - {"現地災害対策本部の設置"}, name
        assert all(section.known for section in report.sections if not section.title.startswith("○")), name
        assert titles(report, "ライフラインの状況")[:2] == ["水道", "電力"]


def test_nothing_lies_between_sections(reports: dict[str, tuple[str, Report]]) -> None:
    """Every line below the first heading is a heading or belongs to exactly one section."""
    for text, report in reports.values():
        taken = [line.number for section in report.sections for line in (section.head, *section.lines)]
        assert len(set(taken)) == len(taken)
        first = min(taken)
        lines = text.replace("\f", "").split("\n")
        feet = re.compile(r"\s*\d+ / \d+\s*")
        missed = [
            number
            for number, line in enumerate(lines, 1)
            if number > first and line.strip() and number not in set(taken) and not feet.fullmatch(line)
        ]
        assert missed == []


def test_every_time_of_a_section_is_that_of_its_heading(reports: dict[str, tuple[str, Report]]) -> None:
    checked = 0
    for _, report in reports.values():
        for section in report.sections:
            written = normalize("NFKC", section.head.text)
            stated = re.search(r"(\d+) ?月 ?(\d+) ?日.* (\d+):(\d+) (?:現在|時点)", written)
            if stated and section.title in cabinet_report.READ:
                month, day, hour, minute = map(int, stated.groups())
                at = section.as_of
                assert at is not None
                assert (at.year, at.month, at.day, at.hour, at.minute) == (2026, month, day, hour, minute)
                checked += 1
    assert checked == 25  # 水道 (twice in one), 電力, 道路; 人的 and 避難所 have theirs in the heading above


def sections(body: str) -> list[Section]:
    return list(cabinet_report.read((HEAD + body).encode()).sections)


def test_a_list_within_a_section_is_no_heading() -> None:
    found = sections(
        "２ 人的・住家被害等の状況\n（１）人的・住家被害\n４ その他の状況\n(１)ライフラインの状況\n"
        "(２)原子力施設関係\n（１）新しいもの\n（２）ダム\n(３)道路\n３棟が倒壊\n"
    )
    assert [section.title for section in found] == [
        "人的・住家被害等の状況",
        "人的・住家被害",
        "その他の状況",
        "ライフラインの状況",
        "原子力施設関係",
        "道路",
    ]
    assert [line.text for line in found[-1].lines] == ["３棟が倒壊"]


def test_a_new_part_is_found_by_its_number() -> None:
    found = sections("２ 人的・住家被害等の状況\n３ 宇宙の状況\n甲 1 2\n")
    assert [(section.title, section.known) for section in found] == [
        ("人的・住家被害等の状況", True),
        ("宇宙の状況", False),
    ]


def test_numbers_are_numbers() -> None:
    line = Line(1, 1, "")
    assert read_number("約 1,200 戸", line)["value"] == 1200
    with pytest.raises(ParseError) as caught:
        read_number("1,20", line)
    assert caught.value.code == "unknown_cell"
    assert (plain("７月　28 日〜"), compact("行 方")) == ("7月 28 日~", "行方")
