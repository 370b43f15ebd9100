"""SIP4D-ZIP (JSA-S1016:2023): what disaster organisations share, from shelters and roads to damage by municipality.

Source: JSA-S1016:2023 災害情報共有のための共通データフレームワーク; attributes and words from its checker
(NIED-DIR/SIP4D-ZIP_Checker). How a package is read is in `formats.sip4d_zip`, what its words mean in `vocab.sip4d`.

| code | 情報種別 | kind |
|---|---|---|
| 01-001-01 | 避難所 | ``shelter_status`` |
| 01-002-01 | 物資拠点 | ``supply_point`` |
| 01-003-01 | 医療機関 | ``medical_facility`` |
| 01-004-01 | 災害廃棄物仮置場 | ``waste_site`` |
| 01-005-01, -02 | 道路規制 | ``road_restriction`` |
| 01-006-01 | 給水・入浴等の拠点 | ``water_point`` |
| 01-007-01 | 停電・断水 | ``lifeline_outage`` |
| 01-008-03 | 通信不通 | ``lifeline_outage`` |
| 01-009-01 to -03 | 河川被害 | ``river_damage`` |
| 01-010-01 to -03 | 土砂災害 | ``landslide_damage`` |
| 01-011-01 | 人的・住家被害 | ``damage_count`` |
| 01-012-01 | 罹災証明 | ``damage_certificate`` (classes of its own, never mixed with form 4) |

Scope ``sip4d/<code>/<author>/<lgcode>/<disaster>/<title>``, complete: a package is what its sender's data set held at
information_date. The format has no way to say that one record has gone, so a record that a later package of the
same data set no longer has, no longer holds; the title is part of the scope because 停電 and 断水 share a code.

* testflg 通常, 訓練, 試験 is the status. Anything else, or 通常 on a package whose name says 訓練, is refused.
* openflg is the visibility of the statement: 一般公開可能 public, 災害対応機関のみ公開可能 responders,
  ＩＳＵＴ－ＳＩＴＥのみ公開可能 isut. Anything else is refused with code ``unknown_openflg``, and what the feed's
  options do not accept with ``not_accepted``.
* publicflg (公開可否) of a shelter that is 公開不可, or unknown, in a package that is public: the public has a
  statement without it, responders have one with it. Both are complete.
* Columns that SIP4D-Xedge adds to any code: _pub false leaves a record out, as does a time_to (削除時刻) that has
  passed; uuid stands in for a missing id; the times at which single attributes were changed (…_update) are not read.
* A point in a table by municipality (01-011-01, 01-012-01, 01-007-01) stands for the whole of it and is left out
  where the municipality is known, so that the layer shows its area.
* license_id is a property of every item; only licences that the feed names are taken.
* 99-999-99 (free columns) and the codes of vendors (0304-04) are refused: what their columns mean is nowhere stated.
* information_date is the time of the statement. One that is no time (``2026-05-20T010:05:02``) is refused: no other
  time is taken for it.
* 停電 or 断水 is only in the title (else in the titles of the entries or the tags); where it is in neither, the
  numbers mean nothing and the package is refused. An area of 通信不通 is kept without a utility.
* A place outside of its own prefecture is wrong for certain (a drill of 2026 had every shelter of 愛知県 moved to
  longitude 141): the item is kept without a place.
* endtime at or before information_date is an end (解除, 復旧); a later one is a plan and ends nothing.

Known gaps:
* codes other than 01-001-01 were seen as composed samples only
* 公共施設被害 (pubfacno) of 01-011-01 is kept in the store but has no field in the layer
* SIP4D-ZIP 2.0 is refused
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import shapely

from bousai.errors import ParseError
from bousai.formats import sip4d_zip
from bousai.formats.sip4d_zip import Column, Entry, Package
from bousai.model import VISIBILITIES, Bulletin, Issue, Item, Visibility, open_to, table_of
from bousai.vocab import code as codes
from bousai.vocab import sip4d
from bousai.vocab.count import Count, count, reported, without
from bousai.vocab.japanese_time import day, moment
from bousai.vocab.municipality import named, resolve
from bousai.vocab.prefecture_box import may_touch

VERSION = "2"
_TELL = "tell the publisher; see the record in the document"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML tells: which openflg and which license_id this installation may hold."""

    accept_openflg: tuple[str, ...]
    accept_licence: tuple[str, ...]


class _Theme(NamedTuple):
    """How one code is read.

    `fields`: connid → (property, how); how is text, time, count or word (of a List), or drop. `state` is the connid
    that says what a record is about: its word stands beside it as ``<property>_text``, and where it is `required` it
    is never None, but unknown. `identity` are the connids that tell a record from others where it has no id, with
    `by_geometry` its place too.
    """

    kind: str
    fields: Mapping[str, tuple[str, str]]
    identity: tuple[str, ...]
    state: str | None = None
    required: bool = True
    by_geometry: bool = False


_PLACE = {
    "id": ("source_id", "text"),
    "citycode": ("", "text"),
    "cityname": ("area_name", "text"),
    "name": ("name", "text"),
    "namekana": ("name_kana", "text"),
    "address": ("address", "text"),
    "phoneno": ("", "drop"),  # may be the telephone of a person
    "note": ("note", "text"),
}
_SINCE = {"starttime": ("started_at", "time"), "endtime": ("ended_at", "time")}
_OCCURRED = {"occurday": ("", "text"), "occurtime": ("occurred_time_text", "text")}
_AREA = {"citycode": ("", "text"), "cityname": ("area_name", "text"), "note": ("note", "text")}
_NAMES = ("cityname", "citycode", "name", "address")

_SHELTER = _Theme(
    "shelter_status",
    {
        **_PLACE,
        "eststts": ("state", "word"),
        "type": ("shelter_type", "word"),
        "division": ("designation", "word"),
        "crowdstts": ("crowding", "word"),
        "starttime": ("opened_at", "time"),
        "endtime": ("closed_at", "time"),
        "evacueeno": ("evacuees", "count"),
        "sevacueeno": ("voluntary_evacuees", "count"),
        "houseno": ("households", "count"),
        "shouseno": ("voluntary_households", "count"),
        "thouseno": ("target_households", "count"),
        "capacity": ("capacity", "count"),
        "reason": ("reason", "text"),
        "height": ("elevation_text", "text"),
        "remarks": ("remarks", "text"),
        "spnotes": ("special_notes", "text"),
        "area": ("supported_area", "text"),
        "multiple": ("same_as_site_text", "text"),
        "trucksize": ("truck_size", "word"),
        "publicflg": ("", "word"),
    },
    _NAMES,
    state="eststts",
)
_ROAD = _Theme(
    "road_restriction",
    {
        "id": ("", "text"),
        "citycode": ("", "text"),
        "cityname": ("area_name", "text"),
        "roadtype": ("road_type", "word"),
        "roadno": ("road_no", "text"),
        "roadname": ("road_name", "text"),
        "roadkana": ("road_name_kana", "text"),
        "passstts": ("restriction", "word"),
        "startpoint": ("start_point", "text"),
        "endpoint": ("end_point", "text"),
        "category": ("cause", "text"),
        "detail": ("detail", "text"),
        **_SINCE,
        "note": ("note", "text"),
    },
    ("cityname", "citycode", "roadtype", "roadno", "roadname", "startpoint", "endpoint", "starttime"),
    state="passstts",
)
_RIVER = _Theme(
    "river_damage",
    {
        **_AREA,
        **_OCCURRED,
        "rivername": ("river_name", "text"),
        "reverkana": ("river_name_kana", "text"),  # so spelt in the standard
        "riverkana": ("river_name_kana", "text"),
        "seibiname": ("bureau", "text"),
        "wsystem": ("water_system", "text"),
        "leftright": ("bank", "text"),
        "kp": ("kilometre_post", "text"),
        "detail": ("detail", "text"),
        "measures": ("measures", "text"),
    },
    ("cityname", "citycode", "rivername", "wsystem", "leftright", "kp", "occurday"),
    by_geometry=True,
)
_LANDSLIDE = _Theme(
    "landslide_damage",
    {
        **_AREA,
        **_OCCURRED,
        "pointname": ("name", "text"),
        "type": ("landslide_type", "word"),
        "houseno": ("houses", "count"),
        "deadno": ("dead", "count"),
        "injuredno": ("injured", "count"),
        "detail": ("detail", "text"),
        "measures": ("measures", "text"),
    },
    ("cityname", "citycode", "pointname", "occurday"),
    state="type",
    required=False,
    by_geometry=True,
)
_THEMES = {
    "01-001-01": _SHELTER,
    "01-002-01": _Theme(
        "supply_point",
        {
            **_PLACE,
            **_SINCE,
            "estab": ("state", "word"),
            "division": ("division", "word"),
            "areaname": ("supported_area", "text"),
            "pass": ("access", "word"),
            "trucksize": ("truck_size", "word"),
            "lift": ("forklift", "word"),
            "personelno": ("staff", "count"),
            "openhour": ("open_hours", "text"),
        },
        _NAMES,
        state="estab",
    ),
    "01-003-01": _Theme(
        "medical_facility",
        {
            **_PLACE,
            "status": ("state", "word"),
            "kyoten": ("disaster_base", "word"),
            "areaname": ("supported_area", "text"),
            "toukai": ("collapse_risk", "word"),
            "supplyinfo": ("supply_information", "text"),
            "workbedno": ("beds_working", "count"),
            "keepbedno": ("beds_kept", "count"),
            "seriousno": ("patients_severe", "count"),
            "middleno": ("patients_moderate", "count"),
            "slightno": ("patients_minor", "count"),
        },
        _NAMES,
        state="status",
    ),
    "01-004-01": _Theme(
        "waste_site",
        {
            **_PLACE,
            **_SINCE,
            "estab": ("state", "word"),
            "area": ("area", "count"),
            "storage": ("capacity", "count"),
            "usestorage": ("used", "count"),
            "garbage": ("household_waste", "word"),
            "debris": ("debris", "word"),
            "sand": ("soil", "word"),
            "wood": ("wood", "word"),
            "mix": ("mixed", "word"),
            "direct": ("direct_delivery", "word"),
            "machineno": ("machines", "count"),
        },
        _NAMES,
        state="estab",
    ),
    "01-005-01": _ROAD,
    "01-005-02": _ROAD,
    "01-006-01": _Theme(
        "water_point",
        {
            **_PLACE,
            **_SINCE,
            "estab": ("state", "word"),
            "josetu": ("permanence", "word"),
            "openhour": ("open_hours", "text"),
        },
        _NAMES,
        state="estab",
    ),
    "01-007-01": _Theme(
        "lifeline_outage",
        {
            **_AREA,
            **_SINCE,
            "range": ("range", "text"),
            "cause": ("cause", "text"),
            "houseno": ("affected", "count"),
            "maxhouseno": ("affected_max", "count"),
            "estendtime": ("expected_text", "text"),
        },
        ("citycode", "cityname", "range", "starttime"),
    ),
    "01-008-03": _Theme("lifeline_outage", _AREA, ("citycode", "cityname"), by_geometry=True),
    **dict.fromkeys(("01-009-01", "01-009-02", "01-009-03"), _RIVER),
    **dict.fromkeys(("01-010-01", "01-010-02", "01-010-03"), _LANDSLIDE),
    "01-011-01": _Theme(
        "damage_count",
        {
            **_AREA,
            "deadno": ("dead", "count"),
            "cpano": ("cardiac_arrest", "count"),
            "missingno": ("missing", "count"),
            "safetyukno": ("unaccounted", "count"),
            "seriousno": ("injured_severe", "count"),
            "slightno": ("injured_minor", "count"),
            "unknownno": ("injured_unknown", "count"),
            "alldstno": ("house_destroyed", "count"),
            "halfdstno": ("house_half_destroyed", "count"),
            "partdstno": ("house_partly_damaged", "count"),
            "floorfno": ("flooded_above_floor", "count"),
            "ufloorfno": ("flooded_below_floor", "count"),
            "fireno": ("fire", "count"),
            "pubfacno": ("public_facility", "count"),
        },
        ("citycode", "cityname"),
    ),
    "01-012-01": _Theme(
        "damage_certificate",
        {
            **_AREA,
            "applyno": ("applied", "count"),
            "totalno": ("issued", "count"),
            "alldstno": ("destroyed", "count"),
            "mhalfdstno": ("mostly_half_destroyed", "count"),
            "halfdstno": ("half_destroyed", "count"),
            "partdstno": ("partly_damaged", "count"),
            "floorfno": ("above_floor", "count"),
            "ufloorfno": ("below_floor", "count"),
            "otherno": ("other", "count"),
        },
        ("citycode", "cityname"),
    ),
}
_XEDGE = ("_pub", "uuid", "time_to")
_BY_MUNICIPALITY = ("01-011-01", "01-012-01")
_OF_A_MUNICIPALITY = (*_BY_MUNICIPALITY, "01-007-01")
_TOO_MANY = 10_000_000_000  # more than there are people: a number of something else
_UTILITIES = {
    "power": ("停電", "電力", "電気"),
    "water": ("断水", "水道"),
    "gas": ("ガス",),
}
_NETWORKS = {
    "mobile": ("携帯", "モバイル"),
    "internet": ("インターネット", "固定通信", "光回線"),
    "telephone": ("固定電話",),
}


@dataclass(frozen=True, slots=True)
class _Noticed:
    """Issues, one for each cause with the number of records that it is true of."""

    found: dict[tuple[str, str, str, Any], list[str]] = field(default_factory=lambda: defaultdict(list))

    def say(self, code: str, cause: str, position: str, *, severity: str = "warning", remedy: str = _TELL) -> None:
        self.found[(code, cause, remedy, severity)].append(position)

    def issues(self) -> Iterator[Issue]:
        for (code, cause, remedy, severity), positions in self.found.items():
            more = "" if len(positions) == 1 else f" ({len(positions)} records)"
            yield Issue(code, cause + more, remedy, severity, positions[0])


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement. Raises `ParseError`: those of `sip4d_zip.read` and `.entries`, ``unsupported_code``,
    ``unknown_openflg``, ``not_accepted``, ``licence_not_open``, ``bad_time``, ``unknown_utility``,
    ``missing_column``."""
    package = sip4d_zip.read(body)
    theme = _theme(package)
    visibility = _visibility(package, options)
    if package.information_date is None:
        raise ParseError(
            f"information_date is {package.information_text[:60]!r}, which is no time",
            code="bad_time",
            remedy="ask the publisher to correct it in sip4d_zip_meta.json; no other time is taken for it",
            position=sip4d_zip.META,
        )
    constant = _constant(package, theme, package.information_date)
    entries, issues = sip4d_zip.entries(package)
    noticed = _Noticed()
    rows: list[_Row] = []
    held_back = 0
    for entry in entries:
        columns = _columns(package.code, theme, entry, noticed)
        for index, position in enumerate(sip4d_zip.positions(entry)):
            row = _row(package, theme, entry, columns, index, position, noticed)
            if row is None:
                held_back += 1
            elif row.visibility is not None:
                rows.append(row)
    scope = _scope(package)
    for circle in VISIBILITIES[VISIBILITIES.index(visibility) :]:
        # a circle that may see records that the wider ones may not has a statement of its own, with all of them
        shown = [row for row in rows if row.visibility in open_to(circle)]
        if circle != visibility and all(row.visibility != circle for row in rows):
            continue
        items = [_item(scope, package, theme, row, key, constant) for row, key in _keyed(shown, noticed)]
        yield Bulletin(
            kind=theme.kind,
            scope=scope,
            issued_at=package.information_date,
            status=package.status,
            items=table_of(items),
            issuer=package.author,
            complete=not held_back,
            sent_at=package.updated,
            serial=package.report,
            source_event_id=package.incident,
            bulletin_type=package.code,
            visibility=circle,
        )
    yield from package.issues
    yield from issues
    yield from noticed.issues()


def _theme(package: Package) -> _Theme:
    theme = _THEMES.get(package.code)
    if theme is None:
        free = package.code == "99-999-99"
        raise ParseError(
            f"code {package.code} ({package.title[:60]!r}): "
            + ("free columns, whose meaning the sender alone knows" if free else "columns of a vendor"),
            code="unsupported_code",
            remedy="ask the sender for one of the standard codes (01-001-01 to 01-012-01), or write a parser for it",
            position=sip4d_zip.META,
        )
    return theme


def _visibility(package: Package, options: Options) -> Visibility:
    """Whom the sender lets see the package, where it may be used at all."""
    visibility = sip4d.VISIBILITY.get(package.openflg)
    if visibility is None:
        raise ParseError(
            f"openflg is {package.openflg[:40]!r}, which does not say who may see the package",
            code="unknown_openflg",
            remedy=f"ask the sender for one of {'、'.join(sip4d.VISIBILITY)}, or dismiss the document",
            position=sip4d_zip.META,
        )
    if package.openflg not in options.accept_openflg:
        raise ParseError(
            f"openflg is {package.openflg[:40]!r}, which this installation does not hold",
            code="not_accepted",
            remedy="name it in accept_openflg of the feed if you may hold it, or dismiss the document",
            position=sip4d_zip.META,
        )
    if package.licence not in options.accept_licence:
        raise ParseError(
            f"license_id is {package.licence[:40]!r}, which does not let anybody publish it",
            code="licence_not_open",
            remedy="ask the sender for an open licence, or dismiss the document",
            position=sip4d_zip.META,
        )
    return visibility


def _constant(package: Package, theme: _Theme, at: datetime) -> dict[str, Any]:
    """The properties that all records of a package share."""
    shared: dict[str, Any] = {"incident": package.disaster, "as_of": at.isoformat(), "licence": package.licence}
    if theme.kind == "lifeline_outage":
        utility = _utility(package, _UTILITIES if package.code == "01-007-01" else _NETWORKS)
        if utility is None and package.code == "01-007-01":
            raise ParseError(
                f"{package.title[:60]!r}: neither its title nor its tags say whether this is 停電, 断水 or ガス",
                code="unknown_utility",
                remedy="ask the sender to name one of them in the title",
                position=sip4d_zip.META,
            )
        shared |= {"utility": utility, "unit": "戸" if package.code == "01-007-01" else None, "operator": None}
    if theme.kind == "damage_count":
        shared |= {"reporter": package.author, "report_no": package.report}
    if theme.kind == "road_restriction":
        shared |= {"manager": None, "report_no": package.report}
    return shared


def _utility(package: Package, words: Mapping[str, tuple[str, ...]]) -> str | None:
    """What the title names, else what the titles of the entries and the tags name; only where that is one thing."""
    for texts in ((package.title,), package.words):
        found = {name for name, signs in words.items() if any(sign in text for sign in signs for text in texts)}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _scope(package: Package) -> str:
    parts = (package.author, "+".join(package.lgcodes) or "-", package.incident, package.title)
    return "/".join(("sip4d", package.code, *map(_plain, parts)))


def _plain(text: str) -> str:
    """A text as one part of an id: what is no letter or digit is percent-encoded, so that different texts differ."""
    return "".join(c if c.isalnum() or c in "-+.:~" else quote(c, safe="") for c in text)


def _columns(code: str, theme: _Theme, entry: Entry, noticed: _Noticed) -> dict[str, Column]:
    """The columns of an entry by connid: as columns.json says, else by their own name."""
    columns: dict[str, Column] = {}
    for name, column in entry.columns.items():
        connid = next((one for one in (column.connid, name) if one in theme.fields or one in _XEDGE), None)
        if connid is None and name.endswith("_update"):
            continue  # when somebody changed one attribute: not a statement about the world
        if connid is None:
            _unread(code, name, column.label, entry.file, noticed)
        elif connid in columns:
            raise ParseError(
                f"{entry.file[:80]!r}: both {columns[connid].name[:40]!r} and {name[:40]!r} are {connid}",
                code="bad_columns",
                remedy="ask the publisher which of the two it is",
                position=entry.file,
            )
        else:
            columns[connid] = column
    described = set(entry.columns)
    for name in dict.fromkeys(name for properties in entry.features.properties for name in properties):
        if name in described or name.endswith("_update"):
            continue
        if (name in theme.fields or name in _XEDGE) and name not in columns:
            # Without a description a value is what it is called: a number or a text, or a word of the standard.
            columns[name] = Column(name, name, "", None)
            cause = f"{name} is not described in columns.json and read as the standard has it"
            noticed.say("undescribed_column", cause, entry.file, severity="info")
        else:
            _unread(code, name, "", entry.file, noticed)
    if theme.state is not None and theme.required and theme.state not in columns and len(entry.features):
        raise ParseError(
            f"{entry.file[:80]!r} has no column {theme.state}, which {code} must have",
            code="missing_column",
            remedy="ask the publisher for a package that passes the checker of NIED",
            position=entry.file,
        )
    return columns


def _unread(code: str, name: str, label: str, file: str, noticed: _Noticed) -> None:
    noticed.say(
        "unread",
        f"nobody reads the column {name[:60]!r} {label[:40]} of {code}".replace("  ", " "),
        f"{file[:60]}:{name[:60]}",
        severity="info",
        remedy="see whether the source has something new and teach the parser to read or to drop it",
    )


class _Row(NamedTuple):
    """One record as read. `identity` is what tells it from others, `whole` all that it says, `visibility` whom it is
    for (None: it is not to be shown, or is no longer one)."""

    id: str | None
    identity: tuple[str, ...]
    whole: str
    props: dict[str, Any]
    muni_code: str | None
    area_level: str | None
    geometry: bytes | None
    visibility: Visibility | None
    position: str


def _row(
    package: Package,
    theme: _Theme,
    entry: Entry,
    columns: Mapping[str, Column],
    index: int,
    position: str,
    noticed: _Noticed,
) -> _Row | None:
    """One record; None where it is held back."""
    properties = entry.features.properties[index]
    raw = {connid: properties.get(column.name) for connid, column in columns.items()}
    props: dict[str, Any] = {}
    for connid, (name, how) in theme.fields.items():
        if not name or (name in props and raw.get(connid) is None):
            continue
        value = raw.get(connid)
        match how:
            case "text":
                props[name] = _text(value)
            case "count":
                props[name] = _count(connid, value, position, noticed)
            case "time":
                props[name] = _time(connid, value, position, noticed)
            case "word":
                required = connid == theme.state and theme.required
                column = columns.get(connid)
                word, props[name] = _word(package.code, connid, column, value, required, position, noticed)
                if connid == theme.state:
                    props[f"{name}_text"] = word
    if "occurday" in theme.fields:
        props |= _occurred(_text(raw.get("occurday")), props["occurred_time_text"], position, noticed)
    geometry = entry.features.geometry[index]
    if index in entry.features.unreadable:
        noticed.say("bad_geometry", "a geometry that cannot be read; the item is kept without a place", position)
    muni_code, level = _place(package, _text(raw.get("citycode")), _text(raw.get("cityname")), position, noticed)
    if package.code in _BY_MUNICIPALITY and level is None:
        return None  # counts of nobody knows where: the issue is said
    geometry = _in_its_prefecture(package, muni_code, geometry, position, noticed)
    if package.code in _OF_A_MUNICIPALITY and muni_code is not None and geometry is not None:
        geometry = None if shapely.from_wkb(geometry).geom_type in ("Point", "MultiPoint") else geometry
    visibility = _row_visibility(package, columns, raw, position, noticed)
    identity = tuple(_text(raw.get(connid)) or "" for connid in theme.identity)
    if theme.by_geometry or not any(identity):
        identity = (*identity, "" if geometry is None else geometry.hex())
    whole = repr(sorted((name, str(value)) for name, value in properties.items())) + identity[-1]
    key = _text(raw.get("id")) or _text(raw.get("uuid"))
    if package.code in _BY_MUNICIPALITY:
        key = muni_code or _text(raw.get("citycode")) or _text(raw.get("cityname"))
    return _Row(key, identity, whole, props, muni_code, level, geometry, visibility, position)


def _row_visibility(
    package: Package, columns: Mapping[str, Column], raw: Mapping[str, Any], position: str, noticed: _Noticed
) -> Visibility | None:
    """Whom a record is for: everybody whom its package is for, but responders alone where publicflg is not 公開可;
    None where it is not to be shown (_pub) or is no longer one (time_to)."""
    hidden = None
    if (_text(raw.get("_pub")) or "true").lower() != "true":
        hidden = "_pub is not true"
    if _has_ended(_time("time_to", raw.get("time_to"), position, noticed), package.information_date):
        hidden = "its time_to has passed"
    if hidden is not None:
        cause = f"{hidden}: the record is left out"
        noticed.say("not_public", cause, position, severity="info", remedy="none: the sender wants it so")
        return None
    visibility = sip4d.VISIBILITY[package.openflg]
    if visibility == "public" and _text(raw.get("publicflg")) is not None:
        column = columns["publicflg"]
        _, flag = _word(package.code, "publicflg", column, raw["publicflg"], False, position, noticed)
        if flag != "publishable":
            cause = "publicflg is not 公開可: the record is for responders alone"
            noticed.say("not_public", cause, position, severity="info", remedy="none: the sender wants it so")
            return "responders"
    return visibility


def _keyed(rows: Sequence[_Row], noticed: _Noticed) -> Iterator[tuple[_Row, str]]:
    """Each record with a key that is its own: its id, else a digest of what names it.

    Records that are equal in all are one. Different ones with one key get what they say added to it, so that none is
    lost; the next package may then call them otherwise, which is why it is an issue.
    """
    keys = [row.id or _digest(*row.identity) for row in rows]
    said: dict[str, set[str]] = defaultdict(set)
    for row, key in zip(rows, keys, strict=True):
        said[key].add(row.whole)
    told: set[tuple[str, str]] = set()
    for row, key in zip(rows, keys, strict=True):
        if (key, row.whole) in told:
            noticed.say("duplicate_record", "a record is there twice, word for word", row.position, severity="info")
            continue
        told.add((key, row.whole))
        if len(said[key]) > 1:
            noticed.say("duplicate_id", f"several records are {key[:60]!r}; all are kept", row.position)
            key = f"{key}~{_digest(row.whole)}"
        yield row, _plain(key)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _item(
    scope: str,
    package: Package,
    theme: _Theme,
    row: _Row,
    key: str,
    constant: Mapping[str, Any],
) -> Item:
    props = {**constant, **row.props}
    ended = False
    if theme.kind in ("road_restriction", "lifeline_outage"):
        ended = _has_ended(props.get("ended_at"), package.information_date)
    if theme.kind == "shelter_status":
        props["common_id"] = _common_id(row.id)
    if package.code in _OF_A_MUNICIPALITY:
        props["area_level"] = row.area_level
    if theme.kind == "road_restriction" and props["note"] is not None:
        props["detail"] = "\n".join(filter(None, (props["detail"], props["note"])))
    return Item(
        item_id=f"{scope}/{key}",
        props=props,
        muni_code=row.muni_code,
        geometry=row.geometry,
        ended=ended,
        position=row.position,
    )


def _has_ended(ended_at: str | None, at: datetime | None) -> bool:
    return ended_at is not None and at is not None and datetime.fromisoformat(ended_at) <= at


def _common_id(text: str | None) -> str | None:
    try:
        return None if text is None else codes.common_id(text)
    except ValueError:
        return None


def _place(
    package: Package, code: str | None, name: str | None, position: str, noticed: _Noticed
) -> tuple[str | None, str | None]:
    """The municipality of a record, and whether it is one, or a prefecture; None, None where neither is known."""
    on = None if package.information_date is None else package.information_date.date()
    pref = _pref(package)
    if code is not None:
        if len(code) == 5 and code.endswith("000") and code[:2] in _PREFS:
            return None, "prefecture"
        found = resolve(code, on, width=5)
        if found.code is not None:
            return found.code, "municipality"
        noticed.say("unknown_municipality", f"citycode: {found.why}", position)
    if name is not None:
        by_name = named(name, pref)
        if by_name.code is not None:
            return by_name.code, "municipality"
        noticed.say("unknown_municipality", f"cityname: {by_name.why}", position)
    elif code is None and package.code in _BY_MUNICIPALITY:
        noticed.say("unknown_municipality", "neither citycode nor cityname: the counts are held back", position)
    return None, None


_PREFS = frozenset(f"{number:02}" for number in range(1, 48))


def _pref(package: Package) -> str | None:
    prefs = {code[:2] for code in package.lgcodes} & _PREFS
    return prefs.pop() if len(prefs) == 1 else None


def _in_its_prefecture(
    package: Package, muni_code: str | None, geometry: bytes | None, position: str, noticed: _Noticed
) -> bytes | None:
    pref = muni_code[:2] if muni_code is not None else _pref(package)
    if geometry is None or pref is None:
        return geometry
    bounds = shapely.from_wkb(geometry).bounds
    if may_touch(pref, bounds):
        return geometry
    cause = f"a place outside of its own prefecture ({pref}); the item is kept without a place"
    noticed.say("outside_prefecture", cause, position)
    return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip() or None


def _count(connid: str, value: Any, position: str, noticed: _Noticed) -> Count:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_MANY:
        return reported(value)
    text = _text(value)
    found = count(text) if not isinstance(value, (int, float, bool)) else None
    if found is None or (found["value"] or 0) >= _TOO_MANY:
        noticed.say("bad_count", f"{connid} is {str(text)[:40]!r}, no count; it is shown as unknown", position)
        return without("unknown", str(text)[:80])
    return found


def _time(connid: str, value: Any, position: str, noticed: _Noticed) -> str | None:
    text = _text(value)
    if text is None:
        return None
    at = moment(text)
    if at is None:
        noticed.say("bad_time", f"{connid} is {text[:40]!r}, no time; it is left out", position)
        return None
    return at.isoformat()


def _occurred(on: str | None, at: str | None, position: str, noticed: _Noticed) -> dict[str, str | None]:
    found: date | None = day(on)
    if on is not None and found is None:
        noticed.say("bad_time", f"occurday is {on[:40]!r}, no day; it is left out", position)
    both = None if found is None or at is None else moment(f"{found.isoformat()} {at}")
    return {
        "occurred_on": None if found is None else found.isoformat(),
        "occurred_at": None if both is None else both.isoformat(),
    }


def _word(
    code: str, connid: str, column: Column | None, value: Any, required: bool, position: str, noticed: _Noticed
) -> tuple[str | None, str | None]:
    """The word behind a key, and what it means; where that is not known: unknown if it is `required`, else None."""
    key = _text(value)
    nothing = "unknown" if required else None
    if column is None or key is None:
        if required:
            noticed.say("no_state", f"{connid} is empty; it is shown as unknown", position)
        return None, nothing
    word, name = key, None
    if column.words is not None and key in column.words:
        word, name = column.words[key]
    elif column.words is not None:
        noticed.say("not_a_key", f"{connid}: {key[:40]!r} is not in key_list", position, severity="info")
    meant = sip4d.by_word(code, connid, word)
    by_name = None if name is None else sip4d.by_name(code, connid, name)
    if by_name is not None and by_name.misspelt:
        noticed.say("misspelt", f"{connid}: conn_attr_list has {str(name)[:40]!r}", position, severity="info")
    if meant is not None and by_name is not None and meant != by_name.value:
        cause = f"{connid}: the word is {word[:40]!r} and conn_attr_list says {str(name)[:40]!r}"
        noticed.say("conflicting_value", cause, position)
        return word, nothing
    if meant is None and by_name is None:
        cause = f"{connid}: {word[:40]!r} is no word of the standard"
        noticed.say("unknown_value", cause, position, remedy="add it to vocab/data/sip4d_value.csv if it is new")
        return word, nothing
    return word, meant if meant is not None else by_name.value if by_name is not None else nothing
