"""What the newest statement of a scope ended, on both databases: against a few lines, and where it was said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bousai import store
from bousai.model import Bulletin, Item, table_of
from tests.store.reference import Recorded, _order
from tests.store.test_laws import TIMES, _apply, _bulletin

pytestmark = pytest.mark.store

T0 = datetime(2026, 8, 1, tzinfo=UTC)


def expected(said: Iterable[Recorded], valid_at: datetime, known_at: datetime) -> set[tuple[str, str, int]]:
    """Scope, item and number of each item that has ended."""
    found = set()
    known = sorted((r for r in said if r.recorded_at <= known_at), key=_order)
    for scope in ("s1", "s2"):
        of_scope = [r for r in known if r.bulletin.scope == scope]
        by_then = [r for r in of_scope if r.bulletin.issued_at is not None and r.bulletin.issued_at <= valid_at]
        if not by_then:
            continue
        newest = by_then[-1]
        later = of_scope[of_scope.index(newest) :]
        if any(r.bulletin.msg_type == "withdraw" for r in later):
            continue
        found |= {(scope, item.item_id, item.props["n"]) for item in newest.bulletin.items.rows() if item.ended}
    return found


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bulletins=st.lists(_bulletin(), min_size=1, max_size=7))
def test_agrees_with_the_reference_at_every_valid_and_known_time(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin]
) -> None:
    forget(opened)
    recorded = _apply(opened, bulletins)
    for known_at in [r.recorded_at for r in recorded]:
        for valid_at in TIMES:
            table = store.endings(opened, "shelter", valid_at=valid_at, known_at=known_at)
            told = {
                (scope, item_id, orjson.loads(props)["n"])
                for scope, item_id, props in zip(table.scope, table.item_id, table.props, strict=True)
            }
            assert told == expected(recorded, valid_at, known_at)
            assert list(table.item_id) == sorted(table.item_id)


def report(hour: int, counts: dict[str, int], **more: Any) -> Bulletin:
    """A whole report of outages, in which 0 is an end."""
    items = [
        Item(place, {"affected": number, "as_of": hour}, "43213", ended=number == 0, position=f"page {hour}, {place}")
        for place, number in counts.items()
    ]
    return Bulletin(
        kind="shelter",
        scope="s1",
        issued_at=T0 + timedelta(hours=hour),
        status="actual",
        items=table_of(items),
        issuer="熊本県",
        complete=True,
        bulletin_type="X",
        source_event_id="",
        **more,
    )


def test_none_is_told_from_nobody_says(opened: store.Store) -> None:
    _apply(opened, [report(1, {"a": 5, "b": 0}), report(2, {"a": 0, "b": 0}), report(3, {"b": 0})])

    def ended(hour: float) -> list[tuple[str, str, datetime]]:
        table = store.endings(opened, "shelter", valid_at=T0 + timedelta(hours=hour))
        assert set(table.issuer) <= {"熊本県"}
        assert set(table.muni_code) <= {"43213"}
        return list(zip(table.item_id, table.position, table.issued_at, strict=True))

    assert ended(0.5) == []
    assert ended(1.5) == [("b", "page 1, b", T0 + timedelta(hours=1))]
    assert ended(2.5) == [("a", "page 2, a", T0 + timedelta(hours=2)), ("b", "page 2, b", T0 + timedelta(hours=2))]
    assert ended(3.5) == [("b", "page 3, b", T0 + timedelta(hours=3))]
    assert len(store.endings(opened, "shelter", valid_at=T0 + timedelta(hours=9), status="exercise")) == 0


def test_what_is_for_responders_is_for_nobody_else(opened: store.Store) -> None:
    _apply(opened, [report(1, {"a": 0}), report(2, {"b": 0}, visibility="responders")])
    at = T0 + timedelta(hours=3)
    assert list(store.endings(opened, "shelter", valid_at=at).item_id) == ["a"]
    assert list(store.endings(opened, "shelter", valid_at=at, visibility="responders").item_id) == ["b"]


def test_an_end_leads_to_its_document(opened: store.Store) -> None:
    _apply(opened, [report(1, {"a": 0})])
    table = store.endings(opened, "shelter", valid_at=T0 + timedelta(hours=3))
    traced = store.trace(opened, table.revision[0])
    assert traced is not None
    assert traced["position"] == "page 1, a"
