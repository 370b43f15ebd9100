"""The log: one JSON object a line where it is asked for, the same words for a person elsewhere, and no secret."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bousai import logs, settings
from bousai.errors import UsageError
from tests.serve.site import KUNREN, empty

HIDDEN = "made-up-words-of-a-broker"


def record(message: str, *values: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("bousai.work", logging.WARNING, "", 0, message, values, None)
    made.__dict__ |= more
    return made


def run(data: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bousai.cli", *words],
        env={**os.environ, "BOUSAI_DATA": str(data), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_form_is_a_setting() -> None:
    assert settings.load({}).log == "text"
    assert settings.load({"BOUSAI_LOG": ""}).log == "text"
    assert settings.load({"BOUSAI_LOG": "json"}).log == "json"
    with pytest.raises(UsageError, match="BOUSAI_LOG=xml"):
        settings.load({"BOUSAI_LOG": "xml"})


def test_a_line_of_json() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    work = {"verb": "ingest", "detail": {"documents": 1, "path": Path("x")}}
    line = json.loads(logs.JsonLines().format(record("two\nlines %s", "津波", work=work)))
    assert list(line) == ["time", "level", "logger", "message", "work"]
    at = datetime.fromisoformat(line["time"])
    assert at.utcoffset() is not None
    assert before <= at <= datetime.now(UTC)
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "bousai.work", "two\nlines 津波")
    assert line["work"] == {"verb": "ingest", "detail": {"documents": 1, "path": "x"}}


def test_an_error_has_its_trace() -> None:
    try:
        raise ValueError("made up")
    except ValueError:
        failed = record("failed")
        failed.exc_info = sys.exc_info()
    text = logs.JsonLines().format(failed)
    assert "\n" not in text
    assert json.loads(text)["exception"].endswith("ValueError: made up")


@pytest.mark.parametrize("form", [logs.Masked, logs.JsonLines])
def test_no_secret(form: type[logs.Masked], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUSAI_MQTT_IOT_SENSOR", f"reader:{HIDDEN}")
    monkeypatch.setenv("BOUSAI_WEBHOOK_NANAO", "made-up-old-key made-up-new-key")
    monkeypatch.setenv("BOUSAI_SMTP", "smtps://user:p%40ss-of-mail@mail.example.jp:465")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up-key-of-s3")
    monkeypatch.setenv("BOUSAI_WEBHOOK_X", "abc")  # too short to be looked for: it would be found anywhere
    work = {"detail": {"cause": f"refused {HIDDEN}", "several": ["p@ss-of-mail", "p%40ss-of-mail made-up-new-key"]}}
    made = record("at %s: %s, made-up-key-of-s3", "postgresql+psycopg://bousai:hidden@db/x", HIDDEN, work=work)
    text = form().format(made)
    for secret in (HIDDEN, "hidden", "p@ss-of-mail", "p%40ss-of-mail", "made-up-key-of-s3", "made-up-new-key"):
        assert secret not in text
    assert "postgresql+psycopg://bousai:***@db/x" in text


@pytest.mark.e2e
def test_commands(tmp_path: Path) -> None:
    empty(tmp_path)
    (telegram,) = sorted((KUNREN / "jma_quake").iterdir())[:1]
    code, out, err = run(tmp_path, "ingest", "jma_quake", str(telegram), BOUSAI_LOG="json")
    assert code == 0, err
    lines: list[dict[str, Any]] = [json.loads(line) for line in err.splitlines()]
    (work,) = (line["work"] for line in lines if line["logger"] == "bousai.work")
    assert (work["verb"], work["subject"], work["outcome"]) == ("ingest", "jma_quake", "done")
    assert json.loads(out)["outcome"] == "stored"
    code, out, err = run(tmp_path, "ingest", "nothing", str(telegram), BOUSAI_LOG="json")
    complaint = json.loads(err)
    assert (code, out, complaint["level"]) == (2, "", "ERROR")
    assert complaint["message"].startswith("bousai: ")
    code, _, err = run(tmp_path, "ingest", "jma_quake", str(telegram))
    assert (code, err) == (0, "")
    code, _, err = run(tmp_path, "feeds", BOUSAI_LOG="yes")
    assert (code, err) == (2, "bousai: BOUSAI_LOG=yes: no form of a log → text or json\n")


@pytest.mark.e2e
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_server(tmp_path: Path, workers: str) -> None:
    own = empty(tmp_path / "data")
    command = [sys.executable, "-m", "bousai.cli", "serve", "--port", "0", "--workers", workers]
    environ = {**os.environ, "BOUSAI_DATA": str(own.data), "BOUSAI_LOG": "json", "NO_PROXY": "127.0.0.1"}
    with (tmp_path / "err").open("w") as err:
        server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=err, text=True)
    assert server.stdout is not None
    try:
        ready = json.loads(server.stdout.readline())
        base = ready["message"].split()[3].rstrip("/")
        subprocess.run(["curl", "-s", f"{base}/nothing?token={HIDDEN}"], env=environ, check=True, capture_output=True)
        line = json.loads(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()
    assert line["logger"] == "bousai.access"
    access = line["access"]
    assert (access["client"], access["request"], access["status"]) == ("127.0.0.1", "GET /nothing", 404)
    assert access["bytes"] > 0
    assert 0 <= access["seconds"] < 30
    assert HIDDEN not in (tmp_path / "err").read_text()
    for other in (tmp_path / "err").read_text().splitlines():
        json.loads(other)
