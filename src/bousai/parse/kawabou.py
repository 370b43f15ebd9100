"""川の防災情報 (国土交通省): water levels of river gauges, from the static JSON behind www.river.go.jp.

Source: https://www.river.go.jp/kawabou/file/ (no published specification; the members are those that the site's own
program reads). Its terms ask not to collect periodically with tools, so the feed is disabled: the parser is for files
that one has the right to use.

| scope | from | says |
|---|---|---|
| ``kawabou/over_threshold`` | gjson/overobs/stg/<day>/<time>/over-obs-create.json | all gauges over a threshold |
| ``kawabou/station/<gauge>`` | gjson/obs/<day>/<time>/stg/<area>.json | name, place, thresholds, level of a gauge |
| ``kawabou/water_level/<gauge>`` | files/obslist/tm/twnlist/…, files/obslist/twninfo/tm/stg/… | its measured value |

The three are aspects of one gauge (``kawabou/<obs_fcd>``), which a layer joins; the first is complete. obs_fcd has
13 digits: office (5), 004 for water level, gauge (5). Times are JST, ``YYYY/MM/DD HH:mm``, values are of ten minutes.

Oddities: the list of gauges over a threshold is told from the list of an area by its file name alone, for empty ones
look alike; it has neither thresholds nor quality. stg_ccd (stgCcd) of 128 or more is a missing value; where it is
null the source does not vouch for the value, which then is not made a number. stg_ovlvl is kept as it comes; others
report 90 氾濫発生, 80 and 70 氾濫危険水位, 60 and 50 避難判断水位, 40 to 20 氾濫注意水位, 10 水防団待機水位, 0 below.
It is not the warning level. twn_cd is the prefecture (2 digits), a part of it (2) and the municipality (3), often
without its leading zero.

Known gaps:
* only seen as synthetic files, composed after what others report of the site
* rain gauges, dams, tide gauges and 危機管理型水位計 (swobs_cd) are not read
* a level that a list of an area gives stays until the next list of that area
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import shapely

from bousai.errors import ParseError
from bousai.formats import json_rows, unread
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import municipality
from bousai.vocab.japanese_time import moment

VERSION = "1"
_KIND = "sensor_reading"
_ISSUER = "国土交通省"
_GAUGE = re.compile(r"\d{5}004\d{5}", re.ASCII)
_MISSING = 128
_THRESHOLDS = {
    "rsrv_stg": "水防団待機水位",
    "warn_stg": "氾濫注意水位",
    "spcl_warn_stg": "避難判断水位",
    "dng_stg": "氾濫危険水位",
    "fld_stg": "氾濫発生水位",
}
_STATION = (
    "obs_fcd", "obs_nm", "rvr_cd", "twn_cd", "obs_time", "stg_ovlvl", "lat", "lon", *_THRESHOLDS,
    # parts of obs_fcd, the name again, the prefecture, which twn_cd begins with
    "ofc_cd", "itmknd_cd", "obs_cd", "obs_nm_s", "obs_kana", "pref_cd",
    # the quality and the change of a value that is not in this file; a degree of exceedance that nobody has explained
    "stg_ccd", "stg_ltst_chg", "stg_ltst_chg_ccd", "stg_ovdeg",
)  # fmt: skip
_VALUE = (
    "obsFcd", "obsTime", "stg", "stgOvlvl", "stgCcd", "stgQmflg",
    # parts of obsFcd, its name; the same level as an elevation; a change, which the reading before it tells
    "ofcCd", "itmkndCd", "obsCd", "obsNm", "stgHght", "stg10mChg",
)  # fmt: skip


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`over` is a group of the file name: present for the list of all gauges over a threshold."""

    over: str | None = None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """Raises `ParseError`: those of `json_rows.load`, ``unknown_shape``."""
    document = json_rows.load(body)
    if not isinstance(document, dict):
        raise _unknown("no JSON object")
    if document.get("type") == "FeatureCollection" and isinstance(document.get("features"), list):
        yield from unread.columns(document, ("type", "features", "name", "crs"), "the collection")
        yield from _stations(document["features"], over=options.over is not None)
    elif isinstance(document.get("tmList"), dict):
        yield from unread.columns(document, ("tmList",), "the document")
        yield from _town(document["tmList"])
    elif isinstance(document.get("prefTwn"), list):
        yield from unread.columns(document, ("prefTwn",), "the document")
        yield from _towns(document["prefTwn"])
    else:
        raise _unknown(f"the members {', '.join(map(str, document))[:200] or '(none)'}")


def _unknown(found: str) -> ParseError:
    return ParseError(
        f"no list of river gauges: {found}",
        code="unknown_shape",
        remedy="compare the file with those that the manual of the parser names",
    )


def _unread(members: Mapping[str, Any], read: Sequence[str], issues: list[Issue]) -> None:
    told = {issue.position for issue in issues if issue.code == "unread"}
    issues += [issue for issue in unread.columns(members, read, "a gauge") if issue.position not in told]


# ── gauges on the map ────────────────────────────────────────────────────────────────────────────────────


def _stations(features: Sequence[Any], *, over: bool) -> Iterator[Bulletin | Issue]:
    issues: list[Issue] = []
    items: list[tuple[datetime, Item]] = []
    held_back = 0
    for index, feature in enumerate(features):
        position = f"features[{index}]"
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            raise _unknown(f"{position} has no properties")
        _unread(properties, _STATION, issues)
        found = _station(properties, feature.get("geometry"), position, issues, over=over)
        if found is None or any(item.item_id == found[1].item_id for _, item in items):
            if found is not None:
                issues.append(_twice(found[1].item_id, position))
            held_back += 1
        else:
            items.append(found)
    if over:
        yield Bulletin(
            kind=_KIND,
            scope="kawabou/over_threshold",
            issued_at=max((at for at, _ in items), default=None),
            status="actual",
            issuer=_ISSUER,
            complete=not held_back,
            items=table_of(item for _, item in items),
            bulletin_type="over-obs-create",
        )
    else:
        yield from (_statement("station", "gjson_obs", at, item) for at, item in items)
    yield from issues


def _station(
    properties: Mapping[str, Any], geometry: Any, position: str, issues: list[Issue], *, over: bool
) -> tuple[datetime, Item] | None:
    gauge = _gauge(properties.get("obs_fcd"), position, issues)
    at = _time(properties.get("obs_time"), gauge, position, issues)
    if gauge is None or at is None:
        return None
    level = _code(properties.get("stg_ovlvl"))
    props: dict[str, Any] = {
        "sensor_id": gauge,
        "name": _code(properties.get("obs_nm")),
        "property": "water_level",
        "property_name": "水位",
        "unit": "m",
        "river_code": _code(properties.get("rvr_cd")),
        "source_level": level,
        "source_level_at": at.isoformat() if level is not None else None,
    }
    if not over:
        props["thresholds"] = _thresholds(properties, position, issues)
    item = Item(
        f"kawabou/{gauge}",
        props,
        _municipality(properties.get("twn_cd"), position, issues),
        _place(properties, geometry, position, issues),
        position=position,
    )
    return at, item


def _thresholds(properties: Mapping[str, Any], position: str, issues: list[Issue]) -> dict[str, float] | None:
    found: dict[str, float] = {}
    for name, label in _THRESHOLDS.items():
        stated = properties.get(name)
        value = json_rows.number(stated)
        if value is not None:
            found[label] = value
        elif stated not in (None, ""):
            cause = f"{name} is {str(stated)[:40]!r}, no level in metres"
            issues.append(Issue("bad_threshold", cause, "ask the publisher", "warning", position))
    return found or None


def _place(properties: Mapping[str, Any], geometry: Any, position: str, issues: list[Issue]) -> bytes | None:
    """The point of the feature, else lat and lon of the gauge."""
    coordinates = (
        geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Point" else None
    )
    if not isinstance(coordinates, list) or len(coordinates) < 2:
        coordinates = [properties.get("lon"), properties.get("lat")]
    lon, lat = json_rows.number(coordinates[0]), json_rows.number(coordinates[1])
    if lon is None or lat is None or abs(lat) > 90 or abs(lon) > 180:
        issues.append(
            Issue("bad_position", "a gauge without a place on the map", "ask the publisher", "warning", position)
        )
        return None
    wkb: bytes = shapely.to_wkb(shapely.Point(lon, lat))
    return wkb


def _municipality(stated: Any, position: str, issues: list[Issue]) -> str | None:
    text = _code(stated)
    if text is None:
        return None
    padded = text.rjust(7, "0")
    if not re.fullmatch(r"\d{7}", padded, re.ASCII):
        padded = "0000000"
    code = padded[:2] + padded[4:]
    if code in municipality.municipalities():
        return code
    cause = f"twn_cd {text[:20]!r} is no municipality"
    issues.append(
        Issue("unknown_municipality", cause, "ask the publisher; the gauge itself is kept", "warning", position)
    )
    return None


# ── measured values ──────────────────────────────────────────────────────────────────────────────────────


def _town(lists: Mapping[str, Any]) -> Iterator[Bulletin | Issue]:
    for name, rows in lists.items():
        if name != "tmStg" and rows:
            count = len(rows) if isinstance(rows, list) else 1
            yield Issue(
                "not_taken",
                f"{count} entries of {name[:40]!r} are not water levels of gauges",
                "none needed; see the known gaps of the parser",
                "info",
                f"tmList/{name[:40]}",
            )
    yield from _values((row, f"tmList/tmStg[{index}]") for index, row in enumerate(lists.get("tmStg") or []))


def _towns(towns: Sequence[Any]) -> Iterator[Bulletin | Issue]:
    rows: list[tuple[Any, str]] = []
    for index, town in enumerate(towns):
        if not isinstance(town, dict):
            raise _unknown(f"prefTwn[{index}] is no object")
        yield from unread.columns(town, ("twnCd", "twnNm", "stg"), "a municipality")
        rows += [(row, f"prefTwn[{index}]/stg[{n}]") for n, row in enumerate(town.get("stg") or [])]
    yield from _values(rows)


def _values(rows: Any) -> Iterator[Bulletin | Issue]:
    issues: list[Issue] = []
    seen: set[str] = set()
    for row, position in rows:
        if not isinstance(row, dict):
            raise _unknown(f"{position} is no object")
        _unread(row, _VALUE, issues)
        gauge = _gauge(row.get("obsFcd"), position, issues)
        at = _time(row.get("obsTime"), gauge, position, issues)
        if gauge is None or at is None:
            continue
        if gauge in seen:
            issues.append(_twice(f"kawabou/{gauge}", position))
            continue
        seen.add(gauge)
        yield _statement("water_level", "obslist_tm", at, _value(gauge, at, row, position, issues))
    yield from issues


def _value(gauge: str, at: datetime, row: Mapping[str, Any], position: str, issues: list[Issue]) -> Item:
    stated, quality = row.get("stg"), json_rows.number(row.get("stgCcd"))
    value, level = json_rows.number(stated), _code(row.get("stgOvlvl"))
    text = None
    if quality is not None and quality >= _MISSING:
        condition, value = "missing", None
    elif value is None:
        condition, text = ("missing", None) if stated in (None, "") else ("text", str(stated)[:80])
    elif quality is None:
        condition, text, value = "unconfirmed", str(stated), None
        cause = f"{gauge}: a value without a quality code (stgCcd) is not taken for a number"
        issues.append(Issue("unconfirmed_value", cause, "ask the publisher", "warning", position))
    else:
        condition = "measured"
    codes = [f"{name}={code}" for name in ("stgCcd", "stgQmflg") if (code := _code(row.get(name))) is not None]
    return Item(
        f"kawabou/{gauge}",
        {
            "sensor_id": gauge,
            "property": "water_level",
            "property_name": "水位",
            "unit": "m",
            "value": value,
            "value_text": text,
            "condition": condition,
            "quality": " ".join(codes) or None,
            "observed_at": at.isoformat(),
            "source_level": level,
            "source_level_at": at.isoformat() if level is not None else None,
        },
        position=position,
    )


# ── both ─────────────────────────────────────────────────────────────────────────────────────────────────


def _statement(aspect: str, bulletin_type: str, at: datetime, item: Item) -> Bulletin:
    return Bulletin(
        kind=_KIND,
        scope=f"kawabou/{aspect}/{item.props['sensor_id']}",
        issued_at=at,
        status="actual",
        issuer=_ISSUER,
        complete=True,
        items=table_of([item]),
        bulletin_type=bulletin_type,
    )


def _gauge(stated: Any, position: str, issues: list[Issue]) -> str | None:
    gauge = (_code(stated) or "").rjust(13, "0")
    if _GAUGE.fullmatch(gauge):
        return gauge
    cause = f"obs_fcd {str(stated)[:40]!r} is no gauge of water levels"
    issues.append(Issue("not_a_gauge", cause, "see the known gaps of the parser", "warning", position))
    return None


def _time(stated: Any, gauge: str | None, position: str, issues: list[Issue]) -> datetime | None:
    at = moment(stated) if isinstance(stated, str) else None
    if at is None and gauge is not None:
        cause = f"{gauge}: the time {str(stated)[:40]!r} cannot be read"
        issues.append(Issue("bad_time", cause, "ask the publisher", "warning", position))
    return at


def _twice(item_id: str, position: str) -> Issue:
    return Issue("twice", f"{item_id} is listed twice; the first is taken", "ask the publisher", "warning", position)


def _code(stated: Any) -> str | None:
    """A code or name as text; the site writes codes as numbers."""
    if isinstance(stated, bool) or not isinstance(stated, (str, int)):
        return None
    return str(stated).strip() or None
