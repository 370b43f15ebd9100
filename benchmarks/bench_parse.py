"""Parsing JMA telegrams to bulletins, in ratio to what lxml needs merely to parse the same bytes.

The telegrams are the real ones and official samples below BOUSAI_REALDATA, or the exercise's where there are none.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lxml import etree
from measure import medians, show, timed

from bousai import catalogue, pipeline
from bousai.catalogue import Feed
from bousai.formats import jma_xml
from bousai.vocab import jma

PROJECT = Path(__file__).resolve().parents[1]


def telegrams() -> list[tuple[Feed, str, bytes]]:
    """The feed that takes a telegram of this type, its name and its bytes."""
    feeds = catalogue.load(PROJECT / "config").feeds
    real = Path(os.environ.get("BOUSAI_REALDATA", PROJECT.parent / "shared" / "realdata")) / "jma-xml"
    paths = sorted(real.glob("*/*.xml")) or sorted((PROJECT / "exercises" / "kunren").glob("jma_*/*.xml"))
    found = []
    for path in paths:
        body = path.read_bytes()
        row = jma.telegram(jma_xml.read(body).title)
        if row is not None and row.feed:
            found.append((feeds[row.feed], path.name, body))
    return found


def main() -> None:
    """Run the rounds and print medians and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    sample = telegrams()

    def ours() -> None:
        for feed, name, body in sample:
            list(pipeline.parsed(feed, name, body))

    def peer() -> None:
        for _, _, body in sample:
            etree.fromstring(body)

    ours()
    results: dict[str, list[float]] = {"bulletins": [], "lxml alone": []}
    for _ in range(chosen.rounds):
        results["bulletins"].append(timed(ours))
        results["lxml alone"].append(timed(peer))
    median = medians(results)
    ratios = {"parse JMA telegrams / lxml alone (at most 5)": median["bulletins"] / median["lxml alone"]}
    show(results, ratios, as_json=chosen.json)


if __name__ == "__main__":
    main()
