"""`RawDocument`: bytes as received, named by their SHA-256, with one `Receipt` per attempt to fetch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bousai.model.bulletin import Status


@dataclass(frozen=True, slots=True)
class RawDocument:
    """Bytes that the archive holds, and where and when they came from.

    `name` is the file name in the URL (a JMA name carries the telegram type).
    `taint` is the status that the door stamps on everything in the document: a playback of an exercise
    taints it 訓練 even where the format has no status of its own.
    `dated_at` is the time of the content where the format carries none: HTTP Last-Modified, or given by hand.
    """

    sha256: str
    feed: str
    url: str
    name: str
    fetched_at: datetime
    size: int
    taint: Status = "actual"
    dated_at: datetime | None = None


Outcome = Literal["new", "not_modified", "known", "skipped", "error"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One attempt to read one address: what happened, how long it took.

    `outcome`: new (bytes we did not have) · not_modified (304) · known (same bytes again) ·
    skipped (asked too recently, nothing was sent) · error.
    `http_status` is None where no answer came. `seconds` is the wall clock of the attempt. `made_at` is when the
    source says that it made what it answered: the time in an index, else Last-Modified; of a 304, that of the answer
    which it confirms.
    """

    feed: str
    url: str
    requested_at: datetime
    seconds: float
    outcome: Outcome
    http_status: int | None = None
    size: int | None = None
    sha256: str | None = None
    error_code: str | None = None
    error: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a bulletin came from: with an item's `position`, enough to reach the byte.

    `parser` is the module name in `bousai.parse`, `parser_version` its ``VERSION``.
    """

    document: RawDocument
    parser: str
    parser_version: str
