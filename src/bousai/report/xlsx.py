"""A report → an Excel file: one sheet a table, a cover in front, the sources behind."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink

from bousai.formats.zip_fixed import fixed
from bousai.report.document import Cell, Column, Heading, Paragraph, Points, Report, Run, Slot, Table
from bousai.report.observed import full_clock
from bousai.report.plain import ANNEX, EMPTY, STRUCK, banner, legible, numbers, spelled, widths

_COVER, _PROSE, _SOURCES = "表紙", "本文", "出典"
_NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|0|[1-9][0-9]*)(?:\.([0-9]+))?")
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\'\x00-\x1f]")
_NAME_UNITS = 31  # of UTF-16, as Excel counts
_LONGEST = 32_767  # what a cell of Excel holds, in units of UTF-16; openpyxl cuts the rest off and says nothing
_CUT = "…（Excelのセルに入る長さを超えるため、以下略。全文はHTML版にある）"
_ROLES = {"": "", "note": "注", "warning": "注意"}
_DIGITS = 15  # beyond these Excel changes a number
_COMMANDS = ("=", "+", "-", "@", "\t")

_PLAIN = Font(name="游ゴシック", size=10)
_STRUCK = Font(name="游ゴシック", size=10, strike=True)
_STRONG = Font(name="游ゴシック", size=10, bold=True)
_TITLE = Font(name="游ゴシック", size=14, bold=True)
_LINK = Font(name="游ゴシック", size=10, underline="single", color="FF004B8D")
_LOUD = PatternFill("solid", fgColor="FFFFE600")
_HEAD = PatternFill("solid", fgColor="FFE6E6E6")
_LEFT = Alignment(vertical="top", wrap_text=True)
_RIGHT = Alignment(vertical="top", horizontal="right")
_ONE_LINE = Alignment(vertical="top")
_SOURCE_COLUMNS = (
    ("番号", 8),
    ("発表者", 24),
    ("内容", 40),
    ("情報源", 20),
    ("発表（日本時間）", 18),
    ("記録（日本時間）", 18),
    ("文書", 40),
    ("位置", 30),
    ("bousai trace", 20),
    ("SHA-256", 68),
    ("URL", 50),
)


def xlsx(report: Report) -> bytes:
    """The tables of the report as an Excel file; the same bytes for the same report.

    What a right-aligned column says as a plain number is a number; all else is text as given, times in JST with it,
    and a text never becomes a formula. The last column of a sheet names the sources by their number in the last
    sheet.
    """
    book = Workbook(write_only=True)
    names = [_name(n, table.caption) for n, table in enumerate(report.tables(), 1)]
    _cover(book, report, names)
    _prose(book, report)
    for name, table in zip(names, report.tables(), strict=True):
        _table(book, report, name, table)
    _sources(book, report)
    body = io.BytesIO()
    book.save(body)
    return fixed(body.getvalue(), {"docProps/core.xml": _core(report)})


def _core(report: Report) -> bytes:
    """openpyxl writes the time of day into its own."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(legible(report.title))}</dc:title><dc:creator>bousai</dc:creator>"
        "<dc:language>ja-JP</dc:language></cp:coreProperties>"
    ).encode()


def _name(number: int, caption: str) -> str:
    """The caption as a sheet may be called; the number in front keeps two of them apart."""
    name = legible(f"{number} {_NOT_IN_NAMES.sub('_', caption)}")
    return name.encode("utf-16-le")[: 2 * _NAME_UNITS].decode("utf-16-le", "ignore").strip()


def _sheet(book: Workbook, report: Report, name: str, wide: Iterable[float], frozen: int = 0) -> Any:
    """A sheet ready for rows. `frozen`: so many columns and the two head rows stay, which openpyxl wants to know
    before the first row."""
    sheet = book.create_sheet(name)
    if frozen:
        sheet.freeze_panes = f"{get_column_letter(frozen + 1)}3"
        sheet.print_title_rows = "1:2"
    for n, width in enumerate(wide, 1):
        sheet.column_dimensions[get_column_letter(n)].width = width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    if banner(report):
        sheet.oddHeader.center.text = banner(report)
    sheet.oddFooter.center.text = "&P / &N"
    return sheet


def _text(
    sheet: Any, text: str, font: Font = _PLAIN, alignment: Alignment = _LEFT, fill: PatternFill | None = None
) -> Any:
    """A cell that says `text` and does nothing, whatever it begins with."""
    cell = WriteOnlyCell(sheet)
    cell.value = _fitting(text)
    cell.data_type = "s"
    cell.font, cell.alignment = font, alignment
    if fill:
        cell.fill = fill
    # Excel would take it for a formula as soon as somebody types in the cell.
    cell.quotePrefix = text.startswith(_COMMANDS)
    return cell


def _fitting(text: str) -> str:
    said = legible(text)
    raw = said.encode("utf-16-le")
    if len(raw) <= 2 * _LONGEST:
        return said
    return raw[: 2 * (_LONGEST - len(_CUT))].decode("utf-16-le", "ignore") + _CUT


def _link(sheet: Any, at: str, name: str) -> None:
    """Makes of cell `at` a way to the sheet `name`."""
    sheet._hyperlinks.append(Hyperlink(ref=at, location=f"'{name}'!A1"))


def _cover(book: Workbook, report: Report, names: Sequence[str]) -> None:
    sheet = _sheet(book, report, _COVER, (24, 90))
    told = 0

    def say(*cells: Any) -> None:
        nonlocal told
        told += 1
        sheet.append(cells)

    if banner(report):
        say(_text(sheet, banner(report), _TITLE, _ONE_LINE, _LOUD), _text(sheet, "", fill=_LOUD))
    say(_text(sheet, report.title, _TITLE, _ONE_LINE))
    say(_text(sheet, report.subtitle, _PLAIN, _ONE_LINE))
    say()
    for name, value in report.facts:
        say(_text(sheet, name, _STRONG), _text(sheet, value))
    say()
    say(_text(sheet, "シート", _STRONG, fill=_HEAD), _text(sheet, "表", _STRONG, fill=_HEAD))
    titles = ["図表のほかの文（注意を含む）", *(table.caption for table in report.tables()), ANNEX]
    for name, title in zip([_PROSE, *names, _SOURCES], titles, strict=True):
        say(_text(sheet, name, _LINK), _text(sheet, title))
        _link(sheet, f"A{told}", name)
    say()
    for credit in report.credits:
        say(_text(sheet, "出典の表示", _STRONG), _text(sheet, credit))


def _prose(book: Workbook, report: Report) -> None:
    """What the report says in sentences, section by section: without them tables are misread."""
    said: list[tuple[str, str, Cell]] = []
    section = ""
    for block in report.blocks:
        if isinstance(block, Heading):
            section = block.text
        elif isinstance(block, Paragraph):
            said.append((section, _ROLES[block.role], block.runs))
        elif isinstance(block, Points):
            said += [(section, "", item) for item in block.items]
        elif isinstance(block, Slot):
            said.append((block.title, "記入", (Run(block.words or f"（未記入）{block.prompt}"),)))
    titles = ("節", "区分", "文", "出典")
    sheet = _sheet(book, report, _PROSE, (30, 8, 110, 24), 1)
    _above(sheet, report, _PROSE, len(titles))
    _head(sheet, titles, max(len(said), 1))
    for section, role, runs in said:
        font = _STRONG if role == _ROLES["warning"] else _PLAIN
        text = "".join(f"{run.text}{STRUCK}" if run.struck else run.text for run in runs)
        cells = [_text(sheet, one, font) for one in (section, role, text)]
        sheet.append([*cells, _text(sheet, spelled(numbers(runs)))])


def _above(sheet: Any, report: Report, caption: str, columns: int) -> None:
    """The first row: what the sheet is, loud where it is an exercise, a test or a draft, and the way back."""
    told = banner(report)
    first = _text(sheet, f"{told}　{caption}" if told else caption, _TITLE, _ONE_LINE, _LOUD if told else None)
    empty = [_text(sheet, "", fill=_LOUD if told else None) for _ in range(columns - 1)]
    sheet.append([first, *empty])


def _head(sheet: Any, titles: Sequence[str], rows: int) -> None:
    """The second row: names of the columns, with a filter over `rows` rows."""
    sheet.auto_filter.ref = f"A2:{get_column_letter(len(titles))}{2 + rows}"
    sheet.append([_text(sheet, title, _STRONG, fill=_HEAD) for title in titles])


def _table(book: Workbook, report: Report, name: str, table: Table) -> None:
    titles = [*(column.title for column in table.columns), "出典"]
    sheet = _sheet(book, report, name, [*(width * 1.1 + 3 for width in widths(table)), 24], max(table.heads, 1))
    _above(sheet, report, table.caption, len(titles))
    _head(sheet, titles, max(len(table.rows), 1))
    for row in table.rows:
        cells = [_cell(sheet, cell, column) for cell, column in zip(row, table.columns, strict=True)]
        sheet.append([*cells, _text(sheet, _cited(row, table.columns))])
    if not table.rows:
        sheet.append([_text(sheet, EMPTY, _PLAIN, _ONE_LINE)])
    if table.note:
        sheet.append([])
        sheet.append([_text(sheet, table.note, _PLAIN, _ONE_LINE)])


def _cited(row: Sequence[Cell], columns: Sequence[Column]) -> str:
    """The sources of a row; by column where these rest upon different ones."""
    by_column = {column.title: numbers(cell) for cell, column in zip(row, columns, strict=True) if numbers(cell)}
    different = {frozenset(one) for one in by_column.values()}
    if len(different) < 2:
        return spelled(next(iter(different), ()))
    return "\n".join(f"{title}：{spelled(one)}" for title, one in by_column.items())


def _cell(sheet: Any, cell: Cell, column: Column) -> Any:
    runs = [run for run in cell if run.text]
    alignment = _RIGHT if column.align == "right" else _LEFT
    struck = [run.struck for run in runs]
    said = "".join(f"{run.text}{STRUCK}" if run.struck else run.text for run in runs)
    if any(struck) and not all(struck):
        return _mixed(sheet, cell, alignment)
    if any(struck):
        return _text(sheet, said, _STRUCK, alignment)
    font = _STRONG if runs and all(run.strong for run in runs) else _PLAIN
    number = _NUMBER.fullmatch(said) if column.align == "right" else None
    if number is None or sum(one.isdigit() for one in said) > _DIGITS:
        return _text(sheet, said, font, alignment)
    # A code is digits, too; but only what is counted or measured stands at the right.
    decimals = number[1] or ""
    one = WriteOnlyCell(sheet, float(said.replace(",", "")) if decimals else int(said.replace(",", "")))
    one.font, one.alignment = font, alignment
    one.number_format = ("#,##0" if "," in said else "0") + ("." + "0" * len(decimals) if decimals else "")
    return one


def _mixed(sheet: Any, cell: Cell, alignment: Alignment) -> Any:
    """Struck words beside those that stand."""
    text = CellRichText()
    for run in cell:
        words = legible(f"{run.text}{STRUCK}" if run.struck else run.text)
        if words:
            font = InlineFont(rFont="游ゴシック", sz=10, strike=run.struck or None, b=run.strong or None)
            text.append(TextBlock(font, words))
    one = WriteOnlyCell(sheet, text)
    one.font, one.alignment = _PLAIN, alignment
    return one


def _sources(book: Workbook, report: Report) -> None:
    sheet = _sheet(book, report, _SOURCES, [width for _, width in _SOURCE_COLUMNS], 1)
    _above(sheet, report, ANNEX, len(_SOURCE_COLUMNS))
    _head(sheet, [title for title, _ in _SOURCE_COLUMNS], max(len(report.sources), 1))
    for one in report.sources:
        number = WriteOnlyCell(sheet, one.number)
        number.font, number.alignment = _PLAIN, _RIGHT
        said = (
            one.issuer,
            one.title,
            one.feed,
            full_clock(one.issued_at) if one.issued_at else "",
            full_clock(one.known_at),
            one.document,
            one.position,
            one.reference,
            one.sha256,
            one.url,
        )
        sheet.append([number, *(_text(sheet, text) for text in said)])
    if not report.sources:
        sheet.append([_text(sheet, EMPTY, _PLAIN, _ONE_LINE)])
