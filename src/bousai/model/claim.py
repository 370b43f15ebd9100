"""`Claim`: one content of one item with both its clocks and the bulletins behind them, for who tells a history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bousai.model.bulletin import MsgType


@dataclass(frozen=True, slots=True)
class Telling:
    """One bulletin as it reached us. `number` is its position in the change log, `issued_at` has the source's offset,
    `recorded_at` and `fetched_at` are our own clock (UTC)."""

    number: int
    msg_type: MsgType
    bulletin_type: str
    serial: str | None
    issuer: str
    feed: str
    issued_at: datetime
    recorded_at: datetime
    fetched_at: datetime
    document: str
    sha256: str
    url: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One revision.

    It holds from `valid_from` to `until` (None: it still does): `valid_to` is the end that a later statement gave it,
    `expires_at` the one that its own does. `stated` says it; `opened` is the bulletin whose
    arrival made us write it (the same, unless an older one came late), `closed` the one that ended it, `retired` the
    one by which it was never so: a correction, a withdrawal, or a statement that came late and belongs before it.
    What a source states as over (解除) is `retired` by the bulletin that states it.
    """

    revision: int
    kind: str
    item_id: str
    scope: str
    muni_code: str | None
    props: Mapping[str, Any]
    position: str
    valid_from: datetime
    valid_to: datetime | None
    expires_at: datetime | None
    stated: Telling
    opened: Telling
    closed: Telling | None
    retired: Telling | None

    @property
    def until(self) -> datetime | None:
        """The earlier of the two ends."""
        return min((one for one in (self.valid_to, self.expires_at) if one is not None), default=None)

    @property
    def never_held(self) -> bool:
        """It was retired by the bulletin that made us write it. Where no other claim has the same statement about the
        item, the source states that the thing is over; else the statement came late and was written anew at once."""
        return self.retired is not None and self.retired.number == self.opened.number
