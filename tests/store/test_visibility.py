"""Visibility: each circle of readers has a state that is the fold of what is open to it, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai import store
from bousai.model import VISIBILITIES, Bulletin, Item, Provenance, RawDocument, Visibility, open_to, table_of
from bousai.store import dialect
from bousai.store.encode import bulletin_digest, content_of
from tests.store.reference import Recorded, state
from tests.store.test_laws import _SETTINGS as LAWS
from tests.store.test_laws import T0, TIMES, _bulletin

pytestmark = pytest.mark.store

_SETTINGS = settings(LAWS, max_examples=12)
LATE = T0 + timedelta(days=300)
Forget = Callable[[store.Store], None]
_any = st.builds(lambda b, v: replace(b, visibility=v), _bulletin(), st.sampled_from(VISIBILITIES))
_narrow = st.builds(lambda b, v: replace(b, visibility=v), _bulletin(), st.sampled_from(VISIBILITIES[1:]))


def provenance(n: int, version: str = "1") -> Provenance:
    return Provenance(RawDocument(f"{n:064x}", "feed", "https://x/", "x", T0, 1), "p", version)


def record(opened: store.Store, bulletins: Sequence[tuple[int, Bulletin]]) -> list[Recorded]:
    """Each in a document of its own, at a time that its number tells."""
    done = []
    for n, b in bulletins:
        now = T0 + timedelta(days=1, minutes=n)
        store.apply(opened, [b], provenance(n), now)
        done.append(Recorded(b, now, bulletin_digest(b, content_of(b))))
    return done


def seen(
    opened: store.Store, circle: Visibility, valid_at: datetime = LATE, known_at: datetime | None = None
) -> dict[tuple[str, str], Any]:
    table = store.items(opened, "shelter", valid_at=valid_at, known_at=known_at, visibility=circle)
    rows = zip(table.scope, table.item_id, table.props, table.muni_code, table.geometry, strict=True)
    answer = {(scope, item): (orjson.loads(props), muni, geometry) for scope, item, props, muni, geometry in rows}
    assert len(answer) == len(table), "an item is seen twice in one scope"
    return answer


@_SETTINGS
@given(bulletins=st.lists(_any, min_size=1, max_size=7))
def test_each_circle_sees_the_fold_of_what_is_open_to_it(
    opened: store.Store, forget: Forget, bulletins: list[Bulletin]
) -> None:
    forget(opened)
    recorded = record(opened, list(enumerate(bulletins)))
    for circle in VISIBILITIES:
        mine = [r for r in recorded if r.bulletin.visibility in open_to(circle)]
        for known_at in [r.recorded_at for r in recorded]:
            for valid_at in TIMES[1::2]:
                assert seen(opened, circle, valid_at, known_at) == {
                    (scope, item): value
                    for scope in ("s1", "s2")
                    for item, value in state(
                        [r for r in mine if r.bulletin.scope == scope], valid_at, known_at
                    ).items()
                }


def everything_public(opened: store.Store) -> list[Any]:
    """All that the store says without being asked for more than what is public."""
    told: list[Any] = []
    for at in TIMES:
        table = store.items(opened, "shelter", valid_at=at)
        columns = ("item_id", "scope", "muni_code", "props", "geometry", "issuer", "issued_at", "recorded_at")
        told += [table.known_at, *(list(getattr(table, name)) for name in columns)]
    ever = store.sightings(opened, "shelter", valid_at=LATE)
    told += [list(ever.table.item_id), list(ever.table.props), list(ever.since), list(ever.until)]
    for item in "abcd":
        told += [
            sorted(
                (str(value) for value in ({**one, "revision": 0} for one in store.history(opened, "shelter", item))),
            )
        ]
    told += [[(c.op, c.recorded_at, c.scope, c.item_id) for c in store.changes(opened)]]
    told += [store.last_bulletins_at(opened).get("feed"), store.log_position(opened)[1]]
    told += [store.borrowed_geometry(opened, "shelter", LATE, None, "actual", ["17204"])]
    return told


@settings(LAWS, max_examples=25)
@given(
    public=st.lists(_bulletin(), min_size=1, max_size=5),
    narrow=st.lists(_narrow, min_size=1, max_size=5),
    data=st.data(),
)
def test_what_is_not_public_never_changes_what_the_public_sees(
    opened: store.Store, forget: Forget, public: list[Bulletin], narrow: list[Bulletin], data: st.DataObject
) -> None:
    """Non-interference: superseding, closing, withdrawing, correcting in the same scope included."""
    places = data.draw(st.lists(st.integers(0, 1000), min_size=len(narrow), max_size=len(narrow), unique=True))
    told_public = [(n * 200, b) for n, b in enumerate(public)]
    both = sorted(
        [*told_public, *((at * 2 + 1, b) for at, b in zip(places, narrow, strict=True))], key=lambda o: o[0]
    )
    forget(opened)
    record(opened, told_public)
    alone = everything_public(opened)
    forget(opened)
    record(opened, both)
    assert everything_public(opened) == alone


@_SETTINGS
@given(bulletins=st.lists(_any, min_size=2, max_size=6), data=st.data())
def test_any_order_gives_each_circle_one_answer(
    opened: store.Store, forget: Forget, bulletins: list[Bulletin], data: st.DataObject
) -> None:
    answers = []
    for order in (bulletins, data.draw(st.permutations(bulletins + bulletins[:2]))):
        forget(opened)
        record(opened, list(enumerate(order)))
        answers.append([seen(opened, circle, t) for circle in VISIBILITIES for t in TIMES])
    assert answers[0] == answers[1]


@_SETTINGS
@given(before=st.lists(_any, min_size=1, max_size=4), after=st.lists(_any, min_size=1, max_size=4))
def test_no_circle_has_its_past_rewritten(
    opened: store.Store, forget: Forget, before: list[Bulletin], after: list[Bulletin]
) -> None:
    forget(opened)
    known_at = record(opened, list(enumerate(before)))[-1].recorded_at
    told = [seen(opened, circle, t, known_at) for circle in VISIBILITIES for t in TIMES]
    record(opened, list(enumerate(after, len(before))))
    assert [seen(opened, circle, t, known_at) for circle in VISIBILITIES for t in TIMES] == told


@_SETTINGS
@given(bulletins=st.lists(_any, min_size=1, max_size=5))
def test_saying_it_again_writes_nothing_for_any_circle(
    opened: store.Store, forget: Forget, bulletins: list[Bulletin]
) -> None:
    forget(opened)
    record(opened, list(enumerate(bulletins)))
    position, _ = store.log_position(opened)
    for n, b in enumerate(bulletins, 100):
        assert not store.apply(opened, [b], provenance(n), T0 + timedelta(days=2, minutes=n)).any
    assert all(store.changes(opened, position, visibility=circle) == [] for circle in VISIBILITIES)


# ── single cases, as a person would tell them ────────────────────────────────────────────────────────────


def statement(*ids: str, hours: int = 0, visibility: Visibility = "public", **more: Any) -> Bulletin:
    """A complete statement that these shelters are there."""
    items = table_of([Item(item_id, {"n": 1}) for item_id in ids])
    told = {"issued_at": T0 + timedelta(hours=hours), "status": "actual", "issuer": "県", **more}
    return Bulletin("shelter", "s", items=items, complete=bool(ids), visibility=visibility, **told)


def ids(opened: store.Store, circle: Visibility, at: datetime = LATE) -> set[str]:
    return {item for _, item in seen(opened, circle, at)}


def test_a_list_for_responders_neither_shows_nor_hides_anything_to_the_public(opened: store.Store) -> None:
    record(opened, [(0, statement("a", "b")), (1, statement("a", "c", hours=1, visibility="responders"))])
    assert ids(opened, "public") == {"a", "b"}  # b is not closed: that would tell of the narrower list
    assert ids(opened, "responders") == ids(opened, "isut") == {"a", "c"}
    assert ids(opened, "responders", T0 + timedelta(minutes=30)) == {"a", "b"}
    table = store.items(opened, "shelter", valid_at=LATE, visibility="responders")
    recorded = dict(zip(table.item_id, table.recorded_at, strict=True))
    day = T0 + timedelta(days=1)
    assert recorded == {"a": day, "c": day + timedelta(minutes=1)}  # a was known before the narrower list came


def test_a_later_public_list_is_the_state_for_everybody(opened: store.Store) -> None:
    """The same data set, opened to the public: nothing of the narrower list stays behind for responders."""
    record(opened, [(0, statement("a", "b", visibility="responders")), (1, statement("a", "c", hours=1))])
    assert [ids(opened, circle) for circle in VISIBILITIES] == [{"a", "c"}] * 3
    assert ids(opened, "public", T0 + timedelta(minutes=30)) == set()
    assert ids(opened, "responders", T0 + timedelta(minutes=30)) == {"a", "b"}


def test_the_same_words_to_a_wider_circle_become_public(opened: store.Store) -> None:
    for n, circle in enumerate(("isut", "responders", "public")):
        assert store.apply(
            opened, [statement("a", visibility=circle)], provenance(n), T0 + timedelta(days=n + 1)  # type: ignore[arg-type]
        ).opened == 1  # fmt: skip
        assert [ids(opened, one) for one in VISIBILITIES] == [{"a"} if i >= 2 - n else set() for i in range(3)]


def test_what_is_public_by_mistake_is_taken_back_by_a_withdrawal_or_another_reading(opened: store.Store) -> None:
    event = {"source_event_id": "e", "bulletin_type": "X"}
    taken = statement(hours=2, msg_type="withdraw", **event)
    record(opened, [(0, statement("a", **event)), (1, statement("a", hours=1, visibility="responders", **event))])
    record(opened, [(2, taken)])
    assert ids(opened, "public") == set()
    # The withdrawal is of the event: whoever withdraws it in public and still holds it says so again, to fewer.
    record(opened, [(3, statement("a", hours=3, visibility="responders", **event))])
    assert (ids(opened, "public"), ids(opened, "responders")) == (set(), {"a"})


def test_a_document_read_again_for_a_narrower_circle_leaves_the_public(opened: store.Store) -> None:
    first, again = T0 + timedelta(days=1), T0 + timedelta(days=2)
    store.apply(opened, [statement("a")], provenance(0), first)
    changed = store.apply(opened, [statement("a", visibility="responders")], provenance(0, "2"), again)
    assert changed.closed == 1
    assert [ids(opened, circle) for circle in VISIBILITIES] == [set(), {"a"}, {"a"}]
    assert seen(opened, "public", LATE, first)  # what was said is not unsaid
    assert [c.op for c in store.changes(opened)] == ["opened", "closed"]
    store.apply(opened, [statement("b", hours=1)], provenance(1), again + timedelta(hours=1))
    assert [ids(opened, circle) for circle in VISIBILITIES] == [{"b"}] * 3


def test_one_document_may_tell_the_public_less_than_responders(opened: store.Store) -> None:
    def both(n: int, hours: int, *more: str) -> None:
        told = [statement("a", hours=hours), statement("a", *more, hours=hours, visibility="responders")]
        store.apply(opened, told, provenance(n), T0 + timedelta(days=n + 1))

    both(0, 0, "b")
    assert [ids(opened, circle) for circle in VISIBILITIES] == [{"a"}, {"a", "b"}, {"a", "b"}]
    both(1, 1, "c")
    assert [ids(opened, circle) for circle in VISIBILITIES] == [{"a"}, {"a", "c"}, {"a", "c"}]
    with pytest.raises(ValueError, match="spoke twice"):
        store.apply(opened, [statement("x"), statement("y")], provenance(9), LATE)


def test_traces_and_counts_are_those_of_a_circle(opened: store.Store) -> None:
    record(opened, [(0, statement("a")), (1, statement("a", "b", hours=1, visibility="responders"))])
    hidden = store.items(opened, "shelter", valid_at=LATE, visibility="responders").revision[-1]
    assert store.trace(opened, hidden) is None
    shown = store.trace(opened, hidden, "responders")
    assert shown is not None
    assert (shown["id"], shown["visibility"]) == ("b", "responders")
    assert store.history(opened, "shelter", "b") == []
    keys = [("actual", "shelter", "s", circle) for circle in VISIBILITIES]
    assert list(store.current_counts(opened, keys).values()) == [1, 2, 2]  # type: ignore[arg-type]
    assert store.last_bulletins_at(opened)["feed"] == T0
    assert store.last_bulletins_at(opened, visibility="isut")["feed"] == T0 + timedelta(hours=1)


def test_a_store_from_before_is_public(tmp_path: Path) -> None:
    """The tables of version 0001 with something in them, brought to this version."""
    url = f"sqlite:///{tmp_path / 'old.gpkg'}"
    engine = dialect.create_engine(url)
    config = alembic.config.Config()
    config.set_main_option("script_location", "sql/migrations")
    with dialect.writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        connection.exec_driver_sql("CREATE VIEW old AS SELECT scope FROM scope")
        connection.exec_driver_sql("INSERT INTO scope VALUES (7, 'actual', 'shelter', 's', 'key', NULL)")
        connection.exec_driver_sql(
            "INSERT INTO bulletin VALUES (3, 7, 1, 'key', 'issue', 1, 0, 540, NULL, NULL, '', '', '県', 'p', '1', 5,"
            " NULL, 0, x'')"
        )
    engine.dispose()
    store.prepare(url, [])
    opened = store.open_store(url)
    with opened.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM scope").all() == [
            (7, "actual", "shelter", "s", "key", None, "public", 0)
        ]
        missing = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        assert [row[2] for row in missing] == ["document"]  # the scope that the bulletin speaks of is there
        with pytest.raises(sa.exc.IntegrityError):
            connection.exec_driver_sql(
                "INSERT INTO scope VALUES (8, 'actual', 'shelter', 's', NULL, NULL, 'public', 0)"
            )
    assert store.log_position(opened)[0] == 3
    opened.close()
