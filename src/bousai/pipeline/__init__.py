"""The corridor: the verbs. Opens the rooms, hands things from one to the next, reads the clock.

Rooms do not know each other; every path a value takes is in this package, in the order of the line: `fetching` →
`ingesting` → `exposure`, `register` → `picture` → `publishing`, `alerting` → `delivering`, `reporting`; `freshness`
and
`questions` beside it. `house` opens the rooms. All verbs take `settings` (default: from the environment).
"""

from __future__ import annotations

from typing import get_args

from bousai.model import MessageState
from bousai.pipeline.alerting import make_alerts, make_notices, told
from bousai.pipeline.delivering import deliver_alerts, deliveries_due, publish_alerts, send_again, undelivered
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
from bousai.pipeline.measures import FeedMeasures, Measures, measures
from bousai.pipeline.messages import (
    AlertFacts,
    alert_facts,
    alerts_after,
    decide_alert,
    list_alerts,
    newest_alert,
    show_alert,
)
from bousai.pipeline.overview import ledger, overview, raw_document
from bousai.pipeline.picture import (
    FORMATS,
    is_made_by_region,
    layer_as_known,
    layer_files,
    layer_geojson,
    recorded,
)
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
from bousai.pipeline.rehearsing import rehearse_alerts
from bousai.pipeline.reporting import REPORT_CATEGORIES, REPORT_FORMATS, incident, make_report
from bousai.pipeline.running import note_failure, note_late
from bousai.pipeline.upkeep import days_to_replay, note_calendar, tidy, verify_archive
from bousai.publish import Flat, flat, flat_fields

MESSAGE_STATES: tuple[str, ...] = get_args(MessageState)
"""How far a message may have come."""

__all__ = [
    "FORMATS",
    "MESSAGE_STATES",
    "REPORT_CATEGORIES",
    "REPORT_FORMATS",
    "AlertFacts",
    "Body",
    "FeedMeasures",
    "Flat",
    "House",
    "Ingested",
    "Measures",
    "Report",
    "alert_facts",
    "alerts_after",
    "check_store",
    "counts",
    "days_to_replay",
    "decide_alert",
    "deliver_alerts",
    "deliveries_due",
    "dismiss",
    "expose",
    "feed_states",
    "feed_states_for",
    "fetch_feed",
    "flat",
    "flat_fields",
    "history",
    "incident",
    "ingest_documents",
    "ingest_files",
    "is_made_by_region",
    "layer_as_known",
    "layer_files",
    "layer_geojson",
    "ledger",
    "list_alerts",
    "make_alerts",
    "make_notices",
    "make_report",
    "measures",
    "moments",
    "newest_alert",
    "note_calendar",
    "note_failure",
    "note_late",
    "open_issues",
    "opened",
    "outcomes",
    "overview",
    "parsed",
    "parser_of",
    "prefecture_name",
    "prefectures_to_expose",
    "prepare",
    "publish_alerts",
    "publish_layers",
    "raw_document",
    "recorded",
    "register_candidates",
    "register_decide",
    "register_merge",
    "register_split",
    "register_undo",
    "rehearse_alerts",
    "retry",
    "revisions_numbered",
    "revisions_of",
    "send_again",
    "show_alert",
    "tidy",
    "tile_layers",
    "told",
    "trace",
    "undelivered",
    "update_register",
    "verify_archive",
]
