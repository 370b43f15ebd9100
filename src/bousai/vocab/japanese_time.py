"""Dates and times as Japanese documents write them: 和暦, 西暦, no zone (JST), 24時, full-width digits.

Rules: the eras of 元号法 and before it (明治 from 1868, 大正 1912-07-30, 昭和 1926-12-25, 平成 1989-01-08, 令和
2019-05-01). A time without a zone in a document of a Japanese office is JST; 24:00 is the end of the day.
What cannot be read exactly is None: nothing is completed from the context unless the caller gives it.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from unicodedata import normalize
from zoneinfo import ZoneInfo

JST = ZoneInfo("Asia/Tokyo")


@lru_cache(maxsize=4096)  # a list has one time for thousands of features
def local(at: datetime) -> str:
    """ISO 8601 in Japan's time, to the second: ``2024-01-01T16:10:00+09:00``. `at` is aware."""
    return at.astimezone(JST).isoformat(timespec="seconds")


_ERAS = {
    "明治": (1868, date(1868, 1, 25), date(1912, 7, 29)),
    "大正": (1912, date(1912, 7, 30), date(1926, 12, 24)),
    "昭和": (1926, date(1926, 12, 25), date(1989, 1, 7)),
    "平成": (1989, date(1989, 1, 8), date(2019, 4, 30)),
    "令和": (2019, date(2019, 5, 1), date.max),
}
_LETTERS = {"M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和"}
_YEAR = rf"(?:(?P<era>{'|'.join(_ERAS)}|[MTSHRmtshr](?=[\d元]))(?P<era_year>\d{{1,2}}|元)|(?P<year>\d{{4}}))"
_DATE = re.compile(
    rf"(?:{_YEAR}(?:年|[./-]))?"
    r"(?P<month>\d{1,2})(?:月|[./-])(?P<day>\d{1,2})日?"
    r"(?:\([日月火水木金土](?:・祝)?\))?"
)
_TIME = re.compile(
    r"[T,]?(?P<half>午前|午後)?(?P<hour>\d{1,2})(?:[:時](?P<minute>\d{1,2})?(?:[:分](?P<second>\d{1,2})?秒?)?分?)"
    r"(?:\.\d+)?"
)


def _plain(text: str) -> str:
    return "".join(normalize("NFKC", text).split()).replace("：", ":").replace("（", "(").replace("）", ")")


def day(text: str | None, *, year: int | None = None) -> date | None:
    """A date. `year` is taken where the text has none.

    >>> [str(day(text)) for text in ("平成20年5月23日", "R6.1.9", "2026/7/8", "令和元年６月２８日", "9999/1/1")]
    ['2008-05-23', '2024-01-09', '2026-07-08', '2019-06-28', 'None']
    >>> day("20260708"), day("7月8日"), day("7月8日", year=2026)
    (datetime.date(2026, 7, 8), None, datetime.date(2026, 7, 8))
    """
    plain = _plain(text or "")
    if re.fullmatch(r"\d{8}", plain):
        plain = f"{plain[:4]}-{plain[4:6]}-{plain[6:]}"
    match = _DATE.fullmatch(plain)
    return None if match is None else _day_of(match, year)


def moment(text: str | None, *, year: int | None = None) -> datetime | None:
    """A date with a time, in JST unless it states an offset. `year` is taken where the text has none.

    >>> moment("令和6年1月9日18時").isoformat(), moment("2026/7/28 17:30").isoformat()
    ('2024-01-09T18:00:00+09:00', '2026-07-28T17:30:00+09:00')
    >>> moment("7月29日７：３０", year=2026).isoformat(), moment("2026年8月1日24時00分").isoformat()
    ('2026-07-29T07:30:00+09:00', '2026-08-02T00:00:00+09:00')
    >>> moment("2026-05-20T01:05:02Z").isoformat(), moment("2026-05-20T010:05:02"), moment("調査中")
    ('2026-05-20T01:05:02+00:00', None, None)
    >>> moment("令和6年6月12日正午").isoformat()
    '2024-06-12T12:00:00+09:00'
    """
    stated = (text or "").strip()
    if stated.endswith("正午"):
        stated = f"{stated.removesuffix('正午')}12時"
    plain = _plain(stated)
    if re.match(r"\d{4}-\d{2}-\d{2}[T ]", stated):
        try:
            exact = datetime.fromisoformat(stated)
        except ValueError:
            exact = None
        if exact is not None:
            return exact if exact.tzinfo is not None else exact.replace(tzinfo=JST)
    for width, pattern in ((12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S")):
        if re.fullmatch(rf"\d{{{width}}}", plain):
            try:
                return datetime.strptime(plain, pattern).replace(tzinfo=JST)
            except ValueError:
                return None
    # The time follows the date at once, so digits of the day and the hour may touch: the blank decides.
    head, _, tail = re.sub(r"\s+", " ", normalize("NFKC", stated)).strip().partition(" ")
    for date_text, time_text in _splits(plain, _plain(head), _plain(tail)):
        on_match, at_match = _DATE.fullmatch(date_text), _TIME.fullmatch(time_text)
        if on_match and at_match and (on := _day_of(on_match, year)) is not None:
            return _at(on, at_match)
    return None


def _splits(plain: str, head: str, tail: str) -> list[tuple[str, str]]:
    found = [(head, tail)] if tail else []
    for end in ("日", ")"):
        before, mark, after = plain.rpartition(end)
        if mark:
            found.append((before + mark, after))
    return found


def _day_of(match: re.Match[str], year: int | None) -> date | None:
    groups = match.groupdict()
    month, number = int(groups["month"]), int(groups["day"])
    try:
        if groups["era"]:
            name = _LETTERS.get(groups["era"].upper(), groups["era"])
            first, begins, ends = _ERAS[name]
            stated = 1 if groups["era_year"] == "元" else int(groups["era_year"])
            on = date(first + stated - 1, month, number)
            return on if begins <= on <= ends else None
        if groups["year"]:
            on = date(int(groups["year"]), month, number)
            return on if on.year < 9999 else None  # 9999/1/1 is how 国土数値情報 says that it does not know
        return None if year is None else date(year, month, number)
    except ValueError:
        return None


def _at(on: date, match: re.Match[str]) -> datetime | None:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if match["half"] == "午後" and hour < 12:
        hour += 12
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        return None
    midnight = datetime(on.year, on.month, on.day, tzinfo=JST)
    return midnight + timedelta(hours=hour, minutes=minute, seconds=second)
