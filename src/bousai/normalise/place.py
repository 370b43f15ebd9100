"""Places: municipality codes that exist (JIS X 0402)."""

from __future__ import annotations

from dataclasses import replace

from bousai.model import Bulletin, Issue, RawDocument
from bousai.vocab.municipality import municipalities


def place(bulletin: Bulletin, raw: RawDocument, issues: list[Issue]) -> Bulletin:
    """A code that is in no edition of the list becomes None, with an issue; the item stays."""
    known = municipalities()
    unknown = sorted({code for code in bulletin.items.muni_code if code is not None and code not in known})
    if not unknown:
        return bulletin
    issues.extend(
        Issue(
            "unknown_municipality",
            f"no municipality has the code {code}",
            "add it to vocab/data/municipality.csv with its dates, then retry the document",
            "warning",
            bulletin.scope,
        )
        for code in unknown
    )
    codes = [code if code in known else None for code in bulletin.items.muni_code]
    return bulletin.with_items(replace(bulletin.items, muni_code=codes))
