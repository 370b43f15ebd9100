"""Japanese dates and times: eras and their ends, 24時, zones, and what is refused."""

from __future__ import annotations

import doctest
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.vocab import japanese_time
from bousai.vocab.japanese_time import JST, day, moment


def test_module_examples() -> None:
    result = doctest.testmod(japanese_time)
    assert result.attempted >= 5
    assert not result.failed


@given(st.dates(date(1990, 1, 1), date(2060, 12, 31)))
def test_a_date_is_itself_however_it_is_written(on: date) -> None:
    era, first = ("令和", 2019) if on >= date(2019, 5, 1) else ("平成", 1989)
    year = on.year - first + 1
    letter = {"令和": "R", "平成": "H"}[era]
    assert (
        on
        == day(on.isoformat())
        == day(f"{on.year}年{on.month}月{on.day}日")
        == day(f"{on.year}/{on.month}/{on.day}")
        == day(f"{era}{'元' if year == 1 else year}年{on.month}月{on.day}日")
        == day(f"{letter}{year}.{on.month}.{on.day}")
        == day(f"{on.month}月{on.day}日", year=on.year)
    )


@given(st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1)))  # noqa: DTZ001  # wall clock of Japan
def test_a_time_without_a_zone_is_of_japan(at: datetime) -> None:
    at = at.replace(microsecond=0, second=0)
    expected = at.replace(tzinfo=JST)
    written = f"{at.year}年{at.month}月{at.day}日"
    assert (
        expected
        == moment(at.isoformat())
        == moment(f"{written}{at.hour}時{at.minute}分")
        == moment(f"{written} {at.hour}:{at.minute:02}")
        == moment(f"{at.year}/{at.month}/{at.day} {at.hour}:{at.minute:02}")
        == moment(at.strftime("%Y%m%d%H%M"))
        == moment(f"{at.month}月{at.day}日 {at.hour}:{at.minute:02}", year=at.year)
    )


def test_a_stated_offset_counts() -> None:
    assert moment("2026-05-20T01:05:02Z") == datetime(2026, 5, 20, 1, 5, 2, tzinfo=UTC)
    assert moment("2026-05-20T10:05:02+09:00") == datetime(2026, 5, 20, 1, 5, 2, tzinfo=UTC)


def test_the_end_of_a_day() -> None:
    assert moment("2026年8月1日24時00分") == datetime(2026, 8, 2, tzinfo=JST)
    assert moment("2026年8月1日24時01分") is None


def test_noon_in_two_halves() -> None:
    assert moment("2026年8月1日午後3時30分") == datetime(2026, 8, 1, 15, 30, tzinfo=JST)
    assert moment("2026年8月1日午前9時") == datetime(2026, 8, 1, 9, 0, tzinfo=JST)


@pytest.mark.parametrize(
    "text", ["", "調査中", "13月1日", "2026/2/30", "平成32年1月1日", "昭和64年1月8日", "9999/1/1", "7月8日", "令和"]
)
def test_what_is_no_date_is_not_guessed(text: str) -> None:
    assert day(text) is None


@pytest.mark.parametrize(
    "text", ["2026-05-20T010:05:02", "2026/7/28 25:00", "2026/7/28 12:60", "17:30", "7/28 17:30"]
)
def test_what_is_no_time_is_not_guessed(text: str) -> None:
    assert moment(text) is None


def test_an_era_begins_and_ends_on_its_days() -> None:
    assert day("昭和64年1月7日") == date(1989, 1, 7)
    assert day("平成元年1月8日") == date(1989, 1, 8)
    assert day("平成31年4月30日") == date(2019, 4, 30)
    assert day("令和元年5月1日") == date(2019, 4, 30) + timedelta(days=1)


def test_noon_has_a_word() -> None:
    assert moment("令和6年6月12日正午") == moment("2024/6/12 12:00") == moment("6月12日 正午", year=2024)
    assert moment("正午") is None
