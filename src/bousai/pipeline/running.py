"""Runs of the scheduler as the ledger tells of them: what failed or did not end, why, what to do, and what is stale
because of it."""

from __future__ import annotations

import logging

from bousai import store
from bousai.errors import BousaiError
from bousai.model import Work, WorkOutcome
from bousai.pipeline.book import cause_of, told
from bousai.pipeline.house import House, opened
from bousai.pipeline.ingesting import stale_layers
from bousai.settings import Settings

_log = logging.getLogger("bousai.work")
FEED_DAG = "feed__"
"""The DAG of a feed is called so, and then as the feed."""

_NEXT = "the next run goes on where this one stopped; if it comes again, read the log of the task"
_DEAD = "its process was ended from outside: look for memory and for a restart of this machine (bousai doctor)"


def note_failure(
    dag_id: str, task_id: str, run_id: str, error: BaseException | str | None, settings: Settings | None = None
) -> None:
    """Write down that a task failed for good. `error` is what it raised, None where its process was killed."""
    if isinstance(error, BaseException):
        cause = cause_of(error)
        if not isinstance(error, BousaiError):
            cause = f"{type(error).__name__}: {cause}"
        remedy = error.remedy if isinstance(error, BousaiError) and error.remedy else _NEXT
    else:
        cause, remedy = error or "the task ended without a word", _DEAD
    with opened(settings) as house:
        _note(house, dag_id, run_id, "failed", {"task_id": task_id, "cause": cause, "remedy": remedy})


def note_late(dag_id: str, run_id: str, settings: Settings | None = None) -> None:
    """Write down that a run did not end in time and was ended."""
    told_of = {"task_id": "", "cause": "the run did not end in time and was ended", "remedy": _NEXT}
    with opened(settings) as house:
        _note(house, dag_id, run_id, "late", told_of)


def _note(house: House, dag_id: str, run_id: str, outcome: WorkOutcome, detail: dict[str, str]) -> None:
    row = Work("run", dag_id, house.now(), 0.0, outcome, run_id, detail={**detail, "stale": stale_by(house, dag_id)})
    _log.error("%s %s: %s", dag_id, outcome, detail["cause"], extra={"work": told(row)})
    store.record_works(house.store, [row])


def stale_by(house: House, dag_id: str) -> list[str]:
    """The layers that are not fresh as long as a DAG does not do its work (its blast radius)."""
    if dag_id.startswith(FEED_DAG):
        feed = house.catalogue.feeds.get(dag_id.removeprefix(FEED_DAG))
        return [] if feed is None else stale_layers(house, feed)
    if dag_id == "exposure":
        return [one.id for one in house.catalogue.layers.values() if "hazard_exposure" in (one.kind, *one.inputs)]
    return list(house.catalogue.layers) if dag_id == "outputs" else []
