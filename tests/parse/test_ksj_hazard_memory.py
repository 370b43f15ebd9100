"""A delivery much larger than what may be in memory of it: archived, read and stored a part at a time.

The limits are a sixteenth of the real ones and so is the delivery (64 MB); benchmarks/bench_hazard.py does the whole.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.store, pytest.mark.e2e]

PROJECT = Path(__file__).resolve().parents[2]
MEGABYTES = 64
CEILING = 98  # it takes 87; with any one stage holding all of it 102 to 167
_CHILD = """
import json, resource, sys
from pathlib import Path
from bousai import pipeline
from bousai.formats import ksj, ksj_gml, partition
from bousai.store import spool, write

small = 4 * 1024**2
pipeline.ingesting._BIG = spool._IN_MEMORY = write._PORTION = partition._IN_MEMORY = ksj._IN_MEMORY = small
ksj_gml._IN_MEMORY = small
pipeline.prepare()
told = []

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def load(path):
    report = lambda name, doing, share: told.append((doing, share))
    (one,) = pipeline.ingest_files("ksj_flood", [(path, Path(path))], taint="exercise", report=report)
    return one

load(sys.argv[1])
before = peak()
told.clear()
one = load(sys.argv[2])
print(json.dumps({
    "grown": peak() - before, "outcome": one.outcome, "opened": one.changes.opened, "bulletins": one.bulletins,
    "stages": list(dict.fromkeys(doing for doing, _ in told)), "last": told[-1][1],
}))
"""


@pytest.fixture(scope="module")
def zones() -> Any:
    path = PROJECT / "benchmarks" / "bench_hazard.py"
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location("bench_hazard", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@pytest.mark.parametrize("suffix", [".zip", ".xml"])
def test_memory_does_not_grow_with_the_delivery(zones: Any, tmp_path: Path, suffix: str) -> None:
    write, points = {
        ".zip": (zones.write_shapefile, MEGABYTES * 1024**2 // 16),
        ".xml": (zones.write_gml, MEGABYTES * 1024**2 // 24),
    }[suffix]
    small, large = tmp_path / "A31a-20-24_15_10.xml", tmp_path / f"A31a-20-24_14_10{suffix}"
    zones.write_gml(small, 3000)  # what is loaded once for all is not counted
    count = write(large, points)
    assert large.stat().st_size > 0.9 * MEGABYTES * 1024**2
    env = {**os.environ, "BOUSAI_DATA": str(tmp_path / "var"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(small), str(large)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["outcome"], found["opened"], found["bulletins"]) == ("stored", count, 32)
    assert (found["stages"], found["last"]) == (["reading", "storing"], 1.0)
    # 64 MB of it are the page cache of SQLite
    assert found["grown"] < CEILING, found
