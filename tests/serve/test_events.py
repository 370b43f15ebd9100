"""/alerts/events: messages as they go out, to who listens and to who comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import stage as stages
from tests.serve.asking import ask
from tests.serve.serving import serving
from tests.stage import Stage, telegrams

pytestmark = pytest.mark.store


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.made(tmp_path, monkeypatch, datetime.fromisoformat("2024-01-01T16:00:00+09:00"))


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, data) of each event."""
    number = ""
    for line in lines:
        if line.startswith("id: "):
            number = line[4:]
        elif line.startswith("data: "):
            yield number, json.loads(line[6:])


def test_a_listener_hears_what_goes_out_and_what_was_missed(stage: Stage, realdata: Path, tmp_path: Path) -> None:
    noto = telegrams(realdata / "jma-xml" / "real-2024-noto")
    stage.take(noto[0])
    with serving(stage.own, tmp_path / "log") as server, httpx.Client(timeout=30) as client:
        heard: list[tuple[str, dict[str, Any]]] = []
        begun, enough = threading.Event(), threading.Event()

        def listen() -> None:
            with client.stream("GET", f"{server.base}/alerts/events") as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                assert "content-encoding" not in answer.headers
                lines = answer.iter_lines()
                next(lines)
                begun.set()
                for one in events(lines):
                    heard.append(one)
                    if one[1]["phase"] == "all_clear":
                        break
            enough.set()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        assert begun.wait(20)
        stage.take(*noto[1:-1])
        assert enough.wait(20), heard
        sent = [one.identifier for one in stage.messages()]
        assert [data["identifier"] for _, data in heard] == sent[1:]
        assert heard[0][1]["cap"].startswith("<?xml")

        def missed(path: str, **headers: str) -> list[str]:
            with client.stream("GET", f"{server.base}{path}", headers=headers) as answer:
                found = []
                for _, data in events(answer.iter_lines()):
                    found.append(data["identifier"])
                    if len(found) == len(sent) - 1:
                        break
                return found

        first = str(int(heard[0][0]) - 1)
        assert missed("/alerts/events", **{"Last-Event-ID": first, "Accept-Encoding": "gzip"}) == sent[1:]
        assert missed(f"/alerts/events?after={first}") == sent[1:]


def test_a_made_up_id_is_refused(stage: Stage) -> None:
    from bousai.serve import create

    app = create(stage.own)
    assert ask(app, "/alerts/events", last_event_id="x; drop").status_code == 400
    assert ask(app, "/exercise/alerts/events?after=-1").status_code == 400


def test_a_server_with_listeners_ends_when_it_is_told_to(stage: Stage, tmp_path: Path) -> None:
    with (
        serving(stage.own, tmp_path / "log") as server,
        httpx.Client(timeout=30) as client,
        client.stream("GET", f"{server.base}/alerts/events") as answer,
    ):
        next(answer.iter_lines())
        server.stop()
        assert server.process.returncode == 0
