"""Spreadsheets of offices (XLSX, XLS, ODS) as grids of text.

Cells are what a person sees as far as that can be said: a number that is whole has no ``.0``, a date is ISO 8601, a
logical value is TRUE or FALSE, a formula is its last result. Nothing else is guessed; a leading zero that Excel has
dropped is gone and is for the caller to see. A merged area has its text in its first cell, the others are empty.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import msgspec
import python_calamine

from bousai.errors import ParseError
from bousai.formats import refusal

_CELLS = 5_000_000
_UNPACKED = 512 * 1024**2
_RATIO = 300
_COMPOUND = b"\xd0\xcf\x11\xe0"  # [MS-CFB] 2.2: the container of XLS
_MEMORY = 2 * 1024**3
_SECONDS = 60


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
    return _apart(body) if body.startswith(_COMPOUND) else _sheets(body)


def _apart(body: bytes) -> list[Sheet]:
    """In a process of its own with bounded memory: a damaged XLS makes calamine ask for all there is, and Rust then
    ends the process."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import _child; _child()"],
            input=body,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unreadable(f"reading it took more than {_SECONDS} seconds") from error
    if done.returncode:
        raise _unreadable("reading it broke off, as it does with damaged files")
    answer = msgspec.json.decode(done.stdout, type=_Answer)
    if answer.refused is not None:
        cause, code, remedy = answer.refused
        raise ParseError(cause, code=code, remedy=remedy)
    return answer.sheets


class _Answer(msgspec.Struct):
    sheets: list[Sheet] = []
    refused: tuple[str, str, str] | None = None


def _child() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = _Answer(_sheets(sys.stdin.buffer.read()))
    except ParseError as error:
        answer = _Answer(refused=(error.cause, error.code, error.remedy))
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _unreadable(why: str) -> ParseError:
    return ParseError(
        f"not a spreadsheet that can be read: {why}"[:300], code="not_spreadsheet", remedy=refusal.AGAIN
    )


def _sheets(body: bytes) -> list[Sheet]:
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
        raise _unreadable(" ".join(str(error).split())) from error
    except BaseException as error:
        # A panic of Rust is no Exception (pyo3_runtime.PanicException, which cannot be imported).
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable("its reader gave up on it, as it does with damaged files") from error
    return found


def _harmless(body: bytes) -> None:
    """XLSX and ODS are ZIP archives: what unpacks to very much is refused before it is unpacked."""
    if not body.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise _unreadable(str(error)) from error
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
