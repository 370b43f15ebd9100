"""Reports of offices whose tables have a row a municipality: titles, headings, rows, notes; from a PDF or its text.

A PDF is read by the ruled lines of its tables (`pdf_page`), a text as ``pdftotext -layout`` gives it by the places of
its words (`layout_table`); both give the same `Paper`. A table begins below a title with a time (…時点) and has
its headings above the first row whose label is a municipality of the prefecture or a sum. Rows of the same width
below it, on the next page too, are more of the same table. What stands beside the tables is a title, a note (※…),
furniture (page numbers, 資料1), a line with officers or telephone numbers (dropped), or an issue ``unread``.

A heading is a path from above to below (人的被害, 軽傷). In a PDF merged cells tell which one stands over which; in a
text it is told by `Known`, which says whether a path means anything, and by places; where these do not decide it
clearly nothing is read (``ambiguous_table``).

Colours are not read: notes about them are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple, TypeAlias
from unicodedata import east_asian_width, normalize

from bousai.errors import ParseError
from bousai.formats import csv_table, layout_table, pdf_page, refusal
from bousai.formats.layout_table import Line, Word
from bousai.model import Issue
from bousai.vocab.count import count
from bousai.vocab.municipality import named

Known: TypeAlias = Callable[[tuple[str, ...]], object | None]
"""What a path of headings means, None where it means nothing."""


class Row(NamedTuple):
    """Label and cells of a row as they stand."""

    page: int
    label: str
    cells: list[str]

    @property
    def position(self) -> str:
        """Where it stands, for `bousai trace`."""
        return f"page {self.page}, {self.label}"


@dataclass(slots=True)
class Table:
    """A table under its title: `head` is the path of headings of each column, from above to below."""

    page: int
    title: str | None
    head: list[tuple[str, ...]]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Paper:
    """What stands in the document: all of its `text`, its tables, its numbers (第3報), issues of what nobody reads,
    and when the file says that it was made (PDF)."""

    text: str
    tables: list[Table] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    made: datetime | None = None


def read(body: bytes, pref: str, known: Known) -> Paper:
    """The tables of a report of the prefecture `pref` (JIS X 0401).

    Raises `ParseError`: those of `pdf_page.read`, ``empty``, ``wrong_encoding``, ``html_instead_of_report``,
    ``unknown_header``, ``unknown_table``, ``unknown_row``, ``ambiguous_table``.
    """
    if not pdf_page.is_pdf(body):
        return _of_text(_text(body), pref, known)
    document = pdf_page.read(body, tables=True)
    text = "\f".join(pdf_page.layout(page) for page in document.pages)
    ruled = any(page.tables for page in document.pages)
    paper = _of_pages(document.pages, text, pref) if ruled else _of_text(text, pref, known)
    paper.made = document.created
    return paper


def _text(body: bytes) -> str:
    text = csv_table.decode(body)
    start = text[:512].lstrip().lower()
    if not start:
        raise refusal.empty()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise refusal.page("an HTML or XML page", "a report", "html_instead_of_report")
    return text


_CIRCLED = re.compile("[①-⑳㉑-㊿]")


def compact(text: str) -> str:
    """NFKC without blanks and breaks; ① is left out, it would become a 1."""
    return "".join(normalize("NFKC", _CIRCLED.sub("", text)).split())


# ── lines beside the tables ──────────────────────────────────────────────────────────────────────────────────

WHEN = re.compile(
    r"((?:(?:令和|平成)(?:\d{1,2}|元)年|\d{4}年)?\d{1,2}月\d{1,2}日(?:\([日月火水木金土]\))?(?:午前|午後)?"
    r"(?:\d{1,2}時(?:\d{1,2}分)?|\d{1,2}:\d{2}))(?:現在|時点)"
)
"""The time of a title, compact."""
_NOTE = re.compile(r"\s*[(（]?※")
_NOTES = re.compile(r"(?=[(（]※\d*[)）])|(?<![(（])(?=※)")
MARK = re.compile(r"\(?※\d*\)?")
"""The mark of a footnote."""
_COLOURS = re.compile(r"着色|網掛|網かけ|色付|赤字|下線")
_HALF_TITLE = re.compile("による|に伴う|に係る|に関する|における|状況")
_OFFICERS = re.compile(r"電話|内線|担当|℡|TEL|FAX|ファクス|E-?mail|@", re.IGNORECASE)
# Page numbers, numbers of papers, the office that issues (the feed names it), units (the headings name them).
_FURNITURE = re.compile(
    r"-?\d{1,3}(?:/\d{1,3})?-?|(?:資料|別紙)[\d-]*|\(?[^\d、。(]{2,16}(?:室|課|係|班|本部)\)?|\(?単位[:は][^\d。]{1,20}\)?"
)
_NUMBER = re.compile(r"\(?(第\d+報)\)?")
DRILL = re.compile(
    r"[【\[<《≪][^【】\[\]()<>《》≪≫]{0,10}?(?P<mark>訓練|試験|テスト)[^【】\[\]()<>《》≪≫]{0,10}[】\]>》≫]"
    r"|\((?P<round>訓練|試験|テスト)\)"
)
"""【訓練】, and 試験 or テスト in the same place."""


def _apart(text: str) -> tuple[str, list[str]]:
    """A line without its notes, and the notes (※…); one about colours is left out, as these are not read."""
    first, *notes = _NOTES.split(text)
    return first, [" ".join(note.split()) for note in notes if not _COLOURS.search(note)]


def _beside(texts: Sequence[str], page: int, pref: str, paper: Paper) -> tuple[str | None, list[str]]:
    """The title and the notes among lines that stand together in no table."""
    title, notes = None, []
    left: list[str] = []
    for text in texts:
        first, more = _apart(text)
        notes += more
        plain = compact(first)
        if WHEN.search(plain):
            # 「…の状況」 and 「（８月１日…時点）」 may stand on two lines.
            broken = plain[:1] in tuple("([【") and not _HALF_TITLE.search(plain) and left
            title = left.pop() + plain if broken else plain
        elif number := _NUMBER.fullmatch(plain):
            paper.numbers.append(number[1])
        elif plain and not (_furniture(first, pref) or DRILL.fullmatch(plain)):
            left.append(plain)
    paper.issues += [
        Issue(
            "unread",
            f"nobody reads the line {text[:80]!r}",
            "see whether the report has something new and teach the parser to read or to drop it",
            "info",
            f"page {page}",
        )
        for text in left
    ]
    return title, notes


# ── tables of a PDF, by their rules ──────────────────────────────────────────────────────────────────────────


def _of_pages(pages: Sequence[pdf_page.Page], text: str, pref: str) -> Paper:
    paper = Paper(text)
    for page in pages:
        loose = []
        for line in pdf_page.lines(pdf_page.outside_tables(page)):
            said = " ".join(word.text for word in line)
            if named(line[0].text, pref).code is not None:
                raise _unknown_table(f"a row of no table: {said[:80]!r}", page.number)
            loose.append((line[0].top, said))
        for grid in page.tables:
            rows, lines = _without_lines(grid.rows, pref)
            loose = sorted([*loose, *((grid.box[1], line) for line in lines)], key=lambda line: line[0])
            if not rows:  # a frame around a title or a note
                continue
            above = [said for top, said in loose if top <= grid.box[1]]
            loose = [(top, said) for top, said in loose if top > grid.box[1]]
            title, notes = _beside(above, page.number, pref, paper)
            _add_grid(rows, page.number, title, pref, paper.tables)
            paper.tables[-1].notes += notes
        title, notes = _beside([said for _, said in loose], page.number, pref, paper)
        if title is not None or (notes and not paper.tables):
            raise _unknown_table(f"nothing below the title {(title or notes[0])[:80]!r}", page.number)
        if notes:
            paper.tables[-1].notes += notes
    return paper


def _without_lines(rows: Sequence[list[str | None]], pref: str) -> tuple[list[list[str | None]], list[str]]:
    """The rows of a grid, and the texts of those that are one cell from left to right: a title, notes."""
    kept: list[list[str | None]] = []
    lines: list[str] = []
    for row in rows:
        whole = row[0]
        if whole and all(cell is None for cell in row[1:]) and not _begins(whole, pref):
            lines += whole.split("\n")
        else:
            kept.append(row)
    return kept, lines


def _add_grid(
    rows: Sequence[Sequence[str | None]], page: int, title: str | None, pref: str, tables: list[Table]
) -> None:
    """A new table, or more rows of the last one."""
    labels = [row[0] or "" for row in rows]
    first = next((i for i, label in enumerate(labels) if _begins(label, pref)), None)
    last = tables[-1] if tables and title in (None, tables[-1].title) else None
    width = len(rows[0]) - 1
    if width == 0:
        raise _unknown_table(f"a table of one column: {_shown(labels)}", page)
    if first is None or not any(named(label, pref).code for label in labels):
        # The last rows of a table may stand apart from it: 該当市町村数.
        if last is None or len(last.head) != width or first is None:
            raise _unknown_table(f"a table without municipalities: {_shown(rows[0])}", page)
        first, table = 0, last
    else:
        head = [_path(rows[:first], column) for column in range(1, width + 1)]
        if last is not None and len(last.head) == width and (first == 0 or head == last.head):
            table = last
        elif first == 0:
            raise _unknown_table(f"a table without headings: {_shown(rows[0])}", page)
        else:
            table = Table(page, title, head)
            tables.append(table)
    for row in rows[first:]:
        cells = [cell for cell in row[1:] if cell is not None]
        if not any((row[0] or "", *cells)):
            continue
        if not row[0] or len(cells) < width:
            raise unknown_row(f"a row without a label, or with merged cells: {_shown(row)}", page)
        table.rows.append(Row(page, compact(row[0]), cells))


def _path(head: Sequence[Sequence[str | None]], column: int) -> tuple[str, ...]:
    """The headings above a column. None is a merged cell: it belongs to the one above it where that has a text of its
    own, else to the one left of it."""

    def text(row: int, column: int) -> str:
        own = head[row][column]
        if own is not None:
            return own
        if row > 0 and head[row - 1][column] is not None:
            return ""
        return text(row, column - 1) if column > 1 else ""

    return tuple(found for row in range(len(head)) if (found := joined(text(row, column))))


def joined(text: str) -> str:
    return "".join(text.split())


def _shown(cells: Iterable[str | None]) -> str:
    return " | ".join(joined(cell) for cell in cells if cell)[:200]


# ── tables of a text, by their places ────────────────────────────────────────────────────────────────────────

_CELL = re.compile(r"[―—–－]+|[^\s―—–－]+")
_PLACES = frozenset({"市町村", "市町村名", "市区町村", "市区町村名", "区分", "地域"})  # above the labels: no column
NOTES = frozenset({"備考", "摘要"})
"""Headings of a column of words."""
TOTALS = frozenset({"合計", "計", "総計", "県計", "県合計", "県全体"})
AFFECTED = frozenset({"該当市町村数", "該当市町村", "被害市町村数"})
LAST_ROWS = TOTALS | AFFECTED
"""Labels of sums, and of the number of municipalities that have any."""
_NEIGHBOURS = 4  # rows by which the columns of a row with empty cells are found
_TOGETHER = 2  # characters between the right edges of numbers of one column
_CLEAR = 2.0  # characters by which one way to read headings must be better than any other


class _Heading(NamedTuple):
    path: tuple[str, ...]
    start: int


def _of_text(text: str, pref: str, known: Known) -> Paper:
    paper = Paper(text)
    lines = [line for line in layout_table.lines(text) if line.text]
    starts = [i for i, line in enumerate(lines) if WHEN.search(compact(_apart(line.text)[0]))]
    if not starts:
        return paper
    # What stands above the first title may be its first half.
    for start, end in zip([0, *starts[1:]], [*starts[1:], len(lines)], strict=True):
        _add_block(lines[start:end], pref, known, paper)
    return paper


def _add_block(block: Sequence[Line], pref: str, known: Known, paper: Paper) -> None:
    """A title and the table below it."""
    at = next(i for i, line in enumerate(block) if WHEN.search(compact(_apart(line.text)[0])))
    title, notes = _beside([line.text for line in block[: at + 1]], block[at].page, pref, paper)
    below = block[at + 1 :]
    first = next((i for i, line in enumerate(below) if _begins(line.text.split()[0], pref)), None)
    if first is None or not any(named(line.text.split()[0], pref).code for line in below):
        raise _unknown_table(f"no municipality below the title {(title or '')[:80]!r}", block[at].page)
    head = [line for line in below[:first] if not (_NOTE.match(line.text) or _furniture(line.text, pref))]
    for line in below[:first]:
        notes += _apart(line.text)[1]
    headings = _headings([layout_table.words(line.text) for line in head], block[at].page, known)
    table = Table(block[at].page, title, [heading.path for heading in headings], notes=notes)
    again = {compact(line.text) for line in head}
    rows: list[Line] = []
    for line in below[first:]:
        if _NOTE.match(line.text):
            table.notes += _apart(line.text)[1]
        elif compact(line.text) not in again and not _furniture(line.text, pref):
            rows.append(line)
    _add_rows(table, rows, pref, paper)
    last = paper.tables[-1] if paper.tables else None
    if last is not None and (last.title, last.head) == (table.title, table.head):
        last.rows += table.rows
        last.notes += table.notes
    else:
        paper.tables.append(table)


def _furniture(text: str, pref: str) -> bool:
    plain = compact(text)
    return bool(_FURNITURE.fullmatch(plain) or (_OFFICERS.search(plain) and not _begins(text.split()[0], pref)))


def _begins(label: str, pref: str) -> bool:
    """Whether rows and not headings begin here."""
    return named(label, pref).code is not None or compact(label) in LAST_ROWS


def _headings(lines: Sequence[Sequence[Word]], page: int, known: Known) -> list[_Heading]:
    """Columns from one line of headings, or from the lowest one and what stands above it.

    What stands above is, from left to right, the group of the headings below it, or the first half of one that is
    broken over two lines, or a column of its own with nothing below. All ways in which every column is one that is
    known are compared by how well the upper ones stand over the middle of the lower ones.
    """
    found = [[word for word in line if compact(word.text) not in _PLACES] for line in lines]
    found = [line for line in found if line]
    if not found:
        raise unknown_header("none", page)
    upper = sorted((word for line in found[:-1] for word in line), key=_middle)
    lower = found[-1]
    if not upper:
        return [_Heading((word.text,), word.start) for word in lower]
    best: dict[tuple[int, int], list[tuple[float, list[_Heading]]]] = {(len(upper), len(lower)): [(0.0, [])]}
    for i in range(len(upper) - 1, -1, -1):
        for j in range(len(lower), -1, -1):
            ways = [
                (cost + further, headings + rest)
                for k in range(j, len(lower) + 1)
                if (over := _over(upper[i], lower, j, k, known)) is not None
                for cost, headings in [over]
                for further, rest in best.get((i + 1, k), [])
            ]
            best[i, j] = sorted(ways, key=lambda way: way[0])[:2]
    ways = best[0, 0]
    if not ways:
        raise unknown_header(" | ".join(" ".join(word.text for word in line) for line in found), page)
    if len(ways) > 1 and ways[1][0] - ways[0][0] < _CLEAR:
        raise _ambiguous("the headings can be read in more than one way", page)
    return ways[0][1]


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2


def _over(upper: Word, lower: Sequence[Word], j: int, k: int, known: Known) -> tuple[float, list[_Heading]] | None:
    """What it costs that `upper` stands over ``lower[j:k]``, and the columns; None where it cannot be."""
    if j == k:
        left = j == 0 or lower[j - 1].start < upper.start
        right = j == len(lower) or upper.end < lower[j].end
        alone = _Heading((upper.text,), upper.start)
        return (0.0, [alone]) if left and right and known(alone.path) is not None else None
    headings = [_Heading((upper.text, word.text), word.start) for word in lower[j:k]]
    columns = [known(heading.path) for heading in headings]
    if None in columns or len(set(columns)) < len(columns):
        return None
    return abs(_middle(upper) - (lower[j].start + lower[k - 1].end) / 2), headings


@dataclass(slots=True, eq=False)
class _Cells:
    """A line of a table: label ("" where it stands on other lines) and cells with their places."""

    line: Line
    label: str
    words: list[Word]
    own: bool  # whether the label stands on the line of the cells


def _add_rows(table: Table, lines: Sequence[Line], pref: str, paper: Paper) -> None:
    rows = _labelled([_cells(line) for line in lines], pref, table, paper)
    width = len(table.head)
    noted = width > 1 and "".join(table.head[-1]) in NOTES
    # Words of a remark may be as many as the cells that are empty: then only places count.
    by_place = noted and not all(_is_full(row, width, noted) for row in rows if row.words)
    for row in rows:
        cells = [word.text for word in row.words]
        if cells and (by_place or not _is_full(row, width, noted)):
            cells = _in_columns(row, _edges(row, rows, width, noted), noted)
        table.rows.append(Row(row.line.page, row.label, cells or [""] * width))


def _is_full(row: _Cells, width: int, noted: bool) -> bool:
    """Whether there are as many words as columns, and all counts but for a remark."""
    return len(row.words) == width and (not noted or all(map(_is_count, row.words[:-1])))


class _Edge(NamedTuple):
    """Between which characters the words of a column end."""

    first: float
    last: float

    def near(self, word: Word) -> bool:
        """Whether a word may end here. One of full-width characters takes more of the page than of the line."""
        return self.first <= word.start + _wide(word.text) and word.end <= self.last


def _wide(text: str) -> int:
    """How many half-width characters a text is wide."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _edges(row: _Cells, rows: Sequence[_Cells], width: int, noted: bool) -> list[_Edge]:
    """Where the words of each column end, by the nearest rows that have no empty cell and no dash.

    Dashes stand elsewhere in their cells. Columns wander from line to line, so only neighbours count, and none of
    another page. A last column of words (`noted`) has no such place; where it is empty in every row, the others tell
    theirs.
    """
    page = row.line.page
    steady = [
        other
        for other in rows
        if other.words and other.line.page == page and not any(_is_dash(word.text) for word in other.words)
    ]
    full = [other for other in steady if _is_full(other, width, noted)]
    if noted and not full:
        full = [other for other in steady if len(other.words) == width - 1 and all(map(_is_count, other.words))]
    if not full:
        raise _ambiguous("every row has an empty cell or a dash, nothing tells where the columns are", page)
    full.sort(key=lambda other: abs(other.line.number - row.line.number))
    told = [other.words for other in full[:_NEIGHBOURS]]
    edges = []
    for column in range(width - noted):
        words = [row[column] for row in told]
        narrow = [word for word in words if _wide(word.text) == len(word.text)] or words
        last = max(word.start + _wide(word.text) for word in narrow)
        edges.append(_Edge(min(word.end for word in narrow) - _TOGETHER, last + _TOGETHER))
    if any(left.last >= right.first for left, right in pairwise(edges)):
        raise _ambiguous("the words of the columns do not stand below each other", page)
    return [*edges, _Edge(math.inf, math.inf)] if noted else edges


def _in_columns(row: _Cells, edges: Sequence[_Edge], noted: bool) -> list[str]:
    """The cells of a row with empty ones, by their places."""
    cells = [""] * len(edges)
    last = -1
    for word in row.words:
        if noted and word.start > edges[-2].last:
            column, clear = len(edges) - 1, True
        elif _is_dash(word.text):
            # At the left or in the middle of its cell; at the very left only where the cell before is not empty.
            column = next((c for c, edge in enumerate(edges) if word.start < edge.first), len(edges))
            clear = column < len(edges) and (column in (0, last + 1) or word.start > edges[column - 1].last)
        else:
            near = [c for c, edge in enumerate(edges) if edge.near(word)]
            column, clear = near[0] if near else len(edges), len(near) == 1
        more = column == last == len(edges) - 1 and noted
        if not clear or (column <= last and not more):
            raise _ambiguous(
                f"the columns of {len(row.words)} cells below {len(edges)} headings are not certain: "
                f"{row.line.text.strip()[:200]!r}",
                row.line.page,
            )
        cells[column] = f"{cells[column]} {word.text}" if more else word.text
        last = column
    return cells


def _cells(line: Line) -> _Cells:
    words = [Word(match[0], match.start(), match.end()) for match in _CELL.finditer(line.text)]
    if _is_dash(words[0].text) or _value(words[0].text) is not None:
        return _Cells(line, "", words, False)
    return _Cells(line, compact(words[0].text), words[1:], True)


def _is_count(word: Word) -> bool:
    """A number or a word for not knowing one, with or without more in brackets (不明（２名）)."""
    return count(re.split("[(（]", word.text)[0] or word.text) is not None


def _is_dash(text: str) -> bool:
    found = count(text)
    return found is not None and found["state"] == "not_applicable"


def _value(text: str) -> int | None:
    found = count(text)
    return None if found is None else found["value"]


def _labelled(rows: Sequence[_Cells], pref: str, table: Table, paper: Paper) -> list[_Cells]:
    """Rows with their labels: one that is broken stands half above and half below its cells."""
    found: list[_Cells] = []
    lone: list[_Cells] = []  # lines with a label alone since the last row
    for row in rows:
        if not row.words and not _begins(row.label, pref):
            lone.append(row)
            continue
        _give(lone, [*found[-1:], row])
        lone = []
        found.append(row)
    if lone and found[-1].own:
        _, notes = _beside([row.line.text for row in lone], lone[0].line.page, pref, paper)
        table.notes += notes
    else:
        _give(lone, found[-1:])
    for row in found:
        if not row.label:
            raise unknown_row(f"cells without a label: {row.line.text.strip()[:200]!r}", row.line.page)
    return found


def _give(lone: Sequence[_Cells], rows: Sequence[_Cells]) -> None:
    """Lines with a label alone to the row beside them that has none, or half to each of two."""
    waiting = [row for row in rows if not row.own]
    share, rest = divmod(len(lone), len(waiting)) if waiting else (0, len(lone))
    if rest:
        raise unknown_row(f"a label without cells: {lone[0].line.text.strip()[:200]!r}", lone[0].line.page)
    for number, row in enumerate(waiting):
        row.label += "".join(one.label for one in lone[number * share : (number + 1) * share])


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────


def unknown_header(heading: str, page: int) -> ParseError:
    return _refused(
        f"page {page} has a heading that is not known: {heading[:200]}",
        page,
        code="unknown_header",
        remedy="see what the column says and teach the parser; nothing of the document was taken",
    )


def _unknown_table(what: str, page: int) -> ParseError:
    return _refused(f"page {page}: {what}", page, code="unknown_table", remedy=_TEACH)


def unknown_row(what: str, page: int) -> ParseError:
    return _refused(f"page {page}: {what}", page, code="unknown_row", remedy=_TEACH)


def _ambiguous(what: str, page: int) -> ParseError:
    remedy = "read the report from its PDF; nothing of the text was taken"
    return _refused(f"page {page}: {what}", page, code="ambiguous_table", remedy=remedy)


_TEACH = "see the page and teach the parser; nothing of the document was taken"


def _refused(cause: str, page: int, *, code: str, remedy: str) -> ParseError:
    return ParseError(cause, code=code, remedy=remedy, position=f"page {page}")
