"""A store on each database. PostgreSQL + PostGIS is a throw-away cluster of this test run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from bousai import store


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
    tables = ["revision", "bulletin", "scope", "issue", "document", "receipt", "publication", "work"]
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
