"""Tables of several kinds, side by side → what follows from them together.

In: `RevisionTable`s and `Sightings` as the store gives them. Out: `Issue`s, and tables of layers that no single
source states. May use: `vocab`, `model`, `errors`. Never: queries; changes what a source said; decides between
sources that disagree (both are shown); asks the clock. Pure functions: the corridor asks the store and hands the
tables in. `warning_check` compares the warnings with JMA's own roll-up of them. A consolidated layer (one with
`inputs` in its YAML) has a module of the name of its kind with ``table(now, seen, valid_at)``; where each item rests
upon few others, ``table(now, seen, valid_at, region)`` makes those of a region (or more) alone. `rows` is what these
modules share: claims with their sources, and the table they make.
Add here: one module per question. Tests: tests/consolidate.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from bousai.consolidate.rows import ISSUER, AsAsked, Box, shown_only
from bousai.consolidate.warning_check import CODES, SETTLED, differences
from bousai.model import EVERYWHERE, Region, RevisionTable, Sightings

__all__ = [
    "CODES",
    "ISSUER",
    "SETTLED",
    "AsAsked",
    "Box",
    "differences",
    "is_made_by_region",
    "shown_only",
    "table",
]


def table(
    kind: str,
    now: Mapping[str, RevisionTable],
    seen: Mapping[str, Sightings],
    valid_at: datetime,
    region: Region = EVERYWHERE,
) -> RevisionTable:
    """The items of a consolidated kind at `valid_at`, at least those of a region: of what holds then (`now`, by kind)
    and of all that was ever seen (`seen`, by kind). All tables are of one status and of one known time."""
    make = importlib.import_module(f"bousai.consolidate.{kind}").table
    made: RevisionTable = make(now, seen, valid_at, *([region] if is_made_by_region(kind) else ()))
    return made


@cache
def is_made_by_region(kind: str) -> bool:
    """Whether the items of a region cost less than all of them."""
    make = importlib.import_module(f"bousai.consolidate.{kind}").table
    return "region" in inspect.signature(make).parameters
