"""Outlooks: official telegrams counted a second time by XPath, windows by their own TimeDefines, bad input."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jma_telegrams import EB, Desk, answers, at, edited, facts, path_of, put, rows, withdrawn, without
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import jma_outlook
from bousai.vocab import outlook

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_outlook"
SERIES, RAISED, CORRECTED = (SAMPLES / f"2026110420{stamp}00_0_VPWP50_140000.xml" for stamp in ("00", "30", "40"))
NEAR, TAKEN_BACK = SAMPLES / "20261104200500_0_VPFD61_140000.xml", SAMPLES / "20261104201000_0_VPFD61_140000.xml"
FAR = SAMPLES / "20261104201500_0_VPFW60_140000.xml"
OLD, PARALLEL = (SAMPLES / f"{year}1104200500_0_VPFD60_140000.xml" for year in (2025, 2026))
OFFICIAL = {
    "81_01_04_250630_VPWP50.xml": ("jma/weather_outlook/time_series/011000", 206),
    "90_01_01_241031_VPFD61.xml": ("jma/weather_outlook/near/370000", 6),
}
SPANS = {"PT3H": 3, "PT6H": 6, "PT12H": 12, "PT18H": 18, "PT24H": 24, "P1D": 24}


@pytest.fixture(scope="session")
def real(realdata: Path) -> Callable[[str], bytes]:
    return lambda name: (realdata / "jma-xml/samples-official" / name).read_bytes()


def said(body: bytes) -> tuple[Bulletin, dict[str, Item]]:
    (bulletin,), issues = answers(jma_outlook, body)
    assert issues == []
    return bulletin, {item.item_id: item for item in rows(bulletin)}


# --- the same, counted without the parser -------------------------------------------------------------------


def counted(body: bytes) -> Counter[tuple[Any, ...]]:
    """(area, element, start, end, type, part, text) of every expected value, from the tree alone."""
    found: Counter[tuple[Any, ...]] = Counter()
    for series in etree.fromstring(body).iter("{*}TimeSeriesInfo"):
        times = {
            one.get("timeId"): (
                datetime.fromisoformat(one.findtext("{*}DateTime")),
                timedelta(hours=SPANS[one.findtext("{*}Duration")]),
            )
            for one in series.iter("{*}TimeDefine")
        }
        for prop in series.iter("{*}Property"):
            item = next(prop.iterancestors("{*}Item"))
            for one in prop.iter():
                if one.get("refID") is None or etree.QName(one).localname == "Text":
                    continue
                start, span = times[one.get("refID")]
                local = next((e for e in one.iterancestors() if etree.QName(e).localname == "Local"), None)
                own = (one.text or "").strip() or None
                key = (
                    item.findtext("{*}Area/{*}Code"),
                    prop.findtext("{*}Type"),
                    one.get("type"),
                    None if local is None else local.findtext("{*}AreaName"),
                    one.findtext("{*}Name") or one.get("description") or own,
                )
                for hour in range(int(span / timedelta(hours=1))):
                    found[(*key, (start + timedelta(hours=hour)).isoformat())] += 1
    return found


def hours(items: dict[str, Item]) -> Counter[tuple[Any, ...]]:
    """The same from the items, hour by hour, so that joined windows count as what they were joined from."""
    found: Counter[tuple[Any, ...]] = Counter()
    for item in items.values():
        for window in item.props["windows"]:
            moment, end = (datetime.fromisoformat(window[name]) for name in ("start", "end"))
            while moment < end:
                key = (item.props["area_code"], item.props["element"], window["type"], window["part"], window["text"])
                found[(*key, moment.isoformat())] += 1
                moment += timedelta(hours=1)
    return found


@pytest.mark.parametrize("name", OFFICIAL)
def test_an_official_telegram_is_read_to_its_last_value(real: Callable[[str], bytes], name: str) -> None:
    bulletin, items = said(real(name))
    scope, number = OFFICIAL[name]
    assert (bulletin.scope, len(items), bulletin.complete) == (scope, number, True)
    expected = counted(real(name))
    assert expected
    assert hours(items) == expected


@pytest.mark.parametrize("path", [SERIES, RAISED, NEAR, FAR, OLD], ids=lambda path: path.stem)
def test_a_sample_is_read_to_its_last_value(path: Path) -> None:
    assert hours(said(path.read_bytes())[1]) == counted(path.read_bytes())


def test_levels_codes_and_quantities_of_the_official_time_series(real: Callable[[str], bytes]) -> None:
    body = real("81_01_04_250630_VPWP50.xml")
    _, items = said(body)
    codes = Counter(w["code"] for item in items.values() for w in item.props["windows"] if w["code"])
    assert set(codes) == {one.text for one in etree.fromstring(body).iter("{*}Code") if len(one.text) == 2}
    numbers = {
        (w["type"], w["value"], w["unit"])
        for i in items.values()
        for w in i.props["windows"]
        if w["value"] is not None
    }
    assert numbers == {
        (one.get("type"), float(one.text), one.get("unit"))
        for one in etree.fromstring(body).iter(f"{EB}*")
        if one.get("unit") and one.get("unit") != "８方位漢字"
    }
    wakkanai = items["jma/time_series/0121400/高潮"]
    assert {w["part"] for w in wakkanai.props["windows"]} == {"日本海側", "オホーツク海側"}
    assert min(w["value"] for w in wakkanai.props["windows"]) == -0.3
    assert (wakkanai.muni_code, wakkanai.props["region_name"]) == ("01214", "宗谷地方")
    assert items["jma/time_series/0121400/霜危険度"].props["highest_text"] == "値なし"


# --- windows -------------------------------------------------------------------------------------------------


def windows(item: Item) -> list[tuple[Any, ...]]:
    return [(w["start"][5:16], w["end"][5:16], w["text"] or w["condition"]) for w in item.props["windows"]]


def test_the_same_time_id_is_another_time_in_each_series() -> None:
    _, items = said(SERIES.read_bytes())
    rain = items["jma/time_series/1410011/雨"]
    assert [(w["type"], *times) for w, times in zip(rain.props["windows"], windows(rain), strict=True)] == [
        ("１時間最大雨量", "11-05T06:00", "11-05T09:00", "５ミリ"),
        ("１時間最大雨量", "11-05T09:00", "11-05T12:00", "３０ミリ"),
        ("１時間最大雨量", "11-05T12:00", "11-05T18:00", "６０ミリ"),
        ("２４時間最大雨量", "11-05T06:00", "11-06T00:00", "１８０ミリ"),
        ("２４時間最大雨量", "11-06T00:00", "11-07T00:00", "４０ミリ"),
    ]
    assert rain.valid_to == datetime.fromisoformat("2026-11-07T00:00:00+09:00")
    assert rain.props["windows"][2]["name"] == "５日昼過ぎ … ５日夕方"
    assert (rain.props["highest_code"], rain.props["highest_text"], rain.props["highest_level"]) == (None, None, None)


def test_windows_are_joined_only_where_they_meet_and_say_the_same() -> None:
    _, items = said(NEAR.read_bytes())
    assert windows(items["jma/near/140010/大雨の警報級の可能性"]) == [
        ("11-05T06:00", "11-05T12:00", "値なし"),
        ("11-05T12:00", "11-05T18:00", "中"),
        ("11-05T18:00", "11-06T00:00", "高"),
        ("11-06T00:00", "11-06T12:00", "値なし"),
    ]
    assert windows(items["jma/near/140010/雪の警報級の可能性"]) == [("11-05T06:00", "11-06T12:00", "なし")]
    gap = NEAR.read_text(encoding="utf-8").replace("2026-11-05T18:00:00+09:00", "2026-11-05T19:00:00+09:00", 1)
    _, items = said(gap.replace("PT6H</Duration>\n<Name>５日１８時", "PT3H</Duration>\n<Name>５日１８時").encode())
    assert windows(items["jma/near/140010/雪の警報級の可能性"]) == [
        ("11-05T06:00", "11-05T18:00", "なし"),
        ("11-05T19:00", "11-05T22:00", "なし"),
        ("11-06T00:00", "11-06T12:00", "なし"),
    ]


def test_the_gravest_is_found_by_what_codes_mean_not_by_their_digits() -> None:
    _, items = said(RAISED.read_bytes())
    flooding, wind = (items[f"jma/time_series/1410011/{name}"] for name in ("大雨浸水危険度", "風危険度"))
    assert [flooding.props[f"highest_{name}"] for name in ("code", "text", "level")] == ["41", "警戒レベル４相当", 4]
    assert [wind.props[f"highest_{name}"] for name in ("code", "text", "level")] == ["30", "警報級", None]
    (worse,), _ = answers(jma_outlook, RAISED.read_bytes().replace(b"<Code>41<", b"<Code>50<", 1))
    assert rows(worse)[0].props["highest_code"] == "50"


def test_a_possibility_has_no_level() -> None:
    """早期注意情報 is 警戒レベル１ by the law's wording, but the telegram does not say so: no level is invented."""
    for path in (NEAR, FAR, OLD):
        items = said(path.read_bytes())[1].values()
        assert {item.props["highest_level"] for item in items} == {None}
        assert {item.muni_code for item in items} == {None}
    assert said(NEAR.read_bytes())[1]["jma/near/140010/大雨の警報級の可能性"].props["highest_text"] == "高"
    assert said(FAR.read_bytes())[1]["jma/far/140010/波の警報級の可能性"].props["highest_text"] == "中"


def test_an_element_that_was_stated_before_the_telegram_says_when() -> None:
    earlier = SERIES.read_bytes().replace(
        b"2026-11-05T05:00:00+09:00</DateTime>", b"2026-11-05T04:30:00+09:00</DateTime>", 1
    )
    stated = [item.props["stated_at"] for item in said(earlier)[1].values()]
    assert stated == ["2026-11-05T04:30:00+09:00", None, None, None, None]


@pytest.mark.store
def test_said_again_it_changes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (_, again) = desk.take(
        "jma_outlook",
        actual(SERIES),
        at(actual(SERIES), "2026-11-05T05:20:00").replace(b"05:00:00+09:00</D", b"05:20:00+09:00</D"),
    )
    assert (again.outcome, again.changes.unchanged, again.changes.any) == ("unchanged", 5, False)


def test_text_is_kept() -> None:
    _, items = said(NEAR.read_bytes())
    assert items["jma/near/140010/大雨の警報級の可能性"].props["text"] == (
        "【訓練】神奈川県では、６日までの期間内に、大雨警報を発表する可能性がある。"
    )


# --- regions and scopes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("東京都早期注意情報", "130000"),
        ("鹿児島県（奄美地方除く）早期注意情報（明後日まで）", "460100"),
        ("鹿児島県早期注意情報（明後日まで）", "鹿児島県"),
        ("石狩・空知・後志地方警報級の可能性（明日まで）", "016000"),
    ],
)
def test_the_region_is_that_of_the_title(title: str, key: str) -> None:
    (bulletin,), _ = answers(jma_outlook, put(NEAR.read_bytes(), title, "Head", "Title"))
    assert bulletin.scope == f"jma/weather_outlook/near/{key}"


@pytest.mark.parametrize("title", ["", "早期注意情報", "神奈川県の見通し"])
def test_a_statement_for_nobody_knows_where_is_refused(title: str) -> None:
    for path in (NEAR, TAKEN_BACK):
        with pytest.raises(ParseError) as refused:
            answers(jma_outlook, put(path.read_bytes(), title, "Head", "Title"))
        assert refused.value.code == "no_region"


def test_near_replaces_what_the_older_type_said_and_horizons_do_not_meet() -> None:
    scopes = {path.name: said(path.read_bytes())[0].scope.split("/")[2] for path in (SERIES, NEAR, FAR, OLD)}
    assert list(scopes.values()) == ["time_series", "near", "far", "near"]


def test_the_old_type_gave_way() -> None:
    bulletins, (issue,) = answers(jma_outlook, PARALLEL.read_bytes())
    assert (bulletins, issue.code, issue.severity) == ([], "superseded_telegram", "info")
    eve = OLD.read_bytes().replace(b"2025-11-0", b"2026-05-2").replace(b"2026-05-25", b"2026-05-28")
    until = datetime.fromisoformat("2026-05-28T13:00:00+09:00")
    _, items = said(eve)
    assert {item.valid_to for item in items.values()} == {until}


# --- the store -----------------------------------------------------------------------------------------------


def actual(path: Path) -> bytes:
    return put(path.read_bytes(), "通常", "Control", "Status")


@pytest.mark.store
def test_an_outlook_ends_with_its_last_window_and_a_newer_one_replaces_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    done = desk.take("jma_outlook", *map(actual, (SERIES, RAISED, CORRECTED, NEAR, FAR)))
    assert {one.outcome for one in done} == {"stored"}
    key = "jma/time_series/1410011/大雨浸水危険度"
    levels = [
        desk.features("weather_outlook", f"2026-11-05T{time}")[key]["highest_level"] for time in ("05:10", "05:40")
    ]
    assert levels == [3, 3]  # the correction is the truth of 05:30
    assert key not in desk.features("weather_outlook", "2026-11-05T18:00")
    assert "jma/time_series/1410011/雨" in desk.features("weather_outlook", "2026-11-05T18:00")
    assert {i.split("/")[1] for i in desk.features("weather_outlook", "2026-11-07T00:00")} == {"far"}
    assert desk.features("weather_outlook", "2026-11-10T00:00") == {}


@pytest.mark.store
@pytest.mark.parametrize("order", [(NEAR, TAKEN_BACK), (TAKEN_BACK, NEAR)])
def test_a_withdrawn_outlook_never_held(tmp_path: Path, order: tuple[Path, Path]) -> None:
    desk = Desk(tmp_path)
    desk.take("jma_outlook", *map(actual, order))
    assert desk.features("weather_outlook", "2026-11-05T07:00") == {}


# --- bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SERIES, NEAR, FAR, OLD], ids=lambda path: path.stem)
@pytest.mark.parametrize(("word", "status"), [("通常", "actual"), ("試験", "test")])
def test_another_status_changes_nothing_else(path: Path, word: str, status: str) -> None:
    other, _ = answers(jma_outlook, put(path.read_bytes(), word, "Control", "Status"))
    first, _ = answers(jma_outlook, path.read_bytes())
    assert facts(other) == [{**one, "status": status} for one in facts(first)]


def test_a_withdrawal_names_its_region_by_the_title_alone() -> None:
    for path in (SERIES, NEAR, FAR):
        (target,), _ = answers(jma_outlook, path.read_bytes())
        (withdrawal,), issues = answers(jma_outlook, withdrawn(path.read_bytes(), "2026-11-05T06:30:00"))
        assert (withdrawal.msg_type, withdrawal.scope, withdrawal.bulletin_type) == (
            "withdraw",
            target.scope,
            target.bulletin_type,
        )
        assert issues == []


@pytest.mark.parametrize("path", [path_of("Report", "Body", "MeteorologicalInfos"), "//*[local-name()='Item']"])
def test_a_telegram_that_says_nothing_is_refused(path: str) -> None:
    with pytest.raises(ParseError) as refused:
        answers(jma_outlook, without(SERIES.read_bytes(), path))
    assert refused.value.code == "no_window"


def test_an_area_without_a_code_is_held_back_and_the_statement_is_not_whole() -> None:
    body = without(SERIES.read_bytes(), "(//*[local-name()='Item'])[2]/*[local-name()='Area']/*[local-name()='Code']")
    (bulletin,), issues = answers(jma_outlook, body)
    assert {issue.code for issue in issues} == {"no_area_code"}
    assert not bulletin.complete
    assert {item.props["area_name"] for item in rows(bulletin)} == {"横浜市北部"}


def test_a_code_that_nobody_knows_is_kept_and_counts_as_the_gravest() -> None:
    (bulletin,), issues = answers(jma_outlook, RAISED.read_bytes().replace(b"<Code>11<", b"<Code>61<", 1))
    assert [issue.code for issue in issues] == ["unknown_significancy"]
    assert [rows(bulletin)[0].props[f"highest_{name}"] for name in ("code", "level")] == ["61", None]
    changed = NEAR.read_text(encoding="utf-8").replace(">中<", ">極高<", 1)
    (bulletin,), issues = answers(jma_outlook, changed.encode())
    assert [issue.code for issue in issues] == ["unknown_possibility"]
    assert rows(bulletin)[0].props["highest_text"] == "極高"


def test_an_empty_possibility_without_a_reason_is_told() -> None:
    (_,), issues = answers(jma_outlook, NEAR.read_bytes().replace(' condition="値なし"'.encode(), b"", 1))
    assert [issue.code for issue in issues] == ["unknown_possibility"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b'refID="2"', b'refID="77"'),
        (b"<Duration>PT3H</Duration>\n<Name>\xef\xbc\x95\xe6\x97\xa5\xe6\x9c\x9d", b"<Name>"),
    ],
)
def test_a_value_for_no_window_is_kept_and_told(right: bytes, wrong: bytes) -> None:
    assert right in SERIES.read_bytes()
    (bulletin,), issues = answers(jma_outlook, SERIES.read_bytes().replace(right, wrong, 1))
    assert {issue.code for issue in issues} == {"unknown_window"}
    assert sum(w["end"] is None for item in rows(bulletin) for w in item.props["windows"]) == len(issues)
    assert len(rows(bulletin)) == len(said(SERIES.read_bytes())[1])


def test_what_nobody_read_is_told() -> None:
    def edit(root: etree._Element) -> None:
        prop = next(root.iter("{*}Property"))
        part = copy.deepcopy(prop[1])
        part.tag = part.tag.replace("SignificancyPart", "SubsequentSignificancyPart")
        prop.append(part)
        etree.SubElement(next(root.iter("{*}Kind")), prop.tag.replace("Property", "Condition")).text = "x"

    _, issues = answers(jma_outlook, edited(SERIES.read_bytes(), edit))
    assert {issue.code for issue in issues} == {"unread"}
    assert {issue.position.rpartition("/")[2] for issue in issues} >= {"Condition"}


def test_another_telegram_is_told_where_it_belongs() -> None:
    (issue,) = jma_outlook.parse(
        (PROJECT / "tests/feeds/jma_warning_summary/20261105014058_0_VPWS50_010000.xml").read_bytes()
    )
    assert isinstance(issue, Issue)
    assert (issue.code, "jma_warning_summary" in issue.remedy) == ("no_parser", True)


def test_the_feed_takes_what_the_parser_handles() -> None:
    feed = yaml.safe_load((PROJECT / "config/feeds/jma_outlook.yml").read_text(encoding="utf-8"))
    assert set(feed["source"]["types"]) == set(jma_outlook.HANDLES)


# --- vocabulary ------------------------------------------------------------------------------------------------


def test_names_of_the_table_are_those_of_the_telegrams(realdata: Path) -> None:
    """Except of VPWW54, whose codes are of another list."""
    seen: dict[str, set[str]] = {}
    for path in sorted((realdata / "jma-xml").glob("*/*.xml")):
        root = etree.parse(path).getroot()
        if "Ｒ０６" in (root.findtext("{*}Control/{*}Title") or ""):
            for one in root.iter("{*}Significancy"):
                seen.setdefault(one.findtext("{*}Code"), set()).add(one.findtext("{*}Name"))
    assert len(seen) >= 8
    for code, names in seen.items():
        known = outlook.significancy(code)
        assert known is not None
        assert names == {known.name}


def test_a_level_is_the_one_that_the_name_says() -> None:
    for code in ("00", "01", "11", "20", "21", "22", "30", "31", "41", "50", "51"):
        known = outlook.significancy(code)
        assert known is not None
        digit = next((n for n in range(2, 6) if "０１２３４５"[n] in known.name), None)
        assert known.level == (None if "未満" in known.name else digit)


def test_a_newer_statement_of_the_same_moment_is_ordered_by_when_it_was_sent() -> None:
    first, later = said(RAISED.read_bytes())[0], answers(jma_outlook, CORRECTED.read_bytes())[0][0]
    assert first.issued_at == later.issued_at
    assert str(first.sent_at) < str(later.sent_at)
    assert later.msg_type == "correct"
    assert said(at(RAISED.read_bytes(), "2026-11-05T05:31:00"))[0].issued_at > first.issued_at
