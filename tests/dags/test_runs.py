"""What the DAGs do with what the corridor gives them: the corridor's verbs are replaced, Airflow is real."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bousai import pipeline
from bousai.errors import FetchError, ParseError

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow"), pytest.mark.usefixtures("metadata")]

FEED = "jma_quake"
HASHES = ["a" * 64, "b" * 64]
COUNTS = dict.fromkeys(("bulletins", "opened", "changed", "closed", "unchanged", "issues", "held"), 0)


@pytest.fixture
def play(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, dict[str, str], list[Any]]]:
    """Run feed__jma_quake with these verbs; gives the run's state, the tasks' states and the calls made."""

    def run(fetch: Callable[[], Any], ingest: Callable[[], Any]) -> tuple[str, dict[str, str], list[Any]]:
        calls: list[Any] = []

        def fetch_feed(feed_id: str) -> Any:
            calls.append(("fetch", feed_id))
            return fetch()

        def ingest_documents(feed_id: str, sha256s: list[str]) -> Any:
            calls.append(("ingest", feed_id, sha256s))
            return ingest()

        monkeypatch.setattr(pipeline, "fetch_feed", fetch_feed)
        monkeypatch.setattr(pipeline, "ingest_documents", ingest_documents)
        dag = bag.dags[f"feed__{FEED}"]
        for task in dag.tasks:
            monkeypatch.setattr(task, "retry_delay", timedelta(0))
        dag_run = dag.test()
        return dag_run.state, {ti.task_id: ti.state for ti in dag_run.get_task_instances()}, calls

    return run


def raising(error: Exception) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call


def events() -> int:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        return session.scalar(select(func.count()).select_from(AssetEvent))


def test_new_documents_are_ingested_and_wake_the_outputs(play: Any) -> None:
    before = events()
    state, tasks, calls = play(lambda: HASHES, lambda: {**COUNTS, "documents": 2, "quarantined": 0})
    assert (state, tasks) == ("success", {"fetch": "success", "ingest": "success"})
    assert calls == [("fetch", FEED), ("ingest", FEED, HASHES)]
    assert events() == before + 1


def test_nothing_new_wakes_nobody(play: Any) -> None:
    before = events()
    state, tasks, calls = play(list, raising(KeyError("never asked")))
    assert (state, tasks) == ("success", {"fetch": "success", "ingest": "skipped"})
    assert calls == [("fetch", FEED)]
    assert events() == before


def test_a_quarantined_document_is_no_failure(play: Any) -> None:
    state, _, _ = play(lambda: HASHES, lambda: {**COUNTS, "documents": 2, "quarantined": 2, "issues": 2})
    assert state == "success"


def test_what_may_pass_is_retried(play: Any) -> None:
    answers = iter([raising(FetchError("no route", code="network")), lambda: HASHES])
    state, _, calls = play(lambda: next(answers)(), lambda: {**COUNTS, "documents": 2, "quarantined": 0})
    assert state == "success"
    assert [call[0] for call in calls] == ["fetch", "fetch", "ingest"]


def test_an_outage_ends_the_run_after_three_tries(play: Any) -> None:
    state, tasks, calls = play(raising(FetchError("no route", code="network")), dict)
    assert (state, tasks["fetch"], len(calls)) == ("failed", "failed", 3)


@pytest.mark.parametrize("error", [ParseError("not XML", code="not_xml"), KeyError("a bug")], ids=["data", "bug"])
def test_a_fault_that_stays_is_not_retried(play: Any, error: Exception) -> None:
    before = events()
    state, tasks, calls = play(lambda: HASHES, raising(error))
    assert (state, tasks["ingest"]) == ("failed", "failed")
    assert [call[0] for call in calls] == ["fetch", "ingest"]
    assert events() == before


LINE = {"layer": "earthquake", "status": "actual", "version": "1", "changed": True, "features": 3, "path": "x"}


def test_outputs_publish_every_layer(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def publish_layers(layers: Any, *, register: bool) -> list[dict[str, Any]]:
        calls.append(f"publish {layers}, register={register}")
        return [LINE, {**LINE, "changed": False}]

    monkeypatch.setattr(pipeline, "update_register", lambda: calls.append("register") or {"opened": 0})
    monkeypatch.setattr(pipeline, "publish_layers", publish_layers)
    dag_run = bag.dags["outputs"].test()
    assert (dag_run.state, calls) == ("success", ["register", "publish None, register=False"])
    done = {ti.task_id: ti for ti in dag_run.get_task_instances()}
    assert done["publish"].xcom_pull(task_ids="publish") == [LINE]


def test_a_fault_of_the_register_stops_no_warning(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(pipeline, "update_register", raising(KeyError("a bug")))
    monkeypatch.setattr(pipeline, "publish_layers", lambda _, register: asked.append(register) or [LINE])
    dag = bag.dags["outputs"]
    for task in dag.tasks:
        monkeypatch.setattr(task, "retry_delay", timedelta(0))
    dag_run = dag.test()
    states = {ti.task_id: ti.state for ti in dag_run.get_task_instances()}
    assert states == {"publish": "failed"}
    assert (dag_run.state, asked) == ("failed", [False, False])  # it is tried again, and each time layers are written


def test_a_person_may_choose_layers(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(pipeline, "update_register", dict)
    monkeypatch.setattr(pipeline, "publish_layers", lambda layers, **_: asked.append(layers) or [])
    dag_run = bag.dags["outputs"].test(run_conf={"layers": ["earthquake"]})
    assert (dag_run.state, asked) == ("success", [["earthquake"]])


def test_upkeep_does_what_the_form_says(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(pipeline, "verify_archive", lambda part: calls.append(("verify", part)) or {})
    monkeypatch.setattr(pipeline, "tidy", lambda keep_days: calls.append(("tidy", keep_days)) or {})
    monkeypatch.setattr(pipeline, "note_calendar", lambda: calls.append(("calendar",)) or 0)
    assert bag.dags["upkeep"].test(run_conf={"part": 7}).state == "success"
    assert sorted(calls) == [("calendar",), ("tidy", 31), ("verify", 7)]


def test_a_past_period_is_read_again_day_by_day(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    days = [("2026-07-27", HASHES[:1]), ("2026-07-28", HASHES)]
    monkeypatch.setattr(pipeline, "days_to_replay", lambda *of: asked.append(of) or days)
    monkeypatch.setattr(pipeline, "ingest_documents", lambda feed, found: asked.append((feed, found)) or dict(COUNTS))
    period = {"since": "2026-07-27T00:00:00+09:00", "until": "2026-07-29T00:00:00+09:00"}
    dag_run = bag.dags["replay"].test(run_conf={"feed": FEED, **period})
    assert dag_run.state == "success"
    assert asked[0] == (FEED, *(datetime.fromisoformat(at) for at in period.values()))
    assert sorted(asked[1:]) == [(FEED, HASHES[:1]), (FEED, HASHES)]
    named = [ti.rendered_map_index for ti in dag_run.get_task_instances() if ti.task_id == "again"]
    assert sorted(named) == ["jma_quake 2026-07-27 (1)", "jma_quake 2026-07-28 (2)"]


def test_a_failure_is_told_with_cause_remedy_and_what_it_makes_stale(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(pipeline, "note_failure", lambda *of: told.append(of))
    error = ParseError("not XML", code="not_xml", remedy="look at it")
    play(lambda: HASHES, raising(error))
    ((dag_id, task_id, _, seen),) = told
    assert (dag_id, task_id) == (f"feed__{FEED}", "ingest")
    assert (str(seen), seen.remedy) == ("not XML", "look at it")


@pytest.mark.parametrize("due", [0, 2])
def test_alerts_are_made_published_and_handed_over(bag: DagBag, monkeypatch: pytest.MonkeyPatch, due: int) -> None:
    calls: list[str] = []

    def called(name: str) -> Any:
        calls.append(name)
        return due if name == "deliveries_due" else []

    for name in ("make_alerts", "publish_alerts", "deliveries_due", "deliver_alerts", "make_notices"):
        monkeypatch.setattr(pipeline, name, lambda name=name: called(name))
    dag = bag.dags["alerts"]
    dag_run = dag.test()
    assert dag_run.state == "success"
    # nobody is to be told of anything: no process is started for it
    assert calls == ["make_alerts", "publish_alerts", "deliveries_due", *["deliver_alerts"] * bool(due)]
    uris = {asset.uri for asset in dag.timetable.asset_condition.objects}
    assert {"bousai://feed/jma_tsunami", "bousai://feed/lalert", "bousai://feed/jma_quake"} <= uris
    assert "bousai://feed/gsi_shelter" not in uris
    assert dag.max_active_runs > 1
    assert dag.catchup is False
    assert {task.max_active_tis_per_dag for task in dag.tasks} == {1}


def test_exposure_is_worked_out_by_prefecture_and_named(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def expose(pref: str) -> dict[str, int]:
        done.append(pref)
        if done.count(pref) == 1 and pref == "17":
            raise OSError("disk")  # what may pass by itself is tried again
        return {"places": len(pref)}

    monkeypatch.setattr(pipeline, "prefectures_to_expose", lambda: ["13", "17"])
    monkeypatch.setattr(pipeline, "expose", expose)
    dag = bag.dags["exposure"]
    monkeypatch.setitem(dag.task_dict["expose"].partial_kwargs, "retry_delay", timedelta(0))
    dag_run = dag.test()
    assert dag_run.state == "success"
    assert sorted(done) == ["13", "17", "17"]
    tasks = [ti for ti in dag_run.get_task_instances() if ti.task_id == "expose"]
    assert sorted(ti.rendered_map_index for ti in tasks) == ["13 東京都", "17 石川県"]


def test_where_nothing_has_changed_nothing_is_worked_out(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "prefectures_to_expose", list)
    monkeypatch.setattr(pipeline, "expose", raising(KeyError("never asked")))
    dag_run = bag.dags["exposure"].test()
    assert dag_run.state == "success"
    assert {ti.task_id: ti.state for ti in dag_run.get_task_instances()} == {
        "prefectures": "success",
        "expose": "skipped",
    }


def test_notices_are_looked_for_once_a_minute(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(pipeline, "make_notices", lambda: asked.append("notices") or [])
    dag = bag.dags["notices"]
    assert (dag.test().state, asked) == ("success", ["notices"])
    assert (dag.timetable.expression, dag.max_active_runs, dag.catchup) == ("* * * * *", 1, False)


def test_a_report_is_what_the_form_says(bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(pipeline, "make_report", lambda *of, **more: asked.append((*of, more)) or [])
    form = {
        "incident": "kunren",
        "formats": ["html"],
        "known_at": "2026-11-05T12:00:00+09:00",
        "against_until": "2026-11-05T11:00:00+09:00",
        "tier": "responders",
    }
    assert bag.dags["report"].test(run_conf=form).state == "success"
    ((incident, folder, formats, more),) = asked
    assert (incident, folder.name, formats) == ("kunren", "reports", ["html"])
    assert more == {
        "known_at": datetime(2026, 11, 5, 3, tzinfo=UTC),
        "against_known": None,
        "against_until": datetime(2026, 11, 5, 2, tzinfo=UTC),
        "tier": "responders",
    }
    dag = bag.dags["report"]
    assert type(dag.timetable).__name__ == "NullTimetable"  # nobody makes one but a person
    assert dag.params.get_param("formats").schema["items"]["enum"] == list(pipeline.REPORT_FORMATS)
