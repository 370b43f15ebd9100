"""The calendar of codes and telegrams: its table, against the other tables and the feeds, and its boundaries."""

from __future__ import annotations

import csv
import doctest
import re
from datetime import date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from bousai.catalogue import AtomSource, load
from bousai.vocab import calendar, jma, rows
from bousai.vocab.calendar import coming, day, entries, entry_of, of, overdue

PROJECT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 26)
DAY = timedelta(days=1)
TELEGRAMS = {row["telegram_type"]: row for row in rows("jma_telegram")}


def types_of_feeds() -> dict[str, set[str]]:
    found = {}
    for feed in load(PROJECT / "config").feeds.values():
        if isinstance(feed.source, AtomSource):
            found[feed.id] = set(feed.source.types)
    return found


def ends_of(subject: str) -> list[calendar.Entry]:
    return [one for one in of(subject) if one.event == "ends"]


def test_examples() -> None:
    assert doctest.testmod(calendar).failed == 0


# The table


def test_every_row_is_an_entry_in_order() -> None:
    assert len(entries()) == len(rows("calendar")) > 90
    dates = [one.date_text for one in entries()]
    assert dates == sorted(dates)
    assert {one.kind for one in entries()} == set(calendar.KINDS)


def test_the_file_is_written_as_the_others_are() -> None:
    body = (files("bousai.vocab") / "data" / "calendar.csv").read_bytes()
    assert not body.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in body
    assert body.endswith(b"\n")
    lines = list(csv.reader(body.decode().splitlines()))
    assert {len(line) for line in lines} == {len(lines[0])}


def test_days_lie_in_a_time_that_can_be_meant() -> None:
    for one in entries():
        assert one.first is None or date(2020, 1, 1) <= one.first <= date(2030, 12, 31), one.subject


def test_a_telegram_is_one_that_the_list_of_telegrams_has() -> None:
    for one in entries():
        if one.kind == "telegram":
            assert one.subject in TELEGRAMS
            assert set(one.replaced_by.split()) <= TELEGRAMS.keys(), one.subject


def test_nothing_ends_for_its_own_sake_or_before_it_begins() -> None:
    for one in entries():
        assert one.subject not in one.replaced_by.split()
        begins = [first for each in of(one.subject) if each.event == "starts" and (first := each.first)]
        if one.event == "ends" and one.first and begins:
            assert max(begins) < one.first


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"date": "2026-02-30"}, "in no calendar"),
        ({"date": "2026-13", "precision": "month"}, "in no calendar"),
        ({"date": "2026-05"}, "not one of precision day"),
        ({"date": "２０２６-05-28"}, "not one of precision day"),
        ({"date": ""}, "not one of precision day"),
        ({"precision": "unknown"}, "not one of precision unknown"),
        ({"precision": "not_before", "date": ""}, "not one of precision not_before"),
        ({"precision": "week"}, "precision is 'week'"),
        ({"event": "ended"}, "event is 'ended'"),
        ({"kind": "feed"}, "kind is 'feed'"),
        ({"verified": ""}, "verified is ''"),
        ({"subject": ""}, "subject is empty"),
        ({"title_ja": " 終了"}, "title_ja is empty or has blanks"),
        ({"remedy_en": ""}, "remedy_en is empty"),
        ({"source": "http://www.jma.go.jp/"}, "no https address"),
        ({"source": "JMA"}, "no https address"),
        ({"warn_days": "0"}, "from 1 to 999"),
        ({"warn_days": "soon"}, "from 1 to 999"),
    ],
)
def test_a_row_that_cannot_be_an_entry_is_refused_with_its_line(change: dict[str, str], why: str) -> None:
    row = next(row for row in rows("calendar") if row["precision"] == "day")
    assert entry_of(row, 7).date_text == row["date"]
    with pytest.raises(ValueError, match=why) as refused:
        entry_of({**row, **change}, 7)
    assert "calendar.csv line 7: " in str(refused.value)


def test_a_row_of_another_width_is_refused() -> None:
    row = rows("calendar")[0]
    for wrong in ({**row, "note": ""}, {key: row[key] for key in row if key != "source"}, {**row, "source": None}):
        with pytest.raises(ValueError, match="the columns are not"):
            entry_of(wrong, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("shuffled", ["turned", "twice"])
def test_a_table_out_of_order_is_refused(monkeypatch: pytest.MonkeyPatch, shuffled: str) -> None:
    one, other, *_ = rows("calendar")
    table = (other, one) if shuffled == "turned" else (one, one)
    monkeypatch.setattr(calendar, "rows", lambda _: table)
    with pytest.raises(ValueError, match="out of order or there twice"):
        entries.__wrapped__()


# Against the other tables


def test_what_the_list_of_telegrams_has_ended_or_ending_is_there() -> None:
    ended = [kind for kind, row in TELEGRAMS.items() if row["valid_to"] or row["notes"].startswith("ended")]
    ending = [kind for kind, row in TELEGRAMS.items() if "to end in 2028 or later" in row["notes"]]
    assert {"VPRN50", "VPTI51", "VPTW40-45", "VPWW50"} <= set(ended)
    assert {"VPWW53", "VXWW50", "VPFD60", "VMCJ52"} <= set(ending)
    assert [kind for kind in ended + ending if not ends_of(kind)] == []
    for kind in ended:
        stated = TELEGRAMS[kind]["valid_to"]
        assert not stated or [one.date_text for one in ends_of(kind)] == [stated]
    for kind in ending:
        assert [one.when_en for one in ends_of(kind)] == ["2028 or later (day not given)"]


def test_what_the_list_of_telegrams_has_begun_is_there() -> None:
    for kind, row in TELEGRAMS.items():
        if row["valid_from"]:
            (begins,) = [one for one in of(kind) if one.event == "starts"]
            assert begins.date_text == row["valid_from"], kind


def test_the_days_from_which_a_successor_counts_are_those_of_the_other_tables() -> None:
    known = {row["telegram_type"]: row for row in rows("jma_parallel")}
    known |= {row["bulletin_type"]: row for row in rows("jma_warning_telegram") if row["valid_to"]}
    assert len(known) > 10
    for kind, row in known.items():
        changes = [one for one in of(kind) if one.event == "changes" and one.precision == "day"]
        assert [one.first for one in changes] == [datetime.fromisoformat(row["valid_to"]).date()], kind
        assert set(changes[0].replaced_by.split()) >= set(row.get("superseded_by", "").replace(" or ", " ").split())


def test_code_spaces_of_two_systems_change_on_the_day_of_their_tables() -> None:
    for table in ("jma_warning_kind", "jma_flood_kind"):
        for row in rows(table):
            if row["valid_to"] and (entry := ends_of(row["code_space"])):
                assert entry[0].first == datetime.fromisoformat(row["valid_to"]).date()
    assert ends_of("jma_river_flood_h19")


def test_every_change_of_municipality_codes_is_there() -> None:
    days = {date.fromisoformat(row["valid_from"]) for row in rows("municipality") if row["valid_from"]}
    days |= {date.fromisoformat(row["valid_to"]) + DAY for row in rows("municipality") if row["valid_to"]}
    assert days
    assert days <= {one.first for one in of("JIS X 0402")}


# Against the feeds and the installation


def test_what_has_ended_and_a_feed_takes_is_overdue() -> None:
    taken = set().union(*types_of_feeds().values())
    past = {kind for kind in taken for one in ends_of(kind) if one.is_past(TODAY)}
    assert {one.subject for one in overdue(TODAY, taken)} == past
    # They are there for archives of earlier years; a new one belongs into no feed, or here with a reason.
    assert past == {"VPTW40-45", "VPTW50-55"}


def test_feeds_that_the_list_of_telegrams_names_exist() -> None:
    feeds = types_of_feeds()
    for one in entries():
        told = jma.telegram(TELEGRAMS[one.subject]["control_title"]) if one.kind == "telegram" else None
        if told is not None and told.feed:
            assert one.subject in feeds[told.feed], "a remedy speaks of a feed that does not take it"


def test_what_replaces_a_type_of_a_feed_is_taken_by_a_feed() -> None:
    taken = set().union(*types_of_feeds().values())
    for kind in taken:
        for one in of(kind):
            assert set(one.replaced_by.split()) <= taken, kind


def test_the_address_of_a_feed_is_the_one_that_is_spoken_of() -> None:
    (named,) = [one for one in entries() if "/N03/N03-2024/" in one.subject]
    newest = max(one.first for one in of("N03") if one.first)
    assert named.first == newest
    assert f"N03-{newest:%Y%m%d}" in named.replaced_by


def test_versions_of_the_installation_whose_end_is_published_are_there() -> None:
    compose, image = ((PROJECT / name).read_text(encoding="utf-8") for name in ("docker-compose.yml", "Dockerfile"))
    for programme, pattern, text in (
        ("PostgreSQL", r"postgis/postgis:(\d+)-", compose),
        ("Python", r"apache/airflow:[\d.]+-python(\d+\.\d+)", image),
        ("Node.js", r"FROM node:(\d+)\.", image),
    ):
        (version,) = re.findall(pattern, text)
        assert ends_of(f"{programme} {version}"), f"when does {programme} {version} end?"


# Boundaries


def test_a_day_is_warned_of_until_it_has_come_and_is_overdue_from_the_next() -> None:
    (end,) = of("PostgreSQL 15")
    last = date(2027, 11, 11)
    assert (end.first, end.last, end.warn_days) == (last, last, 180)
    warned = last - timedelta(days=180)
    assert end not in coming(warned - DAY)
    assert end in coming(warned)
    assert end in coming(last - DAY)
    assert end in coming(last)
    assert end not in coming(last + DAY)
    assert [overdue(on, ["PostgreSQL 15"]) for on in (last - DAY, last, last + DAY)] == [[], [], [end]]


def test_the_day_is_one_of_japan() -> None:
    before = datetime.fromisoformat("2026-04-22T14:59:59+00:00")
    after = datetime.fromisoformat("2026-04-22T15:00:00+00:00")
    assert (day(before), day(after)) == (date(2026, 4, 22), date(2026, 4, 23))
    assert overdue(day(before), ["Airflow 2"]) == []
    assert [one.subject for one in overdue(day(after), ["Airflow 2"])] == ["Airflow 2"]
    with pytest.raises(ValueError, match="no offset"):
        day(before.replace(tzinfo=None))


def test_a_month_is_warned_of_from_its_first_day_and_has_passed_with_its_last() -> None:
    (end,) = of("Python 3.11")
    first, last = date(2027, 10, 1), date(2027, 10, 31)
    assert (end.first, end.last) == (first, last)
    warned = first - timedelta(days=end.warn_days)
    assert end not in coming(warned - DAY)
    assert all(end in coming(on) for on in (warned, first, last))
    assert end not in coming(last + DAY)
    assert overdue(last, ["Python 3.11"]) == []
    assert overdue(last + DAY, ["Python 3.11"]) == [end]
    assert (end.when_ja, end.when_en) == ("2027年10月（日は未定）", "October 2027 (day not given)")


@pytest.mark.parametrize(
    ("text", "last"),
    [("2028-02", date(2028, 2, 29)), ("2027-02", date(2027, 2, 28)), ("2027-12", date(2027, 12, 31))],
)
def test_a_month_ends_with_its_last_day(text: str, last: date) -> None:
    row = {**rows("calendar")[0], "date": text, "precision": "month"}
    assert entry_of(row, 2).last == last


def test_a_year_is_warned_of_from_its_first_day_and_has_passed_with_its_last() -> None:
    one = entry_of({**rows("calendar")[0], "date": "2028", "precision": "year"}, 2)
    assert (one.first, one.last) == (date(2028, 1, 1), date(2028, 12, 31))
    assert (one.is_past(date(2028, 12, 31)), one.is_past(date(2029, 1, 1))) == (False, True)
    assert (one.when_ja, one.when_en) == ("2028年（日は未定）", "2028 (day not given)")


def test_what_is_announced_without_a_day_stays_and_is_never_overdue() -> None:
    (end,) = ends_of("VPWW54")
    assert (end.first, end.last, end.warn_days) == (date(2028, 1, 1), None, 365)
    assert end not in coming(date(2026, 12, 31), ["VPWW54"])
    for on in (date(2027, 1, 1), date(2028, 1, 1), date(2035, 1, 1)):
        assert coming(on, ["VPWW54"]) == [end]
        assert overdue(on, ["VPWW54"]) == []
    # It may come any day now: after what has a day.
    assert [one.subject for one in coming(date(2028, 6, 30), ["VPWW54", "Debian 12"])] == ["Debian 12", "VPWW54"]


def test_what_ended_on_an_unknown_day_is_overdue_and_never_coming() -> None:
    for one in entries():
        if one.precision == "unknown":
            assert (one.first, one.last, one.when_ja, one.when_en) == (None, None, "日は不明", "day not known")
            assert one not in coming(TODAY)
            assert (one in overdue(TODAY, [one.subject])) == (one.event == "ends")


def test_coming_is_sorted_and_restricted() -> None:
    for on in (date(2026, 3, 1), TODAY, date(2027, 11, 1), date(2028, 5, 1)):
        found = coming(on)
        dated = [one.first for one in found if one.last is not None and one.first]
        assert all(before <= after for before, after in pairwise(dated))
        assert coming(on, {one.subject for one in found}) == found
        assert coming(on, []) == []
    assert [one.subject for one in coming(date(2026, 5, 28), ("VPWW55", "VPRN50"))] == ["VPRN50", "VPWW55"]


def test_only_an_end_can_be_overdue() -> None:
    subjects = {one.subject for one in entries()}
    assert {one.event for one in overdue(date(2040, 1, 1), subjects)} == {"ends"}
    assert overdue(date(2040, 1, 1), []) == []


def test_a_subject_that_nothing_is_known_of_has_no_entry() -> None:
    assert of("VXSE53") == ()
