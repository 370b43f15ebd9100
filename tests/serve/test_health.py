"""/healthz: 200 only where store and tree can be used, and otherwise which of them cannot, and why."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from bousai import __version__, pipeline
from bousai.serve import create, health
from bousai.serve.fresh import Fresh
from bousai.settings import Settings
from tests.serve import site
from tests.serve.asking import ask


@pytest.fixture
def prepared(tmp_path: Path) -> Settings:
    """A store without anything in it and a tree with an index of no layers."""
    own = site.empty(tmp_path)
    pipeline.publish_layers(["earthquake"], own)
    return own


def test_well(tree: Settings) -> None:
    found = ask(create(tree), "/healthz")
    assert found.status_code == 200
    assert found.headers["cache-control"] == "no-store"
    said = found.json()
    assert (said["status"], said["version"]) == ("ok", __version__)
    assert said["store"]["ok"]
    assert said["tree"]["layers"] > 20


def test_each_fault_is_named(prepared: Settings) -> None:
    assert health.check(prepared)["status"] == "ok"
    index = prepared.public / "index.json"
    whole = index.read_bytes()
    for body, cause in ((whole[:100], "damaged"), (b"{}", "damaged"), (b"[]", "damaged"), (None, "nothing has been")):
        index.unlink() if body is None else index.write_bytes(body)
        found = ask(create(prepared), "/healthz")
        assert found.status_code == 503
        assert found.headers["retry-after"] == "10"
        assert cause in found.json()["tree"]["cause"]
        assert found.json()["tree"]["remedy"] == "run: bousai publish"
        assert found.json()["store"]["ok"]
    index.write_bytes(whole)
    store = Path(prepared.store.removeprefix("sqlite:///"))
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    found = ask(create(prepared), "/healthz")
    assert (found.status_code, found.json()["tree"]["ok"]) == (503, True)
    assert found.json()["store"]["cause"].startswith("the store is at version 9999, this program needs")
    assert found.json()["store"]["remedy"] == "run: bousai prepare"
    store.write_bytes(b"no database at all" * 1000)
    assert ask(create(prepared), "/healthz").json()["store"]["ok"] is False


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """A server that is started before the first `bousai prepare` says so, and leaves no empty store behind."""
    own = site.empty(tmp_path / "data")
    shutil.rmtree(own.data)
    found = ask(create(own), "/healthz")
    assert found.status_code == 503
    assert found.json()["store"]["remedy"] == "run: bousai prepare"
    assert not own.data.exists()


def test_what_a_database_says_of_itself_is_not_told(tmp_path: Path) -> None:
    own = site.empty(tmp_path)
    secret = type(own)(
        **{
            **{name: getattr(own, name) for name in own.__slots__},
            "store": "postgresql+psycopg://somebody:hidden@127.0.0.1:1/bousai",
        }
    )
    found = ask(create(secret), "/healthz")
    assert found.json()["store"] == {"ok": False, "cause": "cannot open the store", "remedy": "check BOUSAI_STORE"}
    assert "somebody" not in found.text


def test_an_answer_is_kept_and_worked_out_once_for_all() -> None:
    made: list[int] = []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    async def twenty(fresh: Fresh[int]) -> list[int]:
        return await asyncio.gather(*(fresh.get(patience=5) for _ in range(20)))

    assert asyncio.run(twenty(Fresh(make, seconds=60, name="test"))) == [1] * 20
    made.clear()
    old = Fresh(make, seconds=0, name="test")
    assert asyncio.run(twenty(old))[-1] > 1


def test_a_store_that_does_not_answer_is_a_503_in_time_and_stops_nobody() -> None:
    go_on = threading.Event()
    stuck = Fresh(go_on.wait, seconds=60, name="test")

    async def ask_twice() -> None:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await stuck.get(patience=0.05)

    try:
        asyncio.run(ask_twice())
    finally:
        go_on.set()
