"""Transcripts of numbered reports: the real ones against their own JSON, history, and what is held back."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse import road_report_transcript

FOLDER = "damage-tables/r8-kumamoto-roads"
OPTIONS = road_report_transcript.Options("roads", "令和８年熊本地震", "道路管理者")
CLOSURE: dict[str, Any] = {
    "route_name": "国道999号",
    "section": "訓練IC〜訓練峠IC",
    "content": "全面通行止め",
    "reason": "【訓練】",
    "start_timestamp": "2026-11-05 09:00:00",
    "end_timestamp": None,
    "reports": [{"label": "道第1報（2026-11-05 9:30時点）", "pdf": "x", "url": "x"}],
}


def parsed(body: bytes) -> tuple[list[Bulletin], list[Issue]]:
    results = list(road_report_transcript.parse(body, OPTIONS))
    bulletins = [result for result in results if isinstance(result, Bulletin)]
    return bulletins, [result for result in results if isinstance(result, Issue)]


def document(*items: dict[str, Any], **members: Any) -> bytes:
    return json.dumps(
        {"source_name": "訓練", "transcribed_at": "2026-11-06", "items": list(items), **members}
    ).encode()


def one(**changes: Any) -> tuple[Bulletin | None, list[str]]:
    bulletins, issues = parsed(document({**CLOSURE, **changes}))
    return (bulletins[0] if bulletins else None), [issue.code for issue in issues]


def test_module_examples() -> None:
    result = doctest.testmod(road_report_transcript)
    assert (result.attempted > 0, result.failed) == (True, 0)


@pytest.mark.parametrize(("name", "count"), [("mlit", 8), ("nexco", 8)])
def test_real_transcripts(realdata: Path, name: str, count: int) -> None:
    body = (realdata / f"{FOLDER}/{name}_regulations.json").read_bytes()
    listed = json.loads(body)["items"]
    bulletins, issues = parsed(body)
    assert issues == []
    assert len(bulletins) == len({bulletin.scope for bulletin in bulletins}) == len(listed) == count
    for bulletin, said in zip(bulletins, listed, strict=True):
        [item] = bulletin.items.rows()
        assert (bulletin.status, bulletin.complete, item.item_id) == ("actual", True, bulletin.scope)
        assert bulletin.issued_at == datetime.fromisoformat(f"{said['start_timestamp']}+09:00")
        end = said["end_timestamp"]
        assert item.valid_to == (None if end is None else datetime.fromisoformat(f"{end}+09:00"))
        assert item.props["road_name"] == said["route_name"]
        assert f"{item.props['start_point']}〜{item.props['end_point']}".removesuffix("〜None") == said["section"]
        assert (item.props["cause"], item.props["length_km"]) == (said["reason"], said["length_km"])
        words = {"全面通行止め": "closed", "片側交互通行規制": "alternating"}
        assert item.props["restriction"] == words[said["content"]]
        assert item.props["detail"].split("\n")[0] in {report["label"] for report in said["reports"]}
        assert len(item.props["detail"].split("\n")) == len(said["reports"])
        place = shapely.from_wkb(item.geometry)
        pairs = said.get("path") or [[said["point"]["lat"], said["point"]["lon"]]]
        assert [[lat, lon] for lon, lat in place.coords] == pairs


@pytest.mark.parametrize(
    ("name", "at", "roads"),
    [
        ("mlit", "2026-07-28T18:00:00+09:00", 4),
        ("mlit", "2026-07-29T02:30:00+09:00", 3),
        ("mlit", "2026-07-30T00:00:00+09:00", 0),
        ("mlit", "2026-08-05T23:00:00+09:00", 2),
        ("mlit", "2026-08-18T12:00:00+09:00", 0),
        ("nexco", "2026-07-28T17:00:00+09:00", 8),
        ("nexco", "2026-08-13T00:00:00+09:00", 3),
        ("nexco", "2026-08-20T00:00:00+09:00", 1),
    ],
)
def test_one_file_answers_for_every_day(realdata: Path, name: str, at: str, roads: int) -> None:
    """Counted by hand from start_timestamp and end_timestamp of the file."""
    when = datetime.fromisoformat(at)
    bulletins, _ = parsed((realdata / f"{FOLDER}/{name}_regulations.json").read_bytes())
    standing = [
        item.props["road_name"]
        for bulletin in bulletins
        for item in bulletin.items.rows()
        if bulletin.issued_at is not None
        and bulletin.issued_at <= when
        and (item.valid_to is None or item.valid_to > when)
    ]
    assert len(standing) == roads


def test_the_newest_report_counts() -> None:
    labels = [
        "道第10報（2026-11-05 18:00）",
        "道第9報（2026-11-05 9:30時点）規制開始",
        "共同発表（2026-11-05 18:00）",
    ]
    bulletin, codes = one(reports=[{"label": label} for label in labels])
    assert bulletin is not None
    [item] = bulletin.items.rows()
    assert (bulletin.serial, item.props["report_no"], codes) == ("10", "10", [])
    assert item.props["as_of"] == "2026-11-05T18:00:00+09:00"
    assert bulletin.sent_at == datetime.fromisoformat("2026-11-06T00:00:00+09:00")  # when it was typed


def test_a_later_file_that_adds_an_end_replaces_the_former() -> None:
    first = parsed(document(CLOSURE))[0][0]
    later = parsed(document({**CLOSURE, "end_timestamp": "2026-11-07 06:00:00"}, transcribed_at="2026-11-07"))[0][0]
    assert (first.scope, first.issued_at) == (later.scope, later.issued_at)
    assert first.sent_at is not None
    assert later.sent_at is not None
    assert first.sent_at < later.sent_at


def test_what_is_announced_for_later_is_issued_when_it_was_announced() -> None:
    bulletin, _ = one(start_timestamp="2026-11-09 21:00:00")
    assert bulletin is not None
    assert bulletin.issued_at == datetime.fromisoformat("2026-11-05T09:30:00+09:00")
    assert next(iter(bulletin.items.rows())).props["started_at"] == "2026-11-09T21:00:00+09:00"


@pytest.mark.parametrize("missing", ["route_name", "section", "start_timestamp", "reports"])
def test_a_record_that_cannot_be_placed_is_held_back(missing: str) -> None:
    assert one(**{missing: None}) == (None, ["no_identity"])


@pytest.mark.parametrize("end", ["2026-11-05 08:00:00", "夕方", 5])
def test_an_end_that_cannot_be_leaves_the_road_closed(end: Any) -> None:
    bulletin, codes = one(end_timestamp=end)
    assert bulletin is not None
    assert [item.valid_to for item in bulletin.items.rows()] == [None]
    assert codes == ["bad_time"]


def test_unknown_words_members_and_doubles() -> None:
    bulletin, codes = one(content="規制解除")
    assert bulletin is not None
    assert next(iter(bulletin.items.rows())).props["restriction"] == "unknown"
    assert codes == ["unknown_restriction"]
    assert one(detour="国道3号")[1] == ["unread"]
    bulletins, issues = parsed(document(CLOSURE, CLOSURE, region="x"))
    assert (len(bulletins), sorted(issue.code for issue in issues)) == (1, ["duplicate_id", "unread"])
    access = [{"section": "訓練IC〜訓練PA", "as_of": "2026-11-05 15:00"}]
    bulletin, codes = one(emergency_access=access)
    assert bulletin is not None
    assert "緊急車両の通行: 訓練IC〜訓練PA 2026-11-05 15:00" in next(iter(bulletin.items.rows())).props["detail"]


@pytest.mark.parametrize("path", [[[35.2]], [["35.2", "139.1"], [35.3, 139.2]], [[35.2, True]], ["x"]])
def test_a_path_that_is_none(path: Any) -> None:
    bulletin, codes = one(path=path)
    assert bulletin is not None
    assert list(bulletin.items.geometry) == [None]
    assert codes == ["bad_geometry"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"items": 1}', b'{"items": [1]}', b"<html>", b'{"items": [NaN]}']
)
def test_not_a_transcript(body: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parsed(body)
    assert caught.value.remedy


def test_the_mark_of_a_drill() -> None:
    assert parsed(document(CLOSURE))[0][0].status == "exercise"
    assert parsed(document({**CLOSURE, "reason": "地震"}))[0][0].status == "actual"


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.booleans())  # noqa: DTZ001
def test_any_time_of_a_label(at: datetime, padded: bool) -> None:
    hour = f"{at.hour:02}" if padded else str(at.hour)
    label = f"道第3報（{at:%Y-%m-%d} {hour}:{at.minute:02}時点）規制解除"
    read: Callable[[str], datetime | None] = road_report_transcript._as_of
    found = read(label)
    assert found is not None
    assert found.astimezone(UTC).minute == at.minute
    assert (found.day, found.hour) == (at.day, at.hour)
