"""Tables without rules, in text whose layout is kept (``pdftotext -layout``, `pdf_page.layout`).

What such text keeps of a table is order and, more or less, place. Empty cells are nothing at all: in
「福岡県 1 1 1 8 8」 only place tells which columns the five numbers are of. And places are not exact: a heading of
full-width characters is set narrower than on the page, so that what stands below it lies to its right, by up to a
whole column; and a row may be set narrower than the next. So `placed` reads a table as a whole:

* the last row is 合計: it has a number in every column in which any row has one;
* its numbers are given to columns from left to right in every way there is, and the numbers of the other rows to the
  nearest of its numbers, so that the sums within each row (`Law`: 小計 = 重傷 + 軽傷) come out;
* a way in which the columns do not add up to 合計 is none;
* of those that are left place decides, and only where it is clear: a number whose column no sum settles must end
  right of the beginning of its column's heading and left of the next one, and most of the others must do so too.

Where the source's own sums are wrong, numbers must stand exactly below each other. Anything else is refused
(``ambiguous_table``). Nothing is half read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

from bousai.errors import ParseError

_WAYS = 200_000
_TOGETHER = 2  # characters between the ends of two numbers of one column
_FOOTER = re.compile(r"\s*(?P<dash>[-‐－]\s*)?(?P<page>\d{1,4})\s*(?:/\s*(?P<of>\d{1,4}))?(?(dash)\s*[-‐－])\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line, its page and its number in the document, both from 1."""

    page: int
    number: int
    text: str

    @property
    def position(self) -> str:
        """Where it stands, for `bousai trace`."""
        return f"page {self.page}, line {self.number}"


@dataclass(frozen=True, slots=True)
class Word:
    """Characters between blanks; `start` and `end` (exclusive) count characters from the left."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column and where its heading begins."""

    name: str
    start: int


@dataclass(frozen=True, slots=True)
class Law:
    """In every row, column `total` is the sum of the columns `parts`; an empty cell counts nothing."""

    total: str
    parts: tuple[str, ...]

    def broken_by(self, row: Mapping[str, int | None]) -> bool:
        """Whether a row (column → number; None where the cell has a word) contradicts the law."""
        cells = [row.get(name, 0) for name in (self.total, *self.parts)]
        if any(cell is None for cell in cells):
            return False
        return cells[0] != sum(cell for cell in cells[1:] if cell is not None)


def lines(text: str) -> list[Line]:
    """The lines of a document whose pages end with a form feed, without the page numbers at their feet.

    Raises `ParseError` ``truncated`` where the feet say 「3 / 45」 and the last page is not there.
    """
    found: list[Line] = []
    number = 0
    counted: tuple[int, int] | None = None
    for page, body in enumerate(text.replace("\r\n", "\n").split("\f"), 1):
        rows = body.split("\n")
        # A page ends with a line break and a form feed: what is behind the last break is no line of its own.
        here = [Line(page, number + index, row.rstrip()) for index, row in enumerate(rows, 1)]
        number += len(rows) - 1
        here = _without_blanks(here)
        foot = _FOOTER.fullmatch(here[-1].text) if here else None
        # A number alone can be the end of a cell: it is the page's only if it says so.
        if foot is not None and (foot["of"] or foot["dash"] or int(foot["page"]) == page):
            here = _without_blanks(here[:-1])
            if foot["of"] is not None:
                counted = int(foot["page"]), int(foot["of"])
        found += here
    if counted is not None and counted[0] < counted[1]:
        raise ParseError(
            f"the last page is {counted[0]} of {counted[1]}",
            code="truncated",
            remedy="fetch the whole document again",
            position=f"page {counted[0]}",
        )
    return found


def _without_blanks(page: list[Line]) -> list[Line]:
    while page and not page[-1].text:
        page = page[:-1]
    return page


def words(text: str) -> list[Word]:
    """The words of a line with their places."""
    return [Word(match[0], match.start(), match.end()) for match in re.finditer(r"\S+", text)]


def shown(some: Sequence[Line]) -> str:
    """Lines as an issue shows them: one line, short enough to read."""
    return " | ".join(" ".join(line.text.split()) for line in some if line.text)[:300]


def looks_like_table(some: Sequence[Line]) -> bool:
    """Whether three lines or more consist of three cells or more with numbers in them."""
    found = 0
    for line in some:
        cells = re.split(r"\s{2,}", line.text.strip())
        found += len(cells) >= 3 and sum(any(c.isdigit() for c in cell) for cell in cells) >= 2
    return found >= 3


def placed(
    rows: Sequence[Sequence[Word]],
    numbers: Sequence[Sequence[int | None]],
    columns: Sequence[Column],
    laws: Sequence[Law],
    position: str,
) -> list[dict[str, int]]:
    """For every row: name of a column → index of the word that stands in it. The last row is the sum of the others.

    `numbers` are the values of the words, None for a word that is no number. Raises `ParseError` ``ambiguous_table``.
    """
    total = rows[-1]
    ways = comb(len(columns), len(total)) if len(total) <= len(columns) else 0
    if not total or ways == 0 or ways > _WAYS:
        raise _ambiguous(f"{len(total)} numbers in the last row below {len(columns)} headings", position)
    lawful = {
        way: found
        for way in combinations(range(len(columns)), len(total))
        if (found := _rows(way, rows, numbers, columns, laws)) is not None
    }
    added = {way: found for way, found in lawful.items() if _adds_up(found, numbers)}
    by_place = [_below(columns, word) for word in total]
    # Where the sums of the source itself do not come out, places must tell everything by themselves.
    chosen = added or {way: found for way, found in lawful.items() if _in_place(found, rows)}
    if not chosen and None not in by_place and len(set(by_place)) == len(total):
        straight = tuple(index for index in by_place if index is not None)
        found = _rows(straight, rows, numbers, columns, [])
        if found is not None and _in_place(found, rows):
            chosen = {straight: found}
    if not chosen:
        raise _ambiguous("sums do not come out in any way, and places do not tell the columns", position)
    best = min(chosen, key=lambda way: sum(a != b for a, b in zip(way, by_place, strict=True)))
    open_ = [t for t in range(len(total)) if any(way[t] != best[t] for way in chosen)]
    astray = [t for t in open_ if best[t] != by_place[t]]
    settled = [best[t] == by_place[t] for t in range(len(total)) if t not in open_]
    if astray or (open_ and settled and sum(settled) * 2 <= len(settled)):
        names = ", ".join(columns[best[t]].name for t in astray or open_)
        raise _ambiguous(f"neither sums nor places tell whether numbers are of {names}", position)
    return [{columns[best[track]].name: word for word, track in enumerate(tracks)} for tracks in chosen[best]]


def _rows(
    way: Sequence[int],
    rows: Sequence[Sequence[Word]],
    numbers: Sequence[Sequence[int | None]],
    columns: Sequence[Column],
    laws: Sequence[Law],
) -> list[tuple[int, ...]] | None:
    """For every row the words of the last row below which its words stand: nearest, from left to right, lawful.

    None where a row has no such way, or two that are equally near.
    """
    total = rows[-1]
    if not _lawful({columns[index].name: value for index, value in zip(way, numbers[-1], strict=True)}, laws):
        return None
    found: list[tuple[int, ...]] = []
    for words_here, values in zip(rows, numbers, strict=True):
        lawful = sorted(
            (sum(abs(word.end - total[t].end) for word, t in zip(words_here, tracks, strict=True)), tracks)
            for tracks in combinations(range(len(total)), len(words_here))
            if _lawful({columns[way[t]].name: value for t, value in zip(tracks, values, strict=True)}, laws)
        )
        if not lawful or (len(lawful) > 1 and lawful[0][0] == lawful[1][0]):
            return None
        found.append(lawful[0][1])
    return found


def _lawful(row: Mapping[str, int | None], laws: Sequence[Law]) -> bool:
    return not any(law.broken_by(row) for law in laws)


def _adds_up(found: Sequence[Sequence[int]], numbers: Sequence[Sequence[int | None]]) -> bool:
    """Whether every number of the last row is the sum of those above it; words that are no number prove nothing."""
    for track, total in enumerate(numbers[-1]):
        above = [
            values[tracks.index(track)]
            for tracks, values in zip(found[:-1], numbers[:-1], strict=True)
            if track in tracks
        ]
        if total is not None and None not in above and total != sum(value for value in above if value is not None):
            return False
    return True


def _in_place(found: Sequence[Sequence[int]], rows: Sequence[Sequence[Word]]) -> bool:
    """Whether every word stands below or above its word of the last row."""
    return all(
        abs(word.end - rows[-1][track].end) <= _TOGETHER
        for tracks, row in zip(found, rows, strict=True)
        for word, track in zip(row, tracks, strict=True)
    )


def _below(columns: Sequence[Column], word: Word) -> int | None:
    """The column whose heading begins at or left of the end of a number, the next heading right of it."""
    left = [index for index, column in enumerate(columns) if column.start < word.end]
    return left[-1] if left else None


def _ambiguous(what: str, position: str) -> ParseError:
    return ParseError(
        what,
        code="ambiguous_table",
        remedy="look at the table in the document; read it from the PDF itself if this is a text taken from it",
        position=position,
    )
