"""Counts of reports in words and numbers: what is not known stays so (`vocab.count`)."""

from __future__ import annotations

from typing import Any

_BEFORE = {"approx": "約", "at_most": "最大"}
_AFTER = {"at_least": "以上", "more_than": "超", "less_than": "未満"}
_WORDS = {
    "unconfirmed": "未確認",
    "investigating": "調査中",
    "unknown": "不明",
    "not_applicable": "－",
    "many": "多数",
    "suppressed": "非公表",
}


def value_of(count: Any) -> int | None:
    """The number of a count, None where none is reported: a word is no number, and a blank is no 0."""
    if isinstance(count, dict) and count.get("state") == "reported":
        value = count.get("value")
        return value if isinstance(value, int) else None
    return None


def shown(count: Any) -> str:
    """A count as a table shows it: ``2,409``, ``約300``, ``調査中``; '' where nothing was said.

    >>> shown({"value": 2409, "state": "reported", "qualifier": "exact", "text": None})
    '2,409'
    >>> shown({"value": None, "state": "investigating", "qualifier": "exact", "text": None})
    '調査中'
    """
    if not isinstance(count, dict):
        return ""
    value = value_of(count)
    if value is None:
        return _WORDS.get(str(count.get("state")), "")
    qualifier = str(count.get("qualifier"))
    return f"{_BEFORE.get(qualifier, '')}{value:,}{_AFTER.get(qualifier, '')}"
