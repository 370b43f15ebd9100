"""The reference model: what the store must answer, in a few lines (docs/decisions/0002-store.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bousai.model import VISIBILITIES, Bulletin

_RANK = {"issue": 0, "correct": 1, "withdraw": 2}


@dataclass(frozen=True, eq=False)
class Recorded:
    """A bulletin and when it was first recorded; `digest` decides ties, as in the store."""

    bulletin: Bulletin
    recorded_at: datetime
    digest: bytes


def _order(r: Recorded) -> tuple[Any, ...]:
    b = r.bulletin
    narrowness = VISIBILITIES.index(b.visibility)
    return (b.issued_at, b.sent_at or b.issued_at, int(b.serial or 0), _RANK[b.msg_type], narrowness, r.digest)


def state(said: Iterable[Recorded], valid_at: datetime, known_at: datetime) -> dict[str, Any]:
    """Item id → (props, municipality, geometry) of one scope."""
    known = sorted((r for r in said if r.recorded_at <= known_at), key=_order)
    out: list[Recorded] = []
    for w in (r for r in known if r.bulletin.msg_type == "withdraw"):
        targets = [
            r
            for r in known
            if _order(r) < _order(w)
            and r not in out
            and _target(r.bulletin) == _target(w.bulletin)
            and r.bulletin.msg_type != "withdraw"
            and w.bulletin.serial in (None, r.bulletin.serial)
        ]
        out += targets if w.bulletin.source_event_id else targets[-1:]
    now: dict[str, Any] = {}
    for r in known:
        b = r.bulletin
        assert b.issued_at is not None
        if b.msg_type == "withdraw" or b.issued_at > valid_at or r in out:
            continue
        if b.complete:
            now = {}
        now.update({item.item_id: item for item in b.items.rows()})
    return {
        i: (dict(item.props), item.muni_code, item.geometry)
        for i, item in now.items()
        if not item.ended and not (item.valid_to is not None and item.valid_to <= valid_at)
    }


def _target(b: Bulletin) -> tuple[str, str]:
    return (b.bulletin_type, b.source_event_id)
