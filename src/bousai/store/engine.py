"""Opening the store, bringing its tables to this program's version, and the views for GIS and BI users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import alembic.command
import alembic.config
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from bousai.errors import StoreError
from bousai.model import Layer
from bousai.settings import PROJECT
from bousai.store import dialect

_MIGRATIONS = PROJECT / "sql" / "migrations"
_VIEWS = PROJECT / "sql" / "views"


@dataclass(frozen=True, slots=True)
class Store:
    """A handle on one database. Open it after a fork (a task, a worker), not before."""

    engine: Engine

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """The store at an SQLAlchemy URL. Raises `StoreError` if its tables are not those of this program, or if there is
    none: only `prepare` makes one."""
    dialect.must_exist(url)
    store = Store(dialect.create_engine(url))
    try:
        _check_version(store.engine)
    except BaseException:
        store.close()
        raise
    return store


def _check_version(engine: Engine) -> None:
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except sa.exc.OperationalError as error:
        raise StoreError(
            f"cannot open the store: {str(error.orig).strip().splitlines()[0]}", remedy="check BOUSAI_STORE"
        ) from error
    expected = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    if found != expected:
        raise StoreError(
            f"the store is at version {found or 'none'}, this program needs {expected}",
            remedy="run: bousai prepare",
        )


def prepare(url: str, layers: Iterable[Layer]) -> None:
    """Create or upgrade the tables (forward only) and the views. Safe to call at every start."""
    engine = dialect.create_engine(url)
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    try:
        with dialect.writing(engine).begin() as connection:
            dialect.lock_for_writing(connection)
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
            for layer in layers:
                # What is put together when it is asked for has no rows here; its view would say that there is none.
                if not layer.inputs or layer.kind in layer.inputs:
                    _create_view(connection, layer)
    finally:
        engine.dispose()


_SQL_TYPES = {
    "sqlite": {"text": "TEXT", "datetime": "TEXT", "integer": "INTEGER", "number": "REAL", "boolean": "BOOLEAN"},
    "postgresql": {
        "text": "text",
        "datetime": "timestamptz",
        "integer": "bigint",
        "number": "double precision",
        "boolean": "boolean",
    },
}


def _create_view(connection: Connection, layer: Layer) -> None:
    """(Re)create the view of a layer's current actual items, one typed column a field."""
    name = connection.dialect.name
    template = (_VIEWS / f"current.{name}.sql").read_text(encoding="utf-8")
    columns = []
    for f in layer.fields:
        if name == "sqlite":
            kind = _SQL_TYPES[name].get(f.type)
            value = f"json_extract(r.props, '$.{f.name}')"
            columns.append(f'CAST({value} AS {kind}) AS "{f.name}"' if kind else f'{value} AS "{f.name}"')
        else:
            kind = _SQL_TYPES[name].get(f.type)
            value = f"(r.props::jsonb ->> '{f.name}')::{kind}" if kind else f"r.props::jsonb -> '{f.name}'"
            columns.append(f'{value} AS "{f.name}"')
    taken = {"fid", "geom", "id", "muni_code", "source", "issuer", "issued_at", "recorded_at", "status"}
    kept = [c for f, c in zip(layer.fields, columns, strict=True) if f.name not in taken]
    script = template.format(
        layer=layer.id,
        kind=layer.kind,
        columns="".join(f",\n    {c}" for c in kept),
        title=layer.title_en.replace("'", "''"),
    )
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
