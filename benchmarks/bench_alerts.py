"""Alerts: how many are built, checked, kept and published in a minute on one core, and how soon after a telegram.

Telegrams are the first tsunami warning of the exercise, each with an event id of its own; municipalities have their
outlines. Everything goes through the corridor, with a clock that stands at
the time of the exercise; nobody subscribes.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from datetime import datetime
from math import ceil
from pathlib import Path

from bousai import pipeline, settings
from bousai.settings import Settings

KUNREN = Path(__file__).resolve().parents[1] / "exercises" / "kunren"
AT = datetime.fromisoformat("2026-11-05T10:20:00+09:00")


def telegrams(number: int) -> list[tuple[str, bytes]]:
    """The first tsunami warning of the exercise, each time as that of another earthquake."""
    path = sorted((KUNREN / "jma_tsunami").glob("*.xml"))[0]
    text = path.read_text(encoding="utf-8")
    old = re.search(r"<EventID>(\d{14})</EventID>", text)
    assert old is not None
    events = (f"{20261105100000 + n:014d}" for n in range(number))
    return [(f"{n}.xml", text.replace(old[1], event).encode()) for n, event in enumerate(events)]


def prepared(folder: str) -> Settings:
    """A store with the municipalities of the exercise."""
    own = settings.load({"BOUSAI_DATA": folder})
    pipeline.prepare(own)
    outlines = sorted((KUNREN / "ksj_municipality").iterdir())
    dated = datetime.fromisoformat("2026-01-01T00:00:00+09:00")
    files = [(path.name, path.read_bytes()) for path in outlines]
    assert list(pipeline.ingest_files("ksj_municipality", files, own, dated_at=dated, taint="exercise"))
    return own


def in_bulk(number: int) -> float:
    """Alerts a minute, from statements in the store to files in the tree."""
    with tempfile.TemporaryDirectory() as folder:
        own = prepared(folder)
        assert len(list(pipeline.ingest_files("jma_tsunami", telegrams(number), own))) == number
        began = time.perf_counter()
        made = pipeline.make_alerts(own)
        pipeline.publish_alerts(own)
        seconds = time.perf_counter() - began
        files = list((own.public / "exercise" / "alerts" / "cap").glob("*.xml"))
        assert len(files) == len([one for one in made if one["state"] == "released"]) >= number
        return len(files) / seconds * 60


def one_by_one(number: int) -> list[float]:
    """Seconds from a telegram in hand to its alert in the tree, each."""
    with tempfile.TemporaryDirectory() as folder:
        own = prepared(folder)
        found = []
        for one in telegrams(number):
            began = time.perf_counter()
            list(pipeline.ingest_files("jma_tsunami", [one], own))
            pipeline.make_alerts(own)
            pipeline.publish_alerts(own)
            found.append(time.perf_counter() - began)
        return sorted(found)


def main() -> None:
    """Run both and print the figures and their ratios to what is asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--number", type=int, default=400)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    pipeline.house.now = lambda: AT
    a_minute = in_bulk(chosen.number)
    soon = one_by_one(chosen.number // 4)
    p95 = soon[ceil(0.95 * len(soon)) - 1]
    ratios = {
        "alerts a minute on one core / 2,000 (at least 1)": a_minute / 2000,
        "telegram in hand to CAP in the tree, p95 / 2 s (at most 1)": p95 / 2,
    }
    if not chosen.json:
        print(f"{a_minute:,.0f} alerts a minute; one by one median {soon[len(soon) // 2]:.3f} s, p95 {p95:.3f} s")
    print(json.dumps({"ratios": ratios}))


if __name__ == "__main__":
    main()
