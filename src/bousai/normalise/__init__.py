"""Statements as parsers read them → statements as the store keeps them: `STEPS`, the same for every feed.

In: a `Bulletin` and the `RawDocument` it was read from. Out: the `Bulletin`, and an `Issue` for all that was mended
or left out. May use: `vocab`, `model`, `errors`. Never: knows a feed; guesses; drops an item (an item without a
usable place stays, without a place). What makes the whole statement unusable raises `ParseError`.
Add here: a step, in the order in which it must happen. Tests: tests/normalise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from bousai.model import Bulletin, Issue, RawDocument, join_status
from bousai.normalise.geometry import geometry
from bousai.normalise.identity import identity
from bousai.normalise.place import place
from bousai.normalise.text import text
from bousai.normalise.time import time

Step: TypeAlias = Callable[[Bulletin, RawDocument, list[Issue]], Bulletin]


def status(bulletin: Bulletin, raw: RawDocument, issues: list[Issue]) -> Bulletin:
    """What came through the door of an exercise (訓練) or a test (試験) stays one, whatever it says of itself."""
    return replace(bulletin, status=join_status(bulletin.status, raw.taint))


STEPS: tuple[Step, ...] = (status, time, text, identity, place, geometry)


def normalise(bulletin: Bulletin, raw: RawDocument) -> tuple[Bulletin, list[Issue]]:
    """Apply every step. Raises `ParseError` as `time` and `identity` do."""
    issues: list[Issue] = []
    for step in STEPS:
        bulletin = step(bulletin, raw, issues)
    return bulletin, issues


__all__ = ["STEPS", "normalise"]
