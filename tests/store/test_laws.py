"""The laws of the store, over random bulletins, on both databases, against the reference model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bousai import store
from bousai.model import Bulletin, Item, Provenance, RawDocument, table_of
from bousai.store.encode import bulletin_digest, content_of
from tests.store.reference import Recorded, state

pytestmark = pytest.mark.store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = [T0 + timedelta(hours=h) for h in range(-1, 9)]
POINTS = [None, *(shapely.to_wkb(shapely.Point(lon, 35)) for lon in (135, 136))]

_item = st.builds(
    Item,
    item_id=st.sampled_from("abcd"),
    props=st.fixed_dictionaries({"n": st.integers(0, 2)}),
    muni_code=st.sampled_from([None, "17204"]),
    geometry=st.sampled_from(POINTS),
    ended=st.sampled_from([False, False, False, True]),
    valid_to=st.sampled_from([None, None, *TIMES[4:]]),
)


@st.composite
def _bulletin(draw: st.DrawFn) -> Bulletin:
    msg_type = draw(st.sampled_from(["issue"] * 6 + ["correct", "withdraw"]))
    items = [] if msg_type == "withdraw" else draw(st.lists(_item, max_size=4, unique_by=lambda i: i.item_id))
    return Bulletin(
        kind="shelter",
        scope=draw(st.sampled_from(["s1", "s1", "s1", "s2"])),
        issued_at=draw(st.sampled_from(TIMES[1:-1])),
        status="actual",
        items=table_of(items),
        issuer="g",
        complete=msg_type != "withdraw" and draw(st.booleans()),
        msg_type=msg_type,
        sent_at=draw(st.sampled_from([None, T0 + timedelta(hours=3)])),
        serial=draw(st.sampled_from([None, "1", "2", "10"])),
        source_event_id=draw(st.sampled_from(["e", "f", ""])),
        bulletin_type=draw(st.sampled_from(["X", "Y"])),
    )


def _digest(b: Bulletin) -> bytes:
    return bulletin_digest(b, content_of(b))


def _provenance(n: int) -> Provenance:
    return Provenance(RawDocument(f"{n:064x}", "feed", "https://x/", "x", T0, 1), "p", "1")


def _apply(opened: store.Store, bulletins: list[Bulletin], first: int = 0) -> list[Recorded]:
    """Record each in a document of its own; what the reference model needs to know of it."""
    recorded: list[Recorded] = []
    for n, b in enumerate(bulletins, first):
        now = T0 + timedelta(days=1, minutes=n)
        store.apply(opened, [b], _provenance(n), now)
        recorded.append(Recorded(b, now, _digest(b)))
    return recorded


def _seen(opened: store.Store, valid_at: datetime, known_at: datetime | None) -> dict[tuple[str, str], Any]:
    table = store.items(opened, "shelter", valid_at=valid_at, known_at=known_at)
    rows = zip(table.scope, table.item_id, table.props, table.muni_code, table.geometry, strict=True)
    answer = {(scope, item): (orjson.loads(props), muni, geometry) for scope, item, props, muni, geometry in rows}
    assert len(answer) == len(table), "an item is seen twice in one scope"
    return answer


def _expected(recorded: list[Recorded], valid_at: datetime, known_at: datetime) -> dict[tuple[str, str], Any]:
    return {
        (scope, item): value
        for scope in ("s1", "s2")
        for item, value in state([r for r in recorded if r.bulletin.scope == scope], valid_at, known_at).items()
    }


_SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_SETTINGS
@given(bulletins=st.lists(_bulletin(), min_size=1, max_size=7))
def test_agrees_with_the_reference_at_every_valid_and_known_time(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin]
) -> None:
    forget(opened)
    recorded = _apply(opened, bulletins)
    for known_at in [r.recorded_at for r in recorded]:
        for valid_at in TIMES:
            assert _seen(opened, valid_at, known_at) == _expected(recorded, valid_at, known_at)


@_SETTINGS
@given(data=st.data(), bulletins=st.lists(_bulletin(), min_size=2, max_size=6))
def test_law_1_any_order_and_any_repetition_give_one_answer(
    opened: store.Store, forget: Callable[[store.Store], None], data: st.DataObject, bulletins: list[Bulletin]
) -> None:
    shuffled = data.draw(st.permutations(bulletins + bulletins[:2]))
    answers = []
    for order in (bulletins, shuffled):
        forget(opened)
        _apply(opened, order)
        answers.append([_seen(opened, t, None) for t in TIMES])
    assert answers[0] == answers[1]


@_SETTINGS
@given(before=st.lists(_bulletin(), min_size=1, max_size=4), after=st.lists(_bulletin(), min_size=1, max_size=4))
def test_law_2_the_past_is_not_rewritten(
    opened: store.Store, forget: Callable[[store.Store], None], before: list[Bulletin], after: list[Bulletin]
) -> None:
    forget(opened)
    known_at = _apply(opened, before)[-1].recorded_at
    told = [_seen(opened, t, known_at) for t in TIMES]
    _apply(opened, after, first=len(before))
    assert [_seen(opened, t, known_at) for t in TIMES] == told


@_SETTINGS
@given(bulletins=st.lists(_bulletin(), min_size=1, max_size=5))
def test_law_3_saying_it_again_writes_no_revision(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin]
) -> None:
    forget(opened)
    _apply(opened, bulletins)
    position = max(c.cursor for c in store.changes(opened)) if store.changes(opened) else 0
    for n, b in enumerate(bulletins, 100):
        changed = store.apply(opened, [b], _provenance(n), T0 + timedelta(days=2, minutes=n))
        assert not changed.any
    assert store.changes(opened, after=position) == []


@_SETTINGS
@given(bulletins=st.lists(_bulletin(), min_size=1, max_size=6))
def test_law_5_every_revision_leads_to_its_document(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin]
) -> None:
    forget(opened)
    recorded = _apply(opened, bulletins)
    stated = {
        (f"{n:064x}", item.item_id, orjson.dumps(dict(item.props)).decode())
        for n, r in enumerate(recorded)
        for item in r.bulletin.items.rows()
    }
    for item in "abcd":
        for revision in store.history(opened, "shelter", item):
            assert (revision["sha256"], item, revision["props"]) in stated
            assert (revision["feed"], revision["parser"], revision["parser_version"]) == ("feed", "p", "1")


@_SETTINGS
@given(bulletins=st.lists(_bulletin(), min_size=1, max_size=6))
def test_the_change_log_replays_to_the_present(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin]
) -> None:
    """Whoever follows the log never misses an item whose present state differs from what it last saw."""
    forget(opened)
    before: dict[tuple[str, str], Any] = {}
    cursor = 0
    late = T0 + timedelta(days=300)
    for n, b in enumerate(bulletins):
        store.apply(opened, [b], _provenance(n), T0 + timedelta(days=1, minutes=n))
        log = store.changes(opened, after=cursor)
        cursor = max([cursor, *(c.cursor for c in log)])
        after = _seen(opened, late, None)
        differing = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
        assert differing <= {(c.scope, c.item_id) for c in log}
        before = after
