"""Kinds of items (data/kind.csv): what an item can be, and whether its place must lie in Japan."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from bousai.vocab import rows


class Kind(NamedTuple):
    """One kind. `in_japan` says that a geometry elsewhere can only be a mistake."""

    kind: str
    title_ja: str
    title_en: str
    in_japan: bool


@cache
def kinds() -> dict[str, Kind]:
    """Kind → its row."""
    return {
        row["kind"]: Kind(row["kind"], row["title_ja"], row["title_en"], row["in_japan"] == "1")
        for row in rows("kind")
    }
