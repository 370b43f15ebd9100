"""CityGML 2.0 with i-UR (Project PLATEAU): the hazard areas of a file, one after the other.

Source: OGC 12-019; 3D都市モデル標準製品仕様書 (WaterBody with uro:floodingRiskAttribute,
urf:SedimentDisasterProneArea). Only what is needed of a feature is held: it is read, given and forgotten, so a file
of any size needs little memory.

Coordinates are EPSG:6697 (JGD2011, latitude longitude height) by specification: latitude comes first. Water is a mesh
of triangles, one feature a rank of depth; their union is the area. Heights are those of the water's surface or of the
ground and are dropped.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from lxml import etree

from bousai.errors import ParseError
from bousai.formats import refusal

_CITYGML = "http://www.opengis.net/citygml/2.0"
_SYSTEMS = ("6697", "6668")
_FEATURES = ("WaterBody", "SedimentDisasterProneArea")
_GEOMETRY = ("lod1MultiSurface", "lod0MultiSurface", "lod2MultiSurface")
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Area:
    """One hazard area. `risk` is the element that classes it (RiverFloodingRiskAttribute, SedimentDisasterProneArea
    …), `values` what it and the feature say by local name, `code_lists` the file name of the list of a coded value.
    `geometry` is WKB, lon lat, or None where the mesh gives no area; `position` the gml:id."""

    gml_id: str
    risk: str
    values: dict[str, str]
    code_lists: dict[str, str]
    geometry: bytes | None
    position: str


def areas(body: bytes) -> Iterator[Area]:
    """Every hazard area of the file.

    Raises `ParseError`: ``empty``, ``html_instead_of_xml``, ``doctype``, ``not_xml``, ``not_citygml``, ``wrong_crs``.
    """
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise refusal.empty()
    if start.startswith((b"<!doctype html", b"<html")):
        raise refusal.page("an HTML page", "XML", "html_instead_of_xml")
    if b"<!doctype" in start:
        raise ParseError(
            "the document has a DOCTYPE", code="doctype", remedy="ask the publisher: it can carry an attack"
        )
    events = etree.iterparse(
        io.BytesIO(body),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    depth = 0
    try:
        for event, element in events:
            if event == "start":
                depth += 1
                if depth == 1 and element.tag != f"{{{_CITYGML}}}CityModel":
                    raise _not_citygml(f"root element {element.tag}")
                if depth > _MAX_DEPTH:
                    raise _not_citygml("elements nested without end")
                continue
            depth -= 1
            name = etree.QName(element).localname
            if name == "Envelope":
                _checked_system(element.get("srsName"))
            elif name in _FEATURES:
                yield from _areas_of(element, name)
            elif name == "cityObjectMember":
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        cause = " ".join(str(error).split())[:200]
        raise ParseError(f"not well-formed XML: {cause}", code="not_xml", remedy=refusal.AGAIN) from error


def _not_citygml(what: str) -> ParseError:
    return ParseError(f"not CityGML 2.0: {what}", code="not_citygml", remedy="check which file it is")


def _checked_system(name: str | None) -> None:
    if name is not None and name.rpartition("/")[2].rpartition(":")[2] not in _SYSTEMS:
        raise ParseError(
            f"coordinates in {name[:80]!r}, not EPSG:6697 or 6668",
            code="wrong_crs",
            remedy="ask the publisher for JGD2011",
        )


def _areas_of(feature: etree._Element, kind: str) -> Iterator[Area]:
    """A feature as one area for each of its risk attributes; a sediment zone is its own."""
    gml_id = next((value for name, value in feature.attrib.items() if str(name).endswith("}id")), "")
    common: dict[str, str] = {}
    lists: dict[str, str] = {}
    risks: list[etree._Element] = []
    geometry = None
    for child in feature:
        name = etree.QName(child).localname
        if name in _GEOMETRY:
            _checked_system(next((one.get("srsName") for one in child.iter() if one.get("srsName")), None))
            geometry = _union(child)
        elif name.endswith("iskAttribute"):
            risks += list(child)
        elif len(child) == 0:
            _keep(child, common, lists)
        elif not name.endswith("ataQualityAttribute"):  # how the model was made, not what it says
            common[name] = ""
    if kind == "SedimentDisasterProneArea":
        yield Area(str(gml_id), kind, common, lists, geometry, str(gml_id))
        return
    for risk in risks:
        values, code_lists = dict(common), dict(lists)
        for child in risk:
            _keep(child, values, code_lists)
        yield Area(str(gml_id), etree.QName(risk).localname, values, code_lists, geometry, str(gml_id))


def _keep(element: etree._Element, values: dict[str, str], lists: dict[str, str]) -> None:
    name = etree.QName(element).localname
    values[name] = (element.text or "").strip()
    space = element.get("codeSpace")
    if space:
        lists[name] = space.rpartition("/")[2]


def _union(surface: etree._Element) -> bytes | None:
    """All polygons of a MultiSurface as one area, without heights, longitude first; None if one of them cannot be
    read: an area without a part of it would look safer than it is."""
    polygons = []
    for polygon in surface.iter("{*}Polygon"):
        try:
            rings = [np.array((ring.text or "").split(), dtype=np.float64) for ring in polygon.iter("{*}posList")]
        except ValueError:  # a word among the numbers
            return None
        if not rings or any(len(ring) % 3 or len(ring) < 12 or not np.isfinite(ring).all() for ring in rings):
            return None
        outer, *holes = [ring.reshape(-1, 3)[:, [1, 0]] for ring in rings]
        polygons.append(shapely.Polygon(outer, holes))
    if not polygons:
        return None
    valid = shapely.make_valid(np.array(polygons, dtype=object), method="structure", keep_collapsed=False)
    whole = shapely.union_all(valid)
    parts = [one for one in shapely.get_parts(whole) if shapely.get_type_id(one) == 3]
    if not parts:
        return None
    return bytes(shapely.to_wkb(parts[0] if len(parts) == 1 else shapely.multipolygons(parts)))
