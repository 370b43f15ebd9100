"""Readings of sensors: SensorThings and flat messages, good and bad."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai import catalogue
from bousai.errors import ParseError
from bousai.formats import mqtt_message
from bousai.formats.mqtt_message import Message
from bousai.model import Bulletin, Issue
from bousai.parse.sensor_things import Flat, FlatReading, Options, Things, parse

PROJECT = Path(__file__).resolve().parents[2]
OPTIONS = Options("kunren", "訓練町")
FLAT = Options(
    "kunren",
    "訓練町",
    flat=Flat("id", "time", (FlatReading("v", "water_level", "m"), FlatReading("rain", "rainfall", "mm"))),
)
AT = "2026-11-05T10:00:00+09:00"


def observation(result: Any = 1.5, at: str | None = AT, **more: Any) -> dict[str, Any]:
    """An Observation with its Datastream; `more` are members of it."""
    return {
        "@iot.id": 1,
        "phenomenonTime": at,
        "result": result,
        "Datastream": {
            "@iot.id": more.pop("stream", 7),
            "name": "【訓練】水位",
            "unitOfMeasurement": {"name": "metre", "symbol": "m", "definition": "x"},
            "ObservedProperty": {"name": more.pop("word", "水位"), "definition": "x"},
            "Thing": {
                "name": "【訓練】訓練橋",
                "Locations": more.pop("locations", [{"location": {"type": "Point", "coordinates": [136.9, 37.39]}}]),
            },
        },
        **more,
    }


def read(document: Any, options: Options = OPTIONS) -> tuple[list[Bulletin], list[Issue]]:
    body = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    found = list(parse(body, options))
    return [one for one in found if isinstance(one, Bulletin)], [one for one in found if isinstance(one, Issue)]


def props(document: Any, options: Options = OPTIONS) -> dict[str, Any]:
    """The properties of the only reading of a document that has no issue."""
    bulletins, issues = read(document, options)
    assert issues == []
    (bulletin,) = bulletins
    (item,) = bulletin.items.rows()
    return dict(item.props)


def codes(document: Any, options: Options = OPTIONS) -> list[str]:
    return [issue.code for issue in read(document, options)[1]]


# ── SensorThings ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_observation_is_a_statement_about_its_stream() -> None:
    (bulletin,), issues = read(observation(resultTime="2026-11-05T10:00:03+09:00", resultQuality="正常"))
    assert issues == []
    assert (bulletin.kind, bulletin.scope, bulletin.complete) == ("sensor_reading", "kunren/sensor_reading/7", True)
    assert bulletin.issued_at == datetime.fromisoformat(AT)
    assert bulletin.sent_at == datetime.fromisoformat("2026-11-05T10:00:03+09:00")
    assert (bulletin.status, bulletin.issuer) == ("actual", "訓練町")
    (item,) = bulletin.items.rows()
    assert item.item_id == "kunren/7"
    assert shapely.from_wkb(item.geometry).coords[0] == (136.9, 37.39)
    assert item.props == {
        "sensor_id": "7",
        "name": "【訓練】訓練橋",
        "property": "water_level",
        "property_name": "水位",
        "value": 1.5,
        "value_text": None,
        "unit": "m",
        "condition": "measured",
        "quality": "正常",
        "observed_at": AT,
        "observed_from": None,
        "source_level": None,
        "source_level_at": None,
        "thresholds": None,
        "camera_url": None,
        "still_url": None,
        "earlier": None,
    }


@pytest.mark.parametrize(
    ("result", "value", "text", "condition"),
    [
        (0, 0.0, None, "measured"),
        (-0.35, -0.35, None, "measured"),
        ("0.80", 0.8, None, "measured"),
        ("1e1", 10.0, None, "measured"),
        (None, None, None, "missing"),
        ("", None, None, "missing"),
        ("欠測", None, "欠測", "missing"),
        ("---", None, "---", "missing"),
        ("NaN", None, "NaN", "missing"),
        (True, None, "true", "text"),
        ("1.5m", None, "1.5m", "text"),
        ("約2", None, "約2", "text"),
        ({"depth": 1}, None, '{"depth": 1}', "text"),
        (1e300, None, "1e+300", "text"),
    ],
)
def test_a_value_that_is_no_number_is_never_made_one(
    result: Any, value: float | None, text: str | None, condition: str
) -> None:
    found = props(observation(result))
    assert (found["value"], found["value_text"], found["condition"]) == (value, text, condition)


@pytest.mark.parametrize("wrapped", ["array", "page"])
def test_a_batch_gives_the_newest_of_each_stream_and_keeps_those_before(wrapped: str) -> None:
    times = [f"2026-11-05T{hour}+09:00" for hour in ("09:50:00", "10:10:00", "10:00:00")]
    rows = [observation(n, at) for n, at in enumerate(times)] + [observation(9, AT, stream="b")]
    bulletins, issues = read(rows if wrapped == "array" else {"@iot.count": 4, "value": rows})
    assert issues == []
    first, second = bulletins
    (item,) = first.items.rows()
    assert (item.props["value"], item.props["observed_at"]) == (1.0, times[1])
    assert [(one["value"], one["observed_at"]) for one in item.props["earlier"]] == [(0.0, times[0]), (2.0, times[2])]
    assert item.position == ("value[1]" if wrapped == "page" else "[1]")
    assert second.scope == "kunren/sensor_reading/b"


def test_an_empty_page_of_the_api_says_nothing_and_more_pages_are_told() -> None:
    assert read({"value": []}) == ([], [])
    bulletins, issues = read({"value": [observation()], "@iot.nextLink": "https://example.org/?$skip=1"})
    assert len(bulletins) == 1
    assert [issue.code for issue in issues] == ["more_pages"]


def test_a_period_and_the_end_of_validity() -> None:
    document = observation(
        2.0,
        "2026-11-05T00:50:00Z/2026-11-05T01:00:00Z",
        validTime="2026-11-05T01:00:00Z/2026-11-05T01:30:00Z",
        word="雨量",
    )
    (bulletin,), issues = read(document)
    assert issues == []
    (item,) = bulletin.items.rows()
    assert bulletin.issued_at == datetime.fromisoformat("2026-11-05T01:00:00+00:00")
    assert item.props["observed_from"] == "2026-11-05T00:50:00+00:00"
    assert item.valid_to == datetime.fromisoformat("2026-11-05T01:30:00+00:00")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"at": None}, ["no_time"]),
        ({"at": "きのう"}, ["bad_time", "no_time"]),
        ({"at": "2026-11-05T10:00:00"}, ["time_without_zone", "no_time"]),
        ({"stream": None}, ["no_sensor_id"]),
        ({"stream": " "}, ["no_sensor_id"]),
        ({"Datastream": None}, ["no_datastream"]),
    ],
)
def test_a_reading_that_cannot_be_placed_is_held_back_and_stops_no_other(
    change: dict[str, Any], expected: list[str]
) -> None:
    bulletins, issues = read([observation(**change), observation(3, stream="other")])
    assert [bulletin.scope for bulletin in bulletins] == ["kunren/sensor_reading/other"]
    assert [issue.code for issue in issues] == expected
    assert all(issue.remedy and issue.position == "[0]" and issue.severity == "warning" for issue in issues)


@pytest.mark.parametrize(("zone", "offset"), [("JST", 9), ("UTC", 0)])
def test_a_time_without_a_zone_counts_where_the_options_name_it(zone: Any, offset: int) -> None:
    for text in ("2026-11-05T10:00:00", "2026/11/05 10:00"):
        (bulletin,), issues = read(observation(at=text), Options("kunren", "訓練町", zone=zone))
        assert issues == []
        assert bulletin.issued_at is not None
        assert bulletin.issued_at.utcoffset() == timedelta(hours=offset)
        assert bulletin.issued_at.hour == 10
    (bulletin,), _ = read(observation(at=AT), Options("kunren", "訓練町", zone="UTC"))
    assert bulletin.issued_at == datetime.fromisoformat(AT)


def test_a_correction_is_the_one_that_was_sent_last_and_a_contradiction_is_nobodys_guess() -> None:
    early, late = "2026-11-05T10:00:01+09:00", "2026-11-05T10:30:00+09:00"
    for rows in ([(1, early), (2, late)], [(2, late), (1, early)]):
        (bulletin,), issues = read([observation(value, resultTime=sent) for value, sent in rows])
        assert issues == []
        assert next(iter(bulletin.items.rows())).props["value"] == 2.0
    assert props([observation(1), observation(1)])["value"] == 1.0
    bulletins, issues = read([observation(1), observation(2), observation(3, stream="b")])
    assert [bulletin.scope for bulletin in bulletins] == ["kunren/sensor_reading/b"]
    assert [issue.code for issue in issues] == ["contradiction"]


def test_words_for_what_is_measured() -> None:
    assert props(observation(word="River Stage"))["property"] == "water_level"
    named = Options("kunren", "訓練町", properties={"水位計A": "water_level"})
    assert props(observation(word="水位計A"), named)["property"] == "water_level"
    (bulletin,), issues = read(observation(word="なにか"))
    (item,) = bulletin.items.rows()
    assert (item.props["property"], item.props["property_name"]) == (None, "なにか")
    assert [(issue.code, issue.severity) for issue in issues] == [("unknown_property", "info")]


def test_a_picture_is_a_still_and_only_an_address_is_one() -> None:
    found = props(observation("https://camera.example.org/1.jpg", word="カメラ"))
    assert (found["still_url"], found["value"], found["property"]) == (
        "https://camera.example.org/1.jpg",
        None,
        "camera",
    )
    bulletins, issues = read(observation("javascript:alert(1)", word="カメラ"))
    assert next(iter(bulletins[0].items.rows())).props["still_url"] is None
    assert [issue.code for issue in issues] == ["bad_url"]


def test_paths_of_the_options_reach_the_free_members() -> None:
    document = observation(parameters={"level": "注意"})
    document["Datastream"]["properties"] = {"limits": {"注意": "1.2", "危険": 2}}
    document["Datastream"]["Thing"]["properties"] = {"lgcode": "172049", "page": "https://camera.example.org/1"}
    things = Things(
        thresholds="Datastream/properties/limits",
        level="parameters/level",
        camera_url="Datastream/Thing/properties/page",
        muni_code="Datastream/Thing/properties/lgcode",
    )
    (bulletin,), issues = read(document, Options("kunren", "訓練町", things=things))
    assert issues == []
    (item,) = bulletin.items.rows()
    assert item.muni_code == "17204"
    assert item.props["thresholds"] == {"注意": 1.2, "危険": 2.0}
    assert (item.props["source_level"], item.props["source_level_at"]) == ("注意", AT)
    assert item.props["camera_url"] == "https://camera.example.org/1"
    causes = [issue.cause for issue in read(document)[1] if issue.code == "unread"]
    assert {cause.split("'")[1] for cause in causes} == {
        "Datastream/properties/limits/注意",
        "Datastream/properties/limits/危険",
        "Datastream/Thing/properties/lgcode",
        "Datastream/Thing/properties/page",
        "parameters/level",
    }


def test_faults_of_what_stands_beside_the_value_lose_no_value() -> None:
    document = observation(locations=[{"location": {"type": "Polygon", "coordinates": []}}])
    document["Datastream"]["properties"] = {"limits": "1.2", "lgcode": "170003"}
    things = Things(thresholds="Datastream/properties/limits", muni_code="Datastream/properties/lgcode")
    bulletins, issues = read(document, Options("kunren", "訓練町", things=things))
    (item,) = bulletins[0].items.rows()
    assert (item.props["value"], item.geometry, item.muni_code) == (1.5, None, None)
    assert sorted(issue.code for issue in issues) == ["bad_position", "bad_threshold", "unknown_municipality"]


def test_the_feature_of_interest_stands_in_for_a_place() -> None:
    document = observation(
        locations=[], FeatureOfInterest={"feature": {"type": "Point", "coordinates": [136.9, 37.4]}}
    )
    (bulletin,), issues = read(document)
    assert issues == []
    assert bulletin.items.geometry[0] is not None


# ── flat messages ────────────────────────────────────────────────────────────────────────────────────────


def test_a_flat_message_has_a_statement_for_each_of_its_readings() -> None:
    bulletins, issues = read({"id": "k-1", "time": AT, "v": 0.8, "rain": None}, FLAT)
    assert issues == []
    assert [bulletin.scope for bulletin in bulletins] == [
        "kunren/sensor_reading/k-1/water_level",
        "kunren/sensor_reading/k-1/rainfall",
    ]
    level, rain = (next(iter(bulletin.items.rows())) for bulletin in bulletins)
    assert (level.item_id, level.props["sensor_id"], level.props["unit"]) == ("kunren/k-1/water_level", "k-1", "m")
    assert (rain.props["value"], rain.props["condition"]) == (None, "missing")
    # what is not in the message at all is no reading
    assert len(read({"id": "k-1", "time": AT, "v": 0.8}, FLAT)[0]) == 1
    assert codes({"id": "k-1", "time": AT}, FLAT) == ["no_value"]


@pytest.mark.parametrize(("unit", "stated"), [("s", 1793926800), ("ms", 1793926800000), ("s", "1793926800")])
def test_times_as_numbers(unit: Any, stated: Any) -> None:
    options = Options("kunren", "訓練町", flat=Flat("id", "time", (FlatReading("v", "water_level"),), time_unit=unit))
    (bulletin,), issues = read({"id": "k-1", "time": stated, "v": 1}, options)
    assert issues == []
    assert bulletin.issued_at == datetime.fromisoformat("2026-11-06T10:00:00+09:00")


def test_a_number_is_no_time_where_nobody_said_so() -> None:
    assert codes({"id": "k-1", "time": 1793926800, "v": 1}, FLAT) == ["bad_time", "no_time"]


def test_rows_within_a_message_and_an_array_of_messages() -> None:
    row = {"id": "k-1", "time": AT, "v": 1}
    other = {"id": "k-2", "time": AT, "v": 2}
    within = Options(
        "kunren", "訓練町", flat=Flat("id", "time", (FlatReading("v", "water_level"),), rows="data/rows")
    )
    for found in (read([row, other], FLAT), read({"data": {"rows": [row, other]}}, within)):
        assert [bulletin.scope for bulletin in found[0]] == [
            "kunren/sensor_reading/k-1/water_level",
            "kunren/sensor_reading/k-2/water_level",
        ]
    with pytest.raises(ParseError) as caught:
        read({"data": {}}, within)
    assert caught.value.code == "unknown_shape"


def test_in_an_envelope_the_topic_can_be_the_sensor() -> None:
    flat = Flat("topic", "payload/t", (FlatReading("payload/v", "water_level"),))
    said = b'{"t": "2026-11-05T10:00:00+09:00", "v": 0.0}'
    scopes = set()
    for topic in ("kunren/川/1", "kunren/川/2"):
        (bulletin,), issues = read(mqtt_message.pack(Message(topic, True, said)), Options("x", "y", flat=flat))
        assert issues == []
        scopes.add(bulletin.scope)
    assert scopes == {"x/sensor_reading/kunren/川/1/water_level", "x/sensor_reading/kunren/川/2/water_level"}
    # an Observation in an envelope is an Observation
    packed = mqtt_message.pack(Message("kunren", False, json.dumps(observation()).encode()))
    assert props(packed)["value"] == 1.5


def test_a_bare_number_without_a_time_is_not_dated_by_its_arrival() -> None:
    flat = Flat("topic", "payload/t", (FlatReading("payload", "water_level"),))
    bulletins, issues = read(mqtt_message.pack(Message("kunren/1", False, b"1.23")), Options("x", "y", flat=flat))
    assert bulletins == []
    assert [issue.code for issue in issues] == ["no_time"]


@pytest.mark.parametrize(
    ("lat", "lon", "there", "expected"),
    [
        (37.39, 136.9, True, []),
        ("37.39", "136.9", True, []),
        (None, None, False, []),
        ("", "-", False, []),
        (137.0, 37.4, False, ["bad_position"]),
        (37.39, None, False, ["bad_position"]),
        ("北緯37度", 136.9, False, ["bad_position"]),
    ],
)
def test_places(lat: Any, lon: Any, there: bool, expected: list[str]) -> None:
    flat = Flat("id", "time", (FlatReading("v", "water_level"),), lat="lat", lon="lon")
    bulletins, issues = read({"id": "k", "time": AT, "v": 1, "lat": lat, "lon": lon}, Options("x", "y", flat=flat))
    assert (bulletins[0].items.geometry[0] is not None) is there
    assert [issue.code for issue in issues] == expected


def test_what_nobody_reads_is_told_once_and_can_be_ignored() -> None:
    rows = [{"id": f"k-{n}", "time": AT, "v": 1, "battery": 3, "gps": {"hdop": 1}, "note": None} for n in range(3)]
    assert [issue.cause.split("'")[1] for issue in read(rows, FLAT)[1]] == ["battery", "gps/hdop"]
    quiet = Options("kunren", "訓練町", flat=FLAT.flat, ignore=("battery", "gps"))
    assert read(rows, quiet)[1] == []


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"<html>maintenance</html>", "html_instead_of_json"),
        (b'{"result": NaN, "phenomenonTime": "x"}', "not_json"),
        (b'{"result": 1, "result": 2, "phenomenonTime": "x"}', "not_json"),
        (b"[" * 100000, "not_json"),
        (b'{"id": 1, "v": 2}', "unknown_shape"),
        (b"[]", "unknown_shape"),
        (b"1.5", "unknown_shape"),
        (b'[{"components": ["result"], "dataArray": [[1]]}]', "unknown_shape"),
    ],
)
def test_what_is_no_reading_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        read(body)
    assert caught.value.code == code
    assert caught.value.remedy


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(observation(), JSON)) | JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    for options in (OPTIONS, FLAT):
        try:
            bulletins, _ = read(document, options)
        except ParseError:
            continue
        assert all(bulletin.issued_at is not None and bulletin.status == "actual" for bulletin in bulletins)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99)), min_size=1, max_size=8, unique_by=lambda one: one[0])
)
def test_no_reading_of_a_batch_is_lost(said: list[tuple[int, int]]) -> None:
    rows = [observation(value, f"2026-11-05T10:{minute:02}:00+09:00") for minute, value in said]
    (bulletin,), issues = read(rows)
    assert issues == []
    (item,) = bulletin.items.rows()
    series = [*(item.props["earlier"] or []), item.props]
    assert [one["value"] for one in series] == [float(value) for _, value in sorted(said)]


@pytest.mark.parametrize("status", ["exercise", "test"])
def test_an_exercise_never_ends_in_actual(status: Any) -> None:
    for document, options in (
        (observation(), Options("kunren", "訓練町", status=status)),
        ({"id": "k", "time": AT, "v": 1}, Options("kunren", "訓練町", status=status, flat=FLAT.flat)),
    ):
        assert [bulletin.status for bulletin in read(document, options)[0]] == [status]


def test_the_shipped_feed_is_an_example_that_asks_nobody() -> None:
    feed = catalogue.load(PROJECT / "config").feed("iot_sensor")
    assert feed.disabled is not None
    assert "copy this file" in feed.disabled.lower()
    assert feed.options["status"] == "exercise"
