"""An installation with something to do on every tab of the board, and Airflow's server over it.

The shipped exercise, moved so that its 10:40 is some minutes ago: a tsunami warning, shelters being opened in its
reach, notices that wait for approval. Besides a document that nobody can read. Only Airflow's API server runs: what
its scheduler would do is tried elsewhere, and here nothing may change but by a person's hand.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bousai import pipeline, store
from bousai.model import Receipt
from bousai.operate import parts, secrets
from bousai.settings import Settings
from tests import stage as stages
from tests.serve.serving import free_port
from tests.stage import PROJECT, Stage

KUNREN = PROJECT / "exercises" / "kunren"
FEEDS = ("ksj_municipality", "ksj_tsunami", "gsi_shelter", "gsi_evacuation_site", "jma_tsunami", "lalert")
STANDS_AT = datetime.fromisoformat("2026-11-05T10:40:00+09:00")
SPOILT = "【訓練】読めない電文.xml"
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+]09:00)")


@dataclass(frozen=True)
class Installation:
    """Where Airflow answers, the passwords of its users, and what the board is about."""

    base: str
    own: Settings
    passwords: dict[str, str]


def made(folder: Path, patch: pytest.MonkeyPatch) -> Stage:
    """The exercise in a store of its own, as it stands now."""
    now = datetime.now(UTC)
    stage = stages.made(folder, patch, now - timedelta(minutes=13))
    by = stage.at - STANDS_AT
    for feed in FEEDS:
        files = [(path.name, _moved(path.read_bytes(), by)) for path in sorted((KUNREN / feed).iterdir())]
        some = [(name, body) for name, body in files if _sent(body) <= stage.at]
        done = pipeline.ingest_files(feed, some, stage.own, dated_at=stage.at - timedelta(days=30), taint="exercise")
        assert {one.outcome for one in done} <= {"stored", "unchanged"}
    (spoilt,) = pipeline.ingest_files("jma_tsunami", [(SPOILT, b"<Report>")], stage.own)
    assert spoilt.outcome == "quarantined"
    pipeline.update_register(stage.own)
    stage.notice()
    stage.at += timedelta(minutes=12)
    stage.notice()
    pipeline.publish_layers(settings=stage.own)
    handle = store.open_store(stage.own.store)
    try:
        for feed, minutes in (("jma_quake", 0.5), ("jma_volcano", 30.0)):
            at = now - timedelta(minutes=minutes)
            url = f"https://{feed}.example.jp/"
            store.record_receipt(handle, Receipt(feed, url, at, 0.2, "not_modified", 304, made_at=now))
    finally:
        handle.close()
    return stage


def _moved(body: bytes, by: timedelta) -> bytes:
    def one(found: re.Match[bytes]) -> bytes:
        at = datetime.fromisoformat(found[0].decode())
        return (at + by).isoformat(timespec="seconds").encode()

    return _TIME.sub(one, body)


def _sent(body: bytes) -> datetime:
    """The first time in a document: when it was sent. What has none was always there."""
    found = _TIME.search(body)
    return datetime.min.replace(tzinfo=UTC) if found is None else datetime.fromisoformat(found[0].decode())


@contextmanager
def running(stage: Stage) -> Iterator[Installation]:
    """Airflow's API server with the plugin, its database with the DAGs. Ends with it."""
    home = stage.own.data / "airflow"
    home.mkdir(parents=True, mode=0o700, exist_ok=True)
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "BOUSAI_"))}
    own = secrets.keys(home, environ)
    path = secrets.passwords(home, environ)
    own[secrets.PASSWORDS_FILE] = str(path)
    environment = parts.environment(stage.own, "127.0.0.1", port, 8000, environ, own)
    environment["BOUSAI_CONFIG"] = str(stage.own.config)
    with (home / "log").open("wb") as log:
        for command in (("db", "migrate"), ("dags", "reserialize")):
            subprocess.run(parts.airflow(*command), env=environment, stdout=log, stderr=log, check=True)
        server = subprocess.Popen(
            parts.airflow("api-server"), env=environment, stdout=log, stderr=log, start_new_session=True
        )
        base = f"http://127.0.0.1:{port}"
        try:
            _answers(f"{base}/api/v2/monitor/health", server, home / "log")
            yield Installation(base, stage.own, json.loads(path.read_text(encoding="utf-8")))
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  (our own address)
                return
        except (urllib.error.URLError, OSError):
            gone = server.poll() is not None or time.monotonic() > until
            assert not gone, log.read_text(errors="replace")[-3000:]
            time.sleep(0.3)
