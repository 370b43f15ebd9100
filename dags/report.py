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


def moment(title: str) -> Param:
    """A time that may be left out."""
    return Param(None, type=["null", "string"], format="date-time", title=title)


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
        "known_at": moment("As known at この時点の知識で (none: now 空欄は現在)"),
        "against_known": moment("Differences from what was known at この時点の知識との違い (none: whole 空欄は全体)"),
        "against_until": moment(
            "Differences from the report up to この時点までの報との違い (none: whole 空欄は全体)"
        ),
        "tier": Param("public", type="string", enum=["public", "responders", "isut"], title="For whom 公開の範囲"),
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
        asked = {name: params[name] for name in ("known_at", "against_known", "against_until")}
        times = {name: None if told is None else datetime.fromisoformat(told) for name, told in asked.items()}
        folder = settings.load().data / "reports"
        return pipeline.make_report(params["incident"], folder, params["formats"], tier=params["tier"], **times)

    write()
