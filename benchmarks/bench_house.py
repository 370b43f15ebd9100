"""The whole one-machine system: how long a document takes from its bytes to a layer, thirty feeds polled a minute.

`bousai up` runs over a playback server on this machine; telegrams of the exercise, an hour later each time they come
round, appear in its indexes a few at a time. What is compared with: the same documents through the same verbs in one
process, without a scheduler. Memory is PSS of all parts with their tasks, as the supervisor measures it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bousai import catalogue, exercise, pipeline, settings, store
from bousai.operate import status
from bousai.pipeline import facts
from bousai.settings import PROJECT, Settings
from distributed import Gate, burst, free_port, telegrams_of

EVERY = 60
BETWEEN = 10.0
AT_ONCE = 3
WARM_SECONDS = 120.0


def configured(folder: Path, feeds: int) -> Path:
    """The project's configuration with so many feeds: all of JMA's indexes, then folders, each read every minute."""
    known = catalogue.load(PROJECT / "config")
    usable = [one for one in known.feeds.values() if one.disabled is None]
    telegrams = [one.id for one in usable if isinstance(one.source, catalogue.AtomSource)]
    folders = [one.id for one in usable if isinstance(one.source, catalogue.FolderSource)]
    config = folder / "config"
    (config / "feeds").mkdir(parents=True)
    (config / "subscriptions").mkdir()
    for name in ("layers", "alerts", "release.yml"):
        (config / name).symlink_to(PROJECT / "config" / name)
    for name in [*telegrams, *folders][:feeds]:
        text = (PROJECT / "config" / "feeds" / f"{name}.yml").read_text(encoding="utf-8")
        text = re.sub(r"^every: \d+$", f"every: {EVERY}", text, flags=re.M)
        text = re.sub(r"^late_after: \d+$", "late_after: 600", text, flags=re.M)
        (config / "feeds" / f"{name}.yml").write_text(text, encoding="utf-8")
    assert len(list((config / "feeds").iterdir())) == feeds
    return config


def busy() -> float:
    """Seconds that the processors of this machine have worked since it was started."""
    fields = [int(one) for one in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def with_a_past(database: Path, minutes: int) -> int:
    """Give Airflow as many records as if the newest run of each DAG had been there every minute until an hour ago:
    runs and their tasks, nine tenths of what it keeps. Gives how many runs it has then."""
    with closing(sqlite3.connect(database, timeout=60)) as airflow, airflow:

        def copied(table: str, new: dict[str, str], chosen: str) -> None:
            columns = [row[1] for row in airflow.execute(f"PRAGMA table_info({table})")]
            times = [row[1] for row in airflow.execute(f"PRAGMA table_info({table})") if row[2] == "TIMESTAMP"]
            values = {one: one for one in columns} | {
                one: f"strftime('%Y-%m-%d %H:%M:%f', {one}, '-' || n || ' minutes') || '000'" for one in times
            }
            values |= new
            airflow.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) "
                f"WITH RECURSIVE past(n) AS (SELECT 60 UNION ALL SELECT n + 1 FROM past WHERE n < {59 + minutes}) "
                f"SELECT {', '.join(values[one] for one in columns)} FROM {table}, past WHERE {chosen}"
            )

        newest = "(SELECT max(id) FROM dag_run WHERE state IN ('success', 'failed') GROUP BY dag_id)"
        runs = [row[0] for row in airflow.execute(f"SELECT run_id FROM dag_run WHERE id IN {newest}")]
        among = ", ".join(f"'{one}'" for one in dict.fromkeys(runs))
        kept = airflow.execute(f"SELECT group_concat(id) FROM dag_run WHERE id IN {newest}").fetchone()[0]
        named = {"run_id": "run_id || '__' || n"}
        copied("dag_run", {"id": "NULL"} | named, f"id IN ({kept})")
        copied("task_instance", {"id": "lower(hex(randomblob(16)))"} | named, f"run_id IN ({among})")
        return int(airflow.execute("SELECT count(*) FROM dag_run").fetchone()[0])


@contextmanager
def up(own: Settings, environment: dict[str, str]) -> Iterator[None]:
    """`bousai up`, from its ready line on."""
    ports = ("--airflow-port", str(free_port("127.0.0.1")), "--port", str(free_port("127.0.0.1")))
    command = [sys.executable, "-P", "-m", "bousai.cli", "up", *ports]
    with (own.data / "said").open("wb") as said:
        system = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            until = time.monotonic() + 240
            while b"ready in" not in (own.data / "said").read_bytes():
                assert system.poll() is None and time.monotonic() < until, (own.data / "said").read_text()  # noqa: PT018
                time.sleep(0.5)
            yield
        finally:
            system.send_signal(signal.SIGTERM)
            system.wait(60)


def played(
    own: Settings, environment: dict[str, str], parts: Sequence[exercise.Recording], gate: Gate, past: int
) -> tuple[datetime, list[dict[str, int]], float]:
    """Run the system while telegrams come: since when, the memory of each part, in bytes, every ten seconds from the
    first telegram on, and how many processors were busy meanwhile on this machine."""
    memory: list[dict[str, int]] = []
    with ExitStack() as servers:
        addresses = [servers.enter_context(exercise.serve(one)) for one in parts]
        targets = [("127.0.0.1", int(one.rpartition(":")[2])) for one in addresses]
        gate.target = targets[0]
        if past:
            with up(own, environment):
                time.sleep(WARM_SECONDS)  # each DAG has run
            print(f"{with_a_past(own.data / 'airflow' / 'airflow.db', past)} runs are recorded", file=sys.stderr)
        with up(own, environment):
            time.sleep(WARM_SECONDS)
            since = datetime.now().astimezone()
            worked, began = busy(), time.monotonic()
            for target in targets[1:]:
                gate.target = target
                time.sleep(BETWEEN)
                seen = status.read(own.data / "airflow" / "parts.json")
                assert seen is not None
                memory.append({part.name: part.pss_bytes or 0 for part in seen.parts})
            cores = (busy() - worked) / (time.monotonic() - began)
            time.sleep(EVERY + 30)
    return since, memory, cores


def delays(own: Settings, since: datetime) -> tuple[list[float], int, dict[str, dict[str, float]]]:
    """Seconds from the bytes of each telegram to the first layer with its statements, sorted; how many are in no
    layer; and the stages."""
    with pipeline.opened(own) as house:
        times = facts.stage_times(house, since)
        ways = [one for those in times.ways.values() for one in those]
        found = sorted(
            (one.published_at - one.way.fetched_at).total_seconds() for one in ways if one.published_at is not None
        )
        return found, sum(one.published_at is None for one in ways), facts.told_stages(times.everywhere)


def costs(own: Settings, since: datetime) -> dict[str, float]:
    """Median seconds of the ledger's rows of a kind: a document, a layer, a sweep that changed no layer."""
    with pipeline.opened(own) as house:
        rows = store.works(house.store, since=since)
    layers = [one for one in rows if one.verb == "publish" and one.position is not None]
    kinds = {
        "a telegram read in (s)": [one.seconds for one in rows if one.verb == "ingest" and one.outcome == "done"],
        "a layer written (s)": [one.seconds for one in layers if one.outcome == "done"],
        "a sweep without a change (s)": [
            one.seconds
            for one in rows
            if one.verb == "publish" and one.position is None and one.outcome == "unchanged"
        ],
    }
    return {name: round(statistics.median(values), 3) for name, values in kinds.items() if values}


def middle(memory: Sequence[dict[str, int]]) -> int:
    """The median of what the parts have together, in MB."""
    return round(statistics.median(sum(one.values()) for one in memory) / 1e6)


def rank(values: Sequence[float], share: float) -> float:
    return values[max(0, math.ceil(share * len(values)) - 1)]


def alone(parts: Sequence[exercise.Recording], config: Path, folder: Path) -> list[float]:
    """The same in one process: each few telegrams ingested and published before the next are."""
    own = settings.load({"BOUSAI_DATA": str(folder), "BOUSAI_CONFIG": str(config)})
    pipeline.prepare(own)
    by_type = {
        kind: one.id
        for one in catalogue.load(config).feeds.values()
        if isinstance(one.source, catalogue.AtomSource)
        for kind in one.source.types
    }
    seconds, had = [], 0
    for part in parts:
        new, had = part.documents[had:], len(part.documents)
        began = time.perf_counter()
        for one in new:
            kind = re.search(r"_(V[A-Z]{3}\d\d)_", one.path)
            assert kind is not None
            for _ in pipeline.ingest_files(by_type[kind[1]], [(one.path, part.folder / one.path)], own):
                pass
        pipeline.publish_layers(settings=own)
        seconds += [time.perf_counter() - began] * len(new)
    return sorted(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0, help="for how long telegrams come")
    parser.add_argument("--feeds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--past", type=int, default=1440, help="minutes for which all ran before, in Airflow's records"
    )
    options = parser.parse_args()
    number = max(2, round(options.minutes * 60 / BETWEEN))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = configured(folder, options.feeds)
        recording = burst(telegrams_of(None), number * AT_ONCE, folder / "burst")
        documents = recording.documents
        parts = [replace(recording, documents=documents[: n * AT_ONCE]) for n in range(1, number + 1)]
        gate = Gate("127.0.0.1")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("BOUSAI_", "AIRFLOW_"))
        }
        environment |= {
            "BOUSAI_DATA": str(folder / "var"),
            "BOUSAI_CONFIG": str(config),
            "BOUSAI_PLAYBACK": gate.address,
        }
        own = settings.load(environment)
        own.data.mkdir()
        since, memory, cores = played(own, environment, parts, gate, options.past)
        found, missing, stages = delays(own, since)
        spent = costs(own, since)
        base = alone(parts, config, folder / "alone")
    most = max(sum(one.values()) for one in memory)
    fifth = max(1, len(memory) // 5)
    result = {
        "telegrams": len(found),
        "in no layer": missing,
        "fetch to layer, median (s)": round(rank(found, 0.5), 2),
        "fetch to layer, 95 % (s)": round(rank(found, 0.95), 2),
        "without a scheduler, 95 % (s)": round(rank(base, 0.95), 2),
        **spent,
        "processors busy": round(cores, 2),
        "memory at most (MB)": round(most / 1e6),
        "median memory, first fifth of the time (MB)": middle(memory[:fifth]),
        "median memory, last fifth of the time (MB)": middle(memory[-fifth:]),
    }
    by_part = {
        name: [middle([{name: one[name]} for one in some]) for some in (memory[:fifth], memory[-fifth:])]
        for name in memory[-1]
    }
    ratios = {
        "fetch to layer, 95 %, in seconds (at most 15)": rank(found, 0.95),
        "fetch to layer, 95 % / the same without a scheduler": rank(found, 0.95) / rank(base, 0.95),
        "telegrams in no layer (at most 0)": float(missing),
        "memory of all parts, at most, in GB (at most 1.5)": most / 1e9,
    }
    if options.json:
        print(
            json.dumps({"result": result, "memory": by_part, "stages": stages, "ratios": ratios}, ensure_ascii=False)
        )
    else:
        for name, value in result.items():
            print(f"{name:40s} {value}")
        print(json.dumps({"memory (MB), first and last fifth of the time": by_part, "stages": stages}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
