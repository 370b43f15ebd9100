"""Tables that a page draws with dgrid: what stands in which column, and what is refused."""

from __future__ import annotations

import pytest

from bousai.errors import ParseError
from bousai.formats import dgrid_page

HEAD = (
    '<table><tr><th class="dgrid-cell dgrid-column-0-1">名</th>'
    '<th class="dgrid-cell dgrid-column-0-0">所</th></tr></table>'
)
STRAY = '<div class="dgrid-row" id="g-row-7"><table><tr><td class="dgrid-column-0-5">x</td></tr></table></div>'


def page(rows: str, head: str = HEAD) -> bytes:
    return f'<html><body><p>26/11/05</p><div class="x dgrid-grid">{head}{rows}</div></body></html>'.encode()


def test_cells_belong_to_the_column_of_their_class() -> None:
    rows = (
        '<div class="dgrid-row" id="g-row-7"><table><tr><td class="dgrid-column-0-0"> あ&nbsp; <b>い　う</b></td>'
        '<td class="dgrid-column-0-1"><a href="?ll=1">髙﨑①～−㈱</a></td></tr></table></div>'
    )
    grid = dgrid_page.read(page(rows))
    assert grid.headers == ["名", "所"]
    [row] = grid.rows
    assert (row.row_id, row.cells, row.links) == ("7", {"所": "あ い　う", "名": "髙﨑①～−㈱"}, {"名": "?ll=1"})
    assert grid.text.startswith("26/11/05")
    assert (
        dgrid_page.read(page(rows.replace("−", "－")).decode().encode("cp932")).rows[0].cells["名"] == "髙﨑①～－㈱"
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\xff\xfe\x00", "wrong_encoding"),
        (b"<!-- -->", "not_html"),
        (b"<p>x</p>", "no_grid"),
        (page(STRAY), "no_grid"),
    ],
)
def test_what_is_no_such_page(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        dgrid_page.read(body)
    assert (caught.value.code, bool(caught.value.remedy)) == (code, True)
