"""Spreadsheets as grids of text: real XLS and XLSX, cells as they are seen, and what is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
import xlwt

from bousai.errors import ParseError
from bousai.formats import spreadsheet


def book(*rows: list[object]) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_cells_are_text_as_they_are_seen() -> None:
    (sheet,) = spreadsheet.read(book(["髙﨑①～−㈱", 12, 1.5, True, datetime(2026, 7, 28, 16, 27), None, "=1"]))  # noqa: DTZ001
    assert sheet.rows == [["髙﨑①～−㈱", "12", "1.5", "TRUE", "2026-07-28T16:27:00"]]
    assert sheet.cell(5, 5) == ""


def test_the_real_form_has_its_placeholders_in_place(realdata: Path) -> None:
    first, second = spreadsheet.read((realdata / "damage-tables/form4/no.4.xls").read_bytes())
    assert (first.name, len(first.merged), len(second.merged)) == ("消防庁第４号様式（その１）", 37, 83)
    assert (first.cell(1, 1), first.cell(2, 9)) == ("第４号様式（その１）", "<%reporttime%>")


def test_the_real_list_is_on_the_second_sheet(realdata: Path) -> None:
    _, data = spreadsheet.read((realdata / "municipal-shelters/hachioji/hachioji_hinanjo.xlsx").read_bytes())
    assert (data.name, len(data.rows)) == ("投入データ", 153)
    assert data.rows[1][16] == "1"


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 30_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"<html>", "not_spreadsheet"),
        (b"PK\x03\x04", "not_spreadsheet"),
        (book(["a"])[:-200], "not_spreadsheet"),
        (bomb(), "hostile_zip"),
    ],
    ids=["nothing", "a page", "a beginning", "a part", "a bomb"],  # a workbook has the time in its bytes
)
def test_what_is_no_spreadsheet_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        spreadsheet.read(body)
    assert refused.value.code == code


def test_a_chain_of_sectors_without_end_ends_the_reading_not_the_process() -> None:
    """[MS-CFB] 2.3: the allocation table says which sector follows on which; here each follows on itself."""
    made = xlwt.Workbook()
    sheet = made.add_sheet("a")
    for row in range(2000):
        sheet.write(row, 0, f"row {row}")
    out = io.BytesIO()
    made.save(out)
    body = bytearray(out.getvalue())
    (first,) = struct.unpack_from("<I", body, 76)
    table = (first + 1) * 512
    for number in range(128):
        (follows,) = struct.unpack_from("<I", body, table + 4 * number)
        if follows < 0xFFFFFFFA:
            struct.pack_into("<I", body, table + 4 * number, number)
    assert len(spreadsheet.read(out.getvalue())[0].rows) == 2000
    with pytest.raises(ParseError) as refused:
        spreadsheet.read(bytes(body))
    assert refused.value.code == "not_spreadsheet"
