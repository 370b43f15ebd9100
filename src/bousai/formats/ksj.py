"""国土数値情報 (KSJ) deliveries: a ZIP with a Shapefile or GeoJSON in it, or the GeoJSON alone, as columns.

Source: nlftp.mlit.go.jp/ksj. Coordinates are JGD2011 or JGD2000 in degrees (EPSG:6668, 4612), which is WGS 84 within
a few metres. Oddities: names in the ZIP are CP932 without saying so, some with backslashes; a DBF is CP932 without a
.cpg file or UTF-8 with one; some have no .prj.

The archive is never unpacked to disk: members are read by their entry, after a check of count, size and ratio.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from itertools import product
from pathlib import PurePosixPath
from typing import Any

import pyogrio.errors
import pyogrio.raw

from bousai.errors import ParseError
from bousai.formats import geojson, refusal

_MEMBERS = 2000
_UNPACKED = 2 * 1024**3
_RATIO = 200
_DEGREES = ("JGD_2011", "JGD_2000", "JGD2011", "JGD2000", "WGS_1984", "WGS 84")


@dataclass(frozen=True, slots=True)
class Features:
    """Attributes by name (values as delivered: text or numbers, None = absent) and WKB, all of one length."""

    columns: dict[str, list[Any]]
    geometry: list[bytes | None]
    unreadable: list[int]

    def __len__(self) -> int:
        return len(self.geometry)


def read(body: bytes, prefix: str) -> Features:
    """The features of a delivery. `prefix` starts the name of the wanted layer (``N03``) where there are several.

    Raises `ParseError`: those of `geojson.read`, and ``not_zip``, ``hostile_zip``, ``no_layer``, ``wrong_crs``,
    ``wrong_encoding``, ``not_shapefile``.
    """
    if not body.startswith(b"PK"):
        return _columns(geojson.read(body))
    members = _members(body)
    # What is named as it should be comes first, in whatever format; then anything that can be read.
    for start, suffix in product((prefix, ""), (".geojson", ".json", ".shp")):
        named = (name for name in members if name.upper().startswith(start) and name.lower().endswith(suffix))
        names = sorted(named, key=len)
        if names and all(name.startswith(_stem(names[0])) for name in names):
            names = names[:1]  # the others are summaries of it: …_prefecture.shp, …_subprefecture.shp
        if len(names) > 1:
            raise ParseError(
                f"the archive has {len(names)} layers: {', '.join(names)[:200]!r}",
                code="no_layer",
                remedy="give the delivery of one prefecture or one edition",
            )
        if names and suffix != ".shp":
            return _columns(geojson.read(members[names[0]]))
        if names:
            return _shapefile(members, _stem(names[0]))
    raise ParseError("no GeoJSON and no Shapefile in the archive", code="no_layer", remedy="fetch the other delivery")


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _members(body: bytes) -> dict[str, bytes]:
    """The files of an archive by their base name, which is all that KSJ's folders are good for."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
            _harmless(infos, len(body))
            wanted = [(name, info) for info in infos if (name := _name(info)).lower().endswith(_SUFFIXES)]
            return {name: _content(archive, info) for name, info in wanted}
    except _BROKEN_ZIP as error:
        raise ParseError(
            f"not a readable ZIP archive: {str(error)[:200]!r}", code="not_zip", remedy=refusal.AGAIN
        ) from error


_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError, IndexError)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """As many bytes as the archive states and no more; its check sum says whether that was all."""
    with archive.open(info) as file:
        return file.read(info.file_size)


_SUFFIXES = (".shp", ".shx", ".dbf", ".prj", ".cpg", ".geojson", ".json")


def _name(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if not info.flag_bits & 0x800:  # not said to be UTF-8: zipfile took it for cp437
        try:
            name = name.encode("cp437").decode("cp932")
        except UnicodeError:
            name = info.filename
    path = PurePosixPath(name.replace("\\", "/"))
    return path.stem + path.suffix.lower()


def _harmless(infos: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum(info.file_size for info in infos)
    packed = min(sum(info.compress_size for info in infos), size)  # stated sizes may be wrong
    why = None
    if len(infos) > _MEMBERS:
        why = f"{len(infos)} files"
    elif unpacked > _UNPACKED or unpacked > _RATIO * max(packed, 1024):
        why = f"{packed} bytes that unpack to {unpacked}"
    for info in infos:
        if not info.filename:
            why = "a file without a name"
            continue
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or info.filename[1:2] == ":":
            why = f"a file outside of it: {info.filename[:80]!r}"
        elif info.external_attr >> 16 & 0o170000 == 0o120000:
            why = f"a symbolic link: {info.filename[:80]!r}"
        elif info.flag_bits & 1:
            why = "an encrypted file"
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            why = f"a file packed in an unusual way ({info.compress_type})"
    if why is not None:
        raise ParseError(f"the archive holds {why}", code="hostile_zip", remedy="ask the publisher; nothing was read")


def _columns(features: geojson.Features) -> Features:
    names = list(dict.fromkeys(name for properties in features.properties for name in properties))
    columns = {name: [properties.get(name) for properties in features.properties] for name in names}
    return Features(columns, features.geometry, features.unreadable)


def _shapefile(members: dict[str, bytes], stem: str) -> Features:
    parts = {suffix: members.get(stem + suffix) for suffix in (".shp", ".shx", ".dbf", ".prj")}
    if parts[".dbf"] is None or parts[".shx"] is None:
        raise ParseError(f"{stem[:80]!r}: .dbf or .shx is missing", code="not_shapefile", remedy=refusal.AGAIN)
    prj = (parts.pop(".prj") or b"JGD_2011").decode("latin-1")
    projected = not prj.lstrip().startswith("GEOGCS") and prj != "JGD_2011"
    if projected or not any(name in prj for name in _DEGREES):
        raise ParseError(
            f"{stem[:80]!r}: coordinates are in {prj[:80]!r}, not in degrees of JGD2011, JGD2000 or WGS 84",
            code="wrong_crs",
            remedy="fetch an edition in JGD2011",
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for suffix, content in parts.items():
            archive.writestr(f"layer{suffix}", content or b"")
    try:
        # latin-1 keeps every byte, so that the encoding can be decided by all texts together
        meta, _, wkb, values = pyogrio.raw.read(packed.getvalue(), encoding="ISO-8859-1")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, IndexError) as error:
        cause = "no layer in it" if isinstance(error, IndexError) else " ".join(str(error).split())
        raise ParseError(f"{stem[:80]!r}: {cause}", code="not_shapefile", remedy=refusal.AGAIN) from error
    columns = {str(name): list(column) for name, column in zip(meta["fields"], values, strict=True)}
    if not columns:
        raise ParseError(f"{stem[:80]!r}: no attribute in its .dbf", code="not_shapefile", remedy=refusal.AGAIN)
    geometry = [None if one is None else bytes(one) for one in wkb]
    return Features(_decoded(columns, stem), geometry, [n for n, one in enumerate(geometry) if one is None])


def _decoded(columns: dict[str, list[Any]], stem: str) -> dict[str, list[Any]]:
    for encoding in ("utf-8", "cp932"):
        try:
            return {
                str(_text(name, encoding)): [_text(value, encoding) for value in column]
                for name, column in columns.items()
            }
        except UnicodeDecodeError:
            continue
    raise ParseError(f"{stem[:80]!r}: .dbf is neither UTF-8 nor CP932", code="wrong_encoding", remedy=refusal.AGAIN)


def _text(value: Any, encoding: str) -> Any:
    if isinstance(value, str):
        return value.encode("latin-1").decode(encoding)
    return value.item() if hasattr(value, "item") else value
