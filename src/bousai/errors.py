"""Every way this project says no, in the order of the line.

All messages are one line: what happened and where. ``remedy`` says what a person can do about it.

| class | meaning | what the corridor does |
|---|---|---|
| `FetchError` | network, 5xx, deadline, refused address | retried by the scheduler; the feed grows late, then dead |
| `ArchiveError` | stored bytes are missing or no longer match their name | stop, nothing is overwritten |
| `ParseError` | a document is unreadable, hostile or of unknown shape | document quarantined, others go on |
| `ExpectationError` | totals outside the feed's `expect` | document held before any write, last good stays |
| `CatalogueError` | a YAML in `config/` is wrong | nothing starts |
| `DeliveryError` | a subscriber could not be given a message | tried again where that may help, else told |
| `StoreError` | the database is not usable as it is | nothing is written |
| `UsageError` | the person asked for something that does not exist | exit code 2 |
"""

from __future__ import annotations

_LONG = 400


def told(cause: str) -> str:
    """A cause that can be shown and kept: of what a document says, no more than a line and no half characters."""
    plain = cause.encode(errors="backslashreplace").decode()
    return plain if len(plain) <= _LONG else f"{plain[: _LONG - 1]}…"


class BousaiError(Exception):
    """A failure with a cause (the message) and a remedy, each one line."""

    remedy: str

    def __init__(self, cause: str, *, remedy: str = "") -> None:
        super().__init__(told(cause))
        self.remedy = remedy

    @property
    def cause(self) -> str:
        """The one-line cause."""
        return str(self)


class FetchError(BousaiError):
    """The source could not be read.

    ``code`` is a short stable word for receipts and tests; ``transient`` says that asking again may help, not
    before ``retry_after`` seconds where the source asked for that.
    """

    def __init__(
        self, cause: str, *, code: str, remedy: str = "", transient: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(cause, remedy=remedy)
        self.code = code
        self.transient = transient
        self.retry_after = retry_after


class ArchiveError(BousaiError):
    """Archived bytes are missing or damaged."""


class ParseError(BousaiError):
    """A document cannot be read as what its feed promises. ``code`` is a short stable word."""

    def __init__(self, cause: str, *, code: str, remedy: str = "", position: str = "") -> None:
        super().__init__(cause, remedy=remedy)
        self.code = code
        self.position = position


class ExpectationError(BousaiError):
    """A document is readable but its totals are outside what the feed expects."""


class CatalogueError(BousaiError):
    """A file under ``config/`` is wrong."""


class DeliveryError(BousaiError):
    """A subscriber did not get a message.

    ``code`` is a short stable word for receipts and tests. ``transient``: trying again may help, not before
    ``retry_after`` seconds where the receiver asked for that. ``gone``: the receiver wants no more messages at all
    (HTTP 410 of a webhook).
    """

    def __init__(
        self,
        cause: str,
        *,
        code: str,
        remedy: str = "",
        transient: bool,
        gone: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cause, remedy=remedy)
        self.code = code
        self.transient = transient
        self.gone = gone
        self.retry_after = retry_after


class StoreError(BousaiError):
    """The database is unusable as it is (not migrated, newer than this program, locked)."""


class UsageError(BousaiError):
    """The caller asked for a feed, layer, code or time that does not exist."""
