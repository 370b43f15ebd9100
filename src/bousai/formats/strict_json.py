"""JSON as RFC 8259 has it and no more: what Python's own reader lets pass is refused.

Refused: NaN and Infinity, numbers beyond any float, members that occur twice, and half a character (a lone
surrogate), which no text can hold.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, NoReturn

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: str) -> Any:
    """The value. Raises `ValueError`, and `RecursionError` where it is nested too deep."""
    value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
    if _SURROGATE.search(text):  # only an escape can be half of a character
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _finite(number: str) -> float:
    value = float(number)
    return value if isfinite(value) else _refuse(number[:40])
