"""Identity: a scope and item ids that can be stored, compared and typed, each item once in its statement."""

from __future__ import annotations

from collections import Counter

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, RawDocument


def identity(bulletin: Bulletin, raw: RawDocument, issues: list[Issue]) -> Bulletin:
    """Check the names by which the store knows a statement and its items; `text` has cleaned them.

    An issuer that is not stated is an issue: who spoke is not guessed. Raises `ParseError` with code ``no_identity``
    where nothing is left of a scope or an id, ``duplicate_item`` where an item is there twice: which of the two holds
    is not known.
    """
    ids = bulletin.items.item_id
    if not bulletin.scope or not all(ids):
        raise ParseError(
            f"{bulletin.scope or bulletin.kind}: a statement or an item without a name",
            code="no_identity",
            remedy="ask the publisher; teach the parser if it has one",
        )
    if len(set(ids)) != len(ids):
        twice, times = Counter(ids).most_common(1)[0]
        raise ParseError(
            f"{bulletin.scope}: {twice} is there {times} times",
            code="duplicate_item",
            remedy="see the document which one holds; ask the publisher to send it again",
        )
    if not bulletin.issuer:
        issues.append(
            Issue("no_issuer", f"{bulletin.scope}: the document does not say who issued it", "ask the publisher")
        )
    return bulletin
