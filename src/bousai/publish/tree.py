"""The tree of files: every file whole or not there, versions by content, the index last.

``layers/<layer>/``: ``v/<version>/`` (written first, never changed), ``latest.geojson`` (+ .gz, .zst),
``by-muni/<code>.geojson`` (+ .gz), ``changes.json``, ``manifest.json``. Then ``index.json`` for all layers.
A reader of one file sees the old or the new one, whole. Unchanged content writes nothing. One writer of a layer at a
time; one that was killed half-way is found by changes.json, which is ahead of the manifest then.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import shapely
import zstandard
from isal import igzip

from bousai.model import ReleasedLayer, SourceFreshness, Status
from bousai.publish import geojson
from bousai.publish.features import FeatureTable, local

_KEPT_CHANGES = 500
_GZIP_LEVEL, _ZSTD_LEVEL = 2, 3
_STEP = 4 * 1024 * 1024
_WRITERS, _AT_ONCE = 32, 512  # threads that wait for the disk, files that wait to be renamed


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a layer: the version that stands now, whether it is new, and its number of features."""

    version: str
    changed: bool
    count: int


def write_layer(
    root: Path,
    features: FeatureTable,
    *,
    status: Status,
    valid_at: datetime,
    known_at: datetime,
    published_at: datetime,
    freshness: Sequence[SourceFreshness],
) -> Published:
    """Publish a layer below `root`, unless it stands there with just this content and these states of its sources.

    Raises ValueError where features of another status or tier than those of the tree would be published.
    """
    _guard(root, features, status)
    layer = features.layer
    folder = root / "layers" / layer.id
    lines = list(geojson.feature_lines(features))
    states = orjson.dumps([geojson.shown_state(source) for source in freshness])
    content = _digest(states, lines)
    with _alone(folder):
        before = _json(folder / "manifest.json")
        changes = _json(folder / "changes.json").get("versions", [])
        begun = changes[-1]["version"] if changes else before.get("version")
        # Otherwise a writer was killed in between: its files may stand where those of `before` should.
        whole = begun == before.get("version")
        if whole and before.get("content") == content:
            return Published(before["version"], False, len(features))
        # A content that comes back is another version: what is below v/ never changes.
        version = _digest(str(before.get("version")).encode(), [content.encode()])

        def head(muni_code: str | None = None) -> bytes:
            return geojson.head(
                layer,
                status=status,
                valid_at=valid_at,
                known_at=known_at,
                published_at=published_at,
                freshness=freshness,
                muni_code=muni_code,
            )

        _clear(folder, folder / "by-muni", folder / "v", folder / "v" / str(begun))
        new = folder / "v" / version
        _write_version(new, head(), lines)
        # Before anything else moves: from here on a crash shows.
        _write_changes(folder, changes, version, published_at, features.ids, lines)
        for suffix in _SUFFIXES:
            _link(new / f"{layer.id}.geojson{suffix}", folder / f"latest.geojson{suffix}")
        cuts = before.get("by_muni", {}) if whole else dict.fromkeys(_codes(folder / "by-muni"), "")
        by_muni = _write_by_muni(folder / "by-muni", features, lines, states, head, cuts)
        manifest = {
            "layer": layer.id,
            "status": status,
            "tier": layer.tier,
            "version": version,
            "content": content,
            "previous_version": before.get("version"),
            "previous_manifest_sha256": _sha256_of(folder / "manifest.json"),
            "valid_at": local(valid_at),
            "known_at": local(known_at),
            "published_at": local(published_at),
            "features": len(features),
            "without_geometry": int(shapely.is_missing(features.geometry).sum()),
            "bbox": _bbox(features),
            "withheld": features.withheld,
            "freshness": [_source(source) for source in freshness],
            "files": {
                path.relative_to(folder).as_posix(): {"sha256": _sha256_of(path), "size": path.stat().st_size}
                for path in (folder / f"latest.geojson{suffix}" for suffix in _SUFFIXES)
            },
            "by_muni": by_muni,
        }
        if not (new / "manifest.json").exists():
            _write(new / "manifest.json", _dump(manifest))
        _link(new / "manifest.json", folder / "manifest.json")
        return Published(version, True, len(features))


_SUFFIXES = ("", ".gz", ".zst")


def _guard(root: Path, features: FeatureTable, status: Status) -> None:
    wanted = "exercise" if root.name == "exercise" else "actual"
    if not status == features.status == wanted:
        raise ValueError(f"{root}: a tree for {wanted} cannot take {features.status} as {status}")
    tier = features.layer.tier
    stands = _json(root / "layers" / features.layer.id / "manifest.json").get("tier", tier)
    if tier == "isut" or _json(root / "index.json").get("bousai:tier", stands) != tier or stands != tier:
        raise ValueError(f"{root}: what {tier} may see does not belong into this tree")


def _digest(states: bytes, lines: Iterable[bytes]) -> str:
    digest = sha256(states)
    for line in lines:
        digest.update(line)
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def _write_version(folder: Path, start: bytes, lines: list[bytes]) -> None:
    """The files of a version, made aside and put in place together; a version that stands already stays."""
    if folder.exists():
        return
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    aside.mkdir(parents=True)
    plain = aside / f"{folder.parent.parent.name}.geojson"
    with plain.open("wb") as file:
        file.write(start)
        file.writelines(geojson.batches(lines))
        file.write(geojson.END)
        _sync(file)
    with ThreadPoolExecutor(2) as pool:
        for done in (pool.submit(_gzip_file, plain), pool.submit(_zstd_file, plain)):
            done.result()
    _sync_folder(aside)
    aside.rename(folder)
    _sync_folder(folder.parent)


def _gzip_file(plain: Path) -> None:
    with plain.open("rb") as source, plain.with_name(f"{plain.name}.gz").open("wb") as target:
        with igzip.IGzipFile(  # type: ignore[no-untyped-call]
            filename="", fileobj=target, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0
        ) as packed:
            shutil.copyfileobj(source, packed, _STEP)
        _sync(target)


def _zstd_file(plain: Path) -> None:
    with plain.open("rb") as source, plain.with_name(f"{plain.name}.zst").open("wb") as target:
        zstandard.ZstdCompressor(level=_ZSTD_LEVEL).copy_stream(
            source, target, size=plain.stat().st_size, read_size=_STEP
        )
        _sync(target)


def _write_changes(
    folder: Path,
    known: list[dict[str, Any]],
    version: str,
    published_at: datetime,
    ids: Sequence[str],
    lines: Sequence[bytes],
) -> None:
    """changes.json with one more version: what it adds, modifies and removes against the last one that is known."""
    if known and known[-1]["version"] == version:
        return
    before = _lines_of(folder / "v" / known[-1]["version"] / f"{folder.name}.geojson") if known else {}
    now = {item_id: _short(line) for item_id, line in zip(ids, lines, strict=True)}
    entry = {
        "version": version,
        "published_at": local(published_at),
        "add": sorted(now.keys() - before.keys()),
        "modify": sorted(item_id for item_id in now.keys() & before.keys() if now[item_id] != before[item_id]),
        "remove": sorted(before.keys() - now.keys()),
    }
    _write(folder / "changes.json", _dump({"versions": [*known, entry][-_KEPT_CHANGES:]}))


def _lines_of(path: Path) -> dict[str, bytes]:
    """Feature id → digest of its line, of a file that we wrote."""
    found: dict[str, bytes] = {}
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if line.startswith(b'{"type":"Feature","id":'):
                    item_id = line[23 : line.index(b',"geometry":', 23)]
                    found[orjson.loads(item_id)] = _short(line.rstrip(b"\n").removesuffix(b","))
    return found


def _short(line: bytes) -> bytes:
    return blake2b(line, digest_size=12).digest()


def _write_by_muni(
    folder: Path,
    features: FeatureTable,
    lines: list[bytes],
    states: bytes,
    head: Callable[[str], bytes],
    before: Mapping[str, str],
) -> dict[str, str]:
    """The cuts by municipality whose content is new; returns the digest of every cut.

    One whose last feature went stays, empty: whoever pulls it must see that there is nothing, not an error.
    """
    cuts: dict[str, list[bytes]] = defaultdict(list)
    for code, line in zip(features.muni_codes, lines, strict=True):
        if code is not None:
            cuts[code].append(line)
    digests = {code: _digest(states, cuts.get(code, [])) for code in sorted({*cuts, *before})}

    def files() -> Iterator[tuple[str, bytes]]:
        for code, digest in digests.items():
            if before.get(code) != digest:
                body = geojson.collection(head(code), cuts.get(code, []))
                yield f"{code}.geojson", body
                yield f"{code}.geojson.gz", igzip.compress(body, _GZIP_LEVEL, mtime=0)

    folder.mkdir(parents=True, exist_ok=True)
    _write_all(folder, files())
    return digests


def _codes(folder: Path) -> list[str]:
    """The municipalities that have a cut, by its file."""
    return [path.name.removesuffix(".geojson") for path in folder.glob("*.geojson")]


def _bbox(features: FeatureTable) -> list[float] | None:
    if shapely.is_missing(features.geometry).all():
        return None
    return [round(float(bound), 6) for bound in shapely.total_bounds(features.geometry)]


def _source(source: SourceFreshness) -> dict[str, Any]:
    return {key: local(value) if isinstance(value, datetime) else value for key, value in asdict(source).items()}


def write_index(
    root: Path,
    layers: Iterable[ReleasedLayer],
    sources: Mapping[str, Sequence[SourceFreshness]],
    *,
    status: Status,
    public_url: str,
    published_at: datetime,
) -> None:
    """index.json: every published layer with its fields, files, licences and the age of its sources. All layers are
    those of one tier."""
    layers = list(layers)
    (tier,) = {layer.tier for layer in layers}
    entries = [
        entry
        for layer in layers
        for entry in _entry(root, layer, sources[layer.id], status, public_url, published_at)
    ]
    body = {
        "title": "bousai" if status == "actual" else "bousai 【訓練】",
        "timeStamp": local(published_at),
        "bousai:status": status,
        "bousai:tier": tier,
        "layers": entries,
    }
    with _alone(root):
        _clear(root)
        _write(root / "index.json", _dump(body))


def _entry(
    root: Path,
    layer: ReleasedLayer,
    sources: Sequence[SourceFreshness],
    status: Status,
    public_url: str,
    at: datetime,
) -> Iterator[dict[str, Any]]:
    manifest = _json(root / "layers" / layer.id / "manifest.json")
    if not manifest:
        return
    address = f"{public_url}/layers/{layer.id}"
    title_ja, title_en = geojson.title(layer, status)
    yield {
        "id": layer.id,
        "kind": layer.kind,
        "title_ja": title_ja,
        "title_en": title_en,
        "description_ja": layer.description_ja,
        "description_en": layer.description_en,
        "geometry": layer.geometry,
        "fields": [field.model_dump() for field in (*layer.common, *layer.fields)],
        "version": manifest["version"],
        "features": manifest["features"],
        "bbox": manifest["bbox"],
        "published_at": manifest["published_at"],
        "freshness": [{**_source(source), "age_min": _age_min(source, at)} for source in sources],
        "credits": [source.credit for source in sources],
        "licences": [{"name": source.licence, "url": source.licence_url} for source in sources],
        "formats": ["geojson", "geojson.gz", "geojson.zst"],
        "links": {
            "latest": f"{address}/latest.geojson",
            "by_muni": f"{address}/by-muni/{{code5}}.geojson",
            "changes": f"{address}/changes.json",
            "manifest": f"{address}/manifest.json",
        },
    }


def _age_min(source: SourceFreshness, at: datetime) -> int | None:
    """Whole minutes since the source last answered."""
    return None if source.last_fetch_at is None else int((at - source.last_fetch_at).total_seconds() // 60)


def _dump(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _json(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return value


def _sha256_of(path: Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        digest = sha256()
        while step := file.read(_STEP):
            digest.update(step)
    return digest.hexdigest()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread writes in `folder`; the lock goes with whoever dies."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _clear(*folders: Path) -> None:
    """Remove what writers that died have left aside."""
    for folder in folders:
        for path in folder.glob(".*." + "[0-9a-f]" * 32):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_all(path.parent, [(path.name, body)])


def _write_all(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Put files into a folder, each whole: written aside, on the disk, then renamed.

    Many at once, because a disk takes a hundred waiting writers in the time of a few one after another.
    """
    waiting = iter(files)
    mark = uuid.uuid4().hex
    with ThreadPoolExecutor(_WRITERS) as pool:
        while some := list(islice(waiting, _AT_ONCE)):
            asides = [folder / f".{name}.{mark}" for name, _ in some]
            try:
                list(pool.map(_write_aside, asides, (body for _, body in some)))
                for aside, (name, _) in zip(asides, some, strict=True):
                    os.replace(aside, folder / name)
            finally:
                for aside in asides:
                    aside.unlink(missing_ok=True)
    _sync_folder(folder)


def _write_aside(aside: Path, body: bytes) -> None:
    with aside.open("xb") as file:
        file.write(body)
        _sync(file)


def _link(source: Path, path: Path) -> None:
    """Put a file of a version under its stable name, without copying it."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    os.link(source, aside)
    os.replace(aside, path)
    aside.unlink(missing_ok=True)  # rename does nothing where both are one file already
    _sync_folder(path.parent)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
