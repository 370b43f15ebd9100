"""Claims have all that the store knows: whatever it answers about any two times follows from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai import store
from bousai.model import Bulletin, Item, table_of
from bousai.report import moments
from tests.store.test_laws import _SETTINGS, T0, TIMES, _apply, _bulletin, _seen

pytestmark = pytest.mark.store
WHILE_RECORDED = [T0 + timedelta(days=1, minutes=n) for n in range(7)]
EVER: dict[str, Any] = {"since": T0 - timedelta(days=999), "until": T0 + timedelta(days=999)}


def claims(opened: store.Store, **given: Any) -> list[Any]:
    munis = {row.muni_code for row in _all(opened) if row.muni_code}
    return store.claims(opened, ["shelter"], munis=munis, **(EVER | given))


def _all(opened: store.Store) -> list[Any]:
    from bousai.store import schema

    with opened.engine.connect() as connection:
        return list(connection.execute(schema.revision.select()))


@_SETTINGS
@given(bulletins=st.lists(_bulletin(), min_size=1, max_size=7))
def test_what_held_at_any_time_by_what_was_known_at_any_other_follows_from_claims(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin]
) -> None:
    forget(opened)
    recorded = _apply(opened, bulletins)
    every = claims(opened)
    for known_at in [one.recorded_at for one in recorded]:
        for valid_at in TIMES:
            held = {
                (one.scope, one.item_id): (orjson.loads(orjson.dumps(one.props)), one.muni_code)
                for one in moments.held(every, valid_at, known_at)
            }
            seen = _seen(opened, valid_at, known_at)
            assert held == {key: value[:2] for key, value in seen.items()}


@_SETTINGS
@given(bulletins=st.lists(_bulletin(), min_size=2, max_size=6))
def test_claims_as_known_then_know_nothing_of_later(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin]
) -> None:
    forget(opened)
    first = _apply(opened, bulletins[:1])
    then = claims(opened)
    _apply(opened, bulletins[1:], first=1)
    assert claims(opened, known_at=first[-1].recorded_at) == then


@_SETTINGS
@given(bulletins=st.lists(_bulletin(), min_size=1, max_size=7), at=st.sampled_from([*TIMES, *WHILE_RECORDED]))
def test_what_held_before_and_what_was_stated_since_tell_all_times_since(
    opened: store.Store, forget: Callable[[store.Store], None], bulletins: list[Bulletin], at: datetime
) -> None:
    forget(opened)
    recorded = _apply(opened, bulletins)
    munis = {row.muni_code for row in _all(opened) if row.muni_code}
    earlier = store.claims_before(opened, ["shelter"], munis=munis, at=at)
    every = earlier + claims(opened, since=at)
    assert all(one.stated.issued_at < at for one in earlier)
    for known_at in [one.recorded_at for one in recorded if one.recorded_at >= at]:
        for valid_at in [one for one in (*TIMES, *WHILE_RECORDED) if one >= at]:
            held = {(one.scope, one.item_id) for one in moments.held(every, valid_at, known_at)}
            assert held == set(_seen(opened, valid_at, known_at))


def test_only_what_was_issued_in_the_time_and_is_of_the_places(opened: store.Store) -> None:
    def said(hours: int, *codes: str | None) -> Bulletin:
        items = table_of(Item(f"{hours}/{code}", {"name": "x"}, code) for code in codes)
        return Bulletin("shelter", f"s{hours}", T0 + timedelta(hours=hours), "actual", items, "g", complete=True)

    _apply(opened, [said(1, "17204"), said(2, "17204", "17205", None), said(3, "17204")])
    found = store.claims(
        opened, ["shelter"], munis=["17204"], since=T0 + timedelta(hours=2), until=T0 + timedelta(hours=2)
    )
    assert sorted(one.item_id for one in found) == ["2/17204", "2/None"]
    assert {(one.stated.document, one.stated.issuer, one.stated.number) for one in found} == {("x", "g", 2)}
    assert store.claims(opened, ["shelter"], munis=["17204"], status="exercise", **EVER) == []
    assert store.claims(opened, ["earthquake"], munis=["17204"], **EVER) == []
