"""The Excel file of a report, read back."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText

from bousai.report.document import Column, Paragraph, Table, cell
from bousai.report.xlsx import xlsx
from tests.report.handmade import CONTROL, HOSTILE, report, with_blocks


@pytest.fixture(scope="module")
def content() -> bytes:
    return xlsx(report(figures=False))


@pytest.fixture(scope="module")
def book(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content), rich_text=True)


def test_the_same_bytes_in_another_process(content: bytes) -> None:
    assert xlsx(report(figures=False)) == content
    code = (
        "import sys; from tests.report.handmade import report; from bousai.report.xlsx import xlsx; "
        "sys.stdout.buffer.write(xlsx(report(figures=False)))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert other.stdout == content


def test_no_clock_in_the_file(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"dcterms" not in archive.read("docProps/core.xml")


def test_sheets(book: Any) -> None:
    assert book.sheetnames[0] == "表紙"
    assert book.sheetnames[-1] == "出典"
    assert len(book.sheetnames) == 6
    for name in book.sheetnames:
        assert len(name) <= 31
        assert not set(name) & set("[]:*?/\\'")
    cover = book["表紙"]
    assert "【訓練】" in cover["A1"].value
    assert "草案" in cover["A1"].value
    targets = [cell.hyperlink.location for row in cover.iter_rows() for cell in row if cell.hyperlink]
    assert targets == [f"'{name}'!A1" for name in book.sheetnames[1:]]
    for sheet in book.worksheets[1:]:
        assert "【訓練】" in sheet["A1"].value
        assert "【訓練】" in sheet.oddHeader.center.text
        assert sheet.freeze_panes == "B3"
        assert sheet.auto_filter.ref.startswith("A2:")


def test_numbers_texts_and_sources(book: Any) -> None:
    sheet = book.worksheets[2]
    assert [cell.value for cell in sheet[2]] == ["市町村", "避難者", "率", "内容", "出典"]
    assert (sheet["B3"].value, sheet["B3"].number_format) == (1234, "#,##0")
    assert (sheet["C3"].value, sheet["C3"].number_format) == (12.5, "0.00")
    assert sheet["A4"].value == "14202"  # a code is text
    assert sheet["C4"].value == "不明"
    assert sheet["E3"].value == "市町村：1\n避難者：1\n率：2\n内容：1"
    assert "内容：1, 3, 5, 7, 9–12" in sheet["E4"].value


def test_struck_text_is_struck_and_says_so(book: Any) -> None:
    sheet = book.worksheets[2]
    mixed = sheet["B4"].value
    assert isinstance(mixed, CellRichText)
    assert str(mixed) == "12（訂正前） 15"
    assert mixed[0].font.strike
    assert not mixed[1].font.strike
    assert str(sheet["B5"].value) == "30（訂正前）"
    assert sheet["B5"].font.strike


def test_hostile_text_stays_text(content: bytes, book: Any) -> None:
    sheet = book.worksheets[3]
    said = [row[0] for row in sheet.iter_rows(min_row=3, max_row=2 + len(HOSTILE) + 1)]
    assert [cell.value for cell in said] == [*HOSTILE, "鳴\ufffd瀬\ufffd川\ufffd"]
    assert {cell.data_type for cell in said} == {"s"}
    assert all(cell.quotePrefix for cell in said if str(cell.value).startswith(("=", "+", "-", "@")))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
    assert not any(b"<f>" in one or b"<f " in one for one in sheets)
    assert CONTROL not in [cell.value for cell in said]


def test_an_empty_table_says_so(book: Any) -> None:
    assert book.worksheets[4]["A3"].value == "（該当する行はない）"


def test_a_text_longer_than_a_cell_says_that_it_goes_on() -> None:
    table = Table("t", "長い字", (Column("字"),), [(cell("長" * 40_000),)])
    book = openpyxl.load_workbook(io.BytesIO(xlsx(with_blocks(report(), table))))
    value = book.worksheets[2]["A3"].value
    assert len(value) == 32_767
    assert value.endswith("全文はHTML版にある）")


def test_sources(book: Any) -> None:
    sheet = book["出典"]
    assert [row[0].value for row in sheet.iter_rows(min_row=3)] == list(range(1, 13))
    assert [cell.value for cell in sheet[3]][4:6] == ["2026-11-05 10:00", "2026-11-05 10:01"]
    assert not any(cell.hyperlink for row in sheet.iter_rows() for cell in row)


def test_a_finished_report_of_what_happened_has_no_banner() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(report(status="actual", draft=False))))
    assert book.worksheets[2]["A1"].value == "避難者の数"
    assert not book.worksheets[2].oddHeader.center.text


def test_what_is_said_in_sentences_has_a_sheet_with_its_warnings() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(report())))
    rows = [[cell.value or "" for cell in row] for row in book["本文"].iter_rows(min_row=2)]
    assert rows[0] == ["節", "区分", "文", "出典"]
    told = {(row[1], row[2]) for row in rows[1:]}
    blocks = report().blocks
    for block in blocks:
        if isinstance(block, Paragraph):
            role = {"": "", "note": "注", "warning": "注意"}[block.role]
            assert (role, "".join(f"{run.text}（訂正前）" if run.struck else run.text for run in block.runs)) in told
    assert any(isinstance(block, Paragraph) and block.role == "warning" for block in blocks)
