"""What the store gives back: revisions of items as columns, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bousai.model.bulletin import Status


@dataclass(frozen=True, slots=True, eq=False)
class RevisionTable:
    """Items of one kind and status as they were true at `valid_at` and known at `known_at`, ordered by item id.

    `props` is JSON text with sorted keys, one object an item. `geometry` is WKB (EPSG:4326) or None.
    `issued_at` is the time of the statement that made the item what it is, `recorded_at` when we stored it.
    The same `item_id` occurs more than once where several aspects (scopes) speak of one thing.
    `source` is the feed id. `revision` is the id that `bousai trace` takes. `document` is the name of the document
    that says it and `position` where in it (page and row, element, line).
    """

    kind: str
    status: Status
    valid_at: datetime
    known_at: datetime
    revision: Sequence[int]
    item_id: Sequence[str]
    scope: Sequence[str]
    muni_code: Sequence[str | None]
    props: Sequence[str]
    geometry: Sequence[bytes | None]
    source: Sequence[str]
    issuer: Sequence[str]
    issued_at: Sequence[datetime]
    recorded_at: Sequence[datetime]
    bulletin_type: Sequence[str]
    serial: Sequence[str | None]
    document: Sequence[str] = ()
    position: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.item_id)


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Every thing of a kind that was ever stated, with its last content, whether it still holds or not.

    `table` has one row an item. `since` is when it first held, `until` when its last statement ended (None: it
    holds).
    """

    table: RevisionTable
    since: Sequence[datetime]
    until: Sequence[datetime | None]

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True, slots=True)
class Changes:
    """How many items one document opened, changed, closed and left as they were."""

    opened: int = 0
    changed: int = 0
    closed: int = 0
    unchanged: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.opened + other.opened,
            self.changed + other.changed,
            self.closed + other.closed,
            self.unchanged + other.unchanged,
        )

    @property
    def any(self) -> bool:
        """True where at least one revision was written."""
        return bool(self.opened or self.changed or self.closed)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log; `cursor` only grows, in the order in which things were stored."""

    cursor: int
    recorded_at: datetime
    op: Literal["opened", "changed", "closed"]
    kind: str
    status: Status
    scope: str
    item_id: str


Why = Literal[
    "fresh", "nothing_new", "never_read", "no_answer", "not_polled", "frozen", "overdue", "refused", "disabled"
]
"""What makes the state of a feed. `not_polled`: we have not asked; `frozen`: the source answers, and what it answers
was made too long ago; `overdue`: it has not said what it always says."""


@dataclass(frozen=True, slots=True)
class SourceFreshness:
    """How fresh one feed behind a layer is. Times are UTC; None = never, or nobody says.

    `state`: ok (content within its rhythm) · quiet (the source answers and says nothing new, as it may) ·
    late, dead (the source has not answered for longer than the feed allows) · held (its newest document
    was refused and the last good one stands) · paused. `why` says in a word what made it so, `reason` in English;
    `since` is the last sign of the source that still was as it should be. `source_made_at` is when the source says
    that it made what it last answered.
    """

    feed: str
    state: Literal["ok", "quiet", "late", "dead", "held", "paused"]
    reason: str
    last_content_at: datetime | None
    last_fetch_at: datetime | None
    next_due_at: datetime | None
    credit: str
    licence: str
    licence_url: str
    why: Why
    since: datetime | None
    source_made_at: datetime | None
