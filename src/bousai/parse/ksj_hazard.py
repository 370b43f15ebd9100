"""Hazard maps of 国土数値情報: floods A31a, A31b, A31, landslides A33, tsunami A40, storm surges A49, inland floods
A51, and the designated disaster hazard areas A48 (災害危険区域).

Source: nlftp.mlit.go.jp/ksj, datalist KsjTmplt-A31a … KsjTmplt-A51; deliveries in any format that `ksj` reads. Areas,
and the lines of A33 and the points of A48.

| dataset | kind | classes |
|---|---|---|
| A31a (by river), A31 of FY2021 | hazard_zone_flood | rank code 1-6; duration 1-7; collapse zone 1-3 |
| A31b (by 1st mesh), A31 of FY2019, 2020, 2022 | hazard_zone_flood | the same |
| A31-2012 (A31-12; not for commercial use) | hazard_zone_flood | code 11-15 or 21-27, another list |
| A33 | hazard_zone_landslide | phenomenon 1-3, zone 1-4 |
| A40, A49, A51 | hazard_zone_tsunami, _storm_surge, _inland_flood | text: `vocab.depth` |
| A48 | hazard_zone_designated | reason 1-7 |

Scope ``ksj_hazard/<dataset>/<area>/<part>/<00-1f>``: the area is what the file's name says behind the edition
(``17``, ``17_10``, ``10_5339``; one river's file alone ``13_1300100001_10``), the part of a flood map is planned,
maximum, duration or collapse, of others all. A delivery is the whole statement for each part that it holds; it is cut
into 32 by a hash of each zone, always the same 32, all of them said each time, so that a zone that vanishes from the
next edition ends and the others are not touched (`formats.partition`). A part that a delivery does not hold says
nothing. A copy from which attributes were taken away, a tile of the API, a file without a name of the publisher's are
no whole statement: what they list is added.

The item id is a hash of all that is said of a zone and of its shape on the grid of six decimals, but for edition and
licence: the same zone in another format or in the next edition is the same item. Time of a packed delivery: the first
day of the fiscal year of its edition, so that an old edition that comes late changes nothing; within an edition the
later of the date of its metadata (KS-META) and the day on which its files were written decides. A file alone has
neither and is of the time at which it is given. 9999/1/1 is an unknown date.

Left out on purpose: persons and telephones of the metadata; manager codes (A31a_x03: the name stands beside); texts
for people (注意事項, 属性テキストファイル: explanations by river, see the archive). "No zone" is not "safe".

Known gaps:
* whole deliveries were only seen as composed samples; real ones only as excerpts and side files
* the names of some elements of GML are not known: what is not in data/ksj_gml_tag.csv is reported as unread
* A31-2012: what A31_002 to A31_006 mean is not verified; they are kept in the note as they stand
* A48: addresses are cut at 254 bytes in Shapefiles; the rest is in a spreadsheet that is not read
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, BinaryIO
from unicodedata import normalize

import msgspec
import numpy as np
import shapely

from bousai.errors import ParseError
from bousai.formats import ksj, unread
from bousai.formats.partition import Partition
from bousai.model import Bulletin, Issue, ItemTable
from bousai.vocab.depth import depth
from bousai.vocab.hazard import gml_tags, hazard_classes
from bousai.vocab.japanese_time import JST, day
from bousai.vocab.municipality import prefecture, resolve

VERSION = "1"
STREAMS = True


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`datasets` that the feed reads, `licence` of what it reads, `delivery`: the name of the document without its
    suffix, where it is one of the publisher's."""

    datasets: tuple[str, ...]
    licence: str
    delivery: str | None = None


_KINDS = {
    "A31a": ("hazard_zone_flood", "flood"),
    "A31b": ("hazard_zone_flood", "flood"),
    "A31": ("hazard_zone_flood", "flood"),
    "A31-2012": ("hazard_zone_flood", "flood"),
    "A33": ("hazard_zone_landslide", None),
    "A40": ("hazard_zone_tsunami", "tsunami"),
    "A48": ("hazard_zone_designated", None),
    "A49": ("hazard_zone_storm_surge", "storm_surge"),
    "A51": ("hazard_zone_inland_flood", "inland_flood"),
}
_FIELDS = (
    "hazard", "class_code", "class_text", "depth_min_m", "depth_max_m", "duration_min_h", "duration_max_h", "zone",
    "scenario", "zone_id", "name", "manager", "place", "pref_code", "designated_on", "notice", "design_rain", "note",
)  # fmt: skip
_PARTS = 32  # for ever: with another number the zones of the old statements would never end
_SCENARIOS = {"1": "planned", "2": "maximum", "3": "duration", "4": "collapse"}
_SUBLAYERS = {"10": "1", "20": "2", "30": "3", "40": "4", "41": "4", "42": "4"}
# A31a-24_17_10, A31a-20-24_17_1700010001_10, A33-18_17Polygon, A31-12_17
_NAME = re.compile(r"(A(?:31a|31b|31|33|40|48|49|51))-(?:([1-4]\d)-)?(\d\d)_(\d+(?:_\d+)*)", re.IGNORECASE | re.ASCII)
_ATTRIBUTE = re.compile(r"(A\d\d[a-z]?\d?)_\d{3}", re.ASCII)
_RIVER = re.compile(r"(?<!\d)\d{10}(?!\d)_?", re.ASCII)
_SHAPE = re.compile(r"(polygon|line|point)$", re.IGNORECASE)
# What ArcGIS and the API of 不動産情報ライブラリ add: numbers and lengths of their own, and names of codes.
_BOOKKEEPING = ("fid", "id", "objectid", "shape_leng", "shape_length", "shape_area", "_id", "_index", "a48_007_name")
_DOCUMENTS = (".pdf", ".xlsx", ".xls", ".doc", ".docx", ".jpg", ".png", ".lyr", ".qml", ".sld", ".xsd", ".db")


def parse(body: BinaryIO, options: Options) -> Iterator[Bulletin | Issue]:
    """Thirty-two statements for each dataset, area and part. Raises `ParseError`: those of `ksj.opened`, and
    ``not_hazard_layer``, ``wrong_dataset``."""
    with ksj.opened(body, options.delivery or "") as delivery, Partition[tuple[_Scope, int]]() as zones:
        reading = _Reading(options, zones)
        for layer in delivery.layers:
            _layer(reading, layer, alone=len(delivery.layers) == 1 and layer.path == (options.delivery or ""))
        sent = _made_at(delivery)
        for scope in reading.scopes:
            yield from _statements(reading, scope, sent)
        yield from reading.issues.values()
        yield from _beside(delivery)


@dataclass(frozen=True, slots=True, order=True)
class _Scope:
    dataset: str
    area: str
    part: str


@dataclass(slots=True)
class _Reading:
    """What has been read so far of a delivery. `scopes`: whether it says the whole of each; `issues` by code and
    cause, so that each is raised once."""

    options: Options
    zones: Partition[tuple[_Scope, int]]
    scopes: dict[_Scope, bool] = field(default_factory=dict)
    editions: dict[_Scope, str | None] = field(default_factory=dict)
    issues: dict[tuple[str, str], Issue] = field(default_factory=dict)

    def notice(self, code: str, cause: str, remedy: str, position: str, severity: Any = "warning") -> None:
        self.issues.setdefault((code, cause), Issue(code, cause, remedy, severity, position))


# ── one layer ────────────────────────────────────────────────────────────────────────────────────────────


def _layer(reading: _Reading, layer: ksj.Layer, *, alone: bool) -> None:
    name = _NAME.match(layer.name) or (_NAME.match(reading.options.delivery or ""))
    columns_seen: dict[str, None] = {}
    columns_read: dict[str, None] = {}
    for block in layer.blocks():
        columns = _columns(block, name, reading.options)
        dataset = _dataset(columns, layer, name, reading.options)
        told = _told(layer, name, dataset, alone=alone)
        copied = any(key.lower().startswith("_i") for key in block.columns)
        rows = _Rows(dataset, columns, block, layer.path, told, reading)
        themes = list(_themes(dataset, columns, told))
        if not themes and len(block):
            raise _no_hazard(layer, columns)
        for x, scenario, attributes in themes:
            missing = [key for key in attributes.needed if key not in columns]
            if missing:
                reading.notice(
                    "missing_attribute",
                    f"{layer.path or dataset}: no attribute {', '.join(missing)}: a copy, not the delivery",
                    "fetch the original; what the zones are is known only in part",
                    layer.path,
                )
            scope = _Scope(dataset, told.area, scenario or "all")
            reading.editions[scope] = max(filter(None, [told.edition, reading.editions.get(scope)]), default=None)
            whole = told.known and not copied and not missing
            reading.scopes[scope] = reading.scopes.get(scope, True) and whole
            _add(reading, scope, rows, attributes.read(rows, x, scenario))
            columns_read |= dict.fromkeys(attributes.names)
        columns_seen |= dict.fromkeys(columns)
        _unreadable(reading, block, layer.path)
    known = [key for key in columns_seen if key.lower() in _BOOKKEEPING]
    for issue in unread.columns(columns_seen, [*columns_read, *known], layer.path or "the layer"):
        reading.issues.setdefault((issue.code, issue.cause), issue)
    for notice in layer.notices:
        reading.issues.setdefault((notice.code, notice.cause), notice)


def _unreadable(reading: _Reading, block: ksj.Features, path: str) -> None:
    for n in block.unreadable:
        reading.notice(
            "bad_geometry",
            f"the shape of feature {block.first + n} of {path or 'the layer'} cannot be read",
            "look at it in the document; the zone is kept without a place",
            f"{path}[{block.first + n}]",
        )


def _columns(block: ksj.Features, name: re.Match[str] | None, options: Options) -> dict[str, list[Any]]:
    """Columns by the names that Shapefiles have: GML and the API have other words for them."""
    tags: dict[str, str] = {}
    if block.element is not None:
        stated = None if name is None else _canonical_name(name[1])
        if stated == "A31" and block.element == "ExpectedFloodArea":
            stated = "A31-2012"
        for dataset in [stated] if stated is not None else options.datasets:
            tags |= gml_tags(dataset)
        x = _SUBLAYERS.get((name[2] if name is not None else None) or "20", "2")
        x = "2" if block.element == "MaximumScale" else x
        tags = {tag: attribute.replace("x", x) for tag, attribute in tags.items()}
    found: dict[str, list[Any]] = {}
    for key, column in block.columns.items():
        plain = tags.get(key, key).removesuffix("_ja")
        found.setdefault(plain, column)
    return found


def _canonical_name(dataset: str) -> str:
    return dataset[:3].upper() + dataset[3:].lower()


def _no_hazard(layer: ksj.Layer, columns: dict[str, list[Any]]) -> ParseError:
    what = ", ".join(list(columns)[:6]) or "nothing"
    return ParseError(
        f"{layer.path[-80:] or 'the layer'}: attributes {what[:120]!r} are of no hazard map that is read",
        code="not_hazard_layer",
        remedy="give a delivery of A31a, A31b, A31, A33, A40, A48, A49 or A51",
    )


def _dataset(columns: dict[str, list[Any]], layer: ksj.Layer, name: re.Match[str] | None, options: Options) -> str:
    prefixes = sorted({match[1] for key in columns if (match := _ATTRIBUTE.fullmatch(key)) is not None})
    if not columns and name is not None:
        prefixes = [_canonical_name(name[1])]  # no feature, so no attribute
    if len(prefixes) != 1 or prefixes[0] not in _KINDS:
        raise _no_hazard(layer, columns)
    dataset = "A31-2012" if "A31_001" in columns else prefixes[0]
    if dataset not in options.datasets:
        raise ParseError(
            f"{layer.path[-80:] or 'the layer'} is {dataset}; this feed reads {', '.join(options.datasets)}",
            code="wrong_dataset",
            remedy="ingest it into the feed of its dataset (bousai feeds)",
        )
    return dataset


@dataclass(frozen=True, slots=True)
class _Told:
    """What the name of a layer says."""

    area: str
    edition: str | None
    sublayer: str | None
    known: bool


def _told(layer: ksj.Layer, name: re.Match[str] | None, dataset: str, *, alone: bool) -> _Told:
    if name is None or name[1].lower() != dataset.partition("-")[0].lower():
        return _Told("unknown", None, None, known=False)
    sublayer = _SUBLAYERS.get(name[2] or "")
    if not alone:
        # The files of a delivery are one statement together, so that a river that vanishes ends.
        return _Told(_RIVER.sub("", name[4]).strip("_") or "unknown", name[3], sublayer, known=True)
    shape = _SHAPE.search(layer.name)
    area = "_".join(filter(None, [name[4], name[2], None if shape is None else shape[1].lower()]))
    return _Told(area, name[3], sublayer, known=True)


# ── what stands in which attribute ───────────────────────────────────────────────────────────────────────


class _Rows:
    """The features of a block, and what is told of them beside their attributes."""

    def __init__(
        self,
        dataset: str,
        columns: dict[str, list[Any]],
        block: ksj.Features,
        path: str,
        told: _Told,
        reading: _Reading,
    ) -> None:
        self.dataset = dataset
        self.block = block
        self.path = path
        self.reading = reading
        self.on = None if told.edition is None else _first_day(told.edition).date()
        self._columns = columns

    def __len__(self) -> int:
        return len(self.block)

    def position(self, n: int) -> str:
        return f"{self.path or 'features'}[{self.block.first + n}]"

    def value(self, attribute: str, n: int) -> Any:
        column = self._columns.get(attribute)
        return None if column is None else column[n]

    def text(self, attribute: str, n: int) -> str | None:
        """As the source writes it; a lone dash is nothing."""
        value = self.value(attribute, n)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = str(value).strip()
        return None if text in ("", "-", "－", "―", "ー", "null", "None") else text

    def code(self, attribute: str, n: int) -> str | None:
        text = self.text(attribute, n)
        return None if text is None else normalize("NFKC", text).removesuffix(".0")

    def notice(self, code: str, cause: str, remedy: str, n: int) -> None:
        self.reading.notice(code, cause, remedy, self.position(n))

    def classed(self, name: str, attribute: str, n: int) -> dict[str, Any]:
        """`class_code`, `class_text`, the bounds and our word for a class of a code list."""
        code = self.code(attribute, n)
        known = None if code is None else hazard_classes(name).get(code)
        if known is None:
            if attribute in self._columns:
                what = "no class" if code is None else f"the class {code[:40]!r}, which is in no list"
                self.notice(
                    "unknown_class",
                    f"{self.path or self.dataset}: {attribute} gives {what}",
                    "look it up in the product specification and add it to vocab/data/ksj_code.csv",
                    n,
                )
            return {"class_code": code}
        return {
            "class_code": code,
            "class_text": known.label,
            "low": known.low,
            "high": known.high,
            "value": known.value,
        }

    def pref(self, attribute: str, n: int) -> str | None:
        code = self.code(attribute, n)
        if code is not None and code.isdigit() and 1 <= int(code) <= 47:
            return f"{int(code):02d}"
        return None

    def day(self, attribute: str, n: int) -> tuple[str | None, str | None]:
        """A date, and what stands there instead of one. 9999 is how the source says that it does not know."""
        text = self.text(attribute, n)
        if text is None or re.match(r"9999\b|9999\d{4}$", normalize("NFKC", text)):
            return None, None
        found = day(re.split(r"[ T]", text)[0]) or day(text)
        if found is None:
            self.notice(
                "unknown_date",
                f"{self.path or self.dataset}: {attribute} gives {text[:40]!r}, which is no date",
                "none needed: it stands in the note as it is",
                n,
            )
            return None, f"{attribute}: {text}"
        return found.isoformat(), None


@dataclass(frozen=True, slots=True)
class _Theme:
    """`names` of the attributes that are read or dropped with a reason, those that every delivery has (`needed`), and
    `read`, which makes the properties of each feature (None: the feature is not of this theme)."""

    names: tuple[str, ...]
    needed: tuple[str, ...]
    read: Callable[[_Rows, str, str | None], Iterator[dict[str, Any] | None]]


def _themes(dataset: str, columns: dict[str, list[Any]], told: _Told) -> Iterator[tuple[str, str | None, _Theme]]:
    if dataset in ("A31a", "A31b", "A31"):
        # FY2021 calls by A31 what is A31a since: the attributes tell them apart
        for x, scenario in _SCENARIOS.items():
            others = [key for key in columns if key.startswith(f"{dataset}_{x}")]
            rank = _rank(dataset, x, columns)
            if rank in columns or (others and told.sublayer == x):
                names = tuple(f"{dataset}_{x}0{n}" for n in range(1, 9))
                yield x, scenario, _Theme((*names, rank), (rank,), _flood)
        return
    yield "", None, _THEMES[dataset]


def _by_river(dataset: str, columns: dict[str, list[Any]]) -> bool:
    return dataset == "A31a" or any(f"{dataset}_{x}05" in columns for x in _SCENARIOS)


def _rank(dataset: str, x: str, columns: dict[str, list[Any]]) -> str:
    """The attribute that has the class: A31b calls that of the two kinds of collapse by 411 and 421."""
    usual = f"{dataset}_{x}0{5 if _by_river(dataset, columns) else 1}"
    others = (f"{dataset}_{x}{n}1" for n in "12")
    return usual if usual in columns else next((name for name in others if name in columns), usual)


def _flood(rows: _Rows, x: str, scenario: str | None) -> Iterator[dict[str, Any] | None]:
    def at(n: int) -> str:
        return f"{rows.dataset}_{x}0{n}"

    river = _by_river(rows.dataset, rows._columns)
    rank = _rank(rows.dataset, x, rows._columns)
    later = 4 if river else 0  # date, notice and rain stand behind the rank
    listed = {"1": "water_depth", "2": "water_depth", "3": "flood_duration", "4": "collapse_zone"}[x]
    several = sum(_rank(rows.dataset, other, rows._columns) in rows._columns for other in _SCENARIOS) > 1
    for n in range(len(rows)):
        if several and rows.value(rank, n) is None:
            yield None  # a feature of another theme in the same table
            continue
        props = rows.classed(listed, rank, n)
        low, high = props.pop("low", None), props.pop("high", None)
        bounds = ("duration_min_h", "duration_max_h") if x == "3" else ("depth_min_m", "depth_max_m")
        number = rows.code(at(1), n) if river else None
        designated, note = rows.day(at(2 + later), n)
        yield {
            **props,
            **dict(zip(bounds, (low, high), strict=True)),
            "zone": props.get("value"),
            "scenario": scenario,
            "zone_id": number,
            "name": rows.text(at(2), n) if river else None,
            "manager": rows.text(at(4), n) if river else None,
            "pref_code": number[:2] if number and re.match(r"(0[1-9]|[1-3]\d|4[0-7])\d{8}$", number) else None,
            "designated_on": designated,
            "notice": rows.text(at(3 + later), n),
            "design_rain": rows.text(at(4 + later), n),
            "note": note,
        }


def _flood_2012(rows: _Rows, _: str, __: str | None) -> Iterator[dict[str, Any] | None]:
    for n in range(len(rows)):
        props = rows.classed("water_depth_2012", "A31_001", n)
        others = [(name, rows.text(name, n)) for name in _2012_OTHERS]
        yield {
            **props,
            "depth_min_m": props.pop("low", None),
            "depth_max_m": props.pop("high", None),
            "note": _joined(*(f"{name}: {text}" for name, text in others if text is not None)),
        }


_2012_OTHERS = tuple(f"A31_00{n}" for n in range(2, 7))


def _landslide(rows: _Rows, _: str, __: str | None) -> Iterator[dict[str, Any] | None]:
    for n in range(len(rows)):
        phenomenon = rows.classed("landslide_phenomenon", "A33_001", n)
        zone = rows.classed("landslide_zone", "A33_002", n)
        pending = hazard_classes("special_warning_pending").get(rows.code("A33_008", n) or "")
        designated, note = rows.day("A33_007", n)
        known = None if phenomenon.get("value") else phenomenon["class_code"]
        yield {
            "hazard": phenomenon.get("value"),
            "class_code": zone["class_code"],
            "class_text": zone.get("class_text"),
            "zone": zone.get("value"),
            "pref_code": rows.pref("A33_003", n),
            "zone_id": rows.text("A33_004", n),
            "name": rows.text("A33_005", n),
            "place": rows.text("A33_006", n),
            "designated_on": designated,
            "note": _joined(
                note,
                pending.label if pending is not None and pending.code == "1" else None,
                None if known is None else f"A33_001: {known}",
            ),
        }


def _inundation(rows: _Rows, _: str, __: str | None) -> Iterator[dict[str, Any] | None]:
    """A40, A49, A51: a class in words, as the prefecture writes it."""
    city = rows.dataset == "A51"
    attribute = f"{rows.dataset}_00{5 if city else 3}"
    for n in range(len(rows)):
        said = rows.text(attribute, n)
        bounds = None if said is None else depth(said)
        if bounds is None and attribute in rows._columns:
            what = "no class" if said is None else f"the class {said[:60]!r}, which gives no bounds"
            rows.notice(
                "unknown_class",
                f"{rows.path or rows.dataset}: {attribute} gives {what}",
                "the text is kept; teach vocab.depth to read it if it says a depth",
                n,
            )
        yield {
            "class_text": said,
            "depth_min_m": None if bounds is None else bounds.low,
            "depth_max_m": None if bounds is None else bounds.high,
            "pref_code": rows.pref(f"{rows.dataset}_002", n) or _pref_named(rows.text(f"{rows.dataset}_001", n)),
            "place": rows.text("A51_003", n) if city else None,
            "muni_code": _muni(rows, "A51_004", n) if city else None,
        }


def _designated(rows: _Rows, _: str, __: str | None) -> Iterator[dict[str, Any] | None]:
    for n in range(len(rows)):
        reason = rows.classed("designation_reason", "A48_007", n)
        body = hazard_classes("designating_body").get(rows.code("A48_004", n) or "")
        designated, note = rows.day("A48_009", n)
        muni = _muni(rows, "A48_003", n)
        place = rows.text("A48_006", n)
        if place is not None and len(place.encode("cp932", "replace")) >= 252:
            rows.reading.notice(
                "cut_text",
                f"{rows.path or rows.dataset}: an address of A48_006 fills its place and may be cut",
                "see the spreadsheet of the delivery, or its GeoJSON",
                rows.position(n),
                "info",
            )
        extra = [("根拠条例", "A48_011"), ("面積(ha)", "A48_012"), ("縮尺", "A48_013"), ("その他", "A48_014")]
        yield {
            "hazard": reason.get("value"),
            "class_code": reason["class_code"],
            "class_text": _joined(reason.get("class_text"), rows.text("A48_008", n)),
            "zone": "designated",
            "name": rows.text("A48_005", n),
            "manager": None if body is None else body.label,
            "place": place or rows.text("A48_002", n),
            "pref_code": _pref_named(rows.text("A48_001", n)) or (muni or "")[:2] or None,
            "designated_on": designated,
            "notice": rows.text("A48_010", n),
            "note": _joined(
                *(f"{label}: {text}" for label, key in extra if (text := rows.text(key, n)) is not None), note
            ),
            "muni_code": muni,
        }


def _names(dataset: str, count: int) -> tuple[str, ...]:
    return tuple(f"{dataset}_{n:03d}" for n in range(1, count + 1))


_THEMES = {
    "A31-2012": _Theme(_names("A31", 6), ("A31_001",), _flood_2012),
    "A33": _Theme(_names("A33", 8), ("A33_001", "A33_002"), _landslide),
    "A40": _Theme(_names("A40", 3), ("A40_003",), _inundation),
    "A48": _Theme(_names("A48", 14), ("A48_003", "A48_007"), _designated),
    "A49": _Theme(_names("A49", 3), ("A49_003",), _inundation),
    "A51": _Theme(_names("A51", 5), ("A51_005",), _inundation),
}


def _joined(*texts: str | None) -> str | None:
    return "；".join(text for text in texts if text) or None


def _pref_named(name: str | None) -> str | None:
    return None if name is None else prefecture(name)


def _muni(rows: _Rows, attribute: str, n: int) -> str | None:
    written = rows.code(attribute, n)
    found = resolve(written, rows.on, width=5)
    if found.code is None and rows.on is not None:
        found = resolve(written, width=5)  # the code of the year in which the zone was designated
    if found.code is None and written is not None:
        rows.notice(
            "unknown_municipality",
            f"{rows.path or rows.dataset}: {attribute}: {found.why}",
            "add it to vocab/data/municipality.csv with its dates, then retry the document",
            n,
        )
    return found.code


# ── zones, by hash ───────────────────────────────────────────────────────────────────────────────────────


def _add(reading: _Reading, scope: _Scope, rows: _Rows, found: Iterator[dict[str, Any] | None]) -> None:
    hazard = _KINDS[scope.dataset][1]
    shapes = _canonical(rows.block.geometry)
    parts: list[list[Any]] = [[] for _ in range(_PARTS)]
    for n, (props, wkb) in enumerate(zip(found, shapes, strict=True)):
        if props is None:
            continue
        muni = props.pop("muni_code", None)
        values = [props.get(name) for name in _FIELDS]
        values[0] = props.get("hazard", hazard)
        digest = blake2b(msgspec.json.encode((values, muni)) + (wkb or b""), digest_size=16).digest()
        parts[digest[0] % _PARTS].append((digest, muni, wkb, rows.position(n), values))
    for part, records in enumerate(parts):
        if records:
            reading.zones.add((scope, part), records)


def _canonical(geometry: list[bytes | None]) -> list[bytes | None]:
    """Six decimals (11 cm), rings in one order: the same shape is the same bytes, whatever format it came in."""
    with np.errstate(all="ignore"):  # coordinates that are no numbers are seen to in normalise
        shapes = shapely.from_wkb(np.array(geometry, dtype=object), on_invalid="ignore")
        shapes = shapely.force_2d(shapes)
        shapes = shapely.normalize(shapely.transform(shapes, lambda places: np.round(places, 6)))
    made = shapely.to_wkb(shapes)
    return [given if one is None else bytes(one) for one, given in zip(made, geometry, strict=True)]


def _statements(reading: _Reading, scope: _Scope, sent_at: datetime | None) -> Iterator[Bulletin]:
    year = reading.editions[scope]
    edition = None if year is None else f"{scope.dataset.partition('-')[0]}-{year}"
    issued_at = None if year is None or sent_at is None else _first_day(year)
    whole = reading.scopes[scope]
    for part in range(_PARTS):
        zones = {bytes(record[0]): record for record in reading.zones.records((scope, part))}
        if not zones and not whole:
            continue
        yield Bulletin(
            kind=_KINDS[scope.dataset][0],
            scope=f"ksj_hazard/{scope.dataset}/{scope.area}/{scope.part}/{part:02x}",
            issued_at=issued_at,
            status="actual",
            items=_table(scope.dataset, zones, edition, reading.options.licence),
            issuer="国土交通省",
            complete=whole,
            sent_at=None if issued_at is None else sent_at,
            bulletin_type=edition or scope.dataset,
        )


def _table(dataset: str, zones: dict[bytes, Sequence[Any]], edition: str | None, licence: str) -> ItemTable:
    records = list(zones.values())
    props: dict[str, Sequence[Any]] = {name: [record[4][n] for record in records] for n, name in enumerate(_FIELDS)}
    return ItemTable(
        item_id=[f"ksj_hazard/{dataset}/{digest.hex()}" for digest in zones],
        props={**props, "edition": [edition] * len(records), "licence": [licence] * len(records)},
        muni_code=[record[1] for record in records],
        geometry=[record[2] for record in records],
        position=[record[3] for record in records],
    )


def _first_day(edition: str) -> datetime:
    """Of the fiscal year of an edition (12: 2012)."""
    return datetime(2000 + int(edition), 4, 1, tzinfo=JST)


# ── beside the layers ────────────────────────────────────────────────────────────────────────────────────

_CITED = re.compile(rb"<citation>.*?<date>\s*<date>\s*(\d{4}-\d{2}-\d{2})\s*</date>", re.DOTALL)


def _made_at(delivery: ksj.Delivery) -> datetime | None:
    """The newest date of the data sets that KS-META files describe (JMP 2.0; Shift_JIS, of which this is ASCII) and
    of the files in the archive."""
    cited = [_CITED.search(body) for body in delivery.side.values()]
    days = [day(match[1].decode()) for match in cited if match is not None]
    found = [datetime(one.year, one.month, one.day, tzinfo=JST) for one in days if one is not None]
    if delivery.packed_at is not None:
        found.append(delivery.packed_at.replace(tzinfo=JST))
    return max(found, default=None)


def _beside(delivery: ksj.Delivery) -> Iterator[Issue]:
    """What is not a layer: dropped with a reason, or reported."""
    people = [path for path in delivery.side if _CITED.search(delivery.side[path]) is None]
    people += [path for path in delivery.others if path.endswith(_DOCUMENTS) or "/." in f"/{path}"]
    if people:
        yield Issue(
            "side_files",
            f"{len(people)} files beside the zones are for people and were not read: {', '.join(people)[:120]}",
            "none needed: they are in the archive with the document",
            "info",
            people[0],
        )
    if delivery.twins:
        yield Issue(
            "same_in_another_format",
            f"{len(delivery.twins)} layers are there in another format, too: {', '.join(delivery.twins)[:120]}",
            "none needed: each was read once",
            "info",
            delivery.twins[0],
        )
    yield from unread.columns((path for path in delivery.others if path not in people), [], "the archive")
