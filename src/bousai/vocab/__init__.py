"""Code lists with validity dates, each a CSV in `vocab/data/`, and the lookups over them.

In: nothing. Out: typed lookups. May use: `model`, `errors`. Never: a rule about a feed.
Add here: one CSV per list in `data/` (header row, UTF-8, LF) and one small module per field of knowledge.
Tests: tests/vocab.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """All rows of ``data/<name>.csv`` as dicts of text."""
    text = (files("bousai.vocab") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
