"""What says of itself that it is a drill (訓練), in formats that have no status of their own."""

from __future__ import annotations

from typing import Any

from bousai.model import Status

_MARKS = ("【訓練】", "【演習】", "≪訓練≫")


def status_of(value: Any) -> Status:
    """exercise where a text anywhere in a value (lists and objects too) has the mark 【訓練】, else actual.

    Only the mark counts: 訓練 alone is in the names of real places (職業訓練校前).

    >>> status_of([{"理由": "【訓練】落石"}]), status_of(["職業訓練校前"])
    ('exercise', 'actual')
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and any(mark in one for mark in _MARKS):
            return "exercise"
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            waiting += one
    return "actual"
