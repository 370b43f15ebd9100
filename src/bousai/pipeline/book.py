"""The book: what each verb did, on what, how long it took and how it ended, as rows of the ledger and lines of the
log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from bousai import store
from bousai.errors import BousaiError
from bousai.model import Verb, Work, WorkOutcome
from bousai.pipeline.house import House

_log = logging.getLogger("bousai.work")
_TOGETHER_SECONDS = 2.0


@dataclass(slots=True)
class Entry:
    """A row that is being written: whoever does the work says how it went."""

    outcome: WorkOutcome = "done"
    reference: str = ""
    position: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Book:
    """Rows of one verb, written together when it ends, or when the oldest has waited some seconds: work on many small
    documents is not slowed down by one more transaction for each."""

    house: House
    actor: str = ""
    _rows: list[Work] = field(default_factory=list)
    _since: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def entry(self, verb: Verb, subject: str, reference: str = "") -> Iterator[Entry]:
        """One piece of work. An error is its outcome, and goes on."""
        at, begun = self.house.now(), time.monotonic()
        one = Entry(reference=reference)
        try:
            yield one
        except BaseException as error:  # the scheduler ends what takes too long with one that is no Exception
            one.outcome = "failed"
            one.detail |= {"cause": cause_of(error), "remedy": error.remedy if isinstance(error, BousaiError) else ""}
            self._add(verb, subject, at, time.monotonic() - begun, one)
            raise
        self._add(verb, subject, at, time.monotonic() - begun, one)
        if time.monotonic() - self._since > _TOGETHER_SECONDS:
            with suppress(Exception):  # the work goes on; what stays is written, or raised, at the end
                self.write()

    def _add(self, verb: Verb, subject: str, at: datetime, seconds: float, one: Entry) -> None:
        row = Work(
            verb, subject, at, round(seconds, 4), one.outcome, one.reference, one.position, one.detail, self.actor
        )
        with self._lock:  # deliveries are made by several threads
            self._since = self._since if self._rows else time.monotonic()
            self._rows.append(row)
        _log.log(
            logging.WARNING if row.outcome in ("failed", "refused", "late") else logging.INFO,
            "%s %s %s in %.3f s",
            row.verb,
            row.subject,
            row.outcome,
            row.seconds,
            extra={"work": told(row)},
        )

    def write(self) -> None:
        """Write what has not been written yet."""
        with self._lock:
            rows, self._rows = self._rows, []
        try:
            store.record_works(self.house.store, rows)
        except Exception:
            with self._lock:
                self._rows = rows + self._rows
            raise


@contextmanager
def book(house: House, actor: str = "") -> Iterator[Book]:
    """The book of one verb. What was done before an error is written too; that the store cannot be written hides no
    other error."""
    own = Book(house, actor)
    try:
        yield own
    except BaseException:
        with suppress(Exception):
            own.write()
        raise
    own.write()


def cause_of(error: BaseException) -> str:
    """One line of what went wrong."""
    return " ".join(str(error).split())[:400] or type(error).__name__


def told(row: Work) -> Mapping[str, Any]:
    """A row as it is shown: for logs and for the board. Times are ISO 8601, UTC."""
    return {
        "verb": row.verb,
        "subject": row.subject,
        "reference": row.reference,
        "started_at": row.started_at.isoformat(),
        "seconds": row.seconds,
        "outcome": row.outcome,
        "detail": dict(row.detail),
        "actor": row.actor,
    }


def iso(at: datetime | None) -> str | None:
    """ISO 8601, UTC."""
    return None if at is None else at.isoformat()
