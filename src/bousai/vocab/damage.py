"""What a damage report counts: the items of 第4号様式 in their official order, with what tables call them.

Source: 消防庁 火災・災害等即報要領 第4号様式 (その1, その2), and the words of prefectural and Cabinet Office tables.
Table: data/damage_item.csv. 災害関連死 is part of 死者, not to be added to it. 半壊 of 第4号様式 holds 大規模半壊,
中規模半壊 and 半壊 of the 罹災証明, its 一部破損 holds 準半壊: counts of the two scales are never added or compared.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple
from unicodedata import normalize

from bousai.vocab import rows


class DamageItem(NamedTuple):
    """One thing that is counted: `item` is the name of the property, `unit` what one of it is."""

    item: str
    ja: str
    en: str
    unit: str
    group: str


@cache
def damage_items() -> dict[str, DamageItem]:
    """Item → its row, in the order of the form."""
    return {
        row["item"]: DamageItem(row["item"], row["ja"], row["en"], row["unit"], row["group"])
        for row in rows("damage_item")
    }


@cache
def _labels() -> dict[str, str]:
    return {_plain(label): row["item"] for row in rows("damage_item") for label in row["labels"].split("|") if label}


def damage_item(label: str) -> str | None:
    """The item that a column or row of a table is called, None where the word is not in the list.

    Blanks and a unit in brackets do not count.

    >>> damage_item("一部損壊"), damage_item("軽 傷（人）"), damage_item("全　壊"), damage_item("その他")
    ('house_partly_damaged', 'injured_minor', 'house_destroyed', None)
    """
    return _labels().get(_plain(label))


def _plain(label: str) -> str:
    text = "".join(normalize("NFKC", label).split())
    head, mark, tail = text.partition("(")
    return head if mark and head and tail.endswith(")") else text
