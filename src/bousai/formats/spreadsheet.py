"""Spreadsheets of offices (XLSX, XLS, ODS) as grids of text.

Cells are what a person sees as far as that can be said: a number that is whole has no ``.0``, a date is ISO 8601, a
logical value is TRUE or FALSE, a formula is its last result. Nothing else is guessed; a leading zero that Excel has
dropped is gone and is for the caller to see. A merged area has its text in its first cell, the others are empty.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import python_calamine

from bousai.errors import ParseError
from bousai.formats import refusal

_CELLS = 5_000_000
_UNPACKED = 512 * 1024**2
_RATIO = 300


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows` from cell A1 on, all of one width; `merged` areas as ((top, left), (bottom, right)), 0-based."""

    name: str
    rows: list[list[str]]
    merged: list[tuple[tuple[int, int], tuple[int, int]]]

    def cell(self, row: int, column: int) -> str:
        """The text at a 0-based place, "" outside of what is filled."""
        return self.rows[row][column] if row < len(self.rows) and column < len(self.rows[row]) else ""


def read(body: bytes) -> list[Sheet]:
    """Every visible or hidden sheet, in order. Raises `ParseError`: ``empty``, ``not_spreadsheet``, ``encrypted``,
    ``hostile_zip``."""
    if not body:
        raise refusal.empty()
    _harmless(body)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(body))
        sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
        found = []
        for sheet in sheets:
            if sheet.height * sheet.width > _CELLS:
                raise ParseError(
                    f"sheet {sheet.name[:40]!r} has {sheet.height} rows and {sheet.width} columns",
                    code="hostile_zip",
                    remedy="ask the publisher; nothing was read",
                )
            rows = [[_text(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
            found.append(Sheet(sheet.name, rows, list(sheet.merged_cell_ranges or [])))
    except python_calamine.PasswordError as error:
        raise ParseError(
            "the spreadsheet has a password", code="encrypted", remedy="ask for it without a password"
        ) from error
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise ParseError(
            f"not a spreadsheet that can be read: {' '.join(str(error).split())[:200]}",
            code="not_spreadsheet",
            remedy=refusal.AGAIN,
        ) from error
    return found


def _harmless(body: bytes) -> None:
    """XLSX and ODS are ZIP archives: what unpacks to very much is refused before it is unpacked."""
    if not body.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise ParseError(
            f"not a spreadsheet that can be read: {error}", code="not_spreadsheet", remedy=refusal.AGAIN
        ) from error
    if unpacked > _UNPACKED or unpacked > _RATIO * max(len(body), 4096):
        raise ParseError(
            f"the spreadsheet holds {len(body)} bytes that unpack to {unpacked}",
            code="hostile_zip",
            remedy="ask the publisher; nothing was read",
        )


def _text(value: Any) -> str:
    match value:
        case str():
            return value.strip()
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime() | date() | time():
            return value.isoformat()
    return "" if value is None else str(value)
