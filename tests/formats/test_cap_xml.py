"""CAP messages that we write, and what is told of others: rule by rule, real files, an outside validator."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from capvalidator.validate import Validator
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai.formats import cap_xml
from bousai.model import Alert, CapArea, CapInfo, Reference

NS = "{urn:oasis:names:tc:emergency:cap:1.2}"
JST = timezone(timedelta(hours=9))
SENT = datetime(2026, 7, 4, 6, 30, tzinfo=JST)
RING = ((35.5, 139.5), (35.6, 139.5), (35.6, 139.6), (35.5, 139.5))
AREA = CapArea("世田谷区", (RING,), (("JISX0402", "13112"),))
INFO = CapInfo(
    language="ja-JP",
    categories=("Met", "Safety"),
    event="大雨",
    response_types=("Prepare",),
    urgency="Expected",
    severity="Moderate",
    certainty="Likely",
    headline="高齢者等避難",
    description="土砂災害のおそれ",
    instruction="避難してください",
    sender_name="試験市",
    expires=SENT + timedelta(hours=6),
    effective=SENT,
    onset=SENT + timedelta(minutes=5),
    web="https://example.jp/?a=1&b=2",
    contact="03-0000-0000",
    event_codes=(("JMA:WeatherWarning", "03"),),
    parameters=(("eventEnding", "2026-07-04T12:30:00+09:00"), ("empty", "")),
    areas=(AREA,),
)
ALERT = Alert(
    identifier="urn:x:2",
    sender="info@example.jp",
    sent=SENT,
    status="Actual",
    msg_type="Update",
    infos=(INFO, replace(INFO, language="en-US", headline="Evacuation of the elderly")),
    source="rule <1> & 2",
    note="続報",
    codes=("profile:x",),
    references=(
        Reference("info@example.jp", "urn:x:1", SENT - timedelta(hours=1)),
        Reference("info@example.jp", "urn:x:0", SENT - timedelta(hours=2)),
    ),
    incidents=("令和8年7月豪雨", "with blank"),
)


def tree(body: bytes) -> etree._Element:
    return etree.fromstring(body)


def told(alert: Alert) -> list[str]:
    return cap_xml.faults(cap_xml.write(alert))


# --- writing ---


def test_a_message_is_written_as_the_standard_has_it() -> None:
    body = cap_xml.write(ALERT)
    assert body.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
    )
    assert cap_xml.faults(body) == []
    assert Validator(body).schema()[0] is True
    root = tree(body)
    assert " ".join(etree.QName(one).localname for one in root) == (
        "identifier sender sent status msgType source scope code note references incidents info info"
    )
    assert " ".join(etree.QName(one).localname for one in root[-2]) == (
        "language category category event responseType urgency severity certainty eventCode effective onset expires "
        "senderName headline description instruction web contact parameter parameter area"
    )
    assert root.findtext(f"{NS}scope") == "Public"
    assert root.findtext(f"{NS}source") == "rule <1> & 2"
    assert root.findtext(f"{NS}references") == (
        "info@example.jp,urn:x:1,2026-07-04T05:30:00+09:00 info@example.jp,urn:x:0,2026-07-04T04:30:00+09:00"
    )
    assert root.findtext(f"{NS}incidents") == '令和8年7月豪雨 "with blank"'
    assert root.findtext(f"{NS}info/{NS}area/{NS}polygon") == "35.5,139.5 35.6,139.5 35.6,139.6 35.5,139.5"


def test_what_is_empty_is_left_out() -> None:
    bare = CapInfo(
        "ja-JP",
        ("Met",),
        "大雨",
        (),
        "Past",
        "Minor",
        "Observed",
        "",
        "",
        "",
        "",
        INFO.expires,
        areas=(CapArea("全域"),),
    )
    body = cap_xml.write(Alert("1", "a@example.jp", SENT, "Test", "Alert", (bare,)))
    assert cap_xml.faults(body) == []
    assert [one.tag for one in tree(body).iter() if not len(one) and not one.text] == []
    assert len(list(tree(body).iter())) == 17


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678901, JST), "2026-01-02T03:04:05+09:00"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05-00:00"),
        (
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
            "2026-01-02T03:04:05-03:30",
        ),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(seconds=5))), "2026-01-02T03:04:00-00:00"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=15))), "2026-01-01T12:04:05-00:00"),
    ],
)
def test_times_keep_their_offset_where_xml_has_it(at: datetime, text: str) -> None:
    body = cap_xml.write(replace(ALERT, sent=at, infos=()))
    assert tree(body).findtext(f"{NS}sent") == text
    assert datetime.fromisoformat(text) == at.replace(microsecond=0)


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="has no offset"):
        cap_xml.write(replace(ALERT, sent=SENT.replace(tzinfo=None)))


@pytest.mark.parametrize(
    ("ring", "text"),
    [
        (((35.0, 139.0),), "35,139"),
        (((100.0, -10.0), (0.1, 20.50)), "100,-10 0.1,20.5"),
        (((35.12345678, 139.98765432),), "35.123457,139.987654"),
        (((-0.0, -0.0000001), (-0.5, 1e-6)), "0,0 -0.5,0.000001"),
        (((10.0, -0.0), (-0.0, 10.0), (-100.0, -0.0)), "10,0 0,10 -100,0"),
    ],
)
def test_degrees_have_six_decimals_at_most(ring: tuple[tuple[float, float], ...], text: str) -> None:
    body = cap_xml.write(replace(ALERT, infos=(replace(INFO, areas=(CapArea("x", (ring,)),)),)))
    assert tree(body).findtext(f"{NS}info/{NS}area/{NS}polygon") == text


# --- what we write is always CAP, and says what it was to say ---


def xml_can_hold(character: str) -> bool:
    try:
        etree.Element("x").text = character
    except ValueError:
        return False
    return True


def held(text: str) -> str:
    return "".join(one if xml_can_hold(one) else "\ufffd" for one in text)


letters = st.one_of(
    st.characters(exclude_categories=()),
    st.sampled_from("<>&\"'\r\n\t\0\x0b\x1f\x7f\x85\ud800\ufffe\uffff]𠮷避難指示　①㈱"),
)
texts = st.text(letters, max_size=20)
words = texts.filter(lambda text: bool(text.strip()))
names = st.text(
    letters.filter(lambda one: one not in "<,&" and not re.match(r"\s", held(one))), min_size=1, max_size=12
)
minutes = st.integers(-14 * 60, 14 * 60).map(lambda count: timezone(timedelta(minutes=count)))
zones = st.one_of(minutes, st.just(JST), st.just(UTC), st.just(timezone(timedelta(hours=9, seconds=59))))
moments = st.datetimes(
    datetime(1950, 1, 1),  # noqa: DTZ001
    datetime(2150, 1, 1),  # noqa: DTZ001
    timezones=zones,
)
some_time = st.timedeltas(timedelta(seconds=1), timedelta(days=400))
pairs = st.lists(st.tuples(words, texts), max_size=3).map(tuple)
points = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
rings = st.lists(points, min_size=3, max_size=8).map(lambda ring: (*ring, ring[0]))
areas = st.builds(CapArea, texts.filter(bool), st.lists(rings, max_size=2).map(tuple), pairs)


@st.composite
def infos(draw: st.DrawFn, sent: datetime) -> CapInfo:
    return CapInfo(
        language=draw(st.sampled_from(("ja-JP", "en-US", "zh-Hans", "pt"))),
        categories=tuple(draw(st.lists(st.sampled_from(("Geo", "Met", "Safety", "Infra")), min_size=1, max_size=3))),
        event=draw(texts.filter(bool)),
        response_types=tuple(draw(st.lists(st.sampled_from(("Evacuate", "AllClear", "None")), max_size=2))),
        urgency=draw(st.sampled_from(("Immediate", "Expected", "Future", "Past", "Unknown"))),
        severity=draw(st.sampled_from(("Extreme", "Severe", "Moderate", "Minor", "Unknown"))),
        certainty=draw(st.sampled_from(("Observed", "Likely", "Possible", "Unlikely", "Unknown"))),
        headline=draw(texts),
        description=draw(texts),
        instruction=draw(texts),
        sender_name=draw(texts),
        expires=(sent + draw(some_time)).astimezone(draw(zones)),
        effective=draw(st.none() | moments),
        onset=draw(st.none() | moments),
        web=draw(st.sampled_from(("", "https://example.jp/?a=1&b=避難"))),
        contact=draw(texts),
        event_codes=draw(pairs),
        parameters=draw(pairs),
        areas=tuple(draw(st.lists(areas, max_size=2))),
    )


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    sent, identifier = draw(moments), draw(names)
    kind = draw(st.sampled_from(("Alert", "Update", "Cancel")))
    references = draw(
        st.lists(
            st.builds(Reference, names, names, some_time.map(lambda gap: sent - gap)).filter(
                lambda one: held(one.identifier) != held(identifier)
            ),
            min_size=kind != "Alert",
            max_size=3,
        )
    )
    return Alert(
        identifier=identifier,
        sender=draw(names),
        sent=sent,
        status=draw(st.sampled_from(("Actual", "Exercise", "Test"))),
        msg_type=kind,
        infos=tuple(draw(st.lists(infos(sent), max_size=2))),
        source=draw(texts),
        note=draw(words),
        codes=tuple(draw(st.lists(texts.filter(bool), max_size=2))),
        references=tuple(references),
        incidents=tuple(draw(st.lists(names, max_size=2))),
    )


def read_back(element: etree._Element, name: str) -> list[str]:
    return [one.text or "" for one in element.iterchildren(NS + name)]


def read_pairs(element: etree._Element, name: str) -> list[tuple[str, ...]]:
    return [tuple(part.text or "" for part in one) for one in element.iterchildren(NS + name)]


def held_pairs(given_pairs: tuple[tuple[str, str], ...]) -> list[tuple[str, ...]]:
    return [(held(name), held(value)) for name, value in given_pairs]


@given(alerts())
def test_whatever_is_written_is_conformant_and_reads_back_the_same(alert: Alert) -> None:
    body = cap_xml.write(alert)
    assert cap_xml.faults(body) == []
    assert Validator(body).schema()[0] is True
    root = tree(body)
    for name, value in (
        ("identifier", alert.identifier),
        ("sender", alert.sender),
        ("source", alert.source),
        ("note", alert.note),
    ):
        assert read_back(root, name) == [held(value)] * bool(value)
    assert read_back(root, "code") == [held(one) for one in alert.codes]
    assert read_back(root, "incidents") == [held(" ".join(alert.incidents))] * bool(alert.incidents)
    assert datetime.fromisoformat(root.findtext(f"{NS}sent") or "") == whole_seconds(alert.sent)
    referenced = [one.split(",") for one in (root.findtext(f"{NS}references") or "").split()]
    assert [(sender, identifier, datetime.fromisoformat(at)) for sender, identifier, at in referenced] == [
        (held(one.sender), held(one.identifier), whole_seconds(one.sent)) for one in alert.references
    ]
    written = list(root.iterchildren(f"{NS}info"))
    assert len(written) == len(alert.infos)
    for element, info in zip(written, alert.infos, strict=True):
        same_info(element, info)


def whole_seconds(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def same_info(element: etree._Element, info: CapInfo) -> None:
    for name, value in (
        ("language", info.language),
        ("event", info.event),
        ("urgency", info.urgency),
        ("severity", info.severity),
        ("certainty", info.certainty),
        ("senderName", info.sender_name),
        ("headline", info.headline),
        ("description", info.description),
        ("instruction", info.instruction),
        ("web", info.web),
        ("contact", info.contact),
    ):
        assert read_back(element, name) == [held(value)] * bool(value)
    for name, at in (("effective", info.effective), ("onset", info.onset), ("expires", info.expires)):
        assert [datetime.fromisoformat(one) for one in read_back(element, name)] == (
            [whole_seconds(at)] if at else []
        )
    assert read_back(element, "category") == list(info.categories)
    assert read_back(element, "responseType") == list(info.response_types)
    assert read_pairs(element, "eventCode") == held_pairs(info.event_codes)
    assert read_pairs(element, "parameter") == held_pairs(info.parameters)
    written = list(element.iterchildren(f"{NS}area"))
    assert read_back(element, "area") == [""] * len(info.areas)
    for one, area in zip(written, info.areas, strict=True):
        assert read_back(one, "areaDesc") == [held(area.description)]
        assert read_pairs(one, "geocode") == held_pairs(area.geocodes)
        for text, ring in zip(read_back(one, "polygon"), area.polygons, strict=True):
            read = [tuple(map(float, pair.split(","))) for pair in text.split(" ")]
            assert read == [pytest.approx(pair, abs=5.1e-7) for pair in ring]
            assert re.fullmatch(r"(-?\d+(\.\d{0,5}[1-9])?[, ]?)+", text)


# --- checking: real files, and an outside validator ---

NO_TIME = "is no time as YYYY-MM-DDThh:mm:ss+hh:mm, without Z and fractions (3.3.2)"
UTC_AS = "UTC is written -00:00 (3.3.2)"
NO_LANGUAGE = "info: no language: it would be taken for en-US (own rule)"
OLD = (
    "the root element is '{urn:oasis:names:tc:emergency:cap:1.1}alert', "
    "not an alert of urn:oasis:names:tc:emergency:cap:1.2"
)
REAL = {
    "australia.cap": [],
    "canada.cap": [],
    "earthquake-iso8859-1.cap": [
        f"sent: '2012-10-14T22:53:04+00:00': {UTC_AS}",
        NO_LANGUAGE,
        f"info/onset: '2012-10-14T22:40:56+00:00': {UTC_AS}",
        f"info/expires: '2012-10-21T22:53:04+00:00': {UTC_AS}",
    ],
    "earthquake.cap": [OLD],
    "invalid.cap": [
        "info: This element is not expected. Expected is one of ( source, scope ).",
        f"sent: '2010-08-31T00:09:25+00:00': {UTC_AS}",
        NO_LANGUAGE,
        "info: no expires: nobody knows when to drop the message (own rule)",
    ],
    "no_optional_fields.cap": [OLD],
    "noaa_errors.cap": [OLD],
    "wcatwc-warning.cap": [NO_LANGUAGE],
    "weather.cap": [OLD],
}


def test_every_real_file_is_valid_or_not_as_it_must_be(realdata: Path) -> None:
    paths = sorted((realdata / "cap").glob("*.cap"))
    assert {path.name: cap_xml.faults(path.read_bytes()) for path in paths} == REAL


def test_nothing_passes_that_the_outside_validator_refuses(realdata: Path) -> None:
    schema = {path.name: Validator(path.read_bytes()).schema()[0] for path in (realdata / "cap").glob("*.cap")}
    assert {name for name, valid in schema.items() if valid} == {
        "australia.cap", "canada.cap", "earthquake-iso8859-1.cap", "wcatwc-warning.cap",
    }  # fmt: skip
    assert all(REAL[name] for name, valid in schema.items() if not valid)


# --- checking: a rule at a time ---

WRITTEN = cap_xml.write(ALERT).decode()
SHORT = cap_xml.write(replace(ALERT, infos=(INFO,))).decode()
POLYGON = "35.5,139.5 35.6,139.5 35.6,139.6 35.5,139.5"
FROM_STATUS_TO_NOTE = SHORT[SHORT.index("<status>") : SHORT.index("<references>")]
REFERENCES = SHORT[SHORT.index("<references>") : SHORT.index("</references>") + len("</references>")]


def changed(old: str, new: str) -> bytes:
    assert SHORT.count(old) == 1, old
    return SHORT.replace(old, new).encode()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("urn:x:2", "a b", "identifier: 'a b' must be a name without space, comma, < and & (3.2.1)"),
        ("urn:x:2", "a,b", "identifier: 'a,b' must be a name without space, comma, < and & (3.2.1)"),
        ("urn:x:2", "a&amp;b", "identifier: 'a&b' must be a name without space, comma, < and & (3.2.1)"),
        ("urn:x:2", "", "identifier: '' must be a name without space, comma, < and & (3.2.1)"),
        ("<sender>info@", "<sender>&lt;@",
         "sender: '<@example.jp' must be a name without space, comma, < and & (3.2.1)"),
        (
            "<effective>2026-07-04T06:30:00+09:00",
            "<effective>2026-07-04T06:30:00Z",
            f"info/effective: '2026-07-04T06:30:00Z' {NO_TIME}",
        ),
        (
            "06:35:00+09:00",
            "06:35:00.5+09:00",
            f"info/onset: '2026-07-04T06:35:00.5+09:00' {NO_TIME}",
        ),
        ("07-04T06:35:00", "02-30T06:35:00", "info/onset: '2026-02-30T06:35:00+09:00' is no time that exists"),
        ("06:35:00+09:00", "06:35:00+00:00", f"info/onset: '2026-07-04T06:35:00+00:00': {UTC_AS}"),
        ("<sent>2026-07-04T06:30:00+09:00", "<sent>2026-07-03T21:30:00+00:00",
         f"sent: '2026-07-03T21:30:00+00:00': {UTC_AS}"),
        ("Public", "Restricted", "alert: scope Restricted needs a restriction (3.2.1)"),
        ("Public", "Private", "alert: scope Private needs addresses (3.2.1)"),
        (FROM_STATUS_TO_NOTE, "<status>Exercise</status><msgType>Update</msgType><scope>Public</scope>",
         "alert: status Exercise needs a note that names the exercise (3.2.1)"),
        (REFERENCES, "", "alert: msgType Update needs references (3.2.1)"),
        (REFERENCES, "<references> </references>", "alert: msgType Update needs references (3.2.1)"),
        (REFERENCES, "<references>bad</references>", "references: 'bad' is not sender,identifier,sent (3.2.1)"),
        (
            REFERENCES,
            "<references>a,,2026-07-04T05:30:00+09:00</references>",
            "references: 'a,,2026-07-04T05:30:00+09:00' is not sender,identifier,sent (3.2.1)",
        ),
        (
            REFERENCES,
            "<references>a,b,2026-07-04T05:30:00+09:00,</references>",
            "references: 'a,b,2026-07-04T05:30:00+09:00,' is not sender,identifier,sent (3.2.1)",
        ),
        (
            REFERENCES,
            "<references>a,b,today</references>",
            f"references: 'a,b,today': 'today' {NO_TIME}",
        ),
        (
            REFERENCES,
            "<references>info@example.jp,urn:x:2,2026-07-04T06:30:00+09:00</references>",
            "references: the message references itself",
        ),
        (
            REFERENCES,
            "<references>a,b,2026-07-04T06:30:00+08:59</references>",
            "references: 'a,b,2026-07-04T06:30:00+08:59' was sent after this message",
        ),
        (POLYGON, "banana", "info/area/polygon: 'banana' is not latitude,longitude (3.2.4)"),
        (POLYGON, POLYGON.replace(",", ", "), "info/area/polygon: '35.5,' is not latitude,longitude (3.2.4)"),
        (POLYGON, "", "info/area/polygon: 0 pairs, and a polygon has at least 4 (3.2.4)"),
        (POLYGON, "35,139 36,139 35,139", "info/area/polygon: 3 pairs, and a polygon has at least 4 (3.2.4)"),
        (POLYGON, "35,139 36,139 36,140 35,140", "info/area/polygon: the last pair is not the first (3.2.4)"),
        (
            POLYGON,
            "139,35 139,36 140,36 139,35",
            "info/area/polygon: latitude 140 is beyond 90: this is lon,lat, and CAP has lat,lon (3.2.4)",
        ),
        (POLYGON, "95,139 36,139 36,140 95,139", "info/area/polygon: latitude 95 is beyond 90 (3.2.4)"),
        (POLYGON, "35,181 36,139 36,140 35,181", "info/area/polygon: longitude 181 is beyond 180 (3.2.4)"),
        ("</polygon>", "</polygon><circle>35,139</circle>",
         "info/area/circle: '35,139' is not latitude,longitude radius (3.2.4)"),
        ("</polygon>", "</polygon><circle>139,35 5</circle>",
         "info/area/circle: latitude 139 is beyond 90: this is lon,lat, and CAP has lat,lon (3.2.4)"),
        ("</polygon>", "</polygon><circle>35,139 -5</circle>", "info/area/circle: radius -5 is less than nothing"),
        ("12:30:00+09:00</expires>", "06:30:00+09:00</expires>",
         "info/expires: the message expires before it is sent, or then (own rule)"),
        ("<expires>2026-07-04T12:30:00+09:00</expires>", "",
         "info: no expires: nobody knows when to drop the message (own rule)"),
        ("<language>ja-JP</language>", "", NO_LANGUAGE),
        ("<language>ja-JP</language>", "<language/>", NO_LANGUAGE),
        ("</geocode>", "</geocode><ceiling>100</ceiling>", "info/area: a ceiling needs an altitude (3.2.4)"),
        ("<valueName>JISX0402</valueName>", "",
         "info/area/geocode/value: This element is not expected. Expected is ( valueName )."),
        ("<value>13112</value>", "", "info/area/geocode: Missing child element(s). Expected is ( value )."),
        ("<valueName>JISX0402<", "<valueName><", "info/area/geocode: the valueName is empty (3.2.2, 3.2.4)"),
        ("<valueName>empty<", "<valueName> <", "info/parameter[2]: the valueName is empty (3.2.2, 3.2.4)"),
        ("<urgency>Expected", "<urgency>Soon",
         "info/urgency: [facet 'enumeration'] The value 'Soon' is not an element of the set "
         "{'Immediate', 'Expected', 'Future', 'Past', 'Unknown'}."),
        ("<status>Actual", "<status>actual",
         "status: [facet 'enumeration'] The value 'actual' is not an element of the set "
         "{'Actual', 'Exercise', 'System', 'Test', 'Draft'}."),
        ("<code>", "<x:code xmlns:x='urn:x'/><code>",
         "alert: Element '{urn:x}code': This element is not expected. Expected is one of ( restriction, addresses, "
         "code, note, references, incidents, info, {http://www.w3.org/2000/09/xmldsig#}* )."),
    ],
)  # fmt: skip
def test_a_broken_rule_gives_just_its_fault(old: str, new: str, fault: str) -> None:
    assert cap_xml.faults(SHORT.encode()) == []
    assert cap_xml.faults(changed(old, new)) == [fault]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<scope>Public</scope>", "<scope>Restricted</scope><restriction>staff</restriction>"),
        ("<scope>Public</scope>", "<scope>Private</scope><addresses>a@example.jp</addresses>"),
        ("</geocode>", "</geocode><altitude>10</altitude><ceiling>100</ceiling>"),
        ("</polygon>", "</polygon><circle>35.5,139.5 0</circle>"),
        (POLYGON, "+35.5,-.5 35.6,139. \n35.6,139.6\t+35.50,-0.5"),
        ("Public", "Public<!-- a comment -->"),
    ],
)
def test_what_is_allowed_is_no_fault(old: str, new: str) -> None:
    assert cap_xml.faults(changed(old, new)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<scope>Public</scope>", ""),
        ("<urgency>Expected", "<urgency>Soon"),
        ("<onset>2026-07-04T06:35:00+09:00", "<onset>2026-07-04T06:35:00Z"),
        ("<category>Met</category><category>Safety</category>", ""),
        ("<value>13112</value>", ""),
        ("<msgType>Update", "<msgType lang='en'>Update"),
        ("</info></alert>", "</info><more/></alert>"),
        ("</alert>", ""),
    ],
)
def test_what_the_outside_validator_refuses_is_refused(old: str, new: str) -> None:
    body = changed(old, new)
    assert Validator(body).schema()[0] is False
    assert len(cap_xml.faults(body)) == 1


def test_a_fault_says_in_which_block() -> None:
    head, tail = WRITTEN.split("<language>en-US</language>")
    body = (head + "<language>en-US</language>" + tail.replace("139.6", "x")).encode()
    assert cap_xml.faults(body) == ["info[2]/area/polygon: '35.6,x' is not latitude,longitude (3.2.4)"]


def test_a_prefix_that_means_two_things_does_not_confuse() -> None:
    body = SHORT.replace("<", "<c:").replace("<c:/", "</c:").replace("<c:?", "<?").replace("xmlns=", "xmlns:c=")
    assert cap_xml.faults(body.encode()) == []
    (fault,) = cap_xml.faults(body.replace("<c:code>", "<c:code xmlns:c='urn:x'>").encode())
    assert fault.startswith("alert: Element '{urn:x}code': This element is not expected.")
    assert cap_xml.faults(body.replace(">Met<", ">Wet<").encode())[0].startswith("info/category[1]: [facet")


def test_several_faults_are_all_told() -> None:
    broken = replace(
        ALERT, identifier="a b", references=(), infos=(replace(INFO, language="", areas=(CapArea("x", ((),)),)),)
    )
    assert told(broken) == [
        "identifier: 'a b' must be a name without space, comma, < and & (3.2.1)",
        "alert: msgType Update needs references (3.2.1)",
        NO_LANGUAGE,
        "info/area/polygon: 0 pairs, and a polygon has at least 4 (3.2.4)",
    ]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "empty"),
        (b"{}", "not well-formed XML"),
        (b"<html><body>gone</body></html>", "HTML page"),
        (b"<alert/>", "the root element is 'alert', not an alert of urn:oasis:names:tc:emergency:cap:1.2"),
        (SHORT.encode()[:-5], "not well-formed XML"),
        (SHORT.encode("utf-8").replace("続".encode(), b"\xff"), "not UTF-8"),
        (SHORT.replace("<alert", '<!DOCTYPE alert SYSTEM "http://example.jp/x.dtd"><alert', 1).encode(), "DOCTYPE"),
        (
            SHORT.replace("<alert", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><alert', 1)
            .replace("続報", "&x;")
            .encode(),
            "DOCTYPE",
        ),
        (SHORT.encode() + b" " * cap_xml.MOST_BYTES, "more than the 10000000"),
    ],
)
def test_bytes_that_are_no_cap_at_all_are_told_in_a_line(body: bytes, fault: str) -> None:
    (line,) = cap_xml.faults(body)
    assert fault in line
    assert "\n" not in line
    assert "root:" not in line


def test_a_schema_that_a_message_names_is_not_fetched(tmp_path: Path) -> None:
    lax = tmp_path / "lax.xsd"
    lax.write_text(
        "<schema xmlns='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:x'><element name='y'/></schema>"
    )
    hint = f"<alert xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:schemaLocation='urn:x {lax.as_uri()}' "
    assert cap_xml.faults(changed("<alert ", hint)) == []
    with_more = changed("<alert ", hint).replace(b"<code>", b"<y xmlns='urn:x'/><code>")
    assert len(cap_xml.faults(with_more)) == 1


def test_a_flood_of_faults_is_cut() -> None:
    found = cap_xml.faults(changed("</info>", "</info>" + "<info/>" * 300))
    assert len(found) == 201
    assert found[-1] == "and more: only the first are told"
    more = cap_xml.faults(changed("</info>", "</info>" + "<info/>" * 100_000))
    assert more == ["an element has more than 5000 children"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_checking_never_fails(body: bytes) -> None:
    assert cap_xml.faults(body)


@given(st.data())
def test_checking_never_fails_on_a_damaged_message(data: st.DataObject) -> None:
    body = bytearray(SHORT.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert all("\n" not in line and line for line in cap_xml.faults(bytes(body)))
