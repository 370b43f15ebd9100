"""The nouns: what travels along the line. Frozen, typed, no I/O.

In: nothing. Out: the types below. May use: `errors`. Never: I/O, rules about a feed.
Add here: a field of a noun. An eighth noun needs a note in docs/decisions/. Tests: tests/model.
"""

from bousai.model.alert import (
    SEVERITIES,
    Alert,
    CapArea,
    CapCertainty,
    CapInfo,
    CapSeverity,
    CapStatus,
    CapType,
    CapUrgency,
    Message,
    MessageState,
    Phase,
    Reference,
    cap_status,
)
from bousai.model.alert_rule import AlertRule, EmailChannel, MqttChannel, Subscription, WebhookChannel
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
from bousai.model.claim import Claim, Telling
from bousai.model.document import Provenance, RawDocument, Receipt
from bousai.model.freshness import freshness
from bousai.model.incident import Incident
from bousai.model.issue import Issue, Severity
from bousai.model.layer import COMMON, Field, Layer, MapGroup, OnMap, Sip4d
from bousai.model.region import EVERYWHERE, Region
from bousai.model.release import LayerRelease, Release, ReleasedLayer, SmallCounts, SmallRule, open_to
from bousai.model.revision import Change, Changes, RevisionTable, Sightings, SourceFreshness
from bousai.model.work import Verb, Work, WorkOutcome

__all__ = [
    "COMMON",
    "EVERYWHERE",
    "SEVERITIES",
    "VISIBILITIES",
    "Alert",
    "AlertRule",
    "Bulletin",
    "CapArea",
    "CapCertainty",
    "CapInfo",
    "CapSeverity",
    "CapStatus",
    "CapType",
    "CapUrgency",
    "Change",
    "Changes",
    "Claim",
    "EmailChannel",
    "Field",
    "Incident",
    "Issue",
    "Item",
    "ItemTable",
    "Layer",
    "LayerRelease",
    "MapGroup",
    "Message",
    "MessageState",
    "MqttChannel",
    "MsgType",
    "OnMap",
    "Phase",
    "Provenance",
    "RawDocument",
    "Receipt",
    "Reference",
    "Region",
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
    "Subscription",
    "Telling",
    "Verb",
    "Visibility",
    "WebhookChannel",
    "Work",
    "WorkOutcome",
    "cap_status",
    "freshness",
    "join_status",
    "open_to",
    "table_of",
]
