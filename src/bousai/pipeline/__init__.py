"""The corridor: the verbs. Opens the rooms, hands things from one to the next, reads the clock.

Rooms do not know each other; every path a value takes is in this package, in the order of the line: `fetching` →
`ingesting` → `exposure`, `register` → `picture` → `publishing`; `freshness` and `questions` beside it. `house` opens
the rooms. All verbs take `settings` (default: from the environment).
"""

from __future__ import annotations

from bousai.pipeline.exposure import expose, prefecture_name, prefectures_to_expose
from bousai.pipeline.fetching import fetch_feed
from bousai.pipeline.freshness import feed_states, feed_states_for
from bousai.pipeline.house import House, check_store, opened, prepare
from bousai.pipeline.ingesting import (
    Body,
    Ingested,
    Report,
    counts,
    dismiss,
    ingest_documents,
    ingest_files,
    parsed,
    parser_of,
    retry,
)
from bousai.pipeline.picture import FORMATS, layer_as_known, layer_files, layer_geojson, recorded
from bousai.pipeline.publishing import publish_layers, tile_layers
from bousai.pipeline.questions import history, moments, open_issues, outcomes, revisions_numbered, revisions_of, trace
from bousai.pipeline.register import (
    register_candidates,
    register_decide,
    register_merge,
    register_split,
    register_undo,
    update_register,
)

__all__ = [
    "FORMATS",
    "Body",
    "House",
    "Ingested",
    "Report",
    "check_store",
    "counts",
    "dismiss",
    "expose",
    "feed_states",
    "feed_states_for",
    "fetch_feed",
    "history",
    "ingest_documents",
    "ingest_files",
    "layer_as_known",
    "layer_files",
    "layer_geojson",
    "moments",
    "open_issues",
    "opened",
    "outcomes",
    "parsed",
    "parser_of",
    "prefecture_name",
    "prefectures_to_expose",
    "prepare",
    "publish_layers",
    "recorded",
    "register_candidates",
    "register_decide",
    "register_merge",
    "register_split",
    "register_undo",
    "retry",
    "revisions_numbered",
    "revisions_of",
    "tile_layers",
    "trace",
    "update_register",
]
