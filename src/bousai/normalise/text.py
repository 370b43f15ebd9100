"""Text: Unicode NFC, no invisible control characters, no empty strings (absent is None)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unicodedata import is_normalized, normalize

from bousai.model import Bulletin, Issue, RawDocument

# C0 and C1 but for line feed and tab, the marks that turn the direction of writing (UAX 9), and halves of characters
# (UTF-16 surrogates): a name must not look like another one, nor break a terminal, a log or the store.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def text(bulletin: Bulletin, raw: RawDocument, issues: list[Issue]) -> Bulletin:
    """Clean every text of every item, in lists and objects too. NFC changes no letter; NFKC would.

    Scope and ids lose what cannot be seen and keep the rest as it is, so that a mark nobody sees is no other thing.
    """
    removed: set[str] = set()
    scope, ids = bulletin.scope, bulletin.items.item_id
    in_names = INVISIBLE.findall("".join((scope, *ids)))
    if in_names:
        removed.update(in_names)
        scope, ids = INVISIBLE.sub("", scope), [INVISIBLE.sub("", one) for one in ids]
    props = {name: _column(column, removed) for name, column in bulletin.items.props.items()}
    if removed:
        codes = ", ".join(sorted(f"U+{ord(character):04X}" for character in removed))
        issues.append(
            Issue(
                "control_characters",
                f"{scope}: characters {codes} were taken out",
                "none needed; tell the publisher",
                "info",
                scope,
            )
        )
    return replace(bulletin, scope=scope).with_items(replace(bulletin.items, item_id=ids, props=props))


def _column(column: Sequence[Any], removed: set[str]) -> list[Any]:
    return [value if _clean(value) else _cleaned(value, removed) for value in column]


def _clean(value: object) -> bool:
    if isinstance(value, str):
        return bool(value) and value.isprintable() and is_normalized("NFC", value) and not _outer_space(value)
    return value is None or isinstance(value, (bool, int, float))


def _outer_space(value: str) -> bool:
    return value[0].isspace() or value[-1].isspace()


def _cleaned(value: Any, removed: set[str]) -> Any:
    if isinstance(value, str):
        plain = value.replace("\r\n", "\n").replace("\r", "\n")
        removed.update(INVISIBLE.findall(plain))
        return normalize("NFC", INVISIBLE.sub("", plain)).strip() or None
    if isinstance(value, dict):
        return {key: _cleaned(inner, removed) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(inner, removed) for inner in value]
    return value
