"""The tree of files: every file whole or not there, versions by content, the index last.

``layers/<layer>/``: ``v/<version>/`` (written first, never changed, every format and ``delta.json``),
``latest.<format>`` (the same file under a stable name), ``by-muni/<code>.geojson`` (+ .gz), ``schema.json``,
``changes.json``,
``manifest.json``. Then ``index.json`` for all layers.
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
from functools import partial
from hashlib import blake2b, sha256
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import orjson
import shapely
import zstandard
from isal import igzip

from bousai import __version__
from bousai.model import ReleasedLayer, SourceFreshness, Status
from bousai.publish import geojson, schema, writers
from bousai.publish.features import FeatureTable
from bousai.vocab.japanese_time import local

_KEPT_CHANGES = 500
_KEPT_WHOLE, _KEPT_BYTES = 100, 1024**3
_GZIP_LEVEL, _ZSTD_LEVEL = 2, 3
_DELTA = "delta.json"
_STEP = 4 * 1024 * 1024
_WRITERS, _AT_ONCE = 32, 512  # threads that wait for the disk, files that wait to be renamed


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a layer: the version that stands now, whether it is new, its number of features, and how many
    values were withheld by which rule."""

    version: str
    changed: bool
    count: int
    withheld: Mapping[str, int]


def write_layer(
    root: Path,
    features: FeatureTable,
    *,
    status: Status,
    valid_at: datetime,
    known_at: datetime,
    published_at: datetime,
    freshness: Sequence[SourceFreshness],
    publisher: writers.Publisher,
    formats: Iterable[str] = writers.FORMATS,
) -> Published:
    """Publish a layer below `root`, unless it stands there with just this content and these states of its sources.

    `formats` are those beside GeoJSON, by their suffix; `publisher` is who stands for them.
    Raises ValueError where features of another status or tier than those of the tree would be published.
    """
    _guard(root, features, status)
    layer = features.layer
    folder = root / "layers" / layer.id
    lines = list(geojson.feature_lines(features))
    looks = _looks(layer, status, freshness)
    content = _digest(looks.encode(), lines)
    with alone(folder):
        before = read_json(folder / "manifest.json")
        changes = read_json(folder / "changes.json").get("versions", [])
        begun = changes[-1]["version"] if changes else before.get("version")
        # Otherwise a writer was killed in between: its files may stand where those of `before` should.
        whole = begun == before.get("version")
        if whole and before.get("content") == content:
            return Published(before["version"], False, len(features), features.withheld)
        # A content that comes back is another version: what is below v/ never changes. One that a writer died over
        # is finished by whoever has the same content.
        version = _digest(str(_before_last(changes, before)).encode(), [content.encode()])
        if whole or version != begun:
            version = _digest(str(begun).encode(), [content.encode()])
        members = geojson.members(
            layer,
            status=status,
            valid_at=valid_at,
            known_at=known_at,
            published_at=published_at,
            freshness=freshness,
        )
        _clear(folder, folder / "by-muni", folder / "v", folder / "v" / str(begun))
        new = folder / "v" / version
        if begun != version:
            delta = _delta(folder, begun, features.ids, lines)
            made = partial(
                writers.write,
                features=features,
                members=members,
                formats=formats,
                publisher=publisher,
                before=sorted(folder.glob(f"latest.*{writers.PACKAGE}")),
            )
            _write_version(new, members, lines, delta, made)
            # Before anything else moves: from here on a crash shows.
            changes = _write_changes(folder, changes, new, published_at, delta)
        stable = {name: f"latest{name.removeprefix(layer.id)}" for name in _files(new)}
        _stand(new, folder, stable)
        cuts = before.get("by_muni", {}) if whole else dict.fromkeys(_codes(folder / "by-muni"), "")
        by_muni = _write_by_muni(folder / "by-muni", features, lines, looks.encode(), members, cuts)
        manifest = {
            "layer": layer.id,
            "status": status,
            "tier": layer.tier,
            "version": version,
            "content": content,
            "looks": looks,
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
            "files": {latest: weighed(folder / latest) for latest in stable.values()},
            "by_muni": by_muni,
        }
        written = dump(schema.schema(layer, status))
        if not (folder / "schema.json").exists() or (folder / "schema.json").read_bytes() != written:
            write_file(folder / "schema.json", written)
        if not (new / "manifest.json").exists():
            write_file(new / "manifest.json", dump(manifest))
        _link(new / "manifest.json", folder / "manifest.json")
        _sync_folder(folder)
        _drop_others(folder, set(stable.values()))
        _thin(folder / "v", changes)
        return Published(version, True, len(features), features.withheld)


def standing(
    root: Path, layer: ReleasedLayer, status: Status, freshness: Sequence[SourceFreshness]
) -> Published | None:
    """The version of a layer that stands below `root`, if it was made of a layer and of sources that look just like
    these; whether its items have changed is for the caller to know."""
    folder = root / "layers" / layer.id
    manifest = read_json(folder / "manifest.json")
    changes = read_json(folder / "changes.json").get("versions", [])
    whole = bool(manifest) and (not changes or changes[-1]["version"] == manifest["version"])
    if not whole or manifest.get("looks") != _looks(layer, status, freshness):
        return None
    return Published(manifest["version"], False, manifest["features"], manifest["withheld"])


def _looks(layer: ReleasedLayer, status: Status, freshness: Sequence[SourceFreshness]) -> str:
    """Everything that a version shows beside its items: fields, titles, what may be seen, the states of the
    sources.
    """
    states = [geojson.shown_state(source) | {"credit": source.credit} for source in freshness]
    # where it stands on the map page is nothing that a file shows
    told = [__version__, status, layer.model_dump(exclude={"map"}), states]
    return _digest(orjson.dumps(told, default=sorted, option=orjson.OPT_SORT_KEYS), [])


def _before_last(changes: Sequence[Mapping[str, Any]], before: Mapping[str, Any]) -> str | None:
    """The version that the last one of changes.json followed."""
    found: str | None = changes[-1].get("previous_version") if changes else before.get("version")
    return found


def _guard(root: Path, features: FeatureTable, status: Status) -> None:
    wanted = "exercise" if root.name == "exercise" else "actual"
    if not status == features.status == wanted:
        raise ValueError(f"{root}: a tree for {wanted} cannot take {features.status} as {status}")
    tier = features.layer.tier
    stands = read_json(root / "layers" / features.layer.id / "manifest.json").get("tier", tier)
    if tier == "isut" or read_json(root / "index.json").get("bousai:tier", stands) != tier or stands != tier:
        raise ValueError(f"{root}: what {tier} may see does not belong into this tree")


def _digest(states: bytes, lines: Iterable[bytes]) -> str:
    digest = sha256(states)
    for line in lines:
        digest.update(line)
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def _write_version(
    folder: Path,
    members: Mapping[str, Any],
    lines: list[bytes],
    delta: _Delta,
    made: Callable[[Path], Iterable[Path]],
) -> None:
    """The files of a version, made aside and put in place together; a version that stands already stays. `made`
    writes the formats beside GeoJSON into a folder.
    """
    if folder.exists():
        return
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    aside.mkdir(parents=True)
    plain = aside / f"{folder.parent.parent.name}.geojson"
    with plain.open("wb") as file:
        file.write(geojson.head(members))
        file.writelines(geojson.batches(lines))
        file.write(geojson.END)
        _sync(file)
    with ThreadPoolExecutor(_WRITERS) as pool:
        packed = [pool.submit(_gzip_file, plain), pool.submit(_zstd_file, plain)]
        if delta.before is not None:
            _write_delta(aside / _DELTA, folder.name, members, delta)
        for done in [*packed, *(pool.submit(sync_file, path) for path in made(aside))]:
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


@dataclass(frozen=True, slots=True)
class _Delta:
    """What a version changes against the one `before` (None: there is none). `lines` are those of added and modified
    features."""

    before: str | None
    add: list[str]
    modify: list[str]
    remove: list[str]
    lines: list[bytes]


def _delta(folder: Path, begun: str | None, ids: Sequence[str], lines: Sequence[bytes]) -> _Delta:
    old = {} if begun is None else _lines_of(folder / "v" / begun / f"{folder.name}.geojson")
    now = dict(zip(ids, lines, strict=True))
    changed = [item_id for item_id, line in now.items() if old.get(item_id) != _short(line)]
    return _Delta(
        begun,
        sorted(item_id for item_id in changed if item_id not in old),
        sorted(item_id for item_id in changed if item_id in old),
        sorted(old.keys() - now.keys()),
        [now[item_id] for item_id in changed],
    )


def _write_delta(path: Path, version: str, members: Mapping[str, Any], delta: _Delta) -> None:
    """A collection of what is added or modified, with the ids of what is gone: applied to the version before, it
    gives this one."""
    with path.open("wb") as file:
        file.write(geojson.head(members, version=version, previous_version=delta.before, remove=delta.remove))
        file.writelines(geojson.batches(delta.lines))
        file.write(geojson.END)
        _sync(file)


def _write_changes(
    folder: Path, known: list[dict[str, Any]], new: Path, published_at: datetime, delta: _Delta
) -> list[dict[str, Any]]:
    """changes.json with one more version: what it adds, modifies and removes against the one before it."""
    entry = {
        "version": new.name,
        "previous_version": delta.before,
        "published_at": local(published_at),
        "add": delta.add,
        "modify": delta.modify,
        "remove": delta.remove,
        "delta": {"file": f"v/{new.name}/{_DELTA}", **weighed(new / _DELTA)} if delta.before is not None else None,
    }
    versions = [*known, entry][-_KEPT_CHANGES:]
    sizes = accumulate((one.get("delta") or {"size": 0})["size"] for one in reversed(versions))
    versions = versions[-max(1, sum(size <= _KEPT_BYTES for size in sizes)) :]
    write_file(folder / "changes.json", dump({"versions": versions}))
    return versions


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
    members: Mapping[str, Any],
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
                body = geojson.collection(geojson.head(members, muni_code=code), cuts.get(code, []))
                yield f"{code}.geojson", body
                yield f"{code}.geojson.gz", igzip.compress(body, _GZIP_LEVEL, mtime=0)

    folder.mkdir(parents=True, exist_ok=True)
    write_files_whole(folder, files())
    return digests


def _codes(folder: Path) -> list[str]:
    """The municipalities that have a cut, by its file."""
    return [path.name.removesuffix(".geojson") for path in folder.glob("*.geojson")]


def _files(folder: Path) -> list[str]:
    """The files of a version that have a stable address too."""
    return sorted(path.name for path in folder.iterdir() if path.name not in ("manifest.json", _DELTA))


def _stand(new: Path, folder: Path, stable: Mapping[str, str]) -> None:
    """The files of a version under their stable names; what describes a table names it, so that is another there."""
    described = {
        latest: dump({**read_json(new / name), "url": latest.removesuffix(writers.DESCRIPTION)})
        for name, latest in stable.items()
        if latest.endswith(writers.DESCRIPTION)
    }
    if described:
        write_files_whole(folder, described.items())
    for name, latest in stable.items():
        if latest not in described:
            _link(new / name, folder / latest)
    _sync_folder(folder)


def weighed(path: Path) -> dict[str, Any]:
    return {"sha256": _sha256_of(path), "size": path.stat().st_size}


def _drop_others(folder: Path, names: set[str]) -> None:
    """Remove the stable addresses of files that are not made any more; no manifest names them."""
    for path in folder.glob("latest.*"):
        if path.name not in names:
            path.unlink()


def _thin(folder: Path, changes: Sequence[Mapping[str, Any]]) -> None:
    """Make room: the newest two versions stay whole, and before them the newest `_KEPT_WHOLE` as long as they take no
    more than `_KEPT_BYTES` together. Of older ones the delta stays while changes.json lists them, and the manifest
    always (they are a chain). What they showed can be made again with ``bousai layer --known-at``.
    """
    kept = {changes[-1]["version"], changes[-1].get("previous_version")}
    order = {one["version"]: n for n, one in enumerate(reversed(changes))}
    total = 0
    for path in sorted(folder.iterdir(), key=lambda one: order.get(one.name, len(order))):
        files = [one for one in path.iterdir() if one.name != "manifest.json"]
        total += sum(one.stat().st_size for one in files)
        # What a writer that died has left is in no list, and no manifest came to stand in it.
        listed = path.name in order or not (path / "manifest.json").exists()
        old = not listed or order.get(path.name, 0) >= _KEPT_WHOLE or total > _KEPT_BYTES
        if path.name not in kept and old:
            for one in files:
                if one.name != _DELTA or path.name not in order:
                    one.unlink()


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
    with alone(root):
        _clear(root)
        write_file(root / "index.json", dump(body))


def _entry(
    root: Path,
    layer: ReleasedLayer,
    sources: Sequence[SourceFreshness],
    status: Status,
    public_url: str,
    at: datetime,
) -> Iterator[dict[str, Any]]:
    manifest = read_json(root / "layers" / layer.id / "manifest.json")
    if not manifest:
        return
    address = f"{public_url}/layers/{layer.id}"
    tiles = read_json(root / "layers" / layer.id / "tiles" / "tiles.json")
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
        "formats": [_suffix(name) for name in manifest["files"] if not name.endswith(writers.DESCRIPTION)],
        "links": {
            "latest": f"{address}/latest.geojson",
            **{_suffix(name): f"{address}/{name}" for name in manifest["files"]},
            "version": f"{address}/v/{manifest['version']}/",
            "schema": f"{address}/schema.json",
            "by_muni": f"{address}/by-muni/{{code5}}.geojson",
            "changes": f"{address}/changes.json",
            "manifest": f"{address}/manifest.json",
            **{name.removeprefix("latest."): f"{address}/tiles/{name}" for name in tiles.get("files", {})},
        },
        **({"tiles": {"version": tiles["version"], "timeStamp": tiles["timeStamp"]}} if tiles else {}),
    }


def _suffix(name: str) -> str:
    return name.removeprefix("latest.")


def _age_min(source: SourceFreshness, at: datetime) -> int | None:
    """Whole minutes since the source last answered."""
    return None if source.last_fetch_at is None else int((at - source.last_fetch_at).total_seconds() // 60)


def dump(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_json(path: Path) -> dict[str, Any]:
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
def alone(folder: Path) -> Iterator[None]:
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


def write_file(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_files_whole(path.parent, [(path.name, body)])


def write_files_whole(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
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
    """Put a file of a version under its stable name, without copying it; on the disk once the folder is."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    os.link(source, aside)
    os.replace(aside, path)
    aside.unlink(missing_ok=True)  # rename does nothing where both are one file already


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
