"""`Alert`: a CAP message that we issue or relay (OASIS Common Alerting Protocol 1.2, 2010-07-01)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bousai.model.bulletin import Status

CapStatus = Literal["Actual", "Exercise", "Test"]
CapType = Literal["Alert", "Update", "Cancel"]
CapSeverity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
CapUrgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
CapCertainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]

SEVERITIES: tuple[CapSeverity, ...] = ("Unknown", "Minor", "Moderate", "Severe", "Extreme")
"""From the least to the most."""


def cap_status(status: Status) -> CapStatus:
    """通常, 訓練, 試験 → Actual, Exercise, Test. Anything else is an error: nothing becomes Actual by default.

    >>> cap_status("exercise")
    'Exercise'
    """
    match status:
        case "actual":
            return "Actual"
        case "exercise":
            return "Exercise"
        case "test":
            return "Test"
    raise ValueError(f"{status!r} is no status of a message")


@dataclass(frozen=True, slots=True)
class Reference:
    """Names an earlier message (CAP 3.2.1 ``references``)."""

    sender: str
    identifier: str
    sent: datetime


@dataclass(frozen=True, slots=True)
class CapArea:
    """Where (CAP 3.2.4). `polygons` are closed rings of (latitude, longitude), WGS 84; `geocodes` (valueName,
    value).
    """

    description: str
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    geocodes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CapInfo:
    """What, in one language (CAP 3.2.2). Times aware. `event_codes` and `parameters` are (valueName, value)."""

    language: str
    categories: tuple[str, ...]
    event: str
    response_types: tuple[str, ...]
    urgency: CapUrgency
    severity: CapSeverity
    certainty: CapCertainty
    headline: str
    description: str
    instruction: str
    sender_name: str
    expires: datetime
    effective: datetime | None = None
    onset: datetime | None = None
    web: str = ""
    contact: str = ""
    event_codes: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    areas: tuple[CapArea, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """One message (CAP 3.2.1), public. Times aware; written with their offset."""

    identifier: str
    sender: str
    sent: datetime
    status: CapStatus
    msg_type: CapType
    infos: tuple[CapInfo, ...]
    source: str = ""
    note: str = ""
    codes: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()


MessageState = Literal["waiting", "awaiting", "released", "rejected", "lapsed", "dropped", "too_old"]
"""waiting (it must hold for its dwell time first) · awaiting (approval) · released (it went out) · rejected (by a
person) · lapsed (nobody decided in time) · dropped (what it tells was over before it went out) · too_old (what it
tells
had expired before we knew of it: a recorded disaster was read in)."""

Phase = Literal["alert", "update", "all_clear", "cancel"]
"""What a message is in the life of its chain: 発表, 継続・切替・訂正, 解除, 取消."""


@dataclass(frozen=True, slots=True)
class Message:
    """An `Alert` as it is kept: its bytes, its place in a chain, and how far it has come.

    `key` is the same for the same news, so that it is made once. `rule` and `subject` name the chain, together with
    `status`. `fingerprint` is what the message tells, `as_of` and `cursor` which statement it follows. `severity`
    is the highest of its infos, `entries` what it tells of which area (JSON, of `bousai.alert`).
    `bypass`: no ceiling holds it. `approvals` is how many people must approve; `lapses_at` when they may not any
    more. Stage times: `issued_at` (the source says) → `recorded_at` (we stored) → `built_at` → `released_at` →
    `published_at` (in the tree).
    """

    identifier: str
    key: str
    rule: str
    subject: str
    status: Status
    phase: Phase
    state: MessageState
    sender: str
    sent: datetime
    expires: datetime
    severity: CapSeverity
    fingerprint: str
    entries: bytes
    as_of: datetime
    cursor: int
    author: str
    approvals: int
    bypass: bool
    munis: tuple[str, ...]
    headline_ja: str
    headline_en: str
    cap: bytes
    sha256: str
    issued_at: datetime
    recorded_at: datetime
    built_at: datetime
    released_at: datetime | None = None
    published_at: datetime | None = None
    not_before: datetime | None = None
    lapses_at: datetime | None = None
    number: int = 0

    @property
    def ended(self) -> bool:
        """Nothing of it is in force any more."""
        return self.phase in ("all_clear", "cancel")
