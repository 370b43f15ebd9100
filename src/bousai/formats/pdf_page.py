"""PDF documents as pages of words, ruled tables and lines of text, each with its place on the page.

What a page says is its text layer: a page that is only a picture has no words; nothing is recognised from pixels. A
character whose meaning the file does not give is ``(cid:123)``.
Places are in points (1/72 inch) from the left and upper edge. `Page.tables` are grids as the ruled lines draw them:
"" is an empty cell, None a place that a merged cell from the left or from above covers. `layout` sets a page in lines
of fixed-width characters, as ``pdftotext -layout`` does, for pages whose tables have no rules. Colours are not read.
The names of the people who made a document (Author) are left where they are.

A hostile document is refused before it costs much: what unpacks to very much, has very many pages, very many things
on a page, or drawings in drawings in drawings that would be drawn for ever. A password that keeps a document from
being opened is refused; a restriction on printing or copying is not one (the office has published it).
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from statistics import median
from typing import Any
from unicodedata import east_asian_width

import pdfplumber
from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect
from pdfminer.pdftypes import PDFStream, resolve1
from pdfplumber.utils.exceptions import MalformedPDFException, PdfminerException

from bousai.errors import ParseError
from bousai.formats import refusal
from bousai.vocab.japanese_time import JST

MAGIC = b"%PDF-"
_PAGES = 1000
_UNPACKED = 256 * 1024**2
_ON_A_PAGE = 200_000  # characters
_RULES_ON_A_PAGE = 10_000  # lines and rectangles: finding the tables takes their number squared
_DRAWN = 256 * 1024**2  # bytes of instructions in all, where a drawing that is used twice counts twice
_DEPTH = 20  # drawings in drawings
_NESTED = 3  # a stream in a stream in a stream

# What a broken document makes pdfminer raise; pdfplumber wraps most of it, not all.
_BROKEN = (
    PdfminerException,
    MalformedPDFException,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,  # with its classes for what is not implemented and for too deep a recursion
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Word:
    """Characters that stand together, and the box around them."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Table:
    """A ruled grid: `rows` all of one width, and the box (`x0`, `top`, `x1`, `bottom`) around it."""

    rows: list[list[str | None]]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `number` from 1, `words` in reading order, `tables` from above (none unless asked for)."""

    number: int
    width: float
    height: float
    words: list[Word]
    tables: list[Table]


@dataclass(frozen=True, slots=True)
class Document:
    """The pages, and when the file says that it was made (CreationDate)."""

    pages: list[Page]
    created: datetime | None


def read(body: bytes, *, tables: bool = False) -> Document:
    """Every page. Raises `ParseError`: ``empty``, ``not_pdf``, ``encrypted``, ``hostile_pdf``, ``no_text``."""
    if not body:
        raise refusal.empty()
    if not is_pdf(body):
        raise ParseError("not a PDF document", code="not_pdf", remedy=refusal.AGAIN)
    _harmless(body)
    try:
        document = _opened(body, tables)
    except (*_BROKEN, PDFEncryptionError) as error:
        reason = error.args[0] if error.args else error
        if isinstance(reason, (PDFPasswordIncorrect, PDFEncryptionError)) or isinstance(error, PDFEncryptionError):
            raise ParseError(
                "the PDF document has a password", code="encrypted", remedy="ask for it without a password"
            ) from error
        what = " ".join(f"{type(reason).__name__} {reason}".split())[:200]
        raise ParseError(f"not a PDF that can be read: {what}", code="not_pdf", remedy=refusal.AGAIN) from error
    if not any(page.words for page in document.pages):
        raise ParseError(
            f"none of the {len(document.pages)} pages has text (a scan or a picture)",
            code="no_text",
            remedy="ask the publisher for the document with its text; nothing is guessed from pictures",
        )
    return document


def is_pdf(body: bytes) -> bool:
    """Whether bytes say of themselves that they are a PDF: as ISO 32000 allows, not always in the first place."""
    return MAGIC in body[:1024]


def _opened(body: bytes, tables: bool) -> Document:
    with pdfplumber.open(io.BytesIO(body)) as pdf:
        if len(pdf.pages) > _PAGES:
            raise _hostile(f"{len(pdf.pages)} pages, at most {_PAGES} are read")
        if not pdf.pages:
            raise ParseError("the PDF has no pages that can be read", code="not_pdf", remedy=refusal.AGAIN)
        _drawable(pdf.pages)
        return Document([_page(page, tables) for page in pdf.pages], _created(pdf.metadata.get("CreationDate")))


def _page(page: Any, tables: bool) -> Page:
    if len(page.chars) > _ON_A_PAGE:
        raise _hostile(f"{len(page.chars)} characters on page {page.page_number}, at most {_ON_A_PAGE} are read")
    words = [
        Word(word["text"], float(word["x0"]), float(word["x1"]), float(word["top"]), float(word["bottom"]))
        for word in page.extract_words()
    ]
    found = []
    if tables and (page.rects or page.lines or page.curves):
        rules = len(page.rects) + len(page.lines) + len(page.curves)
        if rules > _RULES_ON_A_PAGE:
            raise _hostile(f"{rules} lines on page {page.page_number}, at most {_RULES_ON_A_PAGE} are read")
        found = [_table(table) for table in page.find_tables()]
        found.sort(key=lambda table: (table.box[1], table.box[0]))
    made = Page(page.page_number, float(page.width), float(page.height), words, found)
    page.close()  # pdfplumber keeps every character of every page otherwise
    return made


def _table(table: Any) -> Table:
    rows = [[None if cell is None else cell.strip() for cell in row] for row in table.extract()]
    x0, top, x1, bottom = table.bbox
    return Table(rows, (float(x0), float(top), float(x1), float(bottom)))


def _created(stated: object) -> datetime | None:
    """``D:20260729092654+09'00'`` (ISO 32000, 7.9.4); without an offset it is the clock of a Japanese office."""
    match = re.match(r"D:(\d{14})(?:(Z)|([+-]\d{2})'?(\d{2}))?", stated if isinstance(stated, str) else "", re.ASCII)
    if match is None:
        return None
    digits, utc, hours, minutes = match.groups()
    try:
        made = datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 (the zone is given below)
        if utc:
            return made.replace(tzinfo=UTC)
        if hours:
            offset = timedelta(hours=abs(int(hours)), minutes=int(minutes))
            return made.replace(tzinfo=timezone(-offset if hours.startswith("-") else offset))
    except ValueError:
        return None
    return made.replace(tzinfo=JST)


def _hostile(what: str) -> ParseError:
    return ParseError(f"the PDF has {what}", code="hostile_pdf", remedy="ask the publisher; nothing was read")


def _harmless(body: bytes) -> None:
    """Streams are packed with zlib: what unpacks to very much is refused before pdfminer unpacks it all at once."""
    left = _UNPACKED
    whole = memoryview(body)
    for match in re.finditer(rb"stream\r?\n", body):
        data: memoryview | bytes = whole[match.end() :]
        for _ in range(_NESTED):
            if data[:1] != b"\x78":  # the first byte of every zlib stream in use
                break
            try:
                data = zlib.decompressobj().decompress(data, left + 1)
            except zlib.error:
                break
            left -= len(data)
            if left < 0:
                raise _hostile(f"{len(body)} bytes that unpack to more than {_UNPACKED}")


def outside_tables(page: Page) -> list[Word]:
    """The words that stand in no table: titles, notes, page numbers."""

    def inside(word: Word) -> bool:
        x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
        return any(x0 <= x <= x1 and top <= y <= bottom for x0, top, x1, bottom in (t.box for t in page.tables))

    return [word for word in page.words if not inside(word)]


def _drawable(pages: list[Any]) -> None:
    """Drawings (form XObjects) may use others, each many times: ten in ten in ten is what nobody waits for."""
    known: dict[tuple[int, int], int] = {}
    left = _DRAWN
    for page in pages:
        left -= _cost(page.page_obj.contents, page.page_obj.resources, known, 0)
        if left < 0:
            raise _hostile(f"more than {_DRAWN} bytes of drawing instructions")


def _cost(contents: list[Any], resources: Any, known: dict[tuple[int, int], int], depth: int) -> int:
    """How many bytes of instructions are carried out, at least as many as there are."""
    if depth > _DEPTH:
        raise _hostile(f"drawings in drawings, more than {_DEPTH} deep")
    around = resolve1(resources) or {}
    total = 0
    for instructions in (one.get_data() for one in map(resolve1, contents) if isinstance(one, PDFStream)):
        total += len(instructions)
        uses = len(re.findall(rb"\bDo\b", instructions))
        if not uses:
            continue
        forms = {
            name: drawing
            for name, one in (resolve1(around.get("XObject")) or {}).items()
            if isinstance(drawing := resolve1(one), PDFStream)
            and getattr(resolve1(drawing.get("Subtype")), "name", None) == "Form"
        }
        names = [_name(name) for name in re.findall(rb"/([^\s/%()<>\[\]{}]+)\s+Do\b", instructions)]
        # Written in an odd way it could be any of them: then each use is taken for the dearest.
        used = {name: names.count(name) for name in set(names) & set(forms)} if len(names) == uses else {}
        costs = {}
        for name in used if len(names) == uses else forms:
            # A drawing without resources takes those around it, so that it is not the same everywhere.
            inner = forms[name].get("Resources") or around
            key = id(forms[name]), id(around)
            if key not in known:
                known[key] = _cost([forms[name]], inner, known, depth + 1)
            costs[name] = known[key]
        total += (
            sum(cost * used[name] for name, cost in costs.items()) if used else uses * max(costs.values(), default=0)
        )
    return total


def _name(written: bytes) -> str:
    """A name without its escapes (``#58`` is X), as pdfminer has it."""
    return re.sub(rb"#([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), written).decode("utf-8", "replace")


# ── lines of words ─────────────────────────────────────────────────────────────────────────────────────────


def lines(words: list[Word]) -> list[list[Word]]:
    """Words that stand beside each other, from above to below and from left to right.

    A word belongs to a line if its middle lies within the height of the line's first word.
    """
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.top, word.x0)):
        middle = (word.top + word.bottom) / 2
        for line in reversed(found[-3:]):
            if line[0].top <= middle <= line[0].bottom:
                line.append(word)
                break
        else:
            found.append([word])
    return [sorted(line, key=lambda word: word.x0) for line in found]


def layout(page: Page) -> str:
    """The page as lines of text in which words stand below each other where they do so on the page.

    One column is the width of a half-width character; a full-width one takes a single column too, as in the output of
    ``pdftotext -layout``, so that its end and not its beginning may be out of line.
    """
    widths = [
        (word.x1 - word.x0) / sum(2 if east_asian_width(character) in "WF" else 1 for character in word.text)
        for word in page.words
    ]
    unit = (
        median(
            widths,
        )
        if widths
        else 0
    )
    if unit <= 0:
        return ""
    left = min(word.x0 for word in page.words)
    rows = []
    for line in lines(page.words):
        text = ""
        for word in line:
            column = round((word.x0 - left) / unit)
            text += " " * max(column - len(text), 1 if text else 0) + word.text
        rows.append(text)
    return "\n".join(rows) + "\n"
