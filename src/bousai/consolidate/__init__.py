"""Tables of several kinds, side by side → what follows from them together.

In: `RevisionTable`s and `Sightings` as the store gives them. Out: `Issue`s, and tables of layers that no single
source states. May use: `vocab`, `model`, `errors`. Never: queries; changes what a source said; decides between
sources that disagree (both are shown); asks the clock. Pure functions: the corridor asks the store and hands the
tables in. `warning_check` compares the warnings with JMA's own roll-up of them. A consolidated layer (one with
`inputs` in its YAML) has a module of the name of its kind with ``table(now, seen, valid_at)``; `rows` is what these
modules share: claims with their sources, and the table they make.
Add here: one module per question. Tests: tests/consolidate.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import datetime

from bousai.consolidate.rows import ISSUER, AsAsked, Box, shown_only, within
from bousai.consolidate.warning_check import CODES, SETTLED, differences
from bousai.model import RevisionTable, Sightings

__all__ = ["CODES", "ISSUER", "SETTLED", "AsAsked", "Box", "differences", "shown_only", "table", "within"]


def table(
    kind: str, now: Mapping[str, RevisionTable], seen: Mapping[str, Sightings], valid_at: datetime
) -> RevisionTable:
    """The items of a consolidated kind at `valid_at`: of what holds then (`now`, by kind) and of all that was ever
    seen
    (`seen`, by kind). All tables are of one status and of one known time."""
    made: RevisionTable = importlib.import_module(f"bousai.consolidate.{kind}").table(now, seen, valid_at)
    return made
