"""Parsing JMA telegrams to bulletins, in ratio to what lxml needs merely to parse the same bytes.

The telegrams are the real ones and official samples below BOUSAI_REALDATA, or the exercise's where there are none.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from lxml import etree

from bousai.formats import jma_xml
from bousai.vocab import jma

PROJECT = Path(__file__).resolve().parents[1]


def telegrams() -> list[tuple[bytes, Callable[[bytes], Iterable[object]]]]:
    """Bytes and the parser that takes their type."""
    real = Path(os.environ.get("BOUSAI_REALDATA", PROJECT.parent / "shared" / "realdata")) / "jma-xml"
    paths = sorted(real.glob("*/*.xml")) or sorted((PROJECT / "exercises" / "kunren").glob("jma_*/*.xml"))
    found = []
    for path in paths:
        body = path.read_bytes()
        row = jma.telegram(jma_xml.read(body).title)
        if row is not None and row.feed:
            found.append((body, importlib.import_module(f"bousai.parse.{row.feed}").parse))
    return found


def timed(run: Callable[[], object]) -> float:
    """Wall-clock seconds."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Run the rounds and print medians and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    sample = telegrams()

    def ours() -> None:
        for body, parse in sample:
            list(parse(body))

    def peer() -> None:
        for body, _ in sample:
            etree.fromstring(body)

    ours()
    seconds = [(timed(ours), timed(peer)) for _ in range(chosen.rounds)]
    mine, theirs = (statistics.median(column) for column in zip(*seconds, strict=True))
    ratios = {"parse JMA telegrams / lxml alone (at most 5)": mine / theirs}
    if chosen.json:
        print(json.dumps({"telegrams": len(sample), "seconds": seconds, "ratios": ratios}))
        return
    size = sum(len(body) for body, _ in sample)
    print(f"{len(sample)} telegrams, {size / 1e6:.1f} MB: ours {mine * 1e3:.0f} ms, lxml {theirs * 1e3:.0f} ms")
    for name, ratio in ratios.items():
        print(f"{name:48s} {ratio:5.2f}")


if __name__ == "__main__":
    main()
