"""A report → PDF for people: A4, tagged for screen readers (PDF/UA-1), the same bytes for the same report.

Typst sets the pages after ``report.typ``. Texts of feeds and of people reach it as JSON values and never as markup:
``#``, ``$`` and ``<`` are letters. Fonts of the machine are not looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import accumulate
from typing import Any

import orjson
import typst

from bousai.report.document import (
    Cell,
    Chart,
    Column,
    Figure,
    Grid,
    Heading,
    Map,
    Paragraph,
    Points,
    Report,
    Run,
    Slot,
    Source,
    Strips,
    Table,
)
from bousai.report.figures import svg_once
from bousai.report.lettering import FAMILY, font_file, printable, width
from bousai.report.observed import full_clock
from bousai.report.plain import BANNERS

_SHOWN_SOURCES = 3
_PORTRAIT, _LANDSCAPE = 481.0, 728.0  # points between the margins
_SIZES = (8.0, 7.0, 6.0, 5.0)  # points; the first with which a table fits
_PADDING = 7.0  # points left and right in a cell
_NARROWEST = 3.0  # em: a column is not squeezed below three kanji
_TALLEST = 610.0  # points: a figure with its heading and caption is on one page
_SIZE = re.compile(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"')
_MOST_LINKS = 800
"""Of a document, those of the smaller tables first: each costs Typst a tenth of a megabyte. The number of a source is
printed in any case."""
_MOST_ROWS = 3000
"""Of a table: a hundred pages, a quarter of a gigabyte. The other formats have all rows, and the PDF says so."""
_MOST_PLACES = 6000
"""In the annex; of more, those that a printed number points at, and how many others a document has."""
_UNBROKEN = re.compile(r"[!-~]{13,}")


def pdf(report: Report) -> bytes:
    """The report as PDF. A character without a glyph in the font is 〓, and the last page names it.

    Times are those of Japan. Raises `typst.TypstError` where Typst refuses the document: that is our mistake, no
    text of a report can cause it.
    """
    inputs = _Setting(report).inputs()
    made = typst.compile(
        files("bousai.report").joinpath("report.typ").read_bytes(),
        format="pdf",
        font_paths=typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(font_file().parent)]
        ),
        sys_inputs=inputs,
        pdf_standards=["ua-1"],
    )
    assert isinstance(made, bytes)
    return made


class _Setting:
    """A report on its way to ``report.typ``: the values of JSON, and the characters that were lost meanwhile."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.lost: set[str] = set()
        self.figures: dict[str, str] = {}
        self.known = {source.number for source in report.sources}
        self.shown: set[int] = set()
        self.linked = _linked(report)
        self.tables = {table.id: n for n, table in reversed(list(enumerate(report.tables(), 1)))}

    def inputs(self) -> dict[str, str]:
        """What ``report.typ`` reads: the report as JSON, and each figure as SVG."""
        whole = orjson.dumps(self.whole()).decode()
        return {"report": whole, **self.figures}

    def whole(self) -> dict[str, Any]:
        report = self.report
        value = {
            "family": FAMILY,
            "title": self.line(report.title),
            "subtitle": self.words(report.subtitle),
            "banner": BANNERS[report.status],
            "draft": report.draft,
            "known_at": full_clock(report.known_at),
            "facts": [[self.words(name), self.words(fact)] for name, fact in report.facts],
            "blocks": self.blocks(),
            "sources": self.annex(),
            "credits": [self.words(one) for one in report.credits],
        }
        return value | {
            "lost": [f"U+{ord(one):04X} {unicodedata.name(one, '')}".rstrip() for one in sorted(self.lost)]
        }

    def line(self, text: str) -> str:
        shown, lost = printable(text)
        self.lost |= lost
        return shown.replace("\n", " ")

    def words(self, text: str) -> str | list[list[str]]:
        """A text, or its lines, each in pieces between which a line may end: a checksum fits no column."""
        shown, lost = printable(text)
        self.lost |= lost
        if "\n" not in shown and not _UNBROKEN.search(shown):
            return shown
        return [_pieces(line) for line in shown.split("\n")]

    def runs(self, cell: Sequence[Run]) -> str | list[list[Any]]:
        """Runs as text, how it looks, and numbers of sources: of hundreds the first, and how many more."""
        if not cell:
            return ""
        if len(cell) == 1 and not (cell[0].sources or cell[0].struck or cell[0].strong):
            text = self.words(cell[0].text)
            return text if isinstance(text, str) else [[text, False, False, [], 0]]
        left, hidden, made = _SHOWN_SOURCES, 0, []
        for run in cell:
            shown = run.sources[:left]
            left -= len(shown)
            hidden += len(run.sources) - len(shown)
            self.shown.update(shown)
            numbers = [n if n in self.known else str(n) for n in shown]
            made.append([self.words(run.text), run.struck, run.strong, numbers, 0])
        made[-1][4] = hidden
        return made

    def prose(self, cell: Cell) -> list[list[Any]]:
        """As `runs`, but each sentence has sources of its own."""
        made: list[list[Any]] = []
        for run in cell:
            one = self.runs((run,))
            made += [[one, False, False, [], 0]] if isinstance(one, str) else one
        return made

    def blocks(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        tables = 0
        for block in self.report.blocks:
            if isinstance(block, Heading):
                made.append({"is": "heading", "level": block.level, "text": self.line(block.text)})
            elif isinstance(block, Paragraph):
                made.append({"is": "paragraph", "role": block.role, "runs": self.prose(block.runs)})
            elif isinstance(block, Points):
                made.append({"is": "points", "items": [self.prose(item) for item in block.items]})
            elif isinstance(block, Table):
                tables += 1
                one = self.table(block, tables)
                if one["across"]:  # its headings lie on the same page
                    start = len(made)
                    while start and made[start - 1]["is"] == "heading":
                        start -= 1
                    lying = [*made[start:], one]
                    del made[start:]
                    if made and made[-1]["is"] == "across":  # on the page of the one before it, where there is room
                        made[-1]["blocks"] += lying
                        continue
                    one = {"is": "across", "blocks": lying}
                made.append(one)
            elif isinstance(block, Slot):
                words = None if block.words is None else self.words(block.words)
                title, prompt = self.words(block.title), self.words(block.prompt)
                made.append({"is": "slot", "title": title, "prompt": prompt, "words": words})
            else:
                made.append(self.figure(block))
        return made

    def figure(self, figure: Figure) -> dict[str, Any]:
        drawn, number = svg_once(figure).decode(), len(self.figures) + 1
        self.figures[f"figure-{number}"] = drawn
        self.lost |= printable("".join(_texts(figure)))[1]
        size = _SIZE.search(drawn)
        assert size is not None
        wide, tall = float(size[1]), float(size[2])
        return {
            "is": "figure",
            "number": number,
            "caption": self.words(figure.caption),
            "alt": self.line(figure.alt) or self.line(figure.caption),
            "height": min(tall, tall * _PORTRAIT / wide, _TALLEST),
            "table": self.tables.get(figure.table, 0),
        }

    def table(self, table: Table, number: int) -> dict[str, Any]:
        rows = table.rows[:_MOST_ROWS]
        left = len(table.rows) - len(rows)
        cut = (
            f"この表は全{len(table.rows)}行のうち初めの{len(rows)}行。"
            f"残る{left}行は同じ報告書のHTML、DOCX、XLSXにある。"
        )
        widths, size, across = _widths(table.columns, rows)
        return {
            "is": "table",
            "number": number,
            "caption": self.words(table.caption),
            "columns": [[self.words(column.title), column.align] for column in table.columns],
            "rows": [[self.runs(cell) for cell in row] for row in rows],
            "heads": table.heads,
            "linked": number in self.linked,
            "cut": cut if left else "",
            "note": self.words(table.note),
            "widths": widths,
            "size": size,
            "across": across,
        }

    def annex(self) -> list[dict[str, Any]]:
        """The sources by document: what a document is stands once, each place in it in a few words. Of thousands of
        sources, one row each would be two hundred pages."""
        found: dict[tuple[Any, ...], list[Source]] = {}
        for one in self.report.sources:
            key = (one.issuer, one.document, one.url, one.sha256, one.issued_at, one.known_at)
            found.setdefault(key, []).append(one)
        return [self.document(some) for some in found.values()]

    def document(self, some: Sequence[Source]) -> dict[str, Any]:
        first = some[0]
        told = some if len(self.known) <= _MOST_PLACES else [one for one in some if one.number in self.shown]
        checksum = f"sha256 {first.sha256[:12]}" if first.sha256 else ""
        named = " ".join(part for part in (first.issuer, first.document, checksum) if part)
        return {
            "lines": [self.words(line) for line in (named, first.url) if line],
            "issued": full_clock(first.issued_at) if first.issued_at else "－",
            "known": full_clock(first.known_at),
            "places": [[one.number, self.words(self.place(one))] for one in told],
            "more": len(some) - len(told),
        }

    def place(self, source: Source) -> str:
        trace = f"bousai trace {source.reference}" if source.reference else ""
        return " ".join(part for part in (source.title, source.position, trace) if part)


def _linked(report: Report) -> set[int]:
    """The tables, counted from 1, whose numbers of sources are links."""
    costs = sorted(
        (sum(min(_SHOWN_SOURCES, sum(len(run.sources) for run in cell)) for row in table.rows for cell in row), n)
        for n, table in enumerate(report.tables(), 1)
    )
    total = accumulate(cost for cost, _ in costs)
    return {n for (_, n), so_far in zip(costs, total, strict=True) if so_far <= _MOST_LINKS}


def _texts(figure: Figure) -> Iterator[str]:
    """What is written in a figure."""
    if isinstance(figure, Chart):
        yield figure.unit
        yield from (one.label for one in figure.series)
        yield from (name for _, name in figure.marks)
    elif isinstance(figure, Strips):
        yield from figure.classes
        yield from (row.label for row in figure.rows)
    elif isinstance(figure, Grid):
        yield from (figure.unit, *figure.rows, *figure.columns)
    elif isinstance(figure, Map):
        yield from (figure.credit, *figure.classes)
        yield from (panel.title for panel in figure.panels)
        yield from (area.name for panel in figure.panels for area in panel.areas)


def _pieces(line: str) -> list[str]:
    """Long words in pieces of ten letters.

    >>> _pieces("http://a.example/b 震度")
    ['http://a.e', 'xample/b', ' 震度']
    """
    made: list[str] = []
    end = 0
    for found in _UNBROKEN.finditer(line):
        made.append(line[end : found.start()])
        made += [found[0][at : at + 10] for at in range(0, len(found[0]), 10)]
        end = found.end()
    return [piece for piece in (*made, line[end:]) if piece]


@lru_cache(maxsize=65536)
def _em(text: str) -> float:
    """How wide a text is, by its longest line; a little more, for a thickened letter is wider."""
    return 0.1 + max(width(line) for line in text.split("\n"))


def _cell_em(cell: Cell) -> float:
    wide = sum(_em(run.text) + (5 if run.struck else 0) for run in cell)
    sources = [n for run in cell for n in run.sources]
    if not sources:
        return wide
    marks = sum(len(str(n)) + 1 for n in sources[:_SHOWN_SOURCES]) + 1
    brackets = sum(1 for run in cell if run.sources)
    return wide + 0.42 * (marks + brackets) + (2.7 if len(sources) > _SHOWN_SOURCES else 0)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> tuple[list[float], float, bool]:
    """The width of each column in points, the size of the type, and whether the page lies on its side.

    Measured here and not by Typst, which would lay out each cell of thousands of rows twice.
    """
    natural = [max(_NARROWEST, _em(column.title)) for column in columns]
    least = list(natural)
    for row in rows:
        for n, cell in enumerate(row[: len(natural)]):
            natural[n] = max(natural[n], _cell_em(cell))
    for n, column in enumerate(columns):
        cap = 5.0 if column.align == "left" else natural[n]  # a number is not broken
        least[n] = min(natural[n], max(_NARROWEST, cap))
        if column.weight:
            least[n] = min(natural[n], max(least[n], 10.0))
    choices = [(_PORTRAIT, _SIZES[0], False), *((_LANDSCAPE, size, True) for size in _SIZES)]
    for choice in choices:
        room, size, across = choice
        wanted = sum(
            min(one, 12.0) if column.weight or one > 12 else one for one, column in zip(natural, columns, strict=True)
        )
        if wanted * size + _PADDING * len(natural) <= room:
            break
    inner = room - _PADDING * len(natural)
    return [_PADDING + one for one in _shares(columns, natural, least, size, inner)], size, across


def _shares(
    columns: Sequence[Column], natural: Sequence[float], least: Sequence[float], size: float, room: float
) -> list[float]:
    """Points for each column: what is in it where all fits; else what it needs at least and a share of the rest."""
    whole = [one * size for one in natural]
    if sum(whole) <= room:
        weights = [column.weight for column in columns]
        spare = room - sum(whole)
        total = sum(weights)
        return [one + (spare * weight / total if total else 0) for one, weight in zip(whole, weights, strict=True)]
    lowest = [one * size for one in least]
    if sum(lowest) >= room:
        return [one * room / sum(lowest) for one in lowest]
    more = [high - low for high, low in zip(whole, lowest, strict=True)]
    # a plain column gets what it wants before a weighted one grows
    plain = sum(one for one, column in zip(more, columns, strict=True) if not column.weight)
    spare = room - sum(lowest)
    given = min(1.0, spare * 0.6 / plain) if plain else 0.0
    grown = _poured(more, [column.weight for column in columns], spare - given * plain)
    rest = spare - given * plain - sum(grown)
    return [
        low + (by if column.weight else given * one + (min(rest / plain, 1 - given) * one if plain else 0))
        for low, one, by, column in zip(lowest, more, grown, columns, strict=True)
    ]


def _poured(wanted: Sequence[float], weights: Sequence[float], room: float) -> list[float]:
    """Room for columns by their weights, for none more than it wants: what one leaves, the others share.

    >>> _poured([1, 9, 9], [2, 1, 2], 10)
    [1, 3.0, 6.0]
    """
    given = [0.0] * len(wanted)
    thirsty = [n for n, weight in enumerate(weights) if weight]
    while thirsty:
        total = sum(weights[n] for n in thirsty)
        full = [n for n in thirsty if wanted[n] <= room * weights[n] / total]
        if not full:
            for n in thirsty:
                given[n] = room * weights[n] / total
            break
        for n in full:
            given[n] = wanted[n]
            room -= wanted[n]
            thirsty.remove(n)
    return given
