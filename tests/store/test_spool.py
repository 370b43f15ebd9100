"""Documents larger than memory: the same as any other, in parts, and all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import shapely

from bousai import store
from bousai.model import Bulletin, Changes, Issue, ItemTable, Provenance, RawDocument
from bousai.store import spool, write

pytestmark = pytest.mark.store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
RAW = RawDocument("0" * 64, "f", "https://example.org/", "n", T0, 1)
SQUARE = bytes(shapely.to_wkb(shapely.box(139, 35, 140, 36)))


def statement(n: int, count: int = 40, *, skip: int = 0, at: datetime = T0) -> Bulletin:
    """A complete statement of invented zones."""
    ids = [f"{n}/{k}" for k in range(skip, count)]
    table = ItemTable(
        item_id=ids,
        props={"name": [f"訓練{one}" for one in ids], "depth": [n / 2] * len(ids)},
        muni_code=[None] * len(ids),
        geometry=[SQUARE if k % 2 else None for k in range(skip, count)],
        valid_to=[T0.astimezone(ZoneInfo("Asia/Tokyo")) + timedelta(days=9)] * len(ids),
        position=[f"row {k}" for k in range(len(ids))],
    )
    return Bulletin("hazard_zone_flood", f"訓練/{n}", at, "actual", table, "訓練", complete=True)


def plain(bulletins: list[Bulletin]) -> list[Any]:
    return [(b.scope, b.issued_at, list(b.items.rows())) for b in bulletins]


@pytest.mark.parametrize("in_memory", [0, 30_000, 10**9])
def test_statements_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(spool, "_IN_MEMORY", in_memory)
    said = [statement(n) for n in range(7)]
    with store.Statements(tmp_path) as statements:
        for one in said:
            statements.add(one)
        assert plain(list(statements)) == plain(said)
        assert plain(list(statements)) == plain(said)  # and again
        statements.add(statement(7))
        assert plain(list(statements)) == plain([*said, statement(7)])
        assert (len(statements), statements.items) == (8, 320)
        assert statements.complete[("actual", "hazard_zone_flood", "訓練/3", "public")] == 40
    assert not list(tmp_path.iterdir())


def apply(opened: store.Store, said: Any, n: int = 0, issues: list[Issue] | None = None) -> Changes:
    raw = RawDocument(f"{n:064x}", "f", "https://example.org/", "n", T0, 1)
    return store.apply(opened, said, Provenance(raw, "p", "1"), T0 + timedelta(hours=n), issues or [])


def rows(opened: store.Store) -> list[tuple[Any, ...]]:
    found = store.items(opened, "hazard_zone_flood", valid_at=T0 + timedelta(days=1))
    return list(zip(found.item_id, found.scope, found.props, found.geometry, found.revision, strict=True))


def test_in_portions_as_at_once(opened: store.Store, forget: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    later = T0 + timedelta(hours=5)
    answers = []
    for portion in (10**9, 30_000, 0):
        forget(opened)
        monkeypatch.setattr(write, "_PORTION", portion)
        changes = [
            apply(opened, (statement(n) for n in range(7))),
            apply(opened, (statement(n) for n in range(7)), 1),
            apply(opened, (statement(n, skip=n, at=later) for n in range(7)), 2),
        ]
        answers.append((changes, rows(opened), store.changes(opened)))
    assert answers[0][0] == [Changes(opened=280), Changes(unchanged=280), Changes(closed=21, unchanged=259)]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("fault", ["bug", "scope twice", "item twice"])
def test_what_fails_at_the_end_has_written_nothing(
    opened: store.Store, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(write, "_PORTION", 0)
    apply(opened, [statement(0)])
    before = rows(opened), store.changes(opened), store.open_issues(opened)

    def said() -> Iterator[Bulletin]:
        yield from (statement(n, at=T0 + timedelta(hours=1)) for n in range(1, 5))
        if fault == "bug":
            raise ZeroDivisionError
        if fault == "scope twice":
            yield statement(2)
        twice = statement(9, 1)
        table = twice.items
        yield twice.with_items(
            ItemTable(
                [*table.item_id] * 2,
                {name: [*column] * 2 for name, column in table.props.items()},
                [None] * 2,
                [None] * 2,
            )
        )

    with pytest.raises((ZeroDivisionError, ValueError)):
        apply(opened, said(), 1, [Issue("x", "c", "r")])
    assert (rows(opened), store.changes(opened), store.open_issues(opened)) == before
    assert apply(opened, (statement(n, at=T0 + timedelta(hours=1)) for n in range(1, 5)), 1).opened == 160
