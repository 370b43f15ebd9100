"""Names and telephone numbers leave a text; nothing else does."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai.formats import contacts
from bousai.formats.contacts import without_contacts


def test_module_examples() -> None:
    result = doctest.testmod(contacts)
    assert result.attempted
    assert not result.failed


def test_the_official_notice_loses_its_contacts_and_nothing_else(realdata: Path) -> None:
    path = realdata / "jma-xml/samples-official/42_01_01_100514_VZSE40.xml"
    raw = etree.parse(str(path)).xpath("string(//*[local-name()='Body']/*[local-name()='Text'])")
    assert isinstance(raw, str)
    before, _, after = raw.partition("本件問い合わせ先")
    text, left_out = without_contacts(raw)
    assert text == before.strip()
    assert left_out == len(after.strip().splitlines())
    assert "加藤" not in (text or "")
    assert not re.search(r"\d{4}-\d{4}|\d{4}）", text or "")


@pytest.mark.parametrize(
    "line",
    [
        "電話　０３－０００１－０００２",
        "担当 訓練 03(0001)0002",
        "0120-000-111 へ",
        "携帯 090-0000-0001",
        "（内線：4504）",
        "kunren@example.jp まで",
    ],
)
def test_a_line_with_a_number_goes(line: str) -> None:
    assert without_contacts(f"前\n{line}\n後") == ("前\n後", 1)


@pytest.mark.parametrize(
    "line",
    [
        "期間 2026-11-07 08:00 から 2026-11-08 20:00",
        "地震回数 0-12 回、12-24 回",
        "北緯 35-14.0 東経 139-01.2",
        "電話が通じにくくなっています",
        "問い合わせが増えています：落ち着いてください",
        "観測点 0101-2020-3 の 45 点",
    ],
)
def test_other_lines_with_digits_stay(line: str) -> None:
    assert without_contacts(f"前\n{line}\n後") == (f"前\n{line}\n後", 0)


@given(st.lists(st.text(alphabet="あいう　噴火 ０１23：（）-", max_size=20), max_size=8))
def test_nothing_is_added_and_a_second_time_changes_nothing(lines: list[str]) -> None:
    text, left_out = without_contacts("\n".join(lines))
    again = without_contacts(text)
    assert again.text == text
    assert again.left_out == 0
    kept = {line.strip() for line in (text or "").splitlines()}
    assert kept <= {line.strip() for line in lines} | {""}
    assert left_out <= len(lines)
