"""JSON whose rows are arrays or objects of plain values: `read` gives them as text, as a table would.

Read as `strict_json` does; nesting without end is refused, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bousai.errors import ParseError
from bousai.formats import csv_table, refusal, strict_json

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?", re.ASCII)


def load(body: bytes) -> Any:
    """The whole value. Raises `ParseError`: ``empty``, ``html_instead_of_json``, ``wrong_encoding``, ``not_json``."""
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise refusal.empty()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise refusal.page("an HTML or XML page", "JSON", "html_instead_of_json")
    text = csv_table.decode(body)
    try:
        return strict_json.loads(text)
    except (ValueError, RecursionError) as error:
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise ParseError(f"not JSON: {cause}", code="not_json", remedy=refusal.AGAIN) from error


def read(body: bytes) -> list[list[str] | dict[str, str]]:
    """An array of rows, each an array or an object of plain values; null is "". Raises `ParseError` as `load` does,
    and ``not_rows``."""
    value = load(body)
    if not isinstance(value, list):
        raise ParseError(
            "the JSON is no array of rows", code="not_rows", remedy="check the address that the feed reads"
        )
    found: list[list[str] | dict[str, str]] = []
    for number, row in enumerate(value):
        if isinstance(row, Mapping):
            found.append({name: _plain(one, number) for name, one in row.items()})
        elif isinstance(row, list):
            found.append([_plain(one, number) for one in row])
        else:
            raise _not_plain(number)
    return found


def number(value: Any) -> float | None:
    """A JSON number, or a text that is nothing but one; None for anything else, and for numbers beyond any measure.

    >>> number(3), number("-0.35"), number("1e1"), number("1.5m"), number(True), number(1e300)
    (3.0, -0.35, 10.0, None, None, None)
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e15 else None


def _plain(value: Any, number: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise _not_plain(number)


def _not_plain(number: int) -> ParseError:
    return ParseError(
        f"row {number} of the JSON is no row of plain values",
        code="not_rows",
        remedy="see whether the publisher changed the format",
        position=f"[{number}]",
    )
