"""One installation for all tests of this room that only read it, its server, and a browser."""

from __future__ import annotations

import fcntl
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser

from bousai import settings as settings_module
from bousai.serve import create
from bousai.settings import Settings
from tests.serve import browser as browsers
from tests.serve import site
from tests.serve.serving import Served, serving

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def client_of(own: Settings) -> TestClient:
    """A client of the application over an installation; to be opened with ``with``."""
    with warnings.catch_warnings():  # it says that a successor of httpx will be wanted one day
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    return TestClient(create(own))


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store that has read the exercise, in earnest and as an exercise, and both its published trees. Made once for
    all test processes: read it, never change it (`site.installation` makes one of your own)."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with (shared / "tree.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        data = shared / "tree"
        if not data.exists():
            aside = shared / "tree.making"
            site.installation(aside)
            aside.rename(data)
    return settings_module.load({"BOUSAI_DATA": str(data)})


@pytest.fixture(scope="session")
def client(tree: Settings) -> Iterator[TestClient]:
    """A client of the application over `tree`, without a socket."""
    with client_of(tree) as one:
        yield one


@pytest.fixture(scope="session")
def server(tree: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real `bousai serve` over `tree`."""
    with serving(tree, tmp_path_factory.mktemp("server") / "log") as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Not for longer than a module: while it runs, no test of this process can run an event loop."""
    why = browsers.missing()
    if why is not None:
        if os.environ.get("BOUSAI_REQUIRE_CHROMIUM") == "1":
            pytest.fail(why)
        pytest.skip(f"SKIPPED IN THE BROWSER: {why}")
    with browsers.chromium() as one:
        yield one


@pytest.fixture
def own_unpublished(tree: Settings, tmp_path: Path) -> Settings:
    """The store of `tree` without its published files."""
    return site.copy_of(tree, tmp_path / "data", "public")
