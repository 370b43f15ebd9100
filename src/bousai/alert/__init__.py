"""What changed + rules → CAP messages, and who may let them out.

In: items of one subject (`RevisionTable`s) or features of layers, the rule, the last message of the chain, the time.
Out: `Message`s with their bytes; whom they are for. May use: `formats`, `vocab`, `model`, `errors`. Never: queries,
reads the clock, sends; raises, lowers or invents a level; makes something actual of an exercise.
`relays` makes entries (area, grade, facts) of what JMA and municipalities issued, `notices` of layers; `life` says
what the next message of a chain is; `compose` writes it; `shape` its polygons; `release` says what may go out.
Add here: a function in `relays` or `notices` that a rule (config/alerts) names; a grade in vocab/data/cap_level.csv.
Tests: tests/alert.
"""

from bousai.alert.compose import Cause, composed, running
from bousai.alert.entry import Entry, Situation
from bousai.alert.life import Step, next_step, too_old
from bousai.alert.notices import NOTICES, noticed
from bousai.alert.relays import RELAYS, relayed
from bousai.alert.release import Approval, approved, first_state, fits, may_leave

__all__ = [
    "NOTICES",
    "RELAYS",
    "Approval",
    "Cause",
    "Entry",
    "Situation",
    "Step",
    "approved",
    "composed",
    "first_state",
    "fits",
    "may_leave",
    "next_step",
    "noticed",
    "relayed",
    "running",
    "too_old",
]
