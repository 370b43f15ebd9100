"""防災IoT: readings of municipal sensors (water level, rain, snow, cameras) as JSON, one message or a batch.

Two shapes, told apart by their members:

* SensorThings: an Observation of OGC SensorThings API 1.1 (docs.ogc.org/is/18-088/18-088.html), an array of them or
  the API's own ``{"value": […]}``, with its Datastream expanded (ObservedProperty, Thing and its Locations within);
* flat: an object a message as gateways make them, ``{"id": "k-01", "time": "…", "level": 1.23}``; `Options.flat` says
  which path (``payload/level``) is what. One object may carry several readings.

Either may stand in the envelope of `formats.mqtt_message`. A flat object then is ``{"topic": …, "payload": …}``, so
that the topic can name the sensor and a bare number can be a reading, if the payload also says when.

| scope | from | says |
|---|---|---|
| ``<source>/sensor_reading/<stream>`` | each stream in the document | its newest reading, others in `earlier` |

A stream is a Datastream, or a sensor and a property of a flat object. `issued_at` is the time of the measurement, so
that a reading that comes late (a gateway was cut off) is put where it belongs and takes nothing back.

Oddities: a value that is no number is never made one: a text stays text, null is a reading that says "missing" and
takes the place of the number before it. A time without a zone counts only where the options name the zone, for many
gateways write UTC without a word of it. The time of arrival is no time of measurement: a message waits at the broker
as long as we are away. Levels and thresholds are the source's own. Free-form members (``properties``, ``parameters``)
that nobody named in the options are told as unread.

Known gaps:
* only seen as synthetic messages: no real file of a municipality was at hand
* an Observation without its Datastream (the MQTT topics of the API itself) cannot be placed and is held back
* dataArray responses are refused
* a reading holds until the next one comes, however old it is: look at `observed_at`
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import msgspec
import shapely

from bousai.errors import ParseError
from bousai.formats import json_rows, mqtt_message
from bousai.model import Bulletin, Issue, Item, Status, table_of
from bousai.vocab import municipality
from bousai.vocab.japanese_time import JST, moment

VERSION = "1"
_KIND = "sensor_reading"
_ZONES = {"JST": JST, "UTC": UTC}
_STATED_ZONE = re.compile(r"[T ]\d{1,2}:?\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$", re.ASCII)
_NOTHING = frozenset(["", "欠測", "欠", "閉局", "休止", "-", "－", "--", "---", "***", "nan", "null", "none", "n/a"])
_PROPERTIES = {
    "water_level": ("水位", "河川水位", "water level", "river stage"),
    "rainfall": ("雨量", "降水量", "precipitation"),
    "tide_level": ("潮位", "tide level"),
    "snow_depth": ("積雪深", "snow depth"),
    "inundation_depth": ("浸水深", "冠水深", "inundation depth"),
    "discharge": ("流量",),
    "air_temperature": ("気温", "air temperature"),
    "wind_speed": ("風速", "wind speed"),
    "inclination": ("傾斜", "tilt"),
    "soil_moisture": ("土壌水分", "soil moisture"),
    "camera": ("カメラ", "カメラ画像", "camera image"),
}
_WORDS = {word: name for name, words in _PROPERTIES.items() for word in (name, *words)}


class FlatReading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reading in a flat object: the path of its `value`, our word for the `property`, its `unit`; the paths of
    the source's own `quality` and `level`, and of `thresholds` by name."""

    value: str
    property: str
    unit: str | None = None
    quality: str | None = None
    level: str | None = None
    thresholds: dict[str, str] = {}


class Flat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a flat object says what. `rows` is the path of the array where a message holds several objects.

    `time_unit`: the time is a number of seconds (s) or milliseconds (ms) since 1970.
    """

    id: str
    time: str
    readings: tuple[FlatReading, ...]
    rows: str | None = None
    time_unit: Literal["s", "ms"] | None = None
    name: str | None = None
    lat: str | None = None
    lon: str | None = None
    camera_url: str | None = None
    still_url: str | None = None
    muni_code: str | None = None


class Things(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Paths into the free-form parts of an Observation (``Datastream/properties/thresholds``)."""

    thresholds: str | None = None
    level: str | None = None
    camera_url: str | None = None
    still_url: str | None = None
    muni_code: str | None = None


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` begins every id and scope, `issuer` runs the sensors, `status` is that of everything from this source.

    `zone` is the zone of times that state none. `properties`: what the source's words for what is observed mean,
    beside those that are known (``{水位計A: water_level}``). `ignore` are paths that are left out on purpose.
    """

    source: str
    issuer: str
    status: Status = "actual"
    zone: Literal["JST", "UTC"] | None = None
    properties: dict[str, str] = {}
    things: Things = Things()
    flat: Flat | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    stream: str
    observed_at: datetime
    sent_at: datetime | None
    props: dict[str, Any]
    muni_code: str | None
    geometry: bytes | None
    valid_to: datetime | None
    position: str


@dataclass(frozen=True, slots=True)
class _Record:
    """An object of which everything that is read is taken out, so that the rest can be told."""

    members: dict[str, Any]
    position: str
    issues: list[Issue] = field(default_factory=list)

    def has(self, path: str) -> bool:
        """Whether anything, null too, stands at a path."""
        within, last = self._within(path)
        return isinstance(within, dict) and last in within

    def take(self, path: str | None) -> Any:
        """What stands at a path (``a/b``), taken out; None where there is nothing."""
        if path is None:
            return None
        within, last = self._within(path)
        return within.pop(last, None) if isinstance(within, dict) else None

    def _within(self, path: str) -> tuple[Any, str]:
        *holders, last = path.split("/")
        within: Any = self.members
        for name in holders:
            within = within.get(name) if isinstance(within, dict) else None
        return within, last

    def text(self, path: str | None) -> str | None:
        """A text, or a number as text; None where there is neither."""
        return _text(self.take(path))

    def note(self, code: str, cause: str, remedy: str) -> None:
        """Something that is not as expected."""
        self.issues.append(Issue(code, cause, remedy, "warning", self.position))


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value).strip() or None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """A bulletin a stream. Raises `ParseError`: those of `json_rows.load`, ``unknown_shape``."""
    message = mqtt_message.unpack(body)
    document = json_rows.load(body if message is None else message.payload)
    records = _records(document, None if message is None else message.topic, options)
    readings: list[_Reading] = []
    issues = list(_more(document))
    for record, of_things in records:
        readings += _observation(record, options) if of_things else _flat(record, options)
        for path in options.ignore:
            record.take(path)
        issues += record.issues
        issues += _unread(record)
    yield from _bulletins(readings, options, issues)
    told: set[str] = set()
    for issue in issues:
        if issue.code != "unread" or issue.cause not in told:  # once, however many records have it
            told.add(issue.cause)
            yield issue


def _more(document: Any) -> Iterator[Issue]:
    if isinstance(document, dict) and document.get("@iot.nextLink"):
        yield Issue(
            "more_pages",
            "the API has more observations than are in this page",
            "ask for fewer at a time (the newest of each Datastream), or for a larger $top",
            "warning",
            "@iot.nextLink",
        )


def _unread(record: _Record) -> Iterator[Issue]:
    for path in _leaves(record.members, ""):
        yield Issue(
            "unread",
            f"nobody reads {path[:80]!r} of a reading",
            "name it in the options of the feed (as a path, or in ignore)",
            "info",
            record.position,
        )


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}/{name}" if path else name)
    elif value not in (None, "", []):
        yield path


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────


def _records(document: Any, topic: str | None, options: Options) -> list[tuple[_Record, bool]]:
    """The objects of a document, and whether each is an Observation."""
    rows, base = document, ""
    if isinstance(document, dict) and "value" in document and document.keys() <= _OF_THE_API:
        rows, base = document["value"], "value"  # a page of the API
    if isinstance(rows, list) and (rows or base) and all(_is_observation(row) for row in rows):
        return [(_Record(row, f"{base}[{index}]"), True) for index, row in enumerate(rows)]
    if _is_observation(document):
        return [(_Record(document, "."), True)]
    if options.flat is None:
        raise _unknown("no Observation of SensorThings, and the feed has no `flat` in its options")
    return [(_Record(row, position), False) for row, position in _flat_rows(document, topic, options.flat)]


_OF_THE_API = frozenset(["value", "@iot.count", "@iot.nextLink", "@iot.context"])


def _is_observation(value: Any) -> bool:
    return isinstance(value, dict) and "result" in value and ("phenomenonTime" in value or "Datastream" in value)


def _flat_rows(document: Any, topic: str | None, flat: Flat) -> Iterator[tuple[dict[str, Any], str]]:
    rows = document
    for name in flat.rows.split("/") if flat.rows else []:
        rows = rows.get(name) if isinstance(rows, dict) else None
    if flat.rows and not isinstance(rows, list):
        raise _unknown(f"there is no array at {flat.rows!r}")
    for index, row in enumerate(rows if isinstance(rows, list) else [rows]):
        if topic is not None:
            row = {"topic": topic, "payload": row}
        if not isinstance(row, dict):
            raise _unknown(f"{json.dumps(row, ensure_ascii=False)[:80]} where an object is expected")
        yield row, f"{flat.rows or ''}[{index}]" if isinstance(rows, list) else "."


def _unknown(cause: str) -> ParseError:
    return ParseError(
        f"not readings of sensors as this feed knows them: {cause}",
        code="unknown_shape",
        remedy="compare the message with the options of the feed",
    )


# ── SensorThings ─────────────────────────────────────────────────────────────────────────────────────────

_DROPPED = (
    # Ids of entities and of the Observation, which no other document needs; what is said again or described in words.
    "@iot.id", "Datastream/observationType", "Datastream/observedArea", "Datastream/phenomenonTime",
    "Datastream/resultTime", "Datastream/Sensor", "Datastream/unitOfMeasurement/definition",
    "Datastream/description", "Datastream/ObservedProperty/@iot.id", "Datastream/ObservedProperty/description",
    "Datastream/Thing/@iot.id", "Datastream/Thing/description", "FeatureOfInterest",
)  # fmt: skip


def _observation(record: _Record, options: Options) -> Iterator[_Reading]:
    if not isinstance(record.members.get("Datastream"), dict):
        record.note(
            "no_datastream",
            "an Observation without its Datastream: whose value it is, is not said",
            "ask the source for $expand=Datastream($expand=ObservedProperty,Thing($expand=Locations))",
        )
        record.members.clear()
        return
    things = options.things
    stream = record.text("Datastream/@iot.id")
    of_stream, of_thing = record.text("Datastream/name"), record.text("Datastream/Thing/name")
    stated = record.text("Datastream/ObservedProperty/name")
    words = [word for word in (stated, record.text("Datastream/ObservedProperty/definition"), of_stream) if word]
    symbol, unit = (record.text(f"Datastream/unitOfMeasurement/{name}") for name in ("symbol", "name"))
    begin, observed_at = _period(record, record.take("phenomenonTime"), options)
    _, sent_at = _period(record, record.take("resultTime"), options)
    _, valid_to = _period(record, record.take("validTime"), options)
    geometry = _location(record, record.take("Datastream/Thing/Locations"))
    if geometry is None:
        geometry = _point(record.take("FeatureOfInterest/feature"))
    props = _props(
        record,
        _Stated(stream or "", of_thing or of_stream, stated or of_stream, symbol or unit),
        record.take("result"),
        quality=record.take("resultQuality"),
        level=record.text(things.level),
        thresholds=record.take(things.thresholds),
        camera_url=record.take(things.camera_url),
        still_url=record.take(things.still_url),
    )
    props["property"] = _property(record, words, options)
    if props["property"] == "camera" and props["condition"] == "text":
        props["still_url"] = props["still_url"] or _url(record, props["value_text"])
    muni_code = _municipality(record, record.text(things.muni_code), observed_at)
    for path in _DROPPED:
        record.take(path)
    for within in _objects(record.members):
        for name in [name for name in within if name.endswith(("@iot.navigationLink", "@iot.selfLink"))]:
            del within[name]
    yield from _placed(record, stream, begin, observed_at, sent_at, props, muni_code, geometry, valid_to)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)


def _property(record: _Record, words: Sequence[str], options: Options) -> str | None:
    for word in words:
        found = options.properties.get(word) or _WORDS.get(word.lower())
        if found is not None:
            return found
    record.issues.append(
        Issue(
            "unknown_property",
            f"what {', '.join(words)[:200] or 'the Datastream'!r} measures is not known by one of our words",
            "none needed, its own name is kept; to compare it with others name it in properties of the options",
            "info",
            record.position,
        )
    )
    return None


def _location(record: _Record, locations: Any) -> bytes | None:
    """The point of a Thing's first Location that has one."""
    found = [_point(one.get("location")) for one in locations or [] if isinstance(one, dict)]
    points = [one for one in found if one is not None]
    if found and not points:
        record.note("bad_position", "no Location of the Thing is a point that can be read", "ask the publisher")
    return points[0] if points else None


def _point(location: Any) -> bytes | None:
    if isinstance(location, dict) and location.get("type") == "Feature":
        location = location.get("geometry")
    coordinates = (
        location.get("coordinates") if isinstance(location, dict) and location.get("type") == "Point" else None
    )
    if not isinstance(coordinates, list) or not 2 <= len(coordinates) <= 3:
        return None
    return _wkb(coordinates[1], coordinates[0])


# ── flat objects ─────────────────────────────────────────────────────────────────────────────────────────


def _flat(record: _Record, options: Options) -> Iterator[_Reading]:
    flat = options.flat
    assert flat is not None  # _records sees to it
    sensor, name = record.text(flat.id), record.text(flat.name)
    begin, observed_at = _flat_time(record, record.take(flat.time), flat, options)
    geometry = _place(record, record.take(flat.lat), record.take(flat.lon))
    muni_code = _municipality(record, record.text(flat.muni_code), observed_at)
    camera_url, still_url = record.take(flat.camera_url), record.take(flat.still_url)
    said = [reading for reading in flat.readings if record.has(reading.value)]
    if not said:
        paths = ", ".join(reading.value for reading in flat.readings)
        record.note("no_value", f"there is nothing at {paths}", "compare the message with the options of the feed")
    for reading in said:
        props = _props(
            record,
            _Stated(sensor or "", name, None, reading.unit),
            record.take(reading.value),
            quality=record.take(reading.quality),
            level=record.text(reading.level),
            thresholds={key: record.take(path) for key, path in reading.thresholds.items()} or None,
            camera_url=camera_url,
            still_url=still_url,
        )
        props["property"] = reading.property
        if reading.property == "camera" and props["condition"] == "text":
            props["still_url"] = props["still_url"] or _url(record, props["value_text"])
        stream = None if sensor is None else f"{sensor}/{reading.property}"
        yield from _placed(record, stream, begin, observed_at, None, props, muni_code, geometry, None)


def _flat_time(record: _Record, value: Any, flat: Flat, options: Options) -> tuple[datetime | None, datetime | None]:
    number = json_rows.number(value)
    if flat.time_unit is None or number is None:
        return _period(record, value, options)
    try:
        return None, datetime.fromtimestamp(number / (1000 if flat.time_unit == "ms" else 1), UTC)
    except (OverflowError, ValueError, OSError):
        _bad_time(record, value)
        return None, None


def _place(record: _Record, lat: Any, lon: Any) -> bytes | None:
    if _missing(lat) and _missing(lon):
        return None
    found = _wkb(json_rows.number(lat), json_rows.number(lon))
    if found is None:
        record.note("bad_position", f"{lat!r}, {lon!r} is no latitude and longitude"[:200], "ask the publisher")
    return found


# ── one reading ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Stated:
    sensor_id: str
    name: str | None
    property_name: str | None
    unit: str | None


def _props(
    record: _Record,
    stated: _Stated,
    result: Any,
    *,
    quality: Any,
    level: str | None,
    thresholds: Any,
    camera_url: Any,
    still_url: Any,
) -> dict[str, Any]:
    """The properties of a reading; `property` and the times are for the caller to fill in."""
    value = json_rows.number(result)
    if value is not None:
        condition, text = "measured", None
    elif _missing(result):
        condition, text = "missing", _text(result)
    else:
        condition, text = "text", result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return {
        "sensor_id": stated.sensor_id,
        "name": stated.name,
        "property": None,
        "property_name": stated.property_name,
        "value": value,
        "value_text": text,
        "unit": stated.unit,
        "condition": condition,
        "quality": _text(quality) or (None if _missing(quality) else json.dumps(quality, ensure_ascii=False)),
        "observed_at": None,
        "observed_from": None,
        "source_level": level,
        "source_level_at": None,
        "thresholds": _thresholds(record, thresholds),
        "camera_url": _url(record, camera_url),
        "still_url": _url(record, still_url),
        "earlier": None,
    }


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def _thresholds(record: _Record, stated: Any) -> dict[str, float] | None:
    if stated is None:
        return None
    numbers = {name: json_rows.number(value) for name, value in stated.items()} if isinstance(stated, dict) else {}
    bad = [name for name, value in numbers.items() if value is None and not _missing(stated[name])]
    if bad or not isinstance(stated, dict):
        text = json.dumps(stated, ensure_ascii=False)[:200]
        record.note("bad_threshold", f"thresholds that are no numbers: {text}", "ask the publisher")
    return {name: value for name, value in numbers.items() if value is not None} or None


def _url(record: _Record, value: Any) -> str | None:
    if _missing(value):
        return None
    if isinstance(value, str) and re.fullmatch(r"https?://[^\s<>\"']+", value.strip()):
        return value.strip()
    record.note("bad_url", f"{str(value)[:80]!r} is no address of a page or picture", "ask the publisher")
    return None


def _municipality(record: _Record, stated: str | None, observed_at: datetime | None) -> str | None:
    if stated is None:
        return None
    on: date | None = observed_at.astimezone(JST).date() if observed_at is not None else None
    found = municipality.resolve(stated, on)
    if found.code is None:
        record.note("unknown_municipality", found.why, "ask the publisher; the reading itself is kept")
    return found.code


def _wkb(lat: Any, lon: Any) -> bytes | None:
    degrees = [json_rows.number(lat), json_rows.number(lon)]
    if degrees[0] is None or degrees[1] is None or abs(degrees[0]) > 90 or abs(degrees[1]) > 180:
        return None
    wkb: bytes = shapely.to_wkb(shapely.Point(degrees[1], degrees[0]))
    return wkb


def _period(record: _Record, value: Any, options: Options) -> tuple[datetime | None, datetime | None]:
    """Begin (of a period) and time; None where there is none, and where it cannot be read, which is told."""
    if not isinstance(value, str):
        if value is not None:
            _bad_time(record, value)
        return None, None
    begin, slash, end = value.partition("/")
    if slash and "/" not in end and re.match(r"\d{4}-\d{2}-\d{2}T", begin):
        return _time(record, begin, options), _time(record, end, options)
    return None, _time(record, value, options)


def _time(record: _Record, text: str, options: Options) -> datetime | None:
    at = moment(text)
    if at is None:
        _bad_time(record, text)
    if at is None or _STATED_ZONE.search(text.strip()):
        return at
    if options.zone is None:
        record.note(
            "time_without_zone",
            f"{text[:40]!r} states no zone",
            "ask the publisher which it is, and name it in zone of the feed's options",
        )
        return None
    return at.replace(tzinfo=_ZONES[options.zone])


def _bad_time(record: _Record, value: Any) -> None:
    record.note("bad_time", f"{str(value)[:40]!r} is no time that can be read", "ask the publisher")


def _placed(
    record: _Record,
    stream: str | None,
    begin: datetime | None,
    observed_at: datetime | None,
    sent_at: datetime | None,
    props: dict[str, Any],
    muni_code: str | None,
    geometry: bytes | None,
    valid_to: datetime | None,
) -> Iterator[_Reading]:
    """The reading where it can be placed: whose, and when."""
    if stream is None:
        record.note("no_sensor_id", "a reading that does not say whose it is", "ask the publisher")
        return
    if observed_at is None:
        record.note("no_time", f"{stream}: a reading that does not say when, or not readably", "ask the publisher")
        return
    props["observed_at"] = observed_at.isoformat()
    props["observed_from"] = None if begin is None else begin.isoformat()
    props["source_level_at"] = None if props["source_level"] is None else props["observed_at"]
    yield _Reading(stream, observed_at, sent_at, props, muni_code, geometry, valid_to, record.position)


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────


def _bulletins(readings: Sequence[_Reading], options: Options, issues: list[Issue]) -> Iterator[Bulletin]:
    streams: dict[str, list[_Reading]] = {}
    for reading in readings:
        streams.setdefault(reading.stream, []).append(reading)
    for stream, found in streams.items():
        series = _series(stream, found, issues)
        if series is None:
            continue
        *before, newest = series
        earlier = [
            {name: one.props[name] for name in ("observed_at", "value", "value_text", "condition")} for one in before
        ]
        yield Bulletin(
            kind=_KIND,
            scope=f"{options.source}/{_KIND}/{stream}",
            issued_at=newest.observed_at,
            sent_at=newest.sent_at,
            status=options.status,
            issuer=options.issuer,
            complete=True,
            items=table_of(
                [
                    Item(
                        f"{options.source}/{stream}",
                        {**newest.props, "earlier": earlier or None},
                        newest.muni_code,
                        newest.geometry,
                        valid_to=newest.valid_to,
                        position=newest.position,
                    )
                ]
            ),
        )


def _series(stream: str, found: Sequence[_Reading], issues: list[Issue]) -> list[_Reading] | None:
    """The readings of a stream in time, of each time the one that was sent last; None where two contradict."""
    by_time: dict[datetime, _Reading] = {}
    for reading in found:
        other = by_time.setdefault(reading.observed_at, reading)
        if other is reading:
            continue
        if reading.sent_at and other.sent_at and reading.sent_at != other.sent_at:
            by_time[reading.observed_at] = max(reading, other, key=_sent)
        elif (reading.props["value"], reading.props["value_text"]) != (
            other.props["value"],
            other.props["value_text"],
        ):
            issues.append(
                Issue(
                    "contradiction",
                    f"{stream}: two readings of {reading.props['observed_at']} differ; none of the stream is taken",
                    "ask the publisher which one holds",
                    "warning",
                    reading.position,
                )
            )
            return None
    return [by_time[at] for at in sorted(by_time)]


def _sent(reading: _Reading) -> datetime:
    assert reading.sent_at is not None
    return reading.sent_at
