"""What is said of municipalities, by the municipality: the common ground of warnings, orders and counts.

A designated city (政令指定都市) and its wards are spoken of at different levels: JMA warns the city, its intensities
are of wards, a prefecture counts the city, a shelter lies in a ward. So warnings, orders and intensities of the one
are shown with the other too, each with the code that the source speaks of (``stated_for``): the city has what holds
for one of its wards, the ward what holds for the whole city or an unnamed part of it. Counts are never handed on:
what is counted for a city is not known of a ward, and wards of which some are counted make no city.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from bousai.model import RevisionTable
from bousai.vocab.japanese_time import local
from bousai.vocab.municipality import municipalities, wards


class Said(NamedTuple):
    """One item that speaks of a municipality; `code` is the one that the source names."""

    table: RevisionTable
    row: int
    props: Mapping[str, Any]
    code: str

    @property
    def key(self) -> tuple[str, str, int]:
        """By which statements are ordered the same way for ever."""
        return self.table.kind, self.table.item_id[self.row], self.table.revision[self.row]

    @property
    def as_of(self) -> str:
        """ISO 8601 with offset: as of when it holds; when it was issued where the source gives no such time."""
        said = self.props.get("as_of")
        return said if isinstance(said, str) and moment(said) else local(self.table.issued_at[self.row])

    @property
    def at(self) -> datetime:
        """`as_of` as an instant."""
        return instant(self.as_of)

    @property
    def feed(self) -> str:
        """The feed that it came through."""
        return self.table.source[self.row]

    @property
    def issuer(self) -> str:
        """Who says it."""
        return self.table.issuer[self.row]

    @property
    def origin(self) -> dict[str, Any]:
        """Who says it, when, and where it can be found."""
        return {
            "stated_for": self.code,
            "issuer": self.issuer,
            "issued_at": local(self.table.issued_at[self.row]),
            "as_of": self.as_of,
            "source": self.feed,
            "revision": self.table.revision[self.row],
        }


@lru_cache(maxsize=4096)  # one statement has one time for all of its items
def instant(text: str) -> datetime:
    """An ISO 8601 time with offset."""
    return datetime.fromisoformat(text)


def moment(text: Any) -> datetime | None:
    """A time that a source gives, None where it is no instant (a day alone, no offset, nothing)."""
    if not isinstance(text, str):
        return None
    try:
        found = instant(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found


def said_of(table: RevisionTable | None, keep: Callable[[Mapping[str, Any]], bool] | None = None) -> list[Said]:
    """The items of a table that name a municipality (and whose properties `keep` takes); none of no table."""
    if table is None:
        return []
    found = []
    for row, code in enumerate(table.muni_code):
        if code is not None:
            props = orjson.loads(table.props[row])
            if keep is None or keep(props):
                found.append(Said(table, row, props, code))
    return found


def whole_and_parts(code: str) -> tuple[str, ...]:
    """The codes under which something is said that holds for this municipality: its own, its city, its wards.

    >>> whole_and_parts("43101"), whole_and_parts("43100")[:2], whole_and_parts("17204")
    (('43101', '43100'), ('43100', '43101'), ('17204',))
    """
    one = municipalities().get(code)
    if one is not None and one.city is not None:
        return (code, one.city)
    return (code, *wards().get(code, ()))


def by_code(said: list[Said]) -> dict[str, list[Said]]:
    """Statements by the code that they name."""
    found: defaultdict[str, list[Said]] = defaultdict(list)
    for one in said:
        found[one.code].append(one)
    return found


def handed_on(named: Mapping[str, list[Said]]) -> dict[str, list[Said]]:
    """Statements by each code that they hold for: see `whole_and_parts`."""
    codes = {other for code in named for other in whole_and_parts(code)}
    return {code: [one for other in whole_and_parts(code) for one in named.get(other, ())] for code in codes}
