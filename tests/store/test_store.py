"""Single facts of the store: kill at any write, readings by a better parser, boxes, views, migrations."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyogrio
import pytest
import shapely
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from bousai import store
from bousai.errors import StoreError
from bousai.model import Bulletin, Field, Issue, Item, Layer, Provenance, RawDocument, table_of
from bousai.settings import PROJECT
from bousai.store.schema import metadata

pytestmark = pytest.mark.store

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def statement(*items: Item, hours: int = 0, **more: object) -> Bulletin:
    values: dict[str, object] = {"kind": "shelter", "scope": "s", "status": "actual", "issuer": "g", "complete": True}
    return Bulletin(issued_at=T0 + timedelta(hours=hours), items=table_of(items), **(values | more))  # type: ignore[arg-type]


def document(n: int = 0) -> RawDocument:
    return RawDocument(f"{n:064x}", "feed", "https://example.org/a.csv", "a.csv", T0, 10)


def point(lon: float, lat: float) -> bytes:
    return bytes(shapely.to_wkb(shapely.Point(lon, lat)))


def test_a_better_reading_of_the_same_document_replaces_the_first(opened: store.Store) -> None:
    first = statement(Item("a", {"n": 1}), Item("b", {"n": 1}))
    second = statement(Item("a", {"n": 2}))
    store.apply(opened, [first], Provenance(document(), "p", "1"), T0 + timedelta(days=1))
    changed = store.apply(opened, [second], Provenance(document(), "p", "2"), T0 + timedelta(days=2))
    assert (changed.opened, changed.changed, changed.closed) == (0, 1, 1)
    now = store.items(opened, "shelter", valid_at=T0 + timedelta(days=3))
    assert list(zip(now.item_id, now.props, strict=True)) == [("a", '{"n":2}')]
    then = store.items(opened, "shelter", valid_at=T0 + timedelta(days=3), known_at=T0 + timedelta(days=1))
    assert list(then.item_id) == ["a", "b"]


def test_exercise_and_actual_do_not_meet(opened: store.Store) -> None:
    store.apply(opened, [statement(Item("a", {"n": 1}))], Provenance(document(), "p", "1"), T0)
    drill = statement(Item("b", {"n": 2}), hours=1, status="exercise")
    store.apply(opened, [drill], Provenance(document(1), "p", "1"), T0 + timedelta(hours=1))
    late = T0 + timedelta(days=1)
    assert list(store.items(opened, "shelter", valid_at=late).item_id) == ["a"]
    assert list(store.items(opened, "shelter", valid_at=late, status="exercise").item_id) == ["b"]


def test_box_and_municipality(opened: store.Store) -> None:
    items = [Item(f"i{lon}", {"n": lon}, muni_code=f"{lon}01", geometry=point(lon, 35)) for lon in range(130, 145)]
    store.apply(opened, [statement(*items)], Provenance(document(), "p", "1"), T0)
    inside = store.items(opened, "shelter", valid_at=T0, bbox=(131.5, 34, 133.5, 36))
    assert list(inside.item_id) == ["i132", "i133"]
    assert [shapely.from_wkb(g).x for g in inside.geometry] == [132, 133]
    assert list(store.items(opened, "shelter", valid_at=T0, muni="14001").item_id) == ["i140"]


def test_recorded_time_never_goes_back(opened: store.Store) -> None:
    store.apply(opened, [statement(Item("a", {"n": 1}))], Provenance(document(), "p", "1"), T0 + timedelta(days=9))
    store.apply(opened, [statement(Item("a", {"n": 2}), hours=1)], Provenance(document(1), "p", "1"), T0)
    first, second = store.history(opened, "shelter", "a")
    assert first["known_from"] < second["known_from"]


def test_a_repeated_item_id_and_a_missing_time_are_refused_whole(opened: store.Store) -> None:
    twice = statement(Item("a", {"n": 1}), Item("a", {"n": 2}))
    with pytest.raises(ValueError, match="occurs twice"):
        store.apply(
            opened, [statement(Item("z", {"n": 1}), scope="other"), twice], Provenance(document(), "p", "1"), T0
        )
    assert store.documents(opened, "feed") == []
    assert len(store.items(opened, "shelter", valid_at=T0)) == 0


def test_an_issue_is_kept_once_and_names_what_is_stale(opened: store.Store) -> None:
    issue = Issue("broken", "the file is cut off", "ask the publisher", severity="error")
    for day in (1, 2):
        store.set_outcome(
            opened, document(), "quarantined", T0 + timedelta(days=day), cause=issue.cause, remedy=issue.remedy,
            issues=[issue], stale=["shelter"],
        )  # fmt: skip
    (found,) = store.open_issues(opened)
    assert (found["cause"], found["stale"], found["sha256"]) == (issue.cause, "shelter", f"{0:064x}")
    assert (found["raised_at"], found["seen_at"]) == (T0 + timedelta(days=1), T0 + timedelta(days=2))


@pytest.mark.filterwarnings("ignore:Did not recognize type 'geometry'")
def test_the_migrations_make_the_tables_that_the_program_uses(opened: store.Store) -> None:
    foreign = ("gpkg_", "rtree_", "spatial_ref_sys", "alembic_version")

    def ours(name: str | None, kind: str, _: object) -> bool:
        return not (kind == "table" and name is not None and name.startswith(foreign))

    with opened.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours})
        differences = [d for d in compare_metadata(context, metadata) if "geom" not in str(d)]
    assert differences == []


def test_an_unprepared_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="version none") as told:
        store.open_store(f"sqlite:///{tmp_path / 'new.gpkg'}")
    assert "bousai prepare" in told.value.remedy


def test_gis_programs_open_the_current_items_as_a_layer(tmp_path: Path) -> None:
    layer = Layer(
        id="shelter", kind="shelter", title_ja="避難所", title_en="Shelters", description_ja="-", description_en="-",
        geometry="point",
        fields=(
            Field(name="name", type="text", ja="名称", en="name"),
            Field(name="n", type="integer", ja="数", en="number"),
        ),
    )  # fmt: skip
    path = tmp_path / "bousai.gpkg"
    store.prepare(f"sqlite:///{path}", [layer])
    opened = store.open_store(f"sqlite:///{path}")
    old = statement(Item("a", {"name": "旧", "n": 1}, geometry=point(137, 37)), Item("b", {"name": "閉", "n": 2}))
    new = statement(Item("a", {"name": "髙﨑小", "n": 3}, geometry=point(137, 37)), hours=1)
    store.apply(opened, [old], Provenance(document(), "p", "1"), T0)
    store.apply(opened, [new], Provenance(document(1), "p", "1"), T0 + timedelta(hours=1))
    opened.close()
    assert [name for name, geometry in pyogrio.list_layers(path) if geometry is not None] == ["shelter"]
    frame = pyogrio.read_dataframe(path, layer="shelter")
    assert frame[["id", "name", "n", "source", "status"]].to_dict("records") == [
        {"id": "a", "name": "髙﨑小", "n": 3, "source": "feed", "status": "actual"}
    ]
    assert (frame.geometry.x[0], frame.geometry.y[0], frame.crs.to_epsg()) == (137, 37, 4326)


_CHILD = """
import os, signal, sys
from datetime import timedelta
from bousai import store
from bousai.model import Provenance
from bousai.store import dialect
from tests.store.test_store import T0, Item, document, point, statement

url, fatal = sys.argv[1], int(sys.argv[2])
opened = store.open_store(url)
writes = 0
import sqlalchemy as sa

def die(*_):
    global writes
    writes += 1
    if writes == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

sa.event.listen(opened.engine, "before_cursor_execute", lambda *a: die())
bulk = dialect.bulk_insert
def bulk_then_die(*a):
    die()
    bulk(*a)
    die()
dialect.bulk_insert = bulk_then_die
sa.event.listen(opened.engine, "commit", lambda *a: die())
new = statement(Item("a", {"n": 2}, geometry=point(137, 37)), Item("c", {"n": 1}), hours=1)
other = statement(Item("x", {"n": 1}), hours=1, scope="t")
store.apply(opened, [new, other], Provenance(document(1), "p", "1"), T0 + timedelta(hours=1))
print("writes", writes)
"""


def test_law_6_killed_at_any_write_the_store_holds_all_or_nothing(database_url: str, opened: store.Store) -> None:
    old = statement(Item("a", {"n": 1}), Item("b", {"n": 1}))
    store.apply(opened, [old], Provenance(document(), "p", "1"), T0)
    script = textwrap.dedent(_CHILD)

    def seen() -> list[tuple[str, str]]:
        table = store.items(opened, "shelter", valid_at=T0 + timedelta(days=1))
        return list(zip(table.item_id, table.props, strict=True))

    before = seen()
    assert before == [("a", '{"n":1}'), ("b", '{"n":1}')]
    fatal = 0
    while True:
        fatal += 1
        done = subprocess.run(
            [sys.executable, "-c", script, database_url, str(fatal)],
            capture_output=True, text=True, check=False, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )  # fmt: skip
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert seen() == before, f"killed at write {fatal}"
        assert len(store.documents(opened, "feed")) == 1
    assert fatal > 8, "the child was never killed in the middle"
    assert seen() == [("a", '{"n":2}'), ("c", '{"n":1}'), ("x", '{"n":1}')]
    if opened.engine.dialect.name == "sqlite":
        with opened.engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
