"""Reports: how long a prefecture's incident of 72 hours and 20,000 revisions takes, and how much memory, by format.

Two exercises in 神奈川県. ``together``: the shelters of all municipalities stated in one document an hour, damage
reports and evacuees every three hours, outages every hour. ``apart``: each municipality states its shelters every
hour in a document of its own, at a minute of its own. Each format, and then all in one go, is made in a process of
its own, by the command that a person types; memory is the largest resident set of that process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bousai import pipeline, settings, store
from bousai.model import Bulletin, Item, Provenance, RawDocument, table_of
from bousai.report import FORMATS
from bousai.vocab import count
from bousai.vocab.municipality import in_force, municipalities

BEGAN = datetime.fromisoformat("2026-11-05T10:00:00+09:00")
HOURS = 72
SHELTERS = 200
NAME = "【訓練】訓練地震"


def places() -> list[tuple[str, str]]:
    """The municipalities of 神奈川県."""
    return [(code, one.name) for code, one in municipalities().items() if code[:2] == "14" and in_force(code)]


def together() -> Iterator[tuple[str, Bulletin]]:
    """Document by document, with the feed that it comes from."""

    def said(kind: str, hour: float, items: list[Item], issuer: str) -> Bulletin:
        at = BEGAN + timedelta(hours=hour)
        return Bulletin(kind, f"kunren/{kind}", at, "exercise", table_of(items), issuer, complete=True)

    def number(value: int) -> dict[str, Any]:
        return dict(count.reported(value))

    munis = places()
    for hour in range(1, HOURS + 1):
        at = (BEGAN + timedelta(hours=hour)).isoformat()
        rest: dict[str, Any] = {"incident": NAME, "as_of": at}
        open_now = [n for n in range(SHELTERS) if hour > n % 12]
        yield (
            "lalert",
            said(
                "shelter_status",
                hour,
                [
                    Item(
                        f"s{n}",
                        rest
                        | {
                            "name": f"【訓練】訓練避難所{n}",
                            "area_name": munis[n % len(munis)][1],
                            "state": "open",
                            "evacuees": number(20 + (n * 7 + hour * 3) % 180),
                            "capacity": number(200),
                        },
                        munis[n % len(munis)][0],
                    )
                    for n in open_now
                ],
                "【訓練】訓練市",
            ),
        )
        yield (
            "hokuriku_power_outage",
            said(
                "lifeline_outage",
                hour,
                [
                    Item(
                        f"p{code}",
                        rest
                        | {
                            "utility": "power",
                            "area_name": name,
                            "area_level": "municipality",
                            "affected": number(max(0, 4000 - 60 * hour + int(code) % 97)),
                            "unit": "戸",
                        },
                        code,
                    )
                    for code, name in munis
                ],
                "【訓練】訓練電力",
            ),
        )
        if hour % 3:
            continue
        level = {"area_level": "municipality", "report_no": str(hour // 3)}
        for kind, more in (
            ("damage_count", ("dead", "injured_severe", "injured_minor", "house_destroyed", "house_half_destroyed")),
            ("evacuation_summary", ("shelters_open", "evacuees")),
        ):
            yield (
                "kumamoto_damage_report",
                said(
                    kind,
                    hour,
                    [
                        Item(
                            f"{kind}{code}",
                            rest
                            | level
                            | {"area_name": name}
                            | {one: number((int(code) + k) % 40 * hour // 20) for k, one in enumerate(more)},
                            code,
                        )
                        for code, name in munis
                    ],
                    "【訓練】訓練県",
                ),
            )


def apart() -> Iterator[tuple[str, Bulletin]]:
    """Five shelters a municipality, whose numbers change every hour."""
    munis = places()
    for hour in range(HOURS):
        for k, (code, name) in enumerate(munis):
            at = BEGAN + timedelta(hours=hour, minutes=k % 60, seconds=k // 60)
            shelters = [
                Item(
                    f"s{code}{n}",
                    {
                        "incident": NAME,
                        "as_of": at.isoformat(),
                        "name": f"【訓練】{name}訓練避難所{n}",
                        "area_name": name,
                        "state": "open",
                        "evacuees": dict(count.reported(20 + (n * 7 + k + hour * 3) % 180)),
                        "capacity": dict(count.reported(200)),
                    },
                    code,
                )
                for n in range(5)
            ]
            scope = f"kunren/shelter_status/{code}"
            bulletin = Bulletin(
                "shelter_status", scope, at, "exercise", table_of(shelters), f"【訓練】{name}", complete=True
            )
            yield "lalert", bulletin


def filled(own: settings.Settings, told: Iterable[tuple[str, Bulletin]]) -> int:
    """A store with the incident; how many revisions it has."""
    pipeline.prepare(own)
    handle = store.open_store(own.store)
    total = 0
    for n, (feed, bulletin) in enumerate(told):
        at = bulletin.issued_at
        assert at is not None
        document = RawDocument(f"{n:064x}", feed, f"file:kunren{n}", f"kunren{n}.json", at, 1, "exercise")
        done = store.apply(handle, [bulletin], Provenance(document, "kunren", "1"), at + timedelta(minutes=2))
        total += done.opened + done.changed
    handle.close()
    return total


def made(own: settings.Settings, formats: Sequence[str], into: Path) -> tuple[float, float, int]:
    """Seconds, memory in MB and bytes of some formats, in a process of its own."""
    span = ("--from", BEGAN.isoformat(), "--to", (BEGAN + timedelta(hours=HOURS)).isoformat(), "--area", "14")
    command = [sys.executable, "-P", "-m", "bousai.cli", "report", "kunren_72", *span, "--title", NAME]
    command += ["--status", "exercise", "--format", ",".join(formats), "-o", str(into)]
    began = time.perf_counter()
    child = subprocess.Popen(command, env=os.environ | {"BOUSAI_DATA": str(own.data)}, stdout=subprocess.DEVNULL)
    _, ended, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    if ended:
        raise SystemExit(f"{formats}: bousai report ended with {os.waitstatus_to_exitcode(ended)}")
    return seconds, used.ru_maxrss * 1024 / 1e6, sum((into / f"kunren_72.{name}").stat().st_size for name in formats)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--format", choices=FORMATS, help="this one alone")
    options = parser.parse_args()
    result: dict[str, dict[str, float]] = {}
    revisions = {}
    for shape, told in (("together", together()), ("apart", apart())):
        with tempfile.TemporaryDirectory() as name:
            own = settings.load({"BOUSAI_DATA": name})
            revisions[shape] = filled(own, told)
            for formats in [(options.format,)] if options.format else [*((one,) for one in FORMATS), FORMATS]:
                seconds, memory, size = made(own, formats, Path(name) / "reports")
                result[f"{shape} {' '.join(formats)}"] = {
                    "seconds": round(seconds, 1),
                    "MB": round(memory),
                    "size (MB)": round(size / 1e6, 1),
                }
    worst = max(one["seconds"] for one in result.values())
    ratios = {
        "report of 20,000 revisions, all four formats in seconds (at most 20)": worst,
        "the same, memory in GB (at most 1)": max(one["MB"] for one in result.values()) / 1000,
    }
    if options.json:
        print(json.dumps({"result": {"revisions": revisions} | result, "ratios": ratios}, ensure_ascii=False))
    else:
        print(f"revisions: {revisions}")
        for one, told in result.items():
            print(f"{one:32s} {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
