"""What is handed over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bousai.model import Status


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for one subscriber.

    `identifier`: of the CAP message; the same at every attempt, receivers recognise a repetition by it. `rule` and
    `subject` name the chain, `ended`: nothing of it is in force any more. `expires` is aware. `headline` and `text`
    (the plain body of a mail) are in the subscriber's language. `cap` are the bytes as they were signed. `munis`:
    5-digit codes of the municipalities in which it holds, `left`: of those in which an earlier message of the chain
    held and this does not. `summary`: JSON for webhooks and MQTT (msg_type, severity, url …).
    """

    identifier: str
    status: Status
    rule: str
    subject: str
    ended: bool
    expires: datetime
    headline: str
    text: str
    cap: bytes
    munis: tuple[str, ...]
    left: tuple[str, ...]
    summary: Mapping[str, Any]


def told_in_json(parcel: Parcel) -> dict[str, Any]:
    """The summary, in which identifier and status are those of the parcel whatever else it says: receivers tell a
    repetition and an exercise by them."""
    return {**parcel.summary, "identifier": parcel.identifier, "status": parcel.status}


def one_line(text: str) -> str:
    """Control characters and line ends as spaces, for what stands in a header.

    >>> one_line("大雨警報\\r\\nBcc: x@example.jp")
    '大雨警報 Bcc: x@example.jp'
    """
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()
