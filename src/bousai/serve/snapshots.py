"""Snapshots: one layer of one status as one GeoJSON file that never changes, and what finds features in it.

Two origins, one type. *Published*: the standing version of the tree, for questions about now. *As asked*: what was
true at one time and known at another, made by the corridor and kept below ``<data>/serve/``. The file has one feature
a line, in the order of their ids (`bousai.publish`), so a page is a run of its bytes. A "row" is the number of a
feature.
"""

from __future__ import annotations

import mmap
import os
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from bousai import __version__, pipeline
from bousai.catalogue import Catalogue
from bousai.model import EVERYWHERE, Region, ReleasedLayer, Status
from bousai.settings import Settings

Rows = npt.NDArray[np.int64]
Box = tuple[float, float, float, float]
Relation = Literal["intersects", "disjoint", "contains", "within", "touches", "crosses", "overlaps", "equals"]

_HEAD_ENDS = b',"features":[\n'
_ID = len(b'{"type":"Feature","id":')
_GEOMETRY, _PROPERTIES, _MUNI = b',"geometry":', b',"properties":{', b'"muni_code":"'
_STEP = 16 * 1024 * 1024
_AT_ONCE = 20_000


class Snapshot:
    """One layer as it stood. Everything that is worked out is worked out once, whoever asks first.

    `key` names the content, for ETags. `members` are the members of the collection before its features.
    """

    def __init__(self, path: Path, layer: ReleasedLayer, status: Status, key: str) -> None:
        self.layer = layer
        self.status = status
        self.key = key
        self._lock = threading.RLock()
        with path.open("rb") as file:
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        head = self._file.find(_HEAD_ENDS)
        self.members: dict[str, Any] = orjson.loads(self._file[:head] + b"}")
        self._starts, self._ends = _lines(self._file, head + len(_HEAD_ENDS))

    def __len__(self) -> int:
        return len(self._starts)

    def _moment(self, name: str) -> datetime:
        return datetime.fromisoformat(self.members[name])

    @property
    def valid_at(self) -> datetime:
        """The time at which all of it was true."""
        return self._moment("bousai:valid_at")

    @property
    def known_at(self) -> datetime:
        """The time by which all of it was known here."""
        return self._moment("bousai:known_at")

    @property
    def published_at(self) -> datetime:
        """When it was put together."""
        return self._moment("timeStamp")

    def feature(self, row: int) -> bytes:
        """One feature as JSON."""
        return self._file[self._starts[row] : self._ends[row]]

    def features(self, rows: Iterable[int]) -> Iterator[bytes]:
        """Features as JSON, one by one."""
        return (self.feature(row) for row in rows)

    def texts(self, rows: Rows) -> bytes:
        """Features joined by a comma and a line break: what stands between the brackets of a collection."""
        if not len(rows):
            return b""
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == len(rows):
            return self._file[self._starts[first] : self._ends[last]]
        return b",\n".join(self.features(rows))

    def feature_id(self, row: int) -> str:
        """The id of a feature."""
        start = int(self._starts[row]) + _ID
        found: str = orjson.loads(self._file[start : self._file.find(_GEOMETRY, start)])
        return found

    def row_of(self, feature_id: str) -> int | None:
        """The row of a feature, None where there is none of this id."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.feature_id(middle) < feature_id:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self.feature_id(low) == feature_id else None

    def every(self) -> Rows:
        """All rows."""
        return np.arange(len(self), dtype=np.int64)

    def geometries(self, rows: Rows) -> npt.NDArray[Any]:
        """The geometries of some features; None where one has none."""
        found: npt.NDArray[Any] = shapely.from_geojson([self._geometry(int(row)) for row in rows])
        return found

    def _geometry(self, row: int) -> str | None:
        start = self._file.find(_GEOMETRY, self._starts[row]) + len(_GEOMETRY)
        text = self._file[start : self._file.find(_PROPERTIES, start)]
        return None if text == b"null" else text.decode()

    def muni_of(self, row: int) -> str | None:
        """The municipality of a feature (5 digits)."""
        code = self._muni(row)
        return None if code < 0 else f"{code:05d}"

    @cached_property
    def _boxes(self) -> npt.NDArray[np.float64]:
        """West, south, east, north of each feature; NaN where it has no geometry."""
        with self._lock:
            parts = [
                shapely.bounds(self.geometries(self.every()[start : start + _AT_ONCE]))
                for start in range(0, len(self), _AT_ONCE)
            ]
            return np.concatenate(parts) if parts else np.empty((0, 4))

    @cached_property
    def _munis(self) -> npt.NDArray[np.int32]:
        """The municipality of each feature as a number; -1 where it has none."""
        with self._lock:
            return np.fromiter((self._muni(row) for row in range(len(self))), np.int32, len(self))

    def _muni(self, row: int) -> int:
        start = self._file.find(_PROPERTIES, self._starts[row])
        at = self._file.find(_MUNI, start, int(self._ends[row]))
        code = self._file[at + len(_MUNI) : at + len(_MUNI) + 5]
        return int(code) if at >= 0 and code.isdigit() else -1

    def in_box(self, box: Box) -> Rows:
        """The rows whose geometry touches a box of degrees; west > east crosses the antimeridian."""
        west, south, east, north = box
        if west > east:
            return np.union1d(self.in_box((west, south, 180.0, north)), self.in_box((-180.0, south, east, north)))
        w, s, e, n = self._boxes.T
        near = np.flatnonzero((w <= east) & (e >= west) & (s <= north) & (n >= south))
        # What lies in the box whole is in it; of what reaches out of it, its box alone may touch.
        out = near[(w[near] < west) | (e[near] > east) | (s[near] < south) | (n[near] > north)]
        if not len(out):
            return near
        touching = shapely.intersects(self.geometries(out), shapely.box(*box))
        return np.setdiff1d(near, out[~touching], assume_unique=True)

    def related(self, relation: Relation, shape: Any) -> Rows:
        """The rows whose geometry stands in a relation of OGC 06-103r4 (6.1.15) to a shape. Those that have no
        geometry
        stand in none."""
        w, s, e, n = self._boxes.T
        if relation == "disjoint":
            return np.setdiff1d(np.flatnonzero(~np.isnan(w)), self.related("intersects", shape), assume_unique=True)
        west, south, east, north = shapely.bounds(shape)
        near = np.flatnonzero((w <= east) & (e >= west) & (s <= north) & (n >= south))
        shapely.prepare(shape)
        # turned around, because what is prepared has to come first
        turned = {"contains": "within", "within": "contains"}.get(relation, relation)
        return near[getattr(shapely, turned)(shape, self.geometries(near))] if len(near) else near

    def in_munis(self, codes: Iterable[str]) -> Rows:
        """The rows of municipalities (5 digits) or prefectures (2 digits)."""
        wanted = np.zeros(len(self), dtype=bool)
        for code in codes:
            wanted |= (self._munis == int(code)) if len(code) == 5 else (self._munis // 1000 == int(code))
        return np.flatnonzero(wanted)

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes, roughly: the file itself is the system's to keep."""
        return 4096 + 56 * len(self)


def _lines(file: mmap.mmap, start: int) -> tuple[Rows, Rows]:
    """Where each feature begins and ends. Every line but the last two ends in a comma, and the last is no feature."""
    breaks = [
        np.flatnonzero(np.frombuffer(file, np.uint8, min(_STEP, len(file) - at), at) == ord("\n")) + at
        for at in range(start, len(file), _STEP)
    ]
    ends = np.concatenate(breaks) if breaks else np.empty(0, np.int64)
    starts = np.concatenate(([start], ends[:-1] + 1)) if len(ends) else ends
    if len(ends) and file[start : start + 1] != b"{":
        return starts[:0], ends[:0]
    starts, ends = starts[:-1], ends[:-1].copy()  # without the line of the closing brackets
    ends[:-1] -= 1
    return starts, ends


@dataclass(frozen=True, slots=True)
class Asked:
    """Which picture of a layer is asked for: what was true at `valid_at` (or at some time since `since`) and known at
    `known_at`, in a region, as this `edition` of the program shows the layer. Two that are equal have the same answer
    for ever."""

    layer: str
    status: Status
    valid_at: datetime
    known_at: datetime
    since: datetime | None = None
    region: Region = EVERYWHERE
    edition: str = ""

    @property
    def key(self) -> str:
        """The key of its snapshot."""
        times = [at and at.astimezone(UTC).isoformat() for at in (self.valid_at, self.known_at, self.since)]
        where = [self.region.munis and sorted(self.region.munis), self.region.box]
        asked = orjson.dumps([*times, *where, self.edition])
        return _key(self.status, self.layer, sha256(asked).hexdigest()[:24])


def _key(status: Status, layer_id: str, what: str) -> str:
    return f"{status}.{layer_id}.{what}"


_KEPT_BYTES = 1024**3
_KEPT, _KEPT_ALONE = 2000, 200
_OPEN_BYTES = 256 * 1024**2
_OPEN = 256
"""Pictures that are open: each has a mapping, of which a process may not have many thousands."""


class Snapshots:
    """The snapshots of one server: found again while they are kept, made once for all who ask at the same time."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._folder = settings.data / "serve"
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Snapshot] = OrderedDict()
        self._making: dict[str, Future[Snapshot]] = {}
        self._editions: dict[str, str] = {}
        self._manifests: dict[Path, tuple[tuple[int, int], str]] = {}
        self._opened_house = ExitStack()
        self._house: pipeline.House | None = None

    def house(self) -> pipeline.House:
        """The rooms, opened when first asked for and until `close`. Raises `StoreError`."""
        with self._lock:
            if self._house is None:
                self._house = self._opened_house.enter_context(pipeline.opened(self._settings))
            return self._house

    def close(self) -> None:
        """Give the connections back."""
        self._opened_house.close()

    def known(self, known_at: datetime | None) -> datetime:
        """The recording time of the last that was known at a time (None: now); the time itself where nothing was."""
        house = self.house()
        at = house.now() if known_at is None else known_at
        return pipeline.recorded(house, at) or at

    def layer(self, layer_id: str) -> ReleasedLayer:
        """A layer as the public may see it. Raises `CatalogueError`."""
        return self._catalogue.released(self._catalogue.layer(layer_id), "public")

    def edition(self, layer_id: str) -> str:
        """What says how a layer is shown: another program or catalogue may not serve what this one kept."""
        if layer_id not in self._editions:
            shown = f"{__version__} {self.layer(layer_id).model_dump_json()}"
            self._editions[layer_id] = sha256(shown.encode()).hexdigest()[:16]
        return self._editions[layer_id]

    def published(self, layer_id: str, status: Status) -> Snapshot | None:
        """The version that stands in the public tree; None where there is none."""
        folder = self._tree(status) / "layers" / layer_id
        version = self._standing(folder / "manifest.json")
        return None if version is None else self.version(layer_id, status, version)

    def version(self, layer_id: str, status: Status, version: str) -> Snapshot | None:
        """A version of the public tree; None where it is no longer kept."""
        path = self._version(layer_id, status, version)
        try:
            return self._once(
                _key(status, layer_id, version), lambda key: Snapshot(path, self.layer(layer_id), status, key)
            )
        except FileNotFoundError:
            return None

    def again(self, key: str, layer_id: str) -> Snapshot | None:
        """A snapshot of a layer by its key; None where there is none, or none any more."""
        matched = re.fullmatch(r"(actual|exercise|test)\.([a-z0-9_]+)\.([0-9a-f]+)", key)
        if matched is None or matched[2] != layer_id:
            return None
        status = cast("Status", matched[1])
        try:
            return self._once(key, lambda key: Snapshot(self._kept(key), self.layer(layer_id), status, key))
        except FileNotFoundError:
            return self.version(layer_id, status, matched[3])

    def keep(self, snapshot: Snapshot) -> None:
        """Keep a published version for those who are on their way through it, also when the tree drops it: a second
        name for the same file. What was asked for is kept anyway."""
        kept = self._kept(snapshot.key)
        if not kept.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.link(self._version(snapshot.layer.id, snapshot.status, snapshot.key.rpartition(".")[2]), kept)
            self._thin()

    def as_asked(self, asked: Asked) -> Snapshot:
        """The picture of two times, from the store: all of it where that is there or costs no more than a part.
        Raises `BousaiError` where it cannot be asked."""
        if asked.region != EVERYWHERE:
            whole = replace(asked, region=EVERYWHERE)
            if self._kept(whole.key).exists() or not pipeline.is_made_by_region(self.house(), asked.layer):
                asked = whole

        def make(key: str) -> Snapshot:
            path = self._kept(key)
            if not path.exists():
                self._write(path, asked)
            os.utime(path)  # used now: what nobody has used for longest goes first
            return Snapshot(path, self.layer(asked.layer), asked.status, key)

        return self._once(asked.key, make)

    def _kept(self, key: str) -> Path:
        return self._folder / f"{key}.geojson"

    def _version(self, layer_id: str, status: Status, version: str) -> Path:
        return self._tree(status) / "layers" / layer_id / "v" / version / f"{layer_id}.geojson"

    def _tree(self, status: Status) -> Path:
        return self._settings.public / "exercise" if status == "exercise" else self._settings.public

    def _standing(self, manifest: Path) -> str | None:
        try:
            found = manifest.stat()
        except FileNotFoundError:
            return None
        signature = (found.st_ino, found.st_mtime_ns)
        known = self._manifests.get(manifest)
        if known is None or known[0] != signature:
            known = (signature, orjson.loads(manifest.read_bytes())["version"])
            self._manifests[manifest] = known
        return known[1]

    def _once(self, key: str, make: Callable[[str], Snapshot]) -> Snapshot:
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
            running = self._making.get(key)
            mine = running is None
            if running is None:
                running = self._making[key] = Future()
        if not mine:
            return running.result()
        try:
            found = make(key)
        except BaseException as error:
            running.set_exception(error)
            raise
        else:
            running.set_result(found)
            with self._lock:
                self._open[key] = found
                while len(self._open) > 1 and (
                    len(self._open) > _OPEN or sum(one.weight for one in self._open.values()) > _OPEN_BYTES
                ):
                    self._open.popitem(last=False)
            return found
        finally:
            with self._lock:
                del self._making[key]

    def _write(self, path: Path, asked: Asked) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            with aside.open("wb") as file:
                file.writelines(
                    pipeline.layer_as_known(
                        self.house(),
                        asked.layer,
                        valid_at=asked.valid_at,
                        known_at=asked.known_at,
                        since=asked.since,
                        status=asked.status,
                        region=asked.region,
                    )
                )
            aside.rename(path)
        finally:
            aside.unlink(missing_ok=True)
        self._thin()

    def _thin(self) -> None:
        files = sorted(self._folder.glob("*.geojson"), key=_modified, reverse=True)
        total = 0
        for number, path in enumerate(files):
            beside = path.with_suffix(".filter")
            with suppress(FileNotFoundError):  # another worker thins too
                total += path.stat().st_size
                total += beside.stat().st_size if beside.exists() else 0
            if total > _KEPT_BYTES or number >= _KEPT:
                path.unlink(missing_ok=True)
                beside.unlink(missing_ok=True)
        # Those of published versions stand alone.
        alone = [path for path in self._folder.glob("*.filter") if not path.with_suffix(".geojson").exists()]
        for path in sorted(alone, key=_modified, reverse=True)[_KEPT_ALONE:]:
            path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another worker thins too
        return 0.0
