"""CAP messages: real ones against an outside schema and xpath, the life of an alert, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest
import shapely
from lxml import etree

from bousai import pipeline, settings
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse import cap_alert

FEEDS = Path(__file__).resolve().parents[1] / "feeds" / "cap_folder"
ALERT, CANCEL = ((FEEDS / name).read_text(encoding="utf-8") for name in ("kunren_alert.cap", "kunren_cancel.cap"))
REFUSED = {"invalid.cap": "invalid_cap"}


def read(body: bytes) -> tuple[list[Bulletin], list[Issue]]:
    found = list(cap_alert.parse(body))
    return [one for one in found if isinstance(one, Bulletin)], [one for one in found if isinstance(one, Issue)]


def real(realdata: Path) -> list[Path]:
    return sorted((realdata / "cap").glob("*.cap"))


def test_every_real_message_is_read_or_refused_as_it_must_be(realdata: Path) -> None:
    schema = etree.XMLSchema(etree.parse(realdata / "cap/cap12.xsd"))
    for path in real(realdata):
        tree = etree.parse(path)
        if path.name in REFUSED:
            with pytest.raises(ParseError) as refused:
                read(path.read_bytes())
            assert refused.value.code == REFUSED[path.name]
            assert not schema.validate(tree)
            continue
        (bulletin,), issues = read(path.read_bytes())
        own, *ended = bulletin.items.rows()
        assert bulletin.issued_at == datetime.fromisoformat(tree.findtext("{*}sent") or "")
        assert own.props["identifier"] == tree.findtext("{*}identifier")
        info = tree.find("{*}info")
        for name, field in (("event", "event"), ("headline", "headline"), ("senderName", "sender_name")):
            assert own.props[field] == (None if info is None else info.findtext(f"{{*}}{name}")), path.name
        assert len(ended) == len((tree.findtext("{*}references") or "").split())
        assert [issue for issue in issues if issue.code == "unread"] == []
        if schema.validate(tree):
            assert [issue for issue in issues if issue.severity != "info"] == [], path.name


def test_polygons_are_latitude_first(realdata: Path) -> None:
    (bulletin,), _ = read((realdata / "cap/canada.cap").read_bytes())
    west, south, east, north = shapely.from_wkb(bulletin.items.geometry[0]).bounds
    assert -84 < west < east < -81
    assert 41 < south < north < 43


def test_letters_of_another_encoding_are_right(realdata: Path) -> None:
    (bulletin,), _ = read((realdata / "cap/earthquake-iso8859-1.cap").read_bytes())
    assert "Usulután" in bulletin.items.props["headline"][0]


def test_empty_values_are_told_and_the_alert_is_kept(realdata: Path) -> None:
    (bulletin,), issues = read((realdata / "cap/noaa_errors.cap").read_bytes())
    (item,) = bulletin.items.rows()
    assert (item.props["severity"], item.props["event"]) == (None, "Flood Warning")
    assert {issue.code for issue in issues} == {"unknown_value", "bad_geometry"}


def test_the_japanese_block_is_shown_and_the_others_are_kept() -> None:
    (bulletin,), issues = read(ALERT.encode())
    (item,) = bulletin.items.rows()
    assert (item.props["language"], item.props["headline"]) == ("ja-JP", "【訓練】津波")
    assert [one["language"] for one in item.props["other_languages"]] == ["en-US"]
    circle = shapely.from_wkb(item.geometry)
    assert shapely.Point(139.5, 35.3).within(circle)
    assert circle.bounds[2] - circle.bounds[0] == pytest.approx(2 * 10 / 91.1, rel=0.01)
    assert (bulletin.status, issues) == ("exercise", [])


@pytest.mark.store
@pytest.mark.parametrize("order", list(permutations(["alert", "update", "cancel"])))
def test_update_and_cancel_end_what_they_reference_in_any_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    update = (
        ALERT.replace("kunren-1", "kunren-u")
        .replace("10:12:00+09:00</sent>", "10:30:00+09:00</sent>")
        .replace("<msgType>Alert", "<msgType>Update")
        .replace("</note>", "</note><references>kunren@example.jp,kunren-1,2026-11-05T10:12:00+09:00</references>")
    )
    cancel = CANCEL.replace("kunren-1,2026-11-05T10:12", "kunren-u,2026-11-05T10:30")
    texts = {"alert": ALERT, "update": update, "cancel": cancel}
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    files = [(f"{name}.cap", texts[name].encode()) for name in order]
    assert {one.outcome for one in pipeline.ingest_files("cap_folder", files, own)} <= {"stored", "unchanged"}

    def shown(at: str) -> set[str]:
        chunks = pipeline.layer_geojson(
            "cap_alert", own, valid_at=datetime.fromisoformat(f"{at}+09:00"), status="exercise"
        )
        return {feature["properties"]["identifier"] for feature in json.loads(b"".join(chunks))["features"]}

    assert shown("2026-11-05T10:20") == {"kunren-1"}
    assert shown("2026-11-05T10:40") == {"kunren-u"}
    assert shown("2026-11-05T11:00") == set()


@pytest.mark.store
def test_an_alert_without_an_end_of_its_own_ends_when_it_expires(tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    list(pipeline.ingest_files("cap_folder", [("a.cap", ALERT.encode())], own))

    def features(at: datetime) -> bytes:
        return b"".join(pipeline.layer_geojson("cap_alert", own, valid_at=at, status="exercise"))

    assert b"kunren-1" in features(datetime(2026, 11, 5, 7, 11, tzinfo=UTC))
    assert b"kunren-1" not in features(datetime(2026, 11, 5, 7, 12, tzinfo=UTC))


def test_a_message_ends_none_of_another_sender() -> None:
    other = CANCEL.replace("<sender>kunren@example.jp", "<sender>other@example.jp")
    (bulletin,), issues = read(other.encode())
    assert bulletin.items.item_id == ["cap/other@example.jp/kunren-1"]
    assert bulletin.scope == "cap/other@example.jp"
    assert [issue.code for issue in issues] == ["other_sender"]


@pytest.mark.parametrize("kind", ["Ack", "Error"])
def test_an_acknowledgement_states_nothing(kind: str) -> None:
    bulletins, issues = read(CANCEL.replace("Cancel", kind).encode())
    assert bulletins == []
    assert [issue.code for issue in issues] == ["no_statement"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("<status>Exercise", "<status>Draft"), "unknown_status"),
        (("<status>Exercise", "<status>System"), "unknown_status"),
        (("<status>Exercise</status>", ""), "invalid_cap"),
        (("<scope>Public", "<scope>Private"), "not_public"),
        (("<sent>2026-11-05T10:12:00+09:00", "<sent>2026-11-05T10:12:00"), "invalid_cap"),
        (("<identifier>kunren-1", "<identifier>kunren 1"), "invalid_cap"),
        (("<msgType>Alert", "<msgType>Alarm"), "invalid_cap"),
        (("cap:1.2", "cap:1.3"), "not_cap"),
        (
            ('<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
            "doctype",
        ),
    ],
)
def test_what_is_no_public_message_is_refused(change: tuple[str, str], code: str) -> None:
    assert change[0] in ALERT
    with pytest.raises(ParseError) as refused:
        read(ALERT.replace(*change).encode())
    assert refused.value.code == code


@pytest.mark.parametrize(
    "shape",
    [
        "<polygon>35.1,139.1 35.1,139.9 35.6,139.9</polygon>",
        "<polygon>35.1,139.1 35.1,139.9 35.6,139.9 35.6,139.1</polygon>",
        "<polygon>banana</polygon>",
        "<polygon>35.1,nan 35.1,139.9 35.6,139.9 35.1,nan</polygon>",
        "<circle>35.3,139.5</circle>",
        "<circle>35.3,139.5 -1</circle>",
        "<circle>139.5,35.3 1</circle>",
    ],
)
def test_a_shape_that_cannot_be_is_left_out_and_told(shape: str) -> None:
    text = ALERT.replace("<circle>35.3,139.5 10</circle>", shape).replace(
        "<polygon>35.1,139.1 35.1,139.9 35.6,139.9 35.6,139.1 35.1,139.1</polygon>", ""
    )
    (bulletin,), issues = read(text.encode())
    assert bulletin.items.geometry == [None]
    assert [issue.code for issue in issues] == ["bad_geometry"]


def test_bad_references_are_told() -> None:
    (bulletin,), issues = read(CANCEL.replace("kunren@example.jp,kunren-1,", "kunren-1,").encode())
    assert len(bulletin.items) == 0
    assert [issue.code for issue in issues] == ["bad_reference"]
