"""Layers, tables and sources made by hand, and a reader's look at a tree, for the tests of this room."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import shapely
import zstandard

from bousai.model import ReleasedLayer, RevisionTable, SourceFreshness, Status
from bousai.publish import FeatureTable, Published, features, layer_chunks, write_layer

PUBLISHER = ("防災県", "bousai@example.jp")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
COMMON = {"id", "kind", "muni_code", "source", "issuer", "issued_at", "recorded_at", "status"}


def layer(*names: str, **more: Any) -> ReleasedLayer:
    """A layer `shelter` with text fields of these names (`n`: a whole number), all of which are public."""
    types = {"n": "integer"}
    fields = [{"name": name, "type": types.get(name, "text"), "ja": name, "en": name} for name in names]
    return ReleasedLayer.model_validate(
        {
            "id": "shelter",
            "kind": "shelter",
            "title_ja": "避難所",
            "title_en": "Shelters",
            "description_ja": "避難所の一覧",
            "description_en": "All shelters",
            "geometry": "point",
            "fields": fields,
            "tier": "public",
            **more,
        }
    )


def row(item_id: str, /, **more: Any) -> dict[str, Any]:
    """One row of a table; `props` and `geometry` as Python objects."""
    return {
        "item_id": item_id,
        "scope": "s",
        "muni_code": None,
        "props": {},
        "geometry": None,
        "source": "feed",
        "issuer": "内閣府",
        "issued_at": T0,
        "recorded_at": T0,
        "bulletin_type": "X",
        "serial": None,
        **more,
    }


def table(rows: Iterable[Mapping[str, Any]], kind: str = "shelter", status: Status = "actual") -> RevisionTable:
    """A table of such rows, in their order."""
    rows = list(rows)
    columns: dict[str, list[Any]] = {name: [one[name] for one in rows] for name in row("")}
    columns["props"] = [json.dumps(props, sort_keys=True) for props in columns["props"]]
    columns["geometry"] = [None if shape is None else shapely.to_wkb(shape) for shape in columns["geometry"]]
    return RevisionTable(
        kind=kind, status=status, valid_at=T0, known_at=T0, revision=list(range(1, len(rows) + 1)), **columns
    )


SOURCE = SourceFreshness(
    "feed", "ok", "", T0, T0, T0, "出典：内閣府", "PDL1.0", "https://example.jp/licence", "fresh", T0, None
)


def source(state: Any = "ok", **more: Any) -> SourceFreshness:
    """The source `feed` in a state."""
    return replace(SOURCE, state=state, **more)


Content = Mapping[str, tuple[int, str | None]]
"""Feature id → a number and the code of a municipality: all that a tree test needs of a feature."""


def table_of(content: Content, status: Status = "actual") -> FeatureTable:
    """Features with this content; the place follows from the number, -1 has none."""
    rows = [
        row(
            item_id,
            props={"n": number},
            muni_code=code,
            geometry=None if number < 0 else shapely.Point(135 + number / 8, 35),
        )
        for item_id, (number, code) in content.items()
    ]
    return features(layer("n"), [table(rows, status=status)], {})


def put(
    root: Path,
    content: Content,
    at: datetime = T0,
    sources: Sequence[SourceFreshness] = (SOURCE,),
    status: Status = "actual",
    formats: Sequence[str] = ("csv",),
) -> Published:
    """Publish this content; of the formats beside GeoJSON only those that are asked for."""
    return write_layer(
        root,
        table_of(content, status),
        status=status,
        valid_at=at,
        known_at=at,
        published_at=at,
        freshness=sources,
        publisher=PUBLISHER,
        formats=formats,
    )


def document(table_: FeatureTable, sources: Sequence[SourceFreshness] = (SOURCE,)) -> bytes:
    """The whole collection of these features."""
    return b"".join(layer_chunks(table_, valid_at=T0, known_at=T0, published_at=T0, freshness=sources))


def plain(path: Path) -> bytes:
    """The content of a file, unpacked by its suffix."""
    body = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(body)
    return zstandard.ZstdDecompressor().decompress(body) if path.suffix == ".zst" else body


def text(path: Path) -> str:
    """Everything that a file says, as text: packed and binary formats opened."""
    if path.suffix == ".parquet":
        found = pyarrow.parquet.read_table(path)
        return str((found.to_pydict(), found.schema.metadata, [field.metadata for field in found.schema]))
    return plain(path).decode(errors="replace")  # GeoPackage and FlatGeobuf keep their texts as they are


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root`, hidden ones too."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def hidden(root: Path) -> list[str]:
    """Files and folders put aside."""
    return [path.relative_to(root).as_posix() for path in root.rglob(".*")]


def content_of(path: Path) -> dict[str, tuple[int, str | None]]:
    """What a published collection says, as `Content`."""
    found = json.loads(plain(path))["features"]
    assert all(one["id"] == one["properties"]["id"] for one in found)
    return {one["id"]: (one["properties"]["n"], one["properties"]["muni_code"]) for one in found}


def replayed(folder: Path) -> set[str]:
    """The ids that a puller has who followed every change from the start."""
    ids: set[str] = set()
    for entry in json.loads((folder / "changes.json").read_bytes())["versions"]:
        add, modify, remove = (set(entry[name]) for name in ("add", "modify", "remove"))
        assert not add & ids
        assert modify <= ids
        assert remove <= ids
        ids = (ids | add) - remove
    return ids


def check(root: Path, content: Content) -> dict[str, Any]:
    """Assert that everything in the tree of one layer speaks of `content` and fits together; its manifest."""
    folder = root / "layers" / "shelter"
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    version = folder / "v" / manifest["version"]
    names = {path.name for path in folder.glob("latest.*")}
    assert names == set(manifest["files"])
    for name in names:
        body = (folder / name).read_bytes()
        kept = (version / name.replace("latest", "shelter", 1)).read_bytes()
        assert manifest["files"][name] == {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
        assert body == kept or (name.endswith("-metadata.json") and json.loads(body)["url"] == "latest.csv")
    with (folder / "latest.csv").open(encoding="utf-8-sig", newline="") as table_:
        assert {one["id"]: (int(one["n"]), one["muni_code"] or None) for one in csv.DictReader(table_)} == content
    for suffix in ("", ".gz", ".zst"):
        latest = folder / f"latest.geojson{suffix}"
        assert content_of(latest) == dict(content)
        assert plain(latest) == plain(folder / "latest.geojson")
    assert (version / "manifest.json").read_bytes() == (folder / "manifest.json").read_bytes()
    assert manifest["features"] == len(content)
    cuts = {path.name.removesuffix(".geojson") for path in folder.glob("by-muni/*.geojson")}
    assert cuts == set(manifest["by_muni"])
    assert cuts >= {code for _, code in content.values() if code is not None}
    for code in cuts:
        cut = folder / "by-muni" / f"{code}.geojson"
        assert content_of(cut) == {item_id: one for item_id, one in content.items() if one[1] == code}
        assert json.loads(cut.read_bytes())["bousai:muni_code"] == code
        assert plain(cut.with_name(f"{code}.geojson.gz")) == cut.read_bytes()
    assert replayed(folder) == set(content)
    assert json.loads((folder / "changes.json").read_bytes())["versions"][-1]["version"] == manifest["version"]
    assert hidden(root) == []
    return manifest
