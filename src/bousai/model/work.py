"""`Work`: a row of the ledger, one thing that this installation did: what, on what, when, how long, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Verb = Literal[
    "ingest",
    "register",
    "expose",
    "publish",
    "tile",
    "alert",
    "notice",
    "deliver",
    "upkeep",
    "retry",
    "dismiss",
    "decide",
    "approve",
    "reject",
    "run",
]
"""What was done. `decide` is a person's word on shelters, `approve` and `reject` one on a message; `run` is a run of
the scheduler that failed or did not end in time. Reading a source has rows of its own, `Receipt`."""

WorkOutcome = Literal["done", "unchanged", "refused", "failed", "late"]
"""`unchanged`: there was nothing to do. `refused`: a document was quarantined or held, a delivery was given up."""


@dataclass(frozen=True, slots=True)
class Work:
    """One thing done.

    `subject` is what it was done on: a feed, a layer in a tree (``public/shelter_now``), a prefecture, a
    subscription. `reference` names the one thing among many: a SHA-256, a version, an identifier of a message.
    `started_at` is UTC, `seconds` the wall clock. `position` is the position in the change log up to which it reaches
    (publishing). `detail` is small and can be written as JSON: counts, or cause and remedy. `actor` is the account of
    the person who had it done, "" where the schedule did.
    """

    verb: Verb
    subject: str
    started_at: datetime
    seconds: float
    outcome: WorkOutcome
    reference: str = ""
    position: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""
