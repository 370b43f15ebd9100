"""The nouns: what travels along the line. Frozen, typed, no I/O.

In: nothing. Out: the types below. May use: `errors`. Never: I/O, rules about a feed.
Add here: a field of a noun. An eighth noun needs a note in docs/decisions/. Tests: tests/model.
"""

from bousai.model.bulletin import (
    VISIBILITIES,
    Bulletin,
    Item,
    ItemTable,
    MsgType,
    Status,
    Visibility,
    join_status,
    table_of,
)
from bousai.model.document import Provenance, RawDocument, Receipt
from bousai.model.freshness import freshness
from bousai.model.issue import Issue, Severity
from bousai.model.layer import COMMON, Field, Layer, MapGroup, OnMap, Sip4d
from bousai.model.release import LayerRelease, Release, ReleasedLayer, SmallCounts, SmallRule, open_to
from bousai.model.revision import Change, Changes, RevisionTable, Sightings, SourceFreshness

__all__ = [
    "COMMON",
    "VISIBILITIES",
    "Bulletin",
    "Change",
    "Changes",
    "Field",
    "Issue",
    "Item",
    "ItemTable",
    "Layer",
    "LayerRelease",
    "MapGroup",
    "MsgType",
    "OnMap",
    "Provenance",
    "RawDocument",
    "Receipt",
    "Release",
    "ReleasedLayer",
    "RevisionTable",
    "Severity",
    "Sightings",
    "Sip4d",
    "SmallCounts",
    "SmallRule",
    "SourceFreshness",
    "Status",
    "Visibility",
    "freshness",
    "join_status",
    "open_to",
    "table_of",
]
