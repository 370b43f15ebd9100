"""The DAG ``report``, started by hand: an after-action report of an incident (config/incidents) as HTML, PDF, DOCX
and XLSX in ``<data>/reports``. People's words in ``<incident>.words.yml`` there stay as they are.

事後検証報告書を作る（記録した文書だけから）。人の言葉は上書きしない。
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

from bousai import callbacks, catalogue, settings

HELD = catalogue.load(settings.load().config)
INCIDENTS = sorted(HELD.incidents)
FORMATS = ["html", "pdf", "docx", "xlsx"]

with DAG(
    "report",
    dag_display_name="report 事後検証報告書",
    description="Write an after-action report of an incident",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["report"],
    params={
        "incident": Param(next(iter(INCIDENTS), ""), type="string", enum=INCIDENTS or [""], title="Incident 災害"),
        "formats": Param(FORMATS, type="array", title="Formats 形式", items={"type": "string", "enum": FORMATS}),
        "known_at": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="As known at この時点の知識で (none: now 空欄は現在)",
        ),
    },
    default_args={
        **callbacks.OURS,
        "queue": "house",  # the machine that has the folder of reports
        "pool": catalogue.BACKGROUND,
        "retries": 0,
        "execution_timeout": timedelta(minutes=30),
    },
):

    @task
    def write() -> list[dict[str, Any]]:
        """Write the files; gives format, path and size of each."""
        from bousai import pipeline

        params = get_current_context()["params"]
        known_at = None if params["known_at"] is None else datetime.fromisoformat(params["known_at"])
        folder = settings.load().data / "reports"
        return pipeline.make_report(params["incident"], folder, params["formats"], known_at=known_at)

    write()
