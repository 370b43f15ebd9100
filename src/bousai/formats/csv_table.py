"""Tables as comma-separated text (RFC 4180), in the encodings that Japanese offices use.

UTF-8 with or without byte order mark, or CP932 (Windows-31J, which is what "Shift_JIS" means in practice).
Decoding is strict: a byte that does not fit is an error, never a replacement character. Cells are text; nothing
is guessed of numbers or dates, so a leading zero survives.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import normalize

from bousai.errors import ParseError
from bousai.formats import refusal

_NO_CHARACTER = re.compile("[\x80\uf8f0-\uf8f3]")  # what Python's cp932 makes of bytes that are in no code table


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` by header (NFC, trimmed), all of one length; `lines` gives the number of the line of each row."""

    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)


def read(body: bytes) -> Table:
    """A table with one header line. Blank lines are left out.

    Raises `ParseError`: those of `rows`, ``duplicate_header``, and ``ragged`` (a row with more or fewer cells than
    the header: cut off, or a broken quotation).
    """
    header, *found = rows(body)
    names = [normalize("NFC", name).strip() for name in header.cells]
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise ParseError(
            f"the header has {repeated[0][:80]!r} more than once", code="duplicate_header", remedy=refusal.AGAIN
        )
    of_one_length(found, len(names))
    columns = list(zip(*(row.cells for row in found), strict=True)) or [()] * len(names)
    return Table(
        {name: list(column) for name, column in zip(names, columns, strict=True)}, [row.line for row in found]
    )


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row and the number of the line where it begins."""

    line: int
    cells: list[str]


def of_one_length(found: Iterable[Row], length: int) -> None:
    """Raises `ParseError` ``ragged`` for the first row that has not `length` cells."""
    for row in found:
        if len(row.cells) != length:
            raise ParseError(
                f"line {row.line} has {len(row.cells)} cells, {length} are expected",
                code="ragged",
                remedy=refusal.AGAIN,
                position=f"line {row.line}",
            )


def rows(body: bytes) -> list[Row]:
    """Every row that is not blank, the first one included: for tables without a header, or with one further down.

    Raises `ParseError`: ``empty``, ``html_instead_of_csv``, ``wrong_encoding``, ``not_csv``.
    """
    text = decode(body)
    start = text[:512].lstrip().lower()
    if not start:
        raise refusal.empty()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise refusal.page("an HTML or XML page", "a table", "html_instead_of_csv")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[Row] = []
    try:
        line = 1
        for row in reader:
            if row:
                found.append(Row(line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ParseError(
            f"not a table: {error}", code="not_csv", remedy=refusal.AGAIN, position=f"line {reader.line_num}"
        ) from error
    return found


def decode(body: bytes) -> str:
    """Text of bytes in UTF-8 or CP932. Raises `ParseError` with code ``wrong_encoding``."""
    if b"\0" in body:
        raise ParseError("bytes that are no text", code="wrong_encoding", remedy=refusal.AGAIN)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as utf8:
        if body.startswith(codecs.BOM_UTF8) or utf8.reason == "unexpected end of data":
            # It says that it is UTF-8, or is so but for the last character, which was cut in two.
            raise ParseError(
                f"not UTF-8 at byte {utf8.start} of {len(body)}", code="wrong_encoding", remedy=refusal.AGAIN
            ) from utf8
    try:
        text = body.decode("cp932")
    except UnicodeDecodeError as error:
        raise ParseError(
            f"neither UTF-8 nor CP932 (byte {error.start})", code="wrong_encoding", remedy=refusal.AGAIN
        ) from error
    if _NO_CHARACTER.search(text):
        raise ParseError(
            "neither UTF-8 nor CP932 (byte 80, A0, FD, FE or FF)", code="wrong_encoding", remedy=refusal.AGAIN
        )
    return text
