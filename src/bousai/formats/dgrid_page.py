"""Tables that a page draws with the Dojo widget dgrid: rows and cells are known by their classes and ids.

The widget scrolls virtually: only the rows near the visible part are in the page, so that a saved page is a part of
the table. Which rows those are is the reader's to see (`Grid.rows` against what the page says of the whole).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree, html

from bousai.errors import ParseError
from bousai.formats import csv_table, refusal

_ROW_ID = re.compile(r"-row-(.+)$")
_BLANKS = re.compile(r"[ \t\r\n\xa0]+")  # U+3000 is a letter of a name
_COLUMN = re.compile(r"\bdgrid-column-(\S+)")


@dataclass(frozen=True, slots=True)
class Row:
    """`row_id` as the widget knows the object behind it; `cells` by header, `links` the first address in each."""

    row_id: str
    cells: dict[str, str]
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class Grid:
    """`headers` in the order of the page; `text` is all that the page says."""

    headers: list[str]
    rows: list[Row]
    text: str


def read(body: bytes) -> Grid:
    """The first table of the page. Raises `ParseError`: ``empty``, ``wrong_encoding``, ``not_html``, ``no_grid``."""
    if not body.strip():
        raise refusal.empty()
    text = csv_table.decode(body)
    try:
        page = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", no_network=True))
    except etree.ParserError as error:
        raise ParseError("not an HTML page", code="not_html", remedy=refusal.AGAIN) from error
    grid = next(_of_class(page, "dgrid-grid"), None)
    if grid is None:
        raise ParseError(
            "the page has no table of the widget dgrid",
            code="no_grid",
            remedy="save the page after its table has been drawn; else the publisher changed the page",
        )
    headers: dict[str, str] = {}
    for cell in grid.iter("th"):
        if (column := _column(cell)) is not None and (said := _said(cell)):
            headers[column] = said
    rows = []
    for row in _of_class(grid, "dgrid-row"):
        match = _ROW_ID.search(row.get("id", ""))
        cells: dict[str, str] = {}
        links: dict[str, str] = {}
        for cell in row.iter("td"):
            header = headers.get(_column(cell) or "")
            if header is None:
                raise ParseError(
                    "a cell stands in a column without a header",
                    code="no_grid",
                    remedy="see whether the publisher changed the page",
                    position=row.get("id", ""),
                )
            cells[header] = _said(cell)
            address = next((a.get("href", "") for a in cell.iter("a")), None)
            if address is not None:
                links[header] = address
        rows.append(Row(match[1] if match else "", cells, links))
    return Grid(list(headers.values()), rows, _said(page))


def _of_class(node: etree._Element, name: str) -> Iterator[etree._Element]:
    return (one for one in node.iter("div") if name in one.get("class", "").split())


def _column(cell: etree._Element) -> str | None:
    match = _COLUMN.search(cell.get("class", ""))
    return match[1] if match else None


def _said(cell: etree._Element) -> str:
    return _BLANKS.sub(" ", str(cell.xpath("string()"))).strip()
