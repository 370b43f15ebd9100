"""The nouns: what travels along the line. Frozen, typed, no I/O.

In: nothing. Out: the types below. May use: `errors`. Never: I/O, rules about a feed.
Add here: a field of a noun. An eighth noun needs a note in docs/decisions/. Tests: tests/model.
"""

from bousai.model.bulletin import (
    Bulletin,
    Item,
    ItemTable,
    MsgType,
    Status,
    join_status,
    table_of,
)
from bousai.model.document import Provenance, RawDocument, Receipt
from bousai.model.freshness import freshness
from bousai.model.issue import Issue, Severity
from bousai.model.layer import Field, Layer
from bousai.model.revision import Change, Changes, RevisionTable, Sightings, SourceFreshness

__all__ = [
    "Bulletin",
    "Change",
    "Changes",
    "Field",
    "Issue",
    "Item",
    "ItemTable",
    "Layer",
    "MsgType",
    "Provenance",
    "RawDocument",
    "Receipt",
    "RevisionTable",
    "Severity",
    "Sightings",
    "SourceFreshness",
    "Status",
    "freshness",
    "join_status",
    "table_of",
]
