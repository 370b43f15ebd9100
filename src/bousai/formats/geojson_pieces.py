"""GeoJSON feature collections of any size, some features at a time.

It is cut between features and each piece is read by `geojson`. What stands before ``features`` (type, crs) holds for
every piece; what follows it is checked at the end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bousai.errors import ParseError
from bousai.formats import geojson, refusal
from bousai.formats.shapefile import Source

_PIECE = 8 * 1024**2
_FEATURES = 5000
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]"]', re.DOTALL)
_BRACE = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}"]', re.DOTALL)
_BETWEEN = re.compile(rb"[\s,]*")
_ARRAY = re.compile(rb"\s*:\s*\[")


def read(file: Source) -> Iterator[geojson.Features]:
    """The features in order, at least one piece. Raises `ParseError` as `geojson.read` does."""
    buffer = file.read(_PIECE)
    begin = _begin(buffer) if len(buffer) >= _PIECE else None
    if begin is None:
        yield geojson.read(buffer + file.read())
        return
    head = _head(buffer[:begin])
    at = begin
    cuts: list[tuple[int, int]] = []
    step = _PIECE
    while True:
        at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        end = _end(buffer, at)
        if buffer[at : at + 1] == b"]" or (end is not None and len(cuts) >= _FEATURES):
            if cuts:
                yield geojson.read(head + b",".join(buffer[a:b] for a, b in cuts) + b"]}")
                cuts = []
            if buffer[at : at + 1] == b"]":
                # what follows may name another system of coordinates, or be cut off
                geojson.read(head + b"]" + buffer[at + 1 :] + file.read())
                return
        if end is None:
            if cuts:
                yield geojson.read(head + b",".join(buffer[a:b] for a, b in cuts) + b"]}")
                cuts, step = [], _PIECE
            more = file.read(step)
            if not more:
                raise ParseError("not JSON: it ends within its features", code="not_json", remedy=refusal.AGAIN)
            buffer, at, step = buffer[at:] + more, 0, 2 * step  # one feature may be larger than a piece
            continue
        cuts.append((at, end))
        at = end


def _begin(buffer: bytes) -> int | None:
    """Where the first feature may stand; None where that cannot be said."""
    depth = 0
    for token in _TOKEN.finditer(buffer):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and token[0] == b'"features"':
            array = _ARRAY.match(buffer, token.end())
            if array is not None:
                return array.end()
    return None


def _head(before: bytes) -> bytes:
    """The members before the features, as the beginning of a collection of its own."""
    try:
        members: dict[str, Any] = json.loads(before.removeprefix(b"\xef\xbb\xbf") + b"]}")
    except (ValueError, RecursionError) as error:
        raise ParseError(f"not JSON: {str(error)[:200]}", code="not_json", remedy=refusal.AGAIN) from error
    members.pop("features")
    return json.dumps({"type": "FeatureCollection", **members}).encode()[:-1] + b', "features": ['


def _end(buffer: bytes, at: int) -> int | None:
    """Where the object that begins at `at` ends; None where that is not in the buffer yet."""
    if buffer[at : at + 1] not in (b"{", b"]", b""):
        raise ParseError(
            f"not GeoJSON: a feature that begins with {buffer[at : at + 10]!r}",
            code="not_geojson",
            remedy=refusal.AGAIN,
        )
    depth = 0
    for token in _BRACE.finditer(buffer, at):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if not depth:
                return token.end()
        elif token[0] == b'"':
            return None  # a text that is cut off
    return None
