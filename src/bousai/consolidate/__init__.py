"""Tables of several kinds, side by side → what follows from them together.

In: `RevisionTable`s as the store gives them. Out: `Issue`s, and tables for layers that no single source states.
May use: `vocab`, `model`, `errors`. Never: queries; changes what a source said; decides between sources that disagree
(both are shown); asks the clock. Pure functions: the corridor asks the store and hands the tables in.
`warning_check` compares the warnings with JMA's own roll-up of them.
Add here: one module per question. Tests: tests/consolidate.
"""

from bousai.consolidate.warning_check import CODES, SETTLED, differences

__all__ = ["CODES", "SETTLED", "differences"]
