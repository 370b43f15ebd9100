"""国土数値情報 (KSJ) deliveries: GML, Shapefiles or GeoJSON in a ZIP, or one GML or GeoJSON alone, as columns.

Source: nlftp.mlit.go.jp/ksj. Coordinates are JGD2011 or JGD2000 in degrees (EPSG:6668, 4612), which is WGS 84 within
a metre. Other systems that a .prj or srsName names are converted: plane rectangular (平面直角座標系) exactly, the
Tokyo datum (日本測地系) within the metres that its published parameters allow, and that is said.

Oddities: names in the ZIP are CP932 without saying so, some with backslashes; a ZIP holds ZIPs; the same features
stand in it in two or three formats; a DBF is CP932 without a .cpg file or UTF-8 with one; some have no .prj.

The archive is never unpacked to disk: members are read by their entry, a block of features at a time, after a check
of count, size and ratio. Only an archive within the archive is copied to a scratch file: it is read backwards.
"""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import numpy as np
import pyproj
import shapely

from bousai.errors import ParseError
from bousai.formats import geojson_pieces, ksj_gml, refusal, shapefile, zip_archive
from bousai.formats.zip_archive import Member
from bousai.model import Issue

_MEMBERS = 20_000  # every river of 北海道, in five parts each
_UNPACKED = 32 * 1024**3
_SIDE = 4 * 1024**2
_IN_MEMORY = 64 * 1024**2
_GEOJSON, _SHAPE, _GML = (".geojson", ".json"), (".shp",), (".xml", ".gml")
_PARTS = (".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".shp.xml")


@dataclass(frozen=True, slots=True)
class Features:
    """Attributes by name (values as delivered: text or numbers, None = absent) and WKB, all of one length.

    `first` is the number of the first feature in its layer, `element` the type of a feature of GML.
    """

    columns: dict[str, list[Any]]
    geometry: list[bytes | None]
    unreadable: list[int]
    first: int = 0
    element: str | None = None

    def __len__(self) -> int:
        return len(self.geometry)


@dataclass(slots=True)
class Layer:
    """One table of features, read once, a block at a time. `path` is where it stands in the delivery.

    `notices` grows while it is read: how coordinates were converted, what was marked as deleted.
    """

    path: str
    _read: Callable[[Layer], Iterator[Features]]
    notices: list[Issue] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The file's name without folders and suffix."""
        return PurePosixPath(self.path).stem

    def blocks(self) -> Iterator[Features]:
        """Its features, at least one block. Raises `ParseError`."""
        return self._read(self)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a document holds: `layers`, each feature in one format only; `side` files with their bytes (metadata,
    notes), by path; `twins`, layers that are among `layers` in another format; `others`, files of no known use.
    `packed_at`: when the newest of its files was written, by the archive, in the local time of who packed it."""

    layers: list[Layer]
    side: dict[str, bytes]
    twins: list[str]
    others: list[str]
    packed_at: datetime | None = None


@contextmanager
def opened(file: BinaryIO, name: str = "") -> Iterator[Delivery]:
    """A delivery, open while its layers are read. `name` is what a document that is no archive is called.

    Raises `ParseError`: those of `geojson.read`, `shapefile.blocks`, `ksj_gml.blocks` and `zip_archive.members`, and
    ``no_layer``, ``wrong_crs``.
    """
    start = file.read(64 * 1024)
    file.seek(0)
    if not start.startswith(b"PK"):
        gml = re.search(rb"<(\w+:)?Dataset\b", start) is not None
        if not gml:
            _no_other_format(start)
        read = _gml if gml else _geojson
        yield Delivery([Layer(name, read(lambda: file))], {}, [], [])
        return
    with ExitStack() as stack:
        members: dict[str, Member] = {}
        _collect(file, "", members, stack, inner=False)
        yield _sorted(members)


def _no_other_format(start: bytes) -> None:
    """What is neither GML nor GeoJSON, but may well be a file of a delivery."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") and b"<html" not in text[:1024].lower():
        raise ParseError(
            "XML that is no Dataset of 国土数値情報 (metadata, perhaps)",
            code="not_ksj_gml",
            remedy="give the delivery as the publisher packed it",
        )
    if start.startswith(b"\x00\x00\x27\x0a"):
        raise ParseError(
            "a part of a Shapefile alone", code="not_shapefile", remedy="give .shp, .shx, .dbf and .prj in one ZIP"
        )
    if text and not text.startswith((b"{", b"<")):
        raise ParseError(
            "neither a ZIP archive nor GML nor GeoJSON",
            code="not_json",
            remedy="give the delivery as the publisher packed it",
        )


def read(body: bytes, prefix: str) -> Features:
    """All features of the one layer of a small delivery. `prefix` starts its name (``N03``) where there are several.

    Raises `ParseError` as `opened` does.
    """
    with opened(io.BytesIO(body), prefix) as delivery:
        for start in (prefix, ""):
            layers = [layer for layer in delivery.layers if layer.name.upper().startswith(start)]
            layers.sort(key=lambda layer: len(layer.name))
            if layers and all(layer.name.startswith(layers[0].name) for layer in layers):
                layers = layers[:1]  # the others are summaries of it: …_prefecture.shp, …_subprefecture.shp
            if len(layers) > 1:
                names = ", ".join(PurePosixPath(layer.path).name for layer in layers)
                raise ParseError(
                    f"the archive has {len(layers)} layers: {names[:200]!r}",
                    code="no_layer",
                    remedy="give the delivery of one prefecture or one edition",
                )
            if layers:
                return _joined(list(layers[0].blocks()))
    raise _no_layer()


def _no_layer() -> ParseError:
    return ParseError(
        "no GML, no Shapefile and no GeoJSON in the archive", code="no_layer", remedy="fetch the other delivery"
    )


def _joined(blocks: list[Features]) -> Features:
    names = list(dict.fromkeys(name for block in blocks for name in block.columns))
    columns = {name: [v for block in blocks for v in block.columns.get(name, [None] * len(block))] for name in names}
    return Features(
        columns,
        [one for block in blocks for one in block.geometry],
        [block.first + n for block in blocks for n in block.unreadable],
    )


# ── the archive ──────────────────────────────────────────────────────────────────────────────────────────


def _collect(file: BinaryIO, folder: str, found: dict[str, Member], stack: ExitStack, *, inner: bool) -> None:
    """The files of an archive, and of the archives in it, by path."""
    for member in zip_archive.members(file, stack, most=_MEMBERS, unpacked=_UNPACKED):
        path = f"{folder}{_lowered(member.path)}"
        if path.endswith(".zip") and not inner:
            copy = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115
            stack.enter_context(copy)
            shutil.copyfileobj(member.open(), copy)
            _collect(copy, f"{path}/", found, stack, inner=True)
        elif path in found:
            raise ParseError(f"the archive holds {path[:80]!r} twice", code="duplicate_file", remedy=refusal.AGAIN)
        else:
            found[path] = member


def _lowered(path: str) -> str:
    """With the suffix in small letters."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}{dot}{suffix.lower()}"


def _sorted(members: dict[str, Member]) -> Delivery:
    """Which file is a layer and which stands beside one; a layer that is there in several formats is taken once."""
    layers: dict[str, Layer] = {}
    side: dict[str, bytes] = {}
    twins: list[str] = []
    others: list[str] = []
    names: list[tuple[str, int]] = []
    ordered = sorted(members, key=lambda path: (_rank(path), path))
    for path in ordered:
        member, base = members[path], PurePosixPath(path).name
        if base.upper().startswith("KS-META") or base.endswith((".txt", ".csv", ".html", ".htm")):
            if member.info.file_size <= _SIDE:
                side[path] = member.open().read()
            else:
                others.append(path)
            continue
        if _rank(path) == _NO_LAYER:
            if not base.endswith(_PARTS):
                others.append(path)
            continue
        stem = path.rpartition(".")[0]
        name, rank = PurePosixPath(stem).name.upper(), _rank(path)  # folders are named by format
        if any(rank != other and _same_layer(name, taken) for taken, other in names):
            twins.append(path)
            continue
        if path.endswith(_GEOJSON):
            layers[path] = Layer(path, _geojson(member.open))
        elif path.endswith(_SHAPE):
            layers[path] = Layer(path, _shape(members, stem))
        elif b"Dataset" in member.open().read(64 * 1024):
            layers[path] = Layer(path, _gml(member.open))
        else:
            others.append(path)
            continue
        names.append((name, rank))
    if not layers:
        raise _no_layer()
    written = [at for member in members.values() if (at := _written(member.info)) is not None]
    return Delivery(list(layers.values()), side, twins, others, max(written, default=None))


def _written(info: zipfile.ZipInfo) -> datetime | None:
    """1980 is what programs write that do not know, and some write days that there are not."""
    try:
        at = datetime(*info.date_time)  # noqa: DTZ001  # an archive knows no zone
    except ValueError:
        return None
    return at if at.year > 1980 else None


_NO_LAYER = 3


def _rank(path: str) -> int:
    """Which format is taken first: GeoJSON has no place where names or texts are cut, GML is the slowest."""
    for rank, suffixes in enumerate((_GEOJSON, _SHAPE, _GML)):
        if path.endswith(suffixes) and not path.endswith(".shp.xml"):
            return rank
    return _NO_LAYER


_SHAPE_NAME = re.compile(r"(_?[A-Z]\w*)?", re.ASCII)


def _same_layer(one: str, other: str) -> bool:
    """A33-18_17.xml holds what A33-18_17Polygon.shp and A33-18_17Line.shp hold; more digits are another place."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and _SHAPE_NAME.fullmatch(long[len(short) :]) is not None


# ── the formats ──────────────────────────────────────────────────────────────────────────────────────────

_Open = Callable[[], shapefile.Source]


def _geojson(open_: _Open) -> Callable[[Layer], Iterator[Features]]:
    def blocks(_: Layer) -> Iterator[Features]:
        first = 0
        for found in geojson_pieces.read(open_()):
            names = list(dict.fromkeys(name for properties in found.properties for name in properties))
            columns = {name: [properties.get(name) for properties in found.properties] for name in names}
            yield Features(columns, found.geometry, found.unreadable, first)
            first += len(found)

    return blocks


def _gml(open_: _Open) -> Callable[[Layer], Iterator[Features]]:
    def blocks(layer: Layer) -> Iterator[Features]:
        header = ksj_gml.Header()
        system: _System | None = None
        for n, block in enumerate(ksj_gml.blocks(layer.path, open_(), header)):
            if n == 0:
                system = _named_system(layer, header.system)
            geometry = _degrees(block.geometry, system)
            yield Features(block.columns, geometry, block.unreadable, block.first, block.element)

    return blocks


def _shape(members: dict[str, Member], stem: str) -> Callable[[Layer], Iterator[Features]]:
    def blocks(layer: Layer) -> Iterator[Features]:
        parts = {suffix: members.get(stem + suffix) for suffix in (".shp", ".shx", ".dbf", ".prj")}
        shp, shx, dbf, prj = parts.values()
        if shp is None or shx is None or dbf is None:
            raise ParseError(f"{stem[-80:]!r}: .dbf or .shx is missing", code="not_shapefile", remedy=refusal.AGAIN)
        system = _system(layer, None if prj is None else prj.open().read(_SIDE).decode("latin-1"))
        first = 0
        for block in shapefile.blocks(layer.path, shp.open, shx.open, dbf.open):
            if block.deleted:
                layer.notices.append(
                    Issue(
                        "deleted_record",
                        f"{layer.path}: {block.deleted} records are marked as deleted and were left out",
                        "none needed: that is how a .dbf deletes",
                        "info",
                        f"{layer.path}[{block.first}]",
                    )
                )
            yield Features(block.columns, _degrees(block.geometry, system), block.unreadable, first)
            first += len(block.geometry)

    return blocks


# ── reference systems ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _System:
    """Coordinates that must be converted. `transform` takes the two columns as they stand."""

    transform: Callable[[Any, Any], tuple[Any, Any]]


_DEGREES = ("JGD_2011", "JGD_2000", "JGD2011", "JGD2000", "WGS_1984", "WGS 84", "WGS84")
_JAPAN: Any = pyproj.aoi.AreaOfInterest(122.0, 20.0, 154.0, 46.0)
_ZONE = re.compile(r"JGD\s*(2000|2011)\s*/\s*(\d{1,2})\s*\(X\s*,\s*Y\)", re.IGNORECASE)


def _wrong(layer: Layer, said: str) -> ParseError:
    return ParseError(
        f"{layer.path[-80:]!r}: coordinates are in {said[:80]!r}, which cannot be converted",
        code="wrong_crs",
        remedy="fetch an edition in JGD2011",
    )


def _system(layer: Layer, prj: str | None) -> _System | None:
    """Of a .prj; None where the coordinates are degrees as they should be, also where nothing is said."""
    text = (prj or "").strip("\ufeff \t\r\n")
    if not text or (text.startswith("GEOG") and any(name in text for name in _DEGREES)):
        return None
    try:
        crs = pyproj.CRS.from_wkt(text)
    except pyproj.exceptions.CRSError as error:
        raise _wrong(layer, text) from error
    return _converted(layer, crs, text)


def _named_system(layer: Layer, said: str | None) -> _System | None:
    """Of a srsName of JPGIS."""
    text = (said or "").strip()
    zone = _ZONE.search(text)
    if zone is not None and 1 <= int(zone[2]) <= 19:
        crs = pyproj.CRS.from_epsg((6668 if zone[1] == "2011" else 2442) + int(zone[2]))
        return _converted(layer, crs, text)
    if not text or ("(B" in text and any(name in text for name in _DEGREES)) or re.search(r"(6668|4612|4326)$", text):
        return None
    if re.match(r"(TD|TOKYO)\b.*\(B", text, re.IGNORECASE):
        return _converted(layer, pyproj.CRS.from_epsg(4301), text)
    raise _wrong(layer, text)


def _converted(layer: Layer, crs: pyproj.CRS, said: str) -> _System:
    try:
        # The best of the ways that the tables of EPSG know for Japan: one way for all coordinates of a layer.
        ways = pyproj.transformer.TransformerGroup(crs, 4326, always_xy=True, area_of_interest=_JAPAN)
        way = next(one for one in ways.transformers if one.accuracy >= 0)
    except (pyproj.exceptions.ProjError, StopIteration) as error:
        raise _wrong(layer, said) from error
    layer.notices.append(
        Issue(
            "converted_crs",
            f"{layer.path[-80:]}: coordinates were converted from {crs.name} to WGS 84, within {way.accuracy:g} m",
            "none needed; fetch an edition in JGD2011 where the edge of a zone matters",
            "info",
            layer.path,
        )
    )
    return _System(lambda x, y: way.transform(x, y))


def _degrees(geometry: list[bytes | None], system: _System | None) -> list[bytes | None]:
    if system is None:
        return geometry
    with np.errstate(all="ignore"):
        shapes = shapely.from_wkb(np.array(geometry, dtype=object), on_invalid="ignore")
        shapes = shapely.transform(shapely.force_2d(shapes), system.transform, interleaved=False)
    return [None if one is None else bytes(one) for one in shapely.to_wkb(shapes)]
