"""`Issue`: something in the data that is not as expected, as a row with cause and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bousai.errors import told

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing a person should know.

    `code` is a short stable word (``unknown_area_code``); `cause` and `remedy` are one line each;
    `position` says where in the document. `severity`: info (nothing lost), warning (a record is held
    back or something was not read), error (the document is quarantined or held).
    Equal (feed, document, code, position, cause) is the same issue and is kept once.
    """

    code: str
    cause: str
    remedy: str
    severity: Severity = "warning"
    position: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cause", told(self.cause))
        object.__setattr__(self, "position", told(self.position))
