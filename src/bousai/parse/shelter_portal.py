"""Every shelter of a prefecture and whether it is open, as the prefecture's disaster portal serves it.

Source: 防災情報くまもと, portal.bousai.pref.kumamoto.jp/data/shelter/shelter.json (what its map reads), and the page
that the browser makes of it. From the JSON: scope ``<source>/status`` (kind shelter_status) and ``<source>/site``
(kind municipal_site: hazards, designation, capacity), both complete where the number of items is the stated total.
From a saved page: scope ``<source>/page``, with ids of its own; complete only where all rows are in it.

Oddities
* All facilities are listed, opened or not: an empty start means never opened in this event, an empty end still open.
  Times have no zone: JST. The document itself states no time: Last-Modified or the name of the file does.
* Coordinates are text and sometimes empty. A capacity of 0 or null is not known.
* municipalityCd has six digits with the check digit; 熊本市 is 431001, its wards do not occur.
* crowdedStatus: 1 平常, 2 やや混雑, 3 混雑, 9 不明, null not stated; the words stand on the page. 4 occurs, but no
  page that was seen has its word: it is an issue. ``landsideWaterShFlg`` (sic) is 内水氾濫. There are no flags for
  大規模な火事 and 火山現象: null.
* A facility whose publicFlg is not 1 is not passed on. What availableFlg 0 means is nowhere said: an issue.
* The page scrolls virtually: 192 of 2,126 rows in the one seen. Its 「---」 is "not open now", be it never opened or
  closed again (13 of the 192 were closed).

Known gaps:
* an end that still lies ahead (a closing announced) is read as closed; none was seen
* what crowdedStatus 4 means (満員?) is not known
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import msgspec

from bousai.errors import ParseError
from bousai.formats import dgrid_page, json_rows, municipal_list, unread
from bousai.formats.municipal_list import NOWHERE, Place
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab.code import PrefCode
from bousai.vocab.count import Count, reported, without
from bousai.vocab.japanese_time import moment
from bousai.vocab.municipality import named, resolve

VERSION = "1"
_HAZARDS = {
    "flood": "floodShFlg",
    "landslide": "sedimentDisasterShFlg",
    "storm_surge": "stormSurgeShFlg",
    "earthquake": "earthquakeShFlg",
    "tsunami": "tsunamiShFlg",
    "fire": None,
    "inland_flood": "landsideWaterShFlg",
    "volcano": None,
}
_SITE, _SHELTER, _WELFARE, _TEMPORARY = (
    "edesignatedEvacShFlg",
    "designatedEvacShFlg",
    "welfareEvacShFlg",
    "temporaryEvacShFlg",
)
_START, _END = "shelterStartTimestamp", "shelterEndTimestamp"
_READ = (
    "facilityId", "name", "capacity", "address", "latitude", "longitude", "availableFlg", "publicFlg",
    *(flag for flag in _HAZARDS.values() if flag), _SITE, _SHELTER, _WELFARE, _TEMPORARY, "municipalityCd",
    "municipalityName", _START, _END, "crowdedStatus",
)  # fmt: skip
# Ids of the opening and of the administration, the second not always there and not unique; the place in the list.
_LEFT_OUT = ("shelterId", "shelterAdmId", "shelterIndex")
_CROWDING = {"1": "free", "2": "slightly_crowded", "3": "crowded", "9": "unknown"}
_MOST = 10**7  # nobody shelters ten million people: a number of another kind
_FLAG = {"1": True, "0": False}
_PAGE_READ = ("市町村", "避難所名", "開設状況", "混雑状況", "住所")
_PAGE_LEFT_OUT = ("ルート検索",)  # a link to a map
_UPDATED = re.compile(r"(\d{2}/\d{2}/\d{2} \d{1,2}:\d{2})\s*時点")
_TOTAL = re.compile(r"全\s*(\d+)\s*件")


Fault: TypeAlias = Callable[[str, str], None]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML tells: `source` begins ids and scopes, `pref` is the code of the prefecture."""

    source: str
    issuer: str
    pref: str
    incident: str | None = None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """The statements of the JSON, or of a saved page. Raises `ParseError`: those of `json_rows.load` and
    `dgrid_page.read`, ``not_portal_list``, ``not_portal_page``."""
    if body[:512].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return _page(body, options)
    return _json(body, options)


def _json(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    document = json_rows.load(body)
    records = document.get("items") if isinstance(document, dict) else None
    if not isinstance(records, list) or not all(map(_is_flat, records)):
        raise ParseError(
            "the JSON has no list of shelters called items, each with plain members",
            code="not_portal_list",
            remedy="see whether the portal changed its data",
        )
    issues = [*unread.columns(document, ("items", "total"), "the JSON")]
    issues += unread.columns(
        dict.fromkeys(name for record in records for name in record), (*_READ, *_LEFT_OUT), "items"
    )
    missing = [name for name in ("facilityId", "name", _START, _END) if any(name not in one for one in records)]
    if missing:
        raise ParseError(
            f"items without {', '.join(missing)}",
            code="not_portal_list",
            remedy="see whether the portal changed its data",
        )
    whole = document.get("total") == len(records)
    if not whole:
        issues.append(
            Issue(
                "part_of_list",
                f"{len(records)} shelters came, the portal says that there are {document.get('total')!r}",
                "fetch it again; what is missing keeps its last state",
                "warning",
                "total",
            )
        )
    states: dict[str, Item] = {}
    sites: dict[str, Item] = {}
    unavailable: list[str] = []
    for index, record in enumerate(records):
        position = f"items[{index}]"
        key = _text(record, "facilityId")
        if key is None or key in states:
            whole = False
            what = "has no facilityId" if key is None else f"has the facilityId of {states[key].position}"
            cause = f"{_text(record, 'name')}: the record {what}"
            issues.append(Issue("bad_id", cause, "ask the prefecture; it is held back", "warning", position))
            continue
        if record.get("publicFlg") != "1":
            cause = f"{key}: publicFlg is {record.get('publicFlg')!r}, not 1"
            issues.append(Issue("not_public", cause, "none needed: it is not passed on", "info", position))
            continue
        if record.get("availableFlg") != "1":
            unavailable.append(key)
        states[key], sites[key] = _items(record, key, position, options, issues)
    if unavailable:
        cause = f"{len(unavailable)} shelters have an availableFlg other than 1 ({', '.join(unavailable[:5])})"
        remedy = "ask the prefecture what it means; they are shown like the others"
        issues.append(Issue("availability", cause, remedy, "info", "availableFlg"))
    yield _bulletin("shelter_status", "status", states, None, whole, options)
    yield _bulletin("municipal_site", "site", sites, None, whole, options)
    yield from issues


def _is_flat(record: Any) -> bool:
    return isinstance(record, dict) and not any(isinstance(value, (dict, list)) for value in record.values())


def _bulletin(
    kind: str, part: str, items: Mapping[str, Item], at: datetime | None, complete: bool, options: Options
) -> Bulletin:
    return Bulletin(
        kind=kind,
        scope=f"{options.source}/{part}",
        issued_at=at,
        status="actual",
        items=table_of(items.values()),
        issuer=options.issuer,
        complete=complete,
        bulletin_type=f"shelter_portal_{part}",
    )


def _items(
    record: Mapping[str, Any], key: str, position: str, options: Options, issues: list[Issue]
) -> tuple[Item, Item]:
    """What is said of one facility: its state, and what it is."""
    name, address = _text(record, "name"), _text(record, "address")
    shown = f"{key} {name or ''}"[:60].strip()

    def fault(code: str, cause: str) -> None:
        issues.append(
            Issue(code, f"{shown}: {cause}", "ask the prefecture; it is shown as unknown", "warning", position)
        )

    def flag(member: str | None) -> bool | None:
        value = record.get(member) if member is not None else None
        if value is not None and value not in _FLAG:
            fault("unknown_flag", f"{member} is {str(value)[:40]!r}")
        return _FLAG.get(value) if isinstance(value, str) else None

    place = municipal_list.place_of(_text(record, "latitude"), _text(record, "longitude"))
    if place is None or place.point is None:
        fault("no_position", f"latitude and longitude are {record.get('latitude')!r} and {record.get('longitude')!r}")
        place = NOWHERE
    muni_code = _municipality(_text(record, "municipalityCd"), _text(record, "municipalityName"), options, fault)
    state, opened_at, closed_at = _state(record, fault)
    crowding = record.get("crowdedStatus")
    if crowding is not None and crowding not in _CROWDING:
        fault("unknown_code", f"crowdedStatus is {str(crowding)[:40]!r}")
    site, shelter, welfare, temporary = (flag(member) for member in (_SITE, _SHELTER, _WELFARE, _TEMPORARY))
    common = {
        "source_id": key,
        "common_id": None,
        "name": name,
        "address": address,
        "area_name": _text(record, "municipalityName"),
        "capacity": _capacity(record.get("capacity"), fault),
    }
    status = Item(
        item_id=f"{options.source}/{key}",
        props={
            **common,
            "incident": options.incident,
            "state": state,
            "shelter_type": "welfare" if welfare else "temporary" if temporary else "general" if shelter else None,
            "designation": _designation(site, shelter),
            "opened_at": opened_at,
            "closed_at": closed_at,
            "crowding": _CROWDING.get(crowding) if isinstance(crowding, str) else None,
        },
        muni_code=muni_code,
        geometry=place.point,
        position=position,
    )
    kind = "both" if site and shelter else "evacuation_site" if site else "welfare_shelter" if welfare else None
    what = Item(
        item_id=f"{options.source}/site/{key}",
        props={
            **common,
            "site_type": kind or ("shelter" if shelter or temporary else "unknown"),
            "lat": place.lat,
            "lon": place.lon,
            "hazards": {hazard: flag(member) for hazard, member in _HAZARDS.items()},
            "also_shelter": shelter,
        },
        muni_code=muni_code,
        geometry=place.point,
        position=position,
    )
    return status, what


def _text(record: Mapping[str, Any], member: str) -> str | None:
    value = record.get(member)
    return str(value).strip() or None if value is not None else None


def _state(record: Mapping[str, Any], fault: Fault) -> tuple[str, str | None, str | None]:
    """State, opened at, closed at."""
    texts = _text(record, _START), _text(record, _END)
    start, end = (moment(text) for text in texts)
    for text, at, member in zip(texts, (start, end), (_START, _END), strict=True):
        if text is not None and at is None:
            fault("bad_time", f"{member} is {text[:40]!r}")
            return "unknown", None, None
    if start is None:
        if end is None:
            return "not_open", None, None
        fault("bad_time", f"closed at {texts[1]} without having been opened")
        return "unknown", None, end.isoformat()
    if end is None:
        return "open", start.isoformat(), None
    if end < start:
        fault("bad_time", f"closed at {texts[1]}, before it was opened at {texts[0]}")
        return "unknown", start.isoformat(), end.isoformat()
    return "closed", start.isoformat(), end.isoformat()


def _capacity(value: Any, fault: Fault) -> Count:
    if value is None:
        return without("blank")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST:
        return reported(value) if value else without("unknown", "0")
    fault("bad_count", f"the capacity is {str(value)[:40]!r}")
    return without("unknown", str(value))


def _designation(site: bool | None, shelter: bool | None) -> str | None:
    if site is None or shelter is None:
        return None
    if site:
        return "designated_both" if shelter else "designated_site"
    return "designated_shelter" if shelter else "not_designated"


def _municipality(written: str | None, name: str | None, options: Options, fault: Fault) -> str | None:
    """The code and the name in the record must say the same."""
    pref = PrefCode(options.pref)
    code = resolve(written, width=6, pref=pref)
    by_name = named(name, pref) if name else None
    if code.code is None:
        fault("unknown_municipality", code.why)
    elif by_name is not None and by_name.code != code.code:
        fault("unknown_municipality", f"municipalityCd is {written!r}, municipalityName {name!r}")
        return None
    return code.code


def _page(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    grid = dgrid_page.read(body)
    missing = [header for header in _PAGE_READ if header not in grid.headers]
    updated = _UPDATED.search(grid.text)
    at = moment(f"20{updated[1]}") if updated else None
    if missing or at is None:
        what = f"no column {', '.join(missing)}" if missing else "no time (yy/mm/dd hh:mm時点)"
        raise ParseError(
            f"{what} on the page of shelters",
            code="not_portal_page",
            remedy="see whether the publisher changed the page",
        )
    issues = [*unread.columns(grid.headers, (*_PAGE_READ, *_PAGE_LEFT_OUT), "the page")]
    total = _TOTAL.search(grid.text)
    items: dict[str, Item] = {}
    for row in grid.rows:
        missing = [
            column for column in ("避難所名", "市町村", "住所", "開設状況", "混雑状況") if column not in row.cells
        ]
        if missing:
            cause = f"row {row.row_id[:40]}: it has no cell {missing[0]}"
            issues.append(Issue("bad_row", cause, "save the page again; it is held back", "warning", row.row_id))
            continue
        if not row.row_id or row.row_id in items:
            cause = f"{row.cells['避難所名'][:40]}: the row has no id of its own"
            issues.append(Issue("bad_id", cause, "save the page again; it is held back", "warning", row.row_id))
            continue
        items[row.row_id] = _row(row, at, options, issues)
    whole = total is not None and int(total[1]) == len(items)
    if not whole:
        cause = f"{len(items)} of {total[1] if total else 'an unknown number of'} shelters are on the saved page"
        issues.append(Issue("part_of_list", cause, "take the portal's JSON, which has all", "info", "dgrid-content"))
    yield _bulletin("shelter_status", "page", items, at, whole, options)
    yield from issues


def _row(row: dgrid_page.Row, at: datetime, options: Options, issues: list[Issue]) -> Item:
    name, area = row.cells["避難所名"] or None, row.cells["市町村"] or None
    position = f"row {row.row_id}"

    def fault(code: str, cause: str) -> None:
        text = f"{row.row_id} {name or ''}"[:60].strip() + f": {cause}"
        issues.append(Issue(code, text, "see the portal's JSON; it is shown as unknown", "warning", position))

    asked = parse_qs(row.links.get("避難所名", "").lstrip("?"))
    lat, _, lon = asked.get("ll", [""])[0].partition(",")
    place: Place | None = municipal_list.place_of(lat, lon)
    if place is None or place.point is None:
        fault("no_position", f"its link says {f'{lat} {lon}'[:60]!r}")
        place = NOWHERE
    state_text, crowding_text = row.cells["開設状況"], row.cells["混雑状況"]
    state = municipal_list.word("state", state_text)
    if state is None:
        fault("unknown_word", f"開設状況 is {state_text[:40]!r}")
    crowding = municipal_list.word("crowding", crowding_text)
    if crowding is None and crowding_text.strip("- "):
        fault("unknown_word", f"混雑状況 is {crowding_text[:40]!r}")
    return Item(
        item_id=f"{options.source}/page/{row.row_id}",
        props={
            "incident": options.incident,
            "source_id": row.row_id,
            "name": name,
            "address": row.cells["住所"] or None,
            "area_name": area,
            "state": state or "other",
            "state_text": state_text or None,
            "crowding": crowding,
            "as_of": at.isoformat(),
        },
        muni_code=_municipality(asked.get("municipalityCd", [""])[0], area, options, fault),
        geometry=place.point,
        position=position,
    )
