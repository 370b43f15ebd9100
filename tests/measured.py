"""Installations that have something to measure, and what ``/metrics`` says of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from bousai import exercise, pipeline, store
from bousai import settings as settings_module
from bousai.errors import DeliveryError
from bousai.model import Work
from bousai.serve import create
from bousai.settings import PROJECT, Settings
from tests import stage as stages
from tests.serve import site
from tests.serve.asking import ask

FEED = "jma_quake"
_TAINTED = ("ksj_municipality", "ksj_tsunami", "gsi_shelter", "gsi_evacuation_site", "jma_tsunami", "lalert")

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
"""Sample name → labels → value."""


def samples(text: str) -> Samples:
    """What is said in the text format of Prometheus."""
    found: Samples = {}
    for family in families(text):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(sorted(one.labels.items()))] = one.value
    return found


@contextmanager
def fetched(data: Path) -> Iterator[Settings]:
    """An installation that has fetched, stored and published a feed of the exercise over HTTP, was given a telegram
    in earnest and one that it refused, and failed once."""
    with exercise.serve(exercise.read(PROJECT / "exercises" / "kunren.yml", site.KUNREN)) as address:
        own = settings_module.load({"BOUSAI_DATA": str(data), "BOUSAI_PLAYBACK": address})
        pipeline.prepare(own)
        pipeline.ingest_documents(FEED, pipeline.fetch_feed(FEED, own), own)
        telegram = min((site.KUNREN / FEED).iterdir())
        earnest = site.in_earnest(telegram.read_text(encoding="utf-8")).encode()
        assert [one.outcome for one in pipeline.ingest_files(FEED, [("made_up.xml", earnest)], own)] == ["stored"]
        pipeline.publish_layers(["earthquake", "seismic_intensity"], own)
        (refused,) = pipeline.ingest_files("jma_warning", [("broken.xml", b"<Report>")], own)
        assert refused.outcome == "quarantined"
        pipeline.note_failure("feed__jma_warning", "fetch", "manual__1", ValueError("made up"), own)
        old = Work("deliver", "x", datetime.now(UTC) - timedelta(minutes=90), 1.5, "refused")
        handle = store.open_store(own.store)
        store.record_works(handle, [old])
        handle.close()
        yield own


@contextmanager
def alerting(folder: Path) -> Iterator[Settings]:
    """An installation in which a notice waits for approval, warnings were passed on, and a receiver does not take
    them. It has a clock of its own while the context is open."""
    with pytest.MonkeyPatch.context() as patch:
        stage = stages.made(folder, patch, datetime.fromisoformat("2026-11-06T00:00:00+09:00"))
        for feed in _TAINTED:
            files = [(path.name, path.read_bytes()) for path in sorted((site.KUNREN / feed).iterdir())]
            dated = datetime.fromisoformat("2026-10-01T00:00:00+09:00")
            assert list(pipeline.ingest_files(feed, files, stage.own, dated_at=dated, taint="exercise"))
        pipeline.update_register(stage.own)
        stage.at = datetime.fromisoformat("2026-11-05T10:40:00+09:00")
        stage.answers["drill"] = DeliveryError("the receiver is busy", code="http_503", transient=True)
        stage.notice()
        stages.later(stage, minutes=11)
        stage.notice()
        assert any(one.state == "awaiting" for one in stage.messages())
        stage.send()
        yield stage.own


def parts(data: Path, *, at: datetime | None = None, **more: object) -> Path:
    """What a supervisor has written of one part."""
    part = {"name": "serve", "state": "running", "restarts": 2, "limit_bytes": 9, "pss_bytes": 3, **more}
    path = data / "airflow" / "parts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps({"written_at": at or datetime.now(UTC), "parts": [part]}))
    return path


def everything(folder: Path) -> Samples:
    """The samples of all that an installation can come to say."""
    found: Samples = {}
    with fetched(folder / "fetched") as own:
        parts(own.data)
        app = create(own)
        ask(app, "/public/index.json")
        for name, values in samples(ask(app, "/metrics").text).items():
            found.setdefault(name, {}).update(values)
    (folder / "alerting").mkdir()
    with alerting(folder / "alerting") as own:
        for name, values in samples(ask(create(own), "/metrics").text).items():
            found.setdefault(name, {}).update(values)
    return found
