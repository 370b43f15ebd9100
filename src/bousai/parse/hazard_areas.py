"""Hazard areas as prefectures, cities and GSI publish them: GeoJSON or FlatGeobuf with a declared column map per
feed.

Source: open data of prefectures and municipalities (洪水・津波・土砂災害 areas in attributes of their own), web
copies of 国土数値情報, and 国土地理院's surveys after an earthquake (崩壊地, 津波浸水範囲). The feed's YAML says what
the file is about, because the file often does not: scope ``<source>/<kind>/<part>``, complete, where `part` comes
from the file's name.

Oddities
* Many files have no attribute but a row number or colours: then class and depth are null, and stay so. The theme is
  in the name of the file only.
* One zone may be several features with one number: each is an item. The id is a digest of content, so that loading
  the same edition again changes nothing.
* Dates are 和暦, depths are words (2m以上5m未満): see vocab.japanese_time and vocab.depth. What cannot be read is
  null and told.

Known gaps:
* files of hundreds of megabytes are read whole; 国土数値情報's own deliveries are for `ksj_hazard`
* what a column means is declared by hand: a wrong declaration is not noticed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from bousai.errors import ParseError
from bousai.formats import flatgeobuf, geojson, unread
from bousai.formats.geojson import Features
from bousai.model import Bulletin, Issue, ItemTable
from bousai.vocab.depth import depth, duration
from bousai.vocab.japanese_time import day
from bousai.vocab.municipality import named, resolve

VERSION = "1"
FIELDS = (
    "hazard",
    "class_code",
    "class_text",
    "depth_min_m",
    "depth_max_m",
    "duration_min_h",
    "duration_max_h",
    "zone",
    "scenario",
    "zone_id",
    "name",
    "manager",
    "place",
    "pref_code",
    "designated_on",
    "notice",
    "design_rain",
    "edition",
    "licence",
    "note",
)
"""The properties of every hazard item (config/layers/hazard_zone_*.yml)."""
_TARGETS = frozenset((*FIELDS, "depth_text", "duration_text", "municipality", "muni_code", "drop"))


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML and the file's name tell.

    `constants`: fields that hold for the whole file. `columns`: attribute → field; beside `FIELDS` depth_text and
    duration_text (words that become bounds), municipality (a name) and muni_code, and drop (not used, such as
    colours). `values`: field → what the source writes → what is meant. `scenario` may be told by the file's name.
    `pref` (JIS X 0401) helps with names.
    """

    source: str
    issuer: str
    kind: str
    part: str
    scenario: str | None = None
    constants: dict[str, str | float] = {}
    columns: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    pref: str | None = None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement. Raises `ParseError`: those of `geojson.read` and `flatgeobuf.read`, ``wrong_column_map``,
    ``unknown_value``."""
    wrong = (set(options.columns.values()) - _TARGETS) | (set(options.constants) - set(FIELDS))
    if wrong:
        raise ParseError(
            f"the column map names {', '.join(sorted(wrong))}, which is no field of a hazard area",
            code="wrong_column_map",
            remedy="see Options of parse/hazard_areas.py",
        )
    features = flatgeobuf.read(body) if flatgeobuf.is_flatgeobuf(body) else geojson.read(body)
    issues: list[Issue] = []
    table = _table(features, options, issues)
    yield Bulletin(
        kind=options.kind,
        scope=f"{options.source}/{options.kind}/{options.part}",
        issued_at=None,
        status="actual",
        items=table,
        issuer=options.issuer,
        complete=True,
        bulletin_type="hazard_areas",
    )
    yield from _counted(issues)
    names = dict.fromkeys(name for properties in features.properties for name in properties)
    yield from unread.columns(names, options.columns, "a feature")


def _table(features: Features, options: Options, issues: list[Issue]) -> ItemTable:
    ids: list[str] = []
    columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
    munis: list[str | None] = []
    seen: Counter[str] = Counter()
    unreadable = set(features.unreadable)
    for number, (properties, wkb) in enumerate(zip(features.properties, features.geometry, strict=True)):
        position = f"features[{number}]"
        if wkb is None:
            what = "cannot be read" if number in unreadable else "is absent"
            cause = f"the geometry of {position} {what}"
            issues.append(
                Issue("no_geometry", cause, "see the file; the area is kept without one", "warning", position)
            )
        said, muni_code = _said(properties, options, position, issues)
        digest = blake2b(orjson.dumps(list(said.values())) + (wkb or b""), digest_size=10).hexdigest()
        seen[digest] += 1
        again = f"~{seen[digest]}" if seen[digest] > 1 else ""
        ids.append(f"{options.source}/{options.part}/{digest}{again}")
        for name, column in columns.items():
            column.append(said[name])
        munis.append(muni_code)
    return ItemTable(
        item_id=ids,
        props=columns,
        muni_code=munis,
        geometry=features.geometry,
        position=[f"features[{number}]" for number in range(len(ids))],
    )


def _said(
    properties: Mapping[str, Any], options: Options, position: str, issues: list[Issue]
) -> tuple[dict[str, Any], str | None]:
    """The fields of one feature, and its municipality."""
    said: dict[str, Any] = {**dict.fromkeys(FIELDS), "scenario": options.scenario, **options.constants}
    muni_code = None
    for name, field in options.columns.items():
        text = _text(properties.get(name))
        if field == "drop" or text is None:
            continue
        if field in options.values:
            if text not in options.values[field]:
                raise ParseError(
                    f"{position}: {name} is {text[:40]!r}, which the feed does not explain",
                    code="unknown_value",
                    remedy=f"see what it means and add it to values.{field} in the feed's YAML",
                    position=position,
                )
            said[field] = options.values[field][text]
        elif field in ("depth_text", "duration_text"):
            said["class_text"] = said["class_text"] or text
            _bound(said, field, text, position, issues)
        elif field == "designated_on":
            said[field] = _day(text, position, issues)
        elif field in ("municipality", "muni_code"):
            found = resolve(text) if field == "muni_code" else named(text, options.pref)
            muni_code = found.code or muni_code
            if found.code is None:
                issues.append(
                    Issue("unknown_municipality", found.why, "the area is kept without one", "warning", position)
                )
        elif field.endswith(("_m", "_h")):
            said[field] = _number(text, name, position, issues)
        else:
            said[field] = text
    return said, muni_code


def _bound(said: dict[str, Any], field: str, text: str, position: str, issues: list[Issue]) -> None:
    found = depth(text) if field == "depth_text" else duration(text)
    if found is None:
        remedy = "the words are kept as class_text, without bounds"
        issues.append(
            Issue("unknown_class", f"{text[:60]!r} is no class that can be read", remedy, "warning", position)
        )
        return
    low, high = ("depth_min_m", "depth_max_m") if field == "depth_text" else ("duration_min_h", "duration_max_h")
    said[low], said[high] = found


def _day(text: str, position: str, issues: list[Issue]) -> str | None:
    on = day(text)
    if on is None:
        issues.append(Issue("bad_date", f"{text[:40]!r} is no date", "the date is left out", "warning", position))
    return on.isoformat() if on else None


def _number(text: str, name: str, position: str, issues: list[Issue]) -> float | None:
    try:
        return float(text)
    except ValueError:
        issues.append(Issue("bad_number", f"{name} is {text[:40]!r}", "it is left out", "warning", position))
        return None


def _text(value: Any) -> str | None:
    """What an attribute says as text; whole numbers without ``.0``, None where it says nothing."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _counted(issues: list[Issue]) -> Iterator[Issue]:
    """One issue for each distinct cause, at its first place, with a count where there are more."""
    counts = Counter((issue.code, issue.cause) for issue in issues)
    for issue in issues:
        if count := counts.pop((issue.code, issue.cause), 0):
            yield replace(issue, cause=f"{issue.cause} ({count} times)") if count > 1 else issue
