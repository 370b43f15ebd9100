"""国土数値情報 as GML (JPGIS 2.1, GML 3.2), element by element, of any size. GDAL finds no layer in most of it.

A feature names its Surface, a Surface its Curves, a Curve has the coordinates: three steps by ``xlink:href``, nearly
always in this order, all Curves first. So coordinates go to a scratch file (in memory while it is small) as they
will stand in WKB, and only their places are remembered. Latitude stands first (B, L). Oddities: hrefs ``#_cv1_0`` of
a curve whose id is ``cv1_0``; gml is ``…/gml/3.2`` or ``…/gml/3.2.1``, so elements are known by their local names.

Safety as in `xml_tree`, but for libxml2's limit on the length of one text: a posList may be longer.
"""

from __future__ import annotations

import io
import re
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, cast

import numpy as np
from lxml import etree

from bousai.errors import ParseError
from bousai.formats import refusal, shapefile

_ROWS = 5000
_BLOCK = 8 * 1024**2
_IN_MEMORY = 64 * 1024**2
_PROLOG = 64 * 1024
_HREF = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True, slots=True)
class Block:
    """Some features of one type (`element`) in order, from number `first` on: attributes by the local name of their
    element (absent = None), WKB, which geometries could not be read."""

    first: int
    element: str
    columns: dict[str, list[Any]]
    geometry: list[bytes | None]
    unreadable: list[int]


class Header:
    """What the document says before its features: the reference system, as written (``JGD2011 / (B, L)``)."""

    system: str | None = None


def blocks(name: str, file: shapefile.Source, header: Header) -> Iterator[Block]:
    """The features of a document. Raises `ParseError`: ``empty``, ``not_xml``, ``doctype``, ``not_ksj_gml``."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as scratch:
        yield from _blocks(name, file, header, _Scratch(cast("IO[bytes]", scratch)))


def _blocks(name: str, file: shapefile.Source, header: Header, scratch: _Scratch) -> Iterator[Block]:
    block = _Building(0, "")
    later: list[tuple[str, dict[str, str], str]] = []
    number = 0
    for element in _top(name, file):
        kind = _local(element)
        if _is_gml(element):
            _keep(kind, element, scratch, header)
            continue
        attributes, place = _feature(element, scratch)
        wkb = None if place is None else scratch.wkb(place)
        if wkb is None and place is not None:
            later.append((kind, attributes, place))
            continue
        if block.full or block.element not in ("", kind):
            yield block.done()
            block = _Building(number, kind)
        block.add(kind, attributes, wkb)
        number += 1
    if number:
        yield block.done()
    for kind, attributes, place in later:  # it came before its geometry, or that is missing
        block = _Building(number, kind)
        block.add(kind, attributes, scratch.wkb(place))
        number += 1
        yield block.done()
    if not number:
        raise ParseError(f"{name[:80]!r} has no feature", code="not_ksj_gml", remedy=refusal.AGAIN)


def _keep(kind: str, element: etree._Element, scratch: _Scratch, header: Header) -> None:
    """What features refer to. Everything else of GML (description, name, metaDataProperty) is words for people."""
    if kind == "Curve":
        scratch.curves[_id(element)] = _curve(element, scratch)
    elif kind == "OrientableCurve":
        scratch.reversed[_id(element)] = (_base(element), element.get("orientation") == "-")
    elif kind in ("Surface", "Polygon"):
        scratch.surfaces[_id(element)] = _surface(element, scratch)
    elif kind in ("MultiSurface", "MultiCurve"):
        scratch.groups[_id(element)] = [_reference(one) for one in element.iter() if one.get(_HREF)]
    elif kind == "Point":
        scratch.points[_id(element)] = _point(element)
    elif kind == "boundedBy":
        header.system = next((one.get("srsName") for one in element.iter() if one.get("srsName")), None)


def _top(name: str, file: shapefile.Source) -> Iterator[etree._Element]:
    """The children of the root, each forgotten when the next one is asked for."""
    head = file.read(_PROLOG)
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise refusal.empty()
    opening = re.search(rb"<[A-Za-z_]", head)
    if b"<!DOCTYPE" in head[: None if opening is None else opening.start()]:
        raise ParseError(
            f"{name[:80]!r} has a DOCTYPE",
            code="doctype",
            remedy="ask the publisher: none of these formats uses one, and it can carry an attack",
        )
    if opening is None or b"<html" in head[:1024].lower():
        raise ParseError(f"{name[:80]!r} is not XML", code="not_xml", remedy=refusal.AGAIN)
    found = etree.iterparse(
        cast("IO[bytes]", _Behind(head, file)),
        events=("end",),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for _, element in found:
            parent = element.getparent()
            if parent is not None and parent.getparent() is None:
                if _local(parent) != "Dataset":
                    raise ParseError(
                        f"{name[:80]!r} is a {_local(parent)[:40]!r}, not a Dataset of 国土数値情報",
                        code="not_ksj_gml",
                        remedy="give the delivery as the publisher packed it",
                    )
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del parent[0]
    except etree.XMLSyntaxError as error:
        raise ParseError(
            f"{name[:80]!r}: not well-formed XML: {' '.join(str(error).split())[:160]}",
            code="not_xml",
            remedy=refusal.AGAIN,
        ) from error


class _Behind(io.RawIOBase):
    """What was read already, then the rest."""

    def __init__(self, head: bytes, file: shapefile.Source) -> None:
        self._head = head
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            taken, self._head = (self._head, b"") if size < 0 else (self._head[:size], self._head[size:])
            return taken
        return self._file.read(size)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _is_gml(element: etree._Element) -> bool:
    return "opengis.net/gml" in str(element.tag)


def _id(element: etree._Element) -> str:
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), "")


def _reference(element: etree._Element) -> str:
    return str(element.get(_HREF, "")).lstrip("#")


def _base(element: etree._Element) -> str:
    return next((_reference(one) for one in element.iter() if one.get(_HREF)), "")


_Place = tuple[int, int]  # where in the scratch file coordinates stand, and how many bytes they are
_Ring = list[str | _Place]


@dataclass(slots=True)
class _Scratch:
    """Coordinates in a file; what refers to them."""

    file: IO[bytes]
    size: int = 0
    curves: dict[str, _Place] = field(default_factory=dict)
    reversed: dict[str, tuple[str, bool]] = field(default_factory=dict)
    surfaces: dict[str, list[list[_Ring]]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    points: dict[str, bytes | None] = field(default_factory=dict)

    def keep(self, text: str | None) -> _Place:
        """Coordinates of a posList, longitude first; of no length where they cannot be read."""
        raw = _coordinates(text) or b""
        self.file.seek(self.size)
        self.file.write(raw)
        place = (self.size, len(raw))
        self.size += len(raw)
        return place

    @staticmethod
    def _named(name: str, known: dict[str, Any]) -> str | None:
        return next((one for one in (name, name.lstrip("_"), f"_{name}") if one in known), None)

    def line(self, part: str | _Place) -> bytes:
        """The points of a curve, b"" where it is not known."""
        if isinstance(part, str):
            turned = False
            key = self._named(part, self.reversed)
            if key is not None:
                part, turned = self.reversed[key]
            key = self._named(part, self.curves)
            if key is None:
                return b""
            points = self.line(self.curves[key])
            return np.frombuffer(points).reshape(-1, 2)[::-1].tobytes() if turned else points
        at, size = part
        self.file.seek(at)
        return self.file.read(size)

    def ring(self, parts: _Ring) -> bytes | None:
        whole = b""
        for part in parts:
            points = self.line(part)
            if not points:
                return None
            whole += points[16:] if whole and whole[-16:] == points[:16] else points
        return shapefile.ring(whole)

    def surface(self, patches: list[list[_Ring]]) -> list[bytes]:
        """Polygons of a surface; none where one of them cannot be read, because half of an area is a wrong area."""
        found = []
        for rings in patches:
            made = [self.ring(parts) for parts in rings]
            if not made or made[0] is None:
                return []
            if any(one is None and not self._no_area(parts) for one, parts in zip(made, rings, strict=True)):
                return []
            found.append(shapefile.polygon([one for one in made if one is not None]))
        return found

    def _no_area(self, parts: _Ring) -> bool:
        return all(self.line(part) for part in parts)

    def wkb(self, name: str) -> bytes | None:
        """The geometry of that id."""
        key = self._named(name, self.surfaces)
        if key is not None:
            return _together(self.surface(self.surfaces[key]), 6)
        key = self._named(name, self.points)
        if key is not None:
            return self.points[key]
        key = self._named(name, self.groups)
        if key is not None:
            parts = [self.wkb(one) for one in self.groups[key]]
            if not parts or any(one is None for one in parts):
                return None
            whole = [one for one in parts if one is not None]
            return _together(whole, 6 if whole[0][1] == 3 else 5)
        points = self.line(name)
        return b"\x01\x02\x00\x00\x00" + _U4(len(points) // 16) + points if len(points) >= 32 else None


_U4 = struct.Struct("<I").pack


def _together(parts: list[bytes], kind: int) -> bytes | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return b"\x01" + _U4(kind) + _U4(len(parts)) + b"".join(parts)


def _coordinates(text: str | None) -> bytes | None:
    try:
        numbers = np.array((text or "").split(), dtype="<f8")
    except ValueError:
        return None
    if len(numbers) < 2 or len(numbers) % 2:
        return None
    return numbers.reshape(-1, 2)[:, ::-1].tobytes()


def _curve(element: etree._Element, scratch: _Scratch) -> _Place:
    text = "\n".join(one.text or "" for one in element.iter() if _local(one) == "posList")
    return scratch.keep(text)


def _point(element: etree._Element) -> bytes | None:
    text = next((one.text for one in element.iter() if _local(one) == "pos"), None)
    raw = _coordinates(text)
    return b"\x01\x01\x00\x00\x00" + raw if raw is not None and len(raw) == 16 else None


def _surface(element: etree._Element, scratch: _Scratch) -> list[list[_Ring]]:
    """Patches of rings (the outer one first) of curves, named or written out on the spot."""
    patches: list[list[_Ring]] = []
    for one in element.iter():
        name = _local(one)
        if name == "exterior":
            patches.append([_ring(one, scratch)])
        elif name == "interior" and patches:
            patches[-1].append(_ring(one, scratch))
    return patches


def _ring(element: etree._Element, scratch: _Scratch) -> _Ring:
    parts: _Ring = []
    for one in element.iter():
        if one.get(_HREF):
            name = _reference(one)
            key = scratch._named(name, scratch.curves)
            # the place instead of the name where it is known already: of half the size
            parts.append(name if key is None else scratch.curves[key])
        elif _local(one) == "posList":
            parts.append(scratch.keep(one.text))
    return parts


def _feature(element: etree._Element, scratch: _Scratch) -> tuple[dict[str, str], str | None]:
    """Attributes by the local names of their elements, and the name of the geometry."""
    attributes: dict[str, str] = {}
    place: str | None = None
    for child in element:
        if child.get(_HREF):
            place = _reference(child)
        elif any(_is_gml(one) for one in child.iter()):
            place = _inline(element, child, scratch)
        else:
            for one in child.iter():
                text = (one.text or "").strip()
                if len(one) == 0:
                    name = _local(one)
                    attributes[name] = f"{attributes[name]}、{text}" if attributes.get(name) else text
    return attributes, place


def _inline(element: etree._Element, child: etree._Element, scratch: _Scratch) -> str:
    """A geometry that is written out within its feature, kept under the feature's id."""
    name = f"@{_id(element)}"
    kinds = {_local(one) for one in child.iter()}
    if "exterior" in kinds:
        scratch.surfaces[name] = _surface(child, scratch)
    elif "posList" in kinds:
        scratch.curves[name] = _curve(child, scratch)
    else:
        scratch.points[name] = _point(child)
    return name


class _Building:
    """A block that is being filled."""

    def __init__(self, first: int, element: str) -> None:
        self.first = first
        self.element = element
        self._rows: list[dict[str, str]] = []
        self._geometry: list[bytes | None] = []
        self._size = 0

    @property
    def full(self) -> bool:
        return len(self._rows) >= _ROWS or self._size >= _BLOCK

    def add(self, element: str, attributes: dict[str, str], wkb: bytes | None) -> None:
        self.element = element
        self._rows.append(attributes)
        self._geometry.append(wkb)
        self._size += 0 if wkb is None else len(wkb)

    def done(self) -> Block:
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        columns = {name: [row.get(name) or None for row in self._rows] for name in names}
        missing = [n for n, one in enumerate(self._geometry) if one is None]
        return Block(self.first, self.element, columns, self._geometry, missing)
