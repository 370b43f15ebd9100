"""A store on each database. PostgreSQL + PostGIS is a throw-away cluster of this test run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bousai import store

_BIN = Path("/usr/lib/postgresql/15/bin")


def _missing() -> str | None:
    if not (_BIN / "initdb").exists():
        return "PostgreSQL 15 is not installed (apt-get install postgresql-15 postgresql-15-postgis-3)"
    if not Path("/usr/share/postgresql/15/extension/postgis.control").exists():
        return "PostGIS is not installed (apt-get install postgresql-15-postgis-3)"
    return None


def _as_postgres(*command: str) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def postgis_server() -> Iterator[str]:
    """Address of a fresh server without a database name."""
    why = _missing()
    if why is not None:
        if os.environ.get("BOUSAI_REQUIRE_POSTGIS") == "1":
            pytest.fail(why)
        pytest.skip(f"SKIPPED ON POSTGIS: {why}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="bousai-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = str(folder / "cluster")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    _as_postgres(f"{_BIN}/initdb", "-D", cluster, "-U", "bousai", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
    _as_postgres(f"{_BIN}/pg_ctl", "-D", cluster, "-w", "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql+psycopg://bousai@127.0.0.1:{port}"
    finally:
        _as_postgres(f"{_BIN}/pg_ctl", "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", params=["sqlite", "postgis"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of an empty database of each kind, prepared once."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'bousai.gpkg'}"
    else:
        server = request.getfixturevalue("postgis_server")
        engine = sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        name = f"bousai_{os.getpid()}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        url = f"{server}/{name}"
    store.prepare(url, [])
    return url


def empty(opened: store.Store) -> None:
    """Forget everything (only tests ever delete)."""
    tables = ["revision", "bulletin", "scope", "issue", "document", "receipt", "publication"]
    with opened.engine.begin() as connection:
        for table in tables:
            connection.exec_driver_sql(f"DELETE FROM {table}")
        if opened.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DELETE FROM rtree_revision_geom")


@pytest.fixture
def opened(database_url: str) -> Iterator[store.Store]:
    """An empty store."""
    handle = store.open_store(database_url)
    empty(handle)
    yield handle
    handle.close()


@pytest.fixture
def forget() -> Callable[[store.Store], None]:
    """For tests that need an empty store many times."""
    return empty
