"""What the DAGs are: importable, one a feed, thin, the same at every parse."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bousai import catalogue, settings

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

PROJECT = Path(__file__).resolve().parents[2]
FILES = sorted((PROJECT / "dags").glob("*.py"))
FEEDS = catalogue.load(settings.load({}).config).feeds

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag()
dags = {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in bag.dags.items()}
heavy = sorted({"bousai.pipeline", "geopandas", "pandas", "lxml"} & set(sys.modules))
print("PARSED", json.dumps({"dags": dags, "heavy": heavy}, sort_keys=True))
"""


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, Any]:
    """The DAGs as another process with another hash seed sees them."""
    done = subprocess.run(
        [sys.executable, "-c", PARSE],
        env={**os.environ, "PYTHONHASHSEED": "20240101"},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("PARSED "))
    parsed: dict[str, Any] = json.loads(line.removeprefix("PARSED "))
    return parsed


def test_every_feed_has_its_dag(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {f"feed__{feed_id}" for feed_id in FEEDS} | {
        *("alerts", "notices", "outputs", "exposure", "tiles", "upkeep", "replay", "report")
    }


@pytest.mark.parametrize("feed", FEEDS.values(), ids=lambda feed: feed.id)
def test_a_feed_dag_says_what_its_yaml_says(bag: DagBag, feed: catalogue.Feed) -> None:
    dag = bag.dags[f"feed__{feed.id}"]
    assert dag.schedule == (None if feed.disabled else timedelta(seconds=feed.every))
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert {feed.publisher, *feed.kinds} <= set(dag.tags)
    assert feed.credit in str(dag.doc_md)
    assert feed.licence_url in str(dag.doc_md)
    assert dag.task_dict["fetch"].downstream_task_ids == {"ingest"}
    assert [asset.uri for asset in dag.task_dict["ingest"].outlets] == [f"bousai://feed/{feed.id}"]
    assert dag.task_dict["fetch"].pool == feed.pool[0]
    assert (dag.task_dict["fetch"].queue == "house") == (feed.source.type == "folder")
    assert dag.task_dict["ingest"].owner == feed.publisher
    assert not dag.task_dict["fetch"].outlets


def test_what_is_nearer_to_its_reader_goes_first(bag: DagBag) -> None:
    """All feeds are due in the same second: what one has brought does not wait for what the others are asked."""

    def weights(task_id: str, *dag_ids: str) -> set[int]:
        return {bag.dags[dag_id].task_dict[task_id].priority_weight for dag_id in dag_ids}

    feeds = [dag_id for dag_id in bag.dags if dag_id.startswith("feed__")]
    assert max(weights("fetch", *feeds)) < min(weights("ingest", *feeds))
    assert min(weights("fetch", "feed__jma_tsunami")) > max(weights("fetch", "feed__gsi_shelter"))
    assert max(weights("ingest", *feeds)) < min(weights("notice", "notices")) < min(weights("publish", "outputs"))
    assert min(weights("publish", "outputs")) < min(weights("relay", "alerts"))
    assert {str(task.weight_rule) for dag in bag.dags.values() for task in dag.tasks} == {"absolute"}


def test_long_work_has_a_pool_of_its_own(bag: DagBag) -> None:
    for dag_id in ("exposure", "tiles", "replay", "report", "upkeep"):
        assert {task.pool for task in bag.dags[dag_id].tasks} == {catalogue.BACKGROUND}
    for dag_id in ("outputs", "alerts", "notices"):
        assert {task.pool for task in bag.dags[dag_id].tasks} == {"default_pool"}


def test_outputs_wait_for_any_feed_and_are_swept(bag: DagBag) -> None:
    dag = bag.dags["outputs"]
    uris = {asset.uri for asset in dag.timetable.asset_condition.objects}
    assert uris == {f"bousai://feed/{feed_id}" for feed_id in FEEDS}
    assert type(dag.timetable.asset_condition).__name__ == "AssetAny"
    assert dag.timetable.timetable.expression == "* * * * *"
    # 1 would leave asset events waiting for the next one; two writers of one tree must not meet either
    assert dag.max_active_runs > 1
    assert dag.task_dict["publish"].max_active_tis_per_dag == 1
    assert list(dag.task_dict) == ["publish"]  # each further one is a process that a warning waits for
    assert dag.catchup is False


def test_exposure_waits_for_places_and_maps_and_is_swept(bag: DagBag) -> None:
    dag = bag.dags["exposure"]
    uris = {asset.uri for asset in dag.timetable.asset_condition.objects}
    assert {f"bousai://feed/{feed_id}" for feed_id in ("ksj_flood", "gsi_shelter", "ksj_municipality")} < uris
    assert "bousai://feed/jma_quake" not in uris
    assert dag.timetable.timetable.expression == "*/10 * * * *"
    assert dag.max_active_runs > 1
    assert dag.catchup is False
    assert dag.task_dict["prefectures"].downstream_task_ids == {"expose"}
    assert dag.task_dict["expose"].is_mapped
    assert dag.task_dict["expose"].max_active_tis_per_dag == 2


def test_every_task_ends_and_tells_when_it_fails(bag: DagBag) -> None:
    for dag in bag.dags.values():
        for task in dag.tasks:
            assert task.execution_timeout is not None, task
            assert task.on_failure_callback, task


def test_what_needs_the_tree_is_on_the_machine_that_has_it(bag: DagBag) -> None:
    for dag_id in ("outputs", "alerts", "notices", "tiles", "report"):
        assert {task.queue for task in bag.dags[dag_id].tasks} == {"house"}
    for dag_id in ("exposure", "upkeep", "replay"):
        assert {task.queue for task in bag.dags[dag_id].tasks} == {"default"}


def test_two_parses_are_equal(bag: DagBag, elsewhere: dict[str, Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    here = {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in bag.dags.items()}
    assert json.loads(json.dumps(here)) == elsewhere["dags"]


def test_parsing_is_light(elsewhere: dict[str, Any]) -> None:
    # the dag-processor parses all the time, in new processes
    assert elsewhere["heavy"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_dag_file_is_thin(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    allowed = ("airflow.sdk", "bousai.pipeline", "bousai.callbacks", "bousai.catalogue", "bousai.settings")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            # the clock is read by the corridor; in a DAG file it would make a new DAG version at every parse
            assert node.attr not in {"now", "utcnow", "today", "getenv", "environ"}, f"line {node.lineno}"
            continue
        else:
            continue
        for name in names:
            ours = any(name == one or name.startswith(f"{one}.") for one in allowed)
            assert ours or name.split(".")[0] in sys.stdlib_module_names, f"line {node.lineno}: {name}"
