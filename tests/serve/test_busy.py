"""A server that much is asked of: who asks for long work waits in a short line, and nobody else waits for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bousai.serve import items, service, snapshots
from bousai.settings import Settings
from tests.serve import site
from tests.serve.conftest import client_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

LAYER = "/collections/shelter/items?limit=1"


@pytest.fixture
def own(tree: Settings, tmp_path: Path) -> Settings:
    return site.copy_of(tree, tmp_path / "data")


def then(number: int) -> str:
    return f"{LAYER}&datetime=2026-11-05T12:{number:02d}:00Z"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Pictures of other times are made when this is set, and not before."""
    go = threading.Event()
    made = snapshots.pipeline.layer_as_known

    def late(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        go.wait(60)
        return made(*args, **kwargs)

    monkeypatch.setattr(snapshots.pipeline, "layer_as_known", late)
    yield go
    go.set()


def test_only_so_many_wait_and_what_is_published_waits_for_nobody(
    own: Settings, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PICTURES_WAITING", 8)
    room, more = 10, 5  # two are worked on, eight wait
    with client_of(own) as client, ThreadPoolExecutor(room + more) as askers:
        asked = {askers.submit(client.get, then(number)) for number in range(room + more)}
        turned_away: set[Future[Any]] = set()
        while len(turned_away) < more:
            done, _ = wait(asked - turned_away, timeout=9, return_when=FIRST_COMPLETED)
            assert done, "nobody was turned away while the line was full"
            turned_away |= done
        for one in turned_away:
            assert one.result().status_code == 503
            assert int(one.result().headers["retry-after"]) > 0
            assert "remedy" in one.result().json()
        assert client.get(LAYER).status_code == 200
        assert client.get("/collections").status_code == 200
        assert client.get(f"{LAYER}&filter=name%20LIKE%20%27%25%27").status_code == 200
        assert not [one for one in asked - turned_away if one.done()]
        held.set()
        assert {one.result().status_code for one in asked - turned_away} == {200}


def test_a_map_asks_for_all_its_layers_at_once(own: Settings, held: threading.Event) -> None:
    layers = ["shelter", "earthquake", "weather_warning", "tsunami_forecast", "evacuation_order", "lifeline_outage"]
    with client_of(own) as client, ThreadPoolExecutor(30) as askers:
        addresses = [f"/collections/{one}/items?datetime=2026-11-05T1{n}:00:00Z" for one in layers for n in range(5)]
        asked = [askers.submit(client.get, one) for one in addresses]
        wait(asked, timeout=1)
        held.set()
        assert {one.result().status_code for one in asked} == {200}


def test_many_who_ask_for_one_picture_are_one(own: Settings, held: threading.Event) -> None:
    with client_of(own) as client, ThreadPoolExecutor(30) as askers:
        asked = {askers.submit(client.get, then(7)) for _ in range(30)}
        done, _ = wait(asked, timeout=1)
        assert not done
        held.set()
        answers = [one.result() for one in asked]
    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1


def test_only_so_many_pictures_are_open_and_kept(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_OPEN", 3)
    monkeypatch.setattr(snapshots, "_KEPT", 4)
    monkeypatch.setattr(snapshots, "_KEPT_ALONE", 1)
    with client_of(own) as client:
        for number in range(9):
            asked = f"{then(number)}&filter=name%20LIKE%20%27%25%27"
            assert client.get(asked).json()["numberMatched"] > 0
        assert len(client.app.state.service.snapshots._open) == 3  # type: ignore[attr-defined]
        assert len(list((own.data / "serve").glob("*.geojson"))) <= 4
        assert len(list((own.data / "serve").glob("*.filter"))) <= 4 + 1 + 1
        assert client.get(then(0)).json()["numberMatched"] > 0  # made again


@pytest.mark.parametrize("times", ["9999-12-31T23:59:59Z", "2026-11-05/9999-12-31T23:59:59Z"])
def test_the_end_of_all_calendars_is_an_open_end(client: TestClient, times: str) -> None:
    assert client.get(f"{LAYER}&datetime={times}").status_code == 200


def test_a_cursor_never_leads_from_what_is_actual_to_an_exercise(client: TestClient) -> None:
    page = client.get("/exercise/collections/shelter/items?limit=1").json()
    (following,) = (one["href"] for one in page["links"] if one["rel"] == "next")
    cursor = following.partition("cursor=")[2]
    assert client.get(following).status_code == 200
    for address in (f"{LAYER}&cursor={cursor}", f"{LAYER}&status=actual&cursor={cursor}"):
        answer = client.get(address)
        assert answer.status_code == 400
        assert answer.json()["remedy"]
    assert client.get(f"{LAYER}&status=exercise&cursor={cursor}").status_code == 200


def test_after_a_bug_of_ours_the_next_question_is_answered(
    own: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    with client_of(own) as client:  # which raises what the application raises
        with monkeypatch.context() as patched:
            patched.setattr(items, "_select", broken)
            answer = client.get(LAYER)
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "ZeroDivisionError" in caplog.text
        assert client.get(LAYER).status_code == 200
