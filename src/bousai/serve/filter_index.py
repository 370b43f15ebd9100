"""What a filter looks through: the scalar properties of a snapshot as typed columns of an SQLite database.

Made once for a snapshot, beside its file below ``<data>/serve/``. A count has its number under its own name and its
state as ``<name>.state``, a part of an object is ``<name>.<part>``; lists and other objects are not there. Times are
microseconds since 1970 UTC, so that offsets do not matter.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import unicodedata
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from bousai.model import Field, ReleasedLayer
from bousai.serve.snapshots import Snapshot

Kind = Literal["text", "number", "boolean", "time"]
_KINDS: dict[str, Kind] = {
    "text": "text",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "datetime": "time",
}
_SQL: dict[Kind, Any] = {"text": sa.Text(), "number": sa.Numeric(), "boolean": sa.Boolean(), "time": sa.BigInteger()}
_DEADLINE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Queryable:
    """A property that filters may name: where it stands in a feature, its kind, and the field that it belongs to."""

    name: str
    path: tuple[str, ...]
    kind: Kind
    field: Field
    ja: str
    en: str


def queryables(layer: ReleasedLayer) -> dict[str, Queryable]:
    """The properties of a layer that filters may name, by name."""
    found = [one for field in (*layer.common, *layer.fields) for one in _of(field)]
    return {one.name: one for one in found}


def _of(field: Field) -> Iterator[Queryable]:
    if field.type in _KINDS:
        yield Queryable(field.name, (field.name,), _KINDS[field.type], field, field.ja, field.en)
    elif field.is_count:
        yield Queryable(field.name, (field.name, "value"), "number", field, field.ja, field.en)
        state = f"{field.name}.state"
        yield Queryable(state, (field.name, "state"), "text", field, f"{field.ja}（状態）", f"{field.en} (state)")
    for part in field.parts:
        if part.type in _KINDS:
            name = f"{field.name}.{part.name}"
            yield Queryable(name, (field.name, part.name), _KINDS[part.type], part, part.ja, part.en)


@dataclass(frozen=True, slots=True)
class Index:
    """The database of one snapshot: `row` and, by queryable, the columns of its one table."""

    engine: sa.Engine
    row: sa.Column[int]
    located: sa.Column[bool]
    columns: dict[str, sa.Column[Any]]

    def rows(self, where: sa.ColumnElement[bool]) -> list[int]:
        """The rows for which a condition is true, in order. Raises TimeoutError where that takes too long,
        RecursionError where the condition is nested deeper than the database reads."""
        try:
            with self.engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert isinstance(raw, sqlite3.Connection)
                until = time.monotonic() + _DEADLINE_SECONDS
                raw.set_progress_handler(lambda: time.monotonic() > until, 10_000)
                return list(connection.execute(sa.select(self.row).where(where).order_by(self.row)).scalars())
        except sa.exc.OperationalError as error:
            if "interrupted" in str(error.orig):
                raise TimeoutError from error
            if "parser stack overflow" in str(error.orig):
                raise RecursionError from error
            raise


_OPEN = 32


class Indexes:
    """The indexes of one server: each made once, whoever asks first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._open: OrderedDict[str, Index] = OrderedDict()

    def of(self, snapshot: Snapshot) -> Index:
        """The index of a snapshot."""
        with self._lock:
            making = self._making[snapshot.key]
        with making:
            with self._lock:
                found = self._open.get(snapshot.key)
            if found is None:
                found = _opened(snapshot, self._folder / f"{snapshot.key}.filter")
        with self._lock:
            self._making.pop(snapshot.key, None)
            self._open[snapshot.key] = found
            self._open.move_to_end(snapshot.key)
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].engine.dispose()
        return found

    def close(self) -> None:
        """Give the files back."""
        for one in self._open.values():
            one.engine.dispose()


def _opened(snapshot: Snapshot, path: Path) -> Index:
    known = queryables(snapshot.layer)
    table = sa.Table(
        "item",
        sa.MetaData(),
        sa.Column("row", sa.Integer(), primary_key=True),
        sa.Column("located", sa.Boolean(), nullable=False),
        *(sa.Column(f"c{n}", _SQL[one.kind]) for n, one in enumerate(known.values())),
    )
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{time.monotonic_ns()}")
        try:
            _make(aside, table, snapshot, list(known.values()))
            aside.rename(path)
        finally:
            aside.unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///file:{path}?mode=ro&immutable=1&uri=true")
    sa.event.listen(engine, "connect", _functions)
    columns = {name: table.c[f"c{n}"] for n, name in enumerate(known)}
    return Index(engine, table.c.row, table.c.located, columns)


def _make(path: Path, table: sa.Table, snapshot: Snapshot, known: Sequence[Queryable]) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    marks = ", ".join("?" * (2 + len(known)))
    try:
        table.create(engine)
        raw = sqlite3.connect(path, isolation_level=None)
        try:
            raw.execute("PRAGMA synchronous=OFF")  # a file that is not whole is never given its name
            raw.execute("PRAGMA journal_mode=OFF")
            raw.execute("BEGIN")
            raw.executemany(f"INSERT INTO item VALUES ({marks})", _values(snapshot, known))  # noqa: S608  (question marks)
            raw.execute("COMMIT")
        finally:
            raw.close()
    finally:
        engine.dispose()


def _values(snapshot: Snapshot, known: Sequence[Queryable]) -> Iterator[tuple[Any, ...]]:
    readers = [(one.path, one.kind == "time") for one in known]
    for row, text in enumerate(snapshot.features(range(len(snapshot)))):
        feature = orjson.loads(text)
        properties = feature["properties"]
        values: list[Any] = [row, feature["geometry"] is not None]
        for path, is_time in readers:
            value = properties.get(path[0])
            if len(path) == 2:
                value = value.get(path[1]) if isinstance(value, dict) else None
            values.append(microseconds(value) if is_time and value is not None else value)
        yield tuple(values)


def microseconds(text: str) -> int | None:
    """A time with its offset as microseconds since 1970 UTC; None where the text is none (a date, words)."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else round(at.timestamp() * 1_000_000)


def plain_case(text: str | None) -> str | None:
    """CASEI: Unicode case folding, and full and half width as one, as everywhere in names here."""
    return None if text is None else unicodedata.normalize("NFKC", text).casefold()


def plain_accents(text: str | None) -> str | None:
    """ACCENTI: without combining accents. Japanese voicing marks are no accents: か and が are two letters."""
    if text is None:
        return None
    apart = unicodedata.normalize("NFD", text)
    kept = "".join(c for c in apart if not unicodedata.combining(c) or c in "\u3099\u309a")
    return unicodedata.normalize("NFC", kept)


def _power(base: float | None, exponent: float | None) -> float | None:
    try:
        found = None if base is None or exponent is None else float(base) ** float(exponent)
    except (OverflowError, ZeroDivisionError):
        return None
    return found if isinstance(found, float) else None


def _functions(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA case_sensitive_like=ON")
    connection.create_function("casei", 1, plain_case, deterministic=True)
    connection.create_function("accenti", 1, plain_accents, deterministic=True)
    connection.create_function("power_of", 2, _power, deterministic=True)
