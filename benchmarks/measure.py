"""What the benchmarks share: the clock, and how results are shown."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def timed(run: Callable[[], object]) -> float:
    """Wall-clock seconds, begun on a disk that has nothing left to write."""
    os.sync()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def medians(results: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each row of seconds."""
    return {name: statistics.median(seconds) for name, seconds in results.items()}


def show(results: Mapping[str, Sequence[float]], ratios: Mapping[str, float], *, as_json: bool) -> None:
    """Print seconds and ratios: a table, or the one line of JSON that scripts/bench.py reads."""
    if as_json:
        print(json.dumps({"seconds": results, "median": medians(results), "ratios": ratios}, ensure_ascii=False))
        return
    for name, middle in medians(results).items():
        print(f"{name:32s} {middle:7.3f} s  (min {min(results[name]):.3f}, max {max(results[name]):.3f})")
    for name, ratio in ratios.items():
        print(f"{name:64s} {ratio:5.2f}")
