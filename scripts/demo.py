"""``make demo``: the main job once, through the Airflow DAGs, in one process, against a local feed server.

Every run starts with a fresh archive, store and public tree in var/demo/ and leaves them there to look at. Kept
from one run to the next is only Airflow's own metadata (var/demo/airflow), because making it is slow and holds
nothing of the job. Settings of the caller (BOUSAI_*, AIRFLOW__*) are put aside, so that a demo can never write
into a real store.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bousai.errors import BousaiError

PROJECT = Path(__file__).resolve().parents[1]
EXERCISES = PROJECT / "exercises"
COUNTS = ("documents", "bulletins", "opened", "changed", "closed", "issues", "quarantined", "held")


STAGES = {
    "fetch": "fetch",
    "ingest": "ingest",
    "expose": "consolidate",
    "publish": "publish",
    "relay": "alerts",
    "deliver": "alerts",
    "notice": "alerts",
    "write": "report",
}
"""Task → the stage of the line that its seconds belong to."""
LAST = ("exposure", "outputs", "alerts", "notices")
"""What is run after the feeds, in this order."""

_SHOWN = 10  # failures on the terminal


def environment(into: Path) -> None:
    """Point bousai and Airflow at `into` and at nothing else. Before the first import of Airflow."""
    for name in [name for name in os.environ if name.startswith(("BOUSAI_", "AIRFLOW_"))]:
        del os.environ[name]
    home = into / "airflow"
    os.environ |= {
        "BOUSAI_DATA": str(into),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "no-plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # no login, hence no password that could be printed: nothing listens here
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def clear(into: Path) -> None:
    """Remove what the last run left, except Airflow's metadata."""
    into.mkdir(parents=True, exist_ok=True)
    for path in into.iterdir():
        if path.name == "airflow":
            shutil.rmtree(path / "logs", ignore_errors=True)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def recording(folder: Path | None) -> tuple[Path, Path]:
    """The manifest (which file belongs to which feed, in time order) and the folder of its files."""
    if folder is None:
        return EXERCISES / "kunren.yml", EXERCISES / "kunren"
    own = folder / "manifest.yml"
    return (own if own.is_file() else EXERCISES / "realdata.yml"), folder.absolute()


def airflow_metadata(home: Path) -> None:
    """Make Airflow's database, unless this version of Airflow has made it already."""
    made_by = home / "made-by"
    wanted = version("apache-airflow")
    if made_by.is_file() and made_by.read_text(encoding="utf-8") == wanted:
        return
    for path in home.glob("airflow.db*"):
        path.unlink()
    from airflow.utils.db import initdb

    initdb()
    made_by.write_text(wanted, encoding="utf-8")


@contextmanager
def terminal(log: Path) -> Iterator[Any]:
    """Give the terminal to the demo alone: whatever else is printed, by any library, goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved_out, saved_err = os.dup(1), os.dup(2)
    with log.open("wb") as sink, os.fdopen(os.dup(saved_out), "w", encoding="utf-8", buffering=1) as out:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield out
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved_out, 1)
            os.dup2(saved_err, 2)
            os.close(saved_out)
            os.close(saved_err)


def run(dag: Any, failures: list[str], form: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, float]]:
    """Run one DAG to its end, as if started with a form. Gives what each task returned and the seconds each took;
    failures are appended."""

    def failed(context: Any) -> None:
        error = context["exception"]
        remedy = error.remedy if isinstance(error, BousaiError) else ""
        cause = " ".join(str(error).split()) or type(error).__name__
        failures.append(f"{dag.dag_id} {context['ti'].task_id}: {cause}\n  remedy: {remedy or 'see the log'}")

    for task in dag.tasks:
        task.retries = 0  # nothing here gets better by waiting: the server is ours and local
        task.on_failure_callback = [failed]
    known = len(failures)
    dag_run = dag.test(run_conf=form)
    if dag_run.state != "success" and len(failures) == known:
        failures.append(f"{dag.dag_id}: ended as {dag_run.state}\n  remedy: see the log")
    tasks = dag_run.get_task_instances()
    returned = {ti.task_id: ti.xcom_pull(task_ids=ti.task_id) for ti in tasks}
    took: Counter[str] = Counter()
    for ti in tasks:  # a mapped task has several
        took[ti.task_id] += ti.duration or 0.0
    return returned, dict(took)


def table(rows: list[list[str]], left: set[int]) -> Iterator[str]:
    """Lines of a table; the columns of `left` are aligned to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()


def shown(path: str) -> str:
    """`path` as one would type it from here."""
    return os.path.relpath(path) if os.path.isabs(path) else path


def job(folder: Path | None, into: Path, say: Any) -> tuple[dict[str, Any], list[str]]:
    """Set up, play, run every DAG. Gives the summary and one text a failure."""
    started = time.monotonic()
    import httpx

    from bousai import exercise, pipeline

    airflow_metadata(into / "airflow")
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    # Airflow builds its API at the first request: part of the set-up, not of the first task
    with httpx.Client(transport=in_process_api_server().transport, base_url="http://in-process.invalid") as client:
        client.get("/health").raise_for_status()
    pipeline.prepare()
    bag = DagBag()
    failures = [f"{path}: {error.strip().splitlines()[-1]}" for path, error in bag.import_errors.items()]
    seconds = {"set-up": time.monotonic() - started, **dict.fromkeys(STAGES.values(), 0.0)}
    print(f"  {'Airflow and the store are ready':<32} {seconds['set-up']:6.1f} s", file=say)

    manifest, files_folder = recording(folder)
    played = exercise.read(manifest, files_folder)
    others = f"{len(played.left_out)} are left out by {shown(str(manifest))}, {len(played.unlisted)} are not in it"
    print(f"  {played.title}: {len(played.documents)} files are played; {others}", file=say)
    feeds: dict[str, dict[str, int]] = {}
    layers: list[dict[str, Any]] = []
    with exercise.serve(played) as address:
        os.environ["BOUSAI_PLAYBACK"] = address
        wanted = {f"feed__{feed}" for feed in takers(played)} | {*LAST}
        idle = sum(dag_id.startswith("feed__") for dag_id in bag.dags.keys() - wanted)
        print(f"  {idle} feeds have nothing in it: their DAGs are not run", file=say)
        for dag_id in (*sorted(bag.dags.keys() & wanted - {*LAST}), *LAST):
            began = time.monotonic()
            returned, took = run(bag.dags[dag_id], failures)
            for task in took.keys() & STAGES.keys():
                seconds[STAGES[task]] += took[task]
            if dag_id == "exposure":
                made = f"{len(returned['prefectures'] or [])} prefectures"
            elif dag_id == "outputs":
                layers = returned["publish"] or []
                made = f"{len(layers)} layer{'s' if len(layers) != 1 else ''}"
            elif dag_id == "alerts":
                made = f"{len(pipeline.list_alerts())} messages; what is over goes to nobody"
            elif dag_id == "notices":
                made = f"{returned['notice'] or 0} that would wait for approval"
            else:
                counts = returned["ingest"] or dict.fromkeys(COUNTS, 0)
                feeds[dag_id.removeprefix("feed__")] = counts
                made = f"{counts['documents']} document{'s' if counts['documents'] != 1 else ''}"
            print(f"  {dag_id:<32} {time.monotonic() - began:6.1f} s  {made}", file=say)
        reports: list[dict[str, Any]] = []
        for incident in played.incidents:
            began = time.monotonic()
            returned, took = run(bag.dags["report"], failures, {"incident": incident})
            seconds[STAGES["write"]] += took.get("write", 0.0)
            made_of = returned["write"] or []
            reports += made_of
            formats = " ".join(one["format"] for one in made_of) or "nothing"
            print(f"  {f'report {incident}':<32} {time.monotonic() - began:6.1f} s  {formats}", file=say)
    began = time.monotonic()
    alerts = rehearsed(into / "alerts-dry-run")
    seconds["alerts"] += time.monotonic() - began
    seconds["all"] = time.monotonic() - started
    files = dict(what_became(played, pipeline.outcomes()))
    failures += [f"{path}: nothing became of it" for path, (_, outcome, _) in files.items() if not outcome]
    with (into / "files.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(
            [("file", "feed", "outcome", "why"), *((path, *row) for path, row in files.items())]
        )
    return {
        "feeds": feeds,
        "layers": layers,
        "alerts": alerts,
        "reports": reports,
        "files": dict(Counter(outcome or "nothing" for _, outcome, _ in files.values())),
        "seconds": {k: round(v, 2) for k, v in seconds.items()},
    }, failures


def rehearsed(folder: Path) -> list[dict[str, str]]:
    """The alerts that the recording would have given in its time, with their CAP files in a folder."""
    from bousai import pipeline

    folder.mkdir()
    found = []
    for message in pipeline.rehearse_alerts(datetime(1990, 1, 1, tzinfo=UTC), datetime.now(UTC), renewals=False):
        path = folder / f"{message.identifier}.xml"
        path.write_bytes(message.cap)
        one = {"sent": message.sent.isoformat(), "phase": message.phase, "status": message.status}
        found.append(one | {"headline": message.headline_ja, "path": str(path)})
    return found


def takers(played: Any) -> set[str]:
    """The feeds that take something of a recording."""
    from bousai import catalogue
    from bousai.formats import jma_xml

    known = catalogue.load(PROJECT / "config")
    kinds = {jma_xml.bulletin_type(one.title) for one in played.documents if one.feed is None}
    telegrams = {
        feed.id
        for feed in known.feeds.values()
        if isinstance(feed.source, catalogue.AtomSource) and kinds & set(feed.source.types)
    }
    return telegrams | {one.feed for one in played.documents if one.feed is not None}


def what_became(played: Any, outcomes: list[dict[str, str | None]]) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Every file of the folder with its feed, its outcome ("" where there is none) and why."""
    by_content = {one["sha256"]: one for one in outcomes}
    by_feed = {(one["feed"], one["sha256"]): one for one in outcomes}
    for one in played.documents:
        digest = sha256((played.folder / one.path).read_bytes()).hexdigest()
        found = by_feed.get((one.feed, digest)) if one.feed else by_content.get(digest)
        if found is None:
            yield one.path, (one.feed or "", "", "")
        else:
            yield one.path, (found["feed"] or "", found["outcome"] or "", found["why"] or "")
    for path, why in played.left_out:
        yield path, ("", "left out", why)
    for path in played.unlisted:
        yield path, ("", "", "")


def report(summary: dict[str, Any]) -> Iterator[str]:
    """What was made, as lines."""
    feeds, layers, seconds = summary["feeds"], summary["layers"], summary["seconds"]
    total = {name: sum(counts[name] for counts in feeds.values()) for name in COUNTS}
    brought = {feed: counts for feed, counts in sorted(feeds.items()) if counts["documents"]}
    filled = [one for one in layers if one["features"]]
    yield ""
    yield from table(
        [
            ["feed", *COUNTS],
            *[[feed, *[str(counts[name]) for name in COUNTS]] for feed, counts in brought.items()],
            [f"{len(brought)} of {len(feeds)} feeds", *[str(total[name]) for name in COUNTS]],
        ],
        left={0},
    )
    yield ""
    yield from table(
        [
            ["layer", "status", "features", "address"],
            *[[one["layer"], one["status"], str(one["features"]), shown(str(one["path"]))] for one in filled],
        ],
        left={0, 1, 3},
    )
    yield f"  {len(layers) - len(filled)} of {len(layers)} layers are empty"
    yield ""
    alerts = summary["alerts"]
    yield f"  {len(alerts)} alerts in a dry run (each as it would have gone out in its time), the last of them:"
    yield from table(
        [["sent", "phase", "status", "headline"], *[list(one.values())[:-1] for one in alerts[-_SHOWN:]]],
        left={0, 1, 2, 3},
    )
    if summary["reports"]:
        yield ""
        yield "  after-action reports (drafts until people have written their part):"
    for one in summary["reports"]:
        yield f"  {one['bytes'] / 1e6:6.1f} MB  {shown(one['path'])}"
    yield ""
    yield "  files: " + " · ".join(f"{count} {outcome}" for outcome, count in sorted(summary["files"].items()))
    yield "  seconds: " + " · ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder of real feed files to play instead of the exercise")
    parser.add_argument("--into", type=Path, default=PROJECT / "var" / "demo", help="where everything is made")
    options = parser.parse_args()
    if options.data and not options.data.is_dir():
        print(f"no folder {options.data}\n  remedy: DATA=folder of real feed files, or none", file=sys.stderr)
        return 2
    into = options.into.absolute()
    log = into / "airflow" / "demo.log"
    clear(into)
    environment(into)
    with terminal(log) as say:
        print(f"bousai demo: {f'the files of {options.data}' if options.data else 'an exercise (訓練)'}", file=say)
        try:
            summary, failures = job(options.data, into, say)
        except BousaiError as error:
            print(f"failed: {error}\n  remedy: {error.remedy or f'see {shown(str(log))}'}", file=say)
            return 1
        for line in report(summary):
            print(line, file=say)
        (into / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1), encoding="utf-8")
        print(
            f"  left in {shown(str(into))}: archive/ public/ alerts-dry-run/ reports/ bousai.gpkg files.csv"
            f" summary.json, log {shown(str(log))}",
            file=say,
        )
        for failure in failures[:_SHOWN]:
            print(f"failed: {failure.replace('see the log', f'see {shown(str(log))}')}", file=say)
        if len(failures) > _SHOWN:
            print(f"failed: {len(failures) - _SHOWN} more; see files.csv and the log", file=say)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
