"""Hazard areas of Project PLATEAU's city models: CityGML 2.0 with i-UR, one file a mesh and theme.

Source: 国土交通省 Project PLATEAU, www.geospatial.jp (CC BY 4.0); 3D都市モデル標準製品仕様書. Scope
``<source>/<kind>/<part>`` with the file's name as `part`, complete.

| element | kind | class |
|---|---|---|
| RiverFloodingRiskAttribute (fld) | hazard_zone_flood | rank of depth, scale L1 planned, L2 maximum |
| InlandFloodingRiskAttribute (ifld) | hazard_zone_inland_flood | rank, or the city's own bands (rankOrg) |
| TsunamiRiskAttribute (tnm) | hazard_zone_tsunami | rank |
| HighTideRiskAttribute (htd) | hazard_zone_storm_surge | rank |
| ReservoirFloodingRiskAttribute (rfld) | hazard_zone_flood | rank; hazard reservoir |
| SedimentDisasterProneArea (lsld) | hazard_zone_landslide | 警戒区域, 特別警戒区域 |

Oddities: latitude comes first; water is a mesh of triangles whose union is the area; ranks are codes whose list
differs by layer, and by city for rankOrg and description (the river or map): those lists stand in the feed's YAML. A
code that no list explains is kept as class_code, without words and depth, and told.

Known gaps:
* a file is read whole into memory before its features are taken one by one
* reservoirs and storm surges were seen as composed samples only
* heights of the water's surface are not kept
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from bousai.errors import ParseError
from bousai.formats import citygml, unread
from bousai.formats.citygml import Area
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import plateau
from bousai.vocab.depth import depth, duration
from bousai.vocab.japanese_time import day
from bousai.vocab.municipality import named

VERSION = "1"
_KINDS = {
    "RiverFloodingRiskAttribute": ("hazard_zone_flood", "flood"),
    "InlandFloodingRiskAttribute": ("hazard_zone_inland_flood", "inland_flood"),
    "TsunamiRiskAttribute": ("hazard_zone_tsunami", "tsunami"),
    "HighTideRiskAttribute": ("hazard_zone_storm_surge", "storm_surge"),
    "ReservoirFloodingRiskAttribute": ("hazard_zone_flood", "reservoir"),
    "SedimentDisasterProneArea": ("hazard_zone_landslide", "landslide"),
}
_DISASTERS = {"1": "steep_slope", "2": "debris_flow", "3": "landslide"}
_ZONES = {"1": "warning", "2": "special_warning", "3": "planned_warning", "4": "planned_special_warning"}
_SCALES = {"1": "planned", "2": "maximum"}
_MANAGERS = {"1": "国", "2": "都道府県"}
_READ = (
    "description",
    "rank",
    "rankOrg",
    "adminType",
    "scale",
    "duration",
    "name",
    "location",
    "disasterType",
    "areaType",
    "zoneNumber",
    "zoneName",
    "status",
    "validFrom",
    "prefecture",
)
# when the model was made; the class of every water body; which layer it is, as the risk attribute says; city: a code
# of the city that the feed is of
_PASSED_OVER = ("creationDate", "terminationDate", "class", "function", "usage", "city", "validTo", "depth")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`part` is the file's name without its ending. `descriptions` and `rank_org` are the city's own code lists,
    `edition` the year of the product, `pref` the prefecture (JIS X 0401)."""

    source: str
    issuer: str
    part: str
    edition: str | None = None
    licence: str | None = None
    pref: str | None = None
    descriptions: dict[str, dict[str, str]] = {}
    rank_org: dict[str, str] = {}


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement a kind. Raises `ParseError`: those of `citygml.areas`, ``no_hazard_area``."""
    issues: list[Issue] = []
    items: dict[str, dict[str, Item]] = {}
    names: dict[str, None] = {}
    for area in citygml.areas(body):
        names |= dict.fromkeys(area.values)
        if area.risk not in _KINDS:
            cause = f"{area.risk} is no kind of hazard that is known"
            issues.append(
                Issue("unknown_hazard", cause, "see the specification; it is held back", "warning", area.position)
            )
            continue
        kind, hazard = _KINDS[area.risk]
        item = _item(area, hazard, options, issues)
        found = items.setdefault(kind, {})
        number = sum(one == item.item_id or one.startswith(f"{item.item_id}~") for one in found)
        item = replace(item, item_id=f"{item.item_id}~{number + 1}") if number else item
        found[item.item_id] = item
    if not items:
        raise ParseError(
            "the file has no hazard area",
            code="no_hazard_area",
            remedy="give a file of fld, ifld, tnm, htd, rfld or lsld",
        )
    for kind, some in sorted(items.items()):
        yield Bulletin(
            kind=kind,
            scope=f"{options.source}/{kind}/{options.part}",
            issued_at=None,
            status="actual",
            items=table_of(some.values()),
            issuer=options.issuer,
            complete=not any(issue.code == "unknown_hazard" for issue in issues),
            bulletin_type="citygml",
        )
    yield from _counted(issues)
    yield from unread.columns(names, (*_READ, *_PASSED_OVER), "a feature")


def _item(area: Area, hazard: str, options: Options, issues: list[Issue]) -> Item:
    values = area.values
    sediment = area.risk == "SedimentDisasterProneArea"
    if sediment:
        hazard = _coded(values.get("disasterType"), _DISASTERS, "disasterType", area, issues) or hazard
        code, text = values.get("areaType") or None, None
        zone = _coded(code, _ZONES, "areaType", area, issues)
    else:
        code, text = _class(area, options, issues)
        zone = None
    bounds = depth(text)
    if text is not None and bounds is None:
        issues.append(Issue("unknown_class", f"{text!r} is no depth", "the words are kept", "warning", area.position))
    lasting = duration(values.get("duration")) if values.get("duration") else None
    on = day(values.get("validFrom")) if values.get("validFrom") else None
    place = values.get("location") or None
    if area.geometry is None:
        cause = f"{area.gml_id} has no polygon that can be read"
        issues.append(Issue("no_geometry", cause, "it is kept without one", "warning", area.position))
    description = values.get("description")
    return Item(
        f"{options.source}/{area.gml_id}",
        {
            "hazard": hazard,
            "class_code": code,
            "class_text": text,
            "depth_min_m": bounds.low if bounds else None,
            "depth_max_m": bounds.high if bounds else None,
            "duration_min_h": lasting.low if lasting else None,
            "duration_max_h": lasting.high if lasting else None,
            "zone": zone,
            "scenario": _coded(values.get("scale"), _SCALES, "scale", area, issues),
            "zone_id": values.get("zoneNumber") or None,
            "name": values.get("zoneName") or values.get("name") or _described(description, area, options, issues),
            "manager": _coded(values.get("adminType"), _MANAGERS, "adminType", area, issues),
            "place": place,
            "pref_code": values.get("prefecture") or options.pref,
            "designated_on": on.isoformat() if on else None,
            "notice": None,
            "design_rain": None,
            "edition": options.edition,
            "licence": options.licence,
            "note": _STATUS.get(values.get("status", "")) if sediment else None,
        },
        muni_code=_municipality(place, options),
        geometry=area.geometry,
        position=area.position,
    )


_STATUS = {"0": "特別警戒区域指定済み", "1": "特別警戒区域未指定"}


def _class(area: Area, options: Options, issues: list[Issue]) -> tuple[str | None, str | None]:
    """Code and words of the depth's rank."""
    for name in ("rankOrg", "rank"):
        code = area.values.get(name)
        if not code:
            continue
        listed = area.code_lists.get(name, f"{area.risk}_{name}.xml").removesuffix(".xml")
        text = options.rank_org.get(code) if name == "rankOrg" else plateau.rank(listed, code)
        if text is None:
            cause = f"code {code} of {listed} is in no list that is known"
            remedy = "add the city's list as rank_org in the feed's YAML; depth is null until then"
            issues.append(Issue("unknown_class", cause, remedy, "warning", area.position))
        return code, text
    cause = f"{area.gml_id} has no rank"
    issues.append(Issue("unknown_class", cause, "depth is null", "warning", area.position))
    return None, None


def _coded(code: str | None, meanings: dict[str, str], name: str, area: Area, issues: list[Issue]) -> str | None:
    if not code:
        return None
    if code not in meanings:
        cause = f"{name} has the code {code}, which is not known"
        issues.append(Issue("unknown_value", cause, "it is left out", "warning", area.position))
    return meanings.get(code)


def _described(code: str | None, area: Area, options: Options, issues: list[Issue]) -> str | None:
    """The river or the map that a description code names, by the city's own list."""
    if not code:
        return None
    text = options.descriptions.get(area.risk, {}).get(code)
    if text is None:
        cause = f"description {code} of {area.risk} is in no list of the feed"
        remedy = "add the city's list as descriptions in the feed's YAML"
        issues.append(Issue("unknown_description", cause, remedy, "info", area.position))
    return text


def _municipality(place: str | None, options: Options) -> str | None:
    """The municipality with whose name a place begins (玉名市岱明町鍋); None where it is not certain."""
    for end in ("市", "町", "村", "区"):
        head, mark, _ = (place or "").partition(end)
        found = named(head + mark, options.pref) if mark else None
        if found is not None and found.code is not None:
            return found.code
    return None


def _counted(issues: list[Issue]) -> Iterator[Issue]:
    """One issue for each distinct code and cause, with a count where there are more."""
    counts = Counter((issue.code, issue.cause) for issue in issues)
    for issue in issues:
        if count := counts.pop((issue.code, issue.cause), 0):
            yield replace(issue, cause=f"{issue.cause} ({count} times)") if count > 1 else issue
