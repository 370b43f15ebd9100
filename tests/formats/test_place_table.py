"""Tables with a row a municipality in text: headings and cells by their places, and what is not certain."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from bousai.errors import ParseError
from bousai.formats import place_table
from bousai.formats.place_table import Paper

REPORTS = "damage-tables/r8-kumamoto-pref"
GROUPS = {"甲": ("子", "丑", "寅"), "乙": ("子", "卯"), "丙": (), "備考": ()}
WHOLE = ("丁受付", "丁調査")


def known(path: tuple[str, ...]) -> object | None:
    """甲 has 子, 丑, 寅 below it, 乙 has 子 and 卯, 丙 nothing; 丁受付 is one heading that may be broken."""
    if "".join(path) in WHOLE:
        return "".join(path)
    group, *leaf = path
    below = GROUPS.get(group)
    return path if below is not None and (tuple(leaf) == () if below == () else leaf and leaf[0] in below) else None


def read(*lines: str) -> Paper:
    text = "\n".join(("令和８年訓練地震の状況（７月２９日７：３０時点）", *lines)) + "\n"
    return place_table.read(text.encode(), "43", known)


def refused(*lines: str) -> ParseError:
    with pytest.raises(ParseError) as caught:
        read(*lines)
    assert "page 1" in caught.value.cause
    return caught.value


def test_groups_stand_over_the_middle_of_what_is_theirs() -> None:
    (table,) = read(
        "              甲              乙       丙",
        "          子   丑   寅     子   卯",
        "熊本市       1    2    3      4    5    6",
    ).tables
    assert table.head == [("甲", "子"), ("甲", "丑"), ("甲", "寅"), ("乙", "子"), ("乙", "卯"), ("丙",)]
    assert [(row.label, row.cells, row.position) for row in table.rows] == [
        ("熊本市", ["1", "2", "3", "4", "5", "6"], "page 1, 熊本市")
    ]


def test_a_heading_over_two_lines_is_one_column() -> None:
    (table,) = read(
        "           丁        丁",
        "          受付      調査",
        "熊本市     随時対応      未定",
    ).tables
    assert table.head == [("丁", "受付"), ("丁", "調査")]


def test_a_heading_that_may_be_of_two_groups_is_refused() -> None:
    """甲 has 子 below it and so has 乙: where the middles do not tell, nothing does."""
    error = refused(
        "          甲       乙",
        "        丑     子     卯",
        "熊本市     1     2     3",
    )
    assert error.code == "ambiguous_table"


def test_headings_that_mean_nothing_are_shown() -> None:
    error = refused("      甲     戊", "    子  丑   子", "熊本市   1    2    3")
    assert error.code == "unknown_header"
    assert "戊" in error.cause


HEAD = ("            甲                  丙      備考", "         子     丑     寅")
FULL = "熊本市       10     20     30     40      0"


def cells(*lines: str) -> list[list[str]]:
    return [row.cells for row in read(*HEAD, *lines).tables[0].rows]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("宇土市        1             3              ", ["1", "", "3", "", ""]),
        ("宇土市           1,020            40     ", ["", "1,020", "", "40", ""]),
        ("宇土市      不明            ―       40    訓練 のみ", ["不明", "", "―", "40", "訓練 のみ"]),
        ("宇土市      ―      ―                   訓練", ["―", "―", "", "", "訓練"]),
        ("宇土市       10―             30     40", ["10", "―", "30", "40", ""]),
        ("宇土市", ["", "", "", "", ""]),
    ],
)
def test_empty_cells_are_found_by_place(line: str, expected: list[str]) -> None:
    assert cells(FULL, line)[1] == expected


@pytest.mark.parametrize(
    "line",
    [
        "宇土市           1          3",  # between two columns
        "宇土市          ―         30",  # a dash at the edge of an empty cell
        "宇土市        1 2     30",  # two words in one column
    ],
)
def test_cells_between_columns_are_refused(line: str) -> None:
    with pytest.raises(ParseError) as caught:
        cells(FULL, line)
    assert caught.value.code == "ambiguous_table"


def test_without_a_row_that_is_full_no_column_is_certain() -> None:
    with pytest.raises(ParseError) as caught:
        cells("宇土市        1             3")
    assert caught.value.code == "ambiguous_table"


def test_a_table_of_remarks_alone() -> None:
    (table,) = read("        備考", "熊本市     訓練", "宇土市").tables
    assert [row.cells for row in table.rows] == [["訓練"], [""]]
    with pytest.raises(ParseError):
        read("        備考", "熊本市     訓練 のみ")


def test_more_cells_than_headings_are_refused() -> None:
    with pytest.raises(ParseError) as caught:
        read("    甲", "  子 丑", "熊本市 1 2 3")
    assert caught.value.code == "ambiguous_table"


def test_a_label_over_two_lines_is_joined() -> None:
    paper = read(
        *HEAD,
        FULL,
        "災害と関連する可能性が",
        "          ―      ―     30―      0",
        "ある死亡（※）",
        "身元",
        "          1      ―      ―      ―       0",
        "不明",
        "合計         11     20     60     40      0",
        "（※）負傷の悪化による。   ※推計値を含む。",
    )
    (table,) = paper.tables
    assert [row.label for row in table.rows] == ["熊本市", "災害と関連する可能性がある死亡(※)", "身元不明", "合計"]
    assert table.rows[1].cells == ["―", "―", "30", "―", "0"]
    assert table.notes == ["（※）負傷の悪化による。", "※推計値を含む。"]
    assert paper.issues == []


@pytest.mark.parametrize(
    "lines",
    [
        ("災害と関連する", "合計         11     20     60     40      0"),  # a label without cells
        ("          1      2      3      4      0",),  # cells without a label
        ("甲の", "もの", "          1      2      3      4      0", "である", "合計    11   20    60     40      0"),
    ],
)
def test_labels_and_cells_that_do_not_belong_together_are_refused(lines: tuple[str, ...]) -> None:
    if lines[0] == "甲の":
        # Three lines beside one row are its label all the same: there is no other row without one.
        assert [row.label for row in read(*HEAD, FULL, *lines).tables[0].rows][1] == "甲のものである"
        return
    with pytest.raises(ParseError) as caught:
        cells(FULL, *lines)
    assert caught.value.code == "unknown_row"


def test_every_line_of_the_real_texts_is_read(realdata: Path) -> None:
    """Each number of each text stands in exactly one cell, in the order of its line."""
    for path in sorted((realdata / REPORTS).glob("*.txt")):
        body = path.read_bytes()
        paper = place_table.read(body, "43", _any_heading)
        assert paper.issues == []
        labels = {row.label for table in paper.tables for row in table.rows}
        assert {"熊本市", "苓北町", "合計"} <= labels
        for table in paper.tables:
            assert len({row.label for row in table.rows}) == len(table.rows)
            for row in table.rows:
                assert len(row.cells) == len(table.head)
                joined = "".join(row.cells).replace("―", "")
                assert joined in "".join(body.decode().split()).replace("―", "")


def _any_heading(path: tuple[str, ...]) -> object | None:
    """A group of its own is no column here, ③停電（戸） and 備考 are."""
    return path if len(path) > 1 or path[0][-1] in "）考" else None


# ── PDF ──────────────────────────────────────────────────────────────────────────────────────────────────────

FONT = "HeiseiKakuGo-W5"
Cell = tuple[int, int, int, int, str]
"""Left, top, width and height in steps of 60 by 20 points, and what stands in it."""
CELLS: list[Cell] = [
    (0, 1, 1, 2, ""),
    (1, 1, 2, 1, "甲"),
    (1, 2, 1, 1, "子"),
    (2, 2, 1, 1, "丑"),
    (3, 1, 1, 2, "丙"),
    *((0, 3, 1, 1, "熊本市"), (1, 3, 1, 1, "1"), (2, 3, 1, 1, ""), (3, 3, 1, 1, "3")),
    *((0, 4, 1, 1, "宇土市"), (1, 4, 1, 1, "0"), (2, 4, 1, 1, "―"), (3, 4, 1, 1, "4")),
]
TITLE = "令和８年訓練地震の状況（７月２９日７：３０時点）"


def pdf(*cells: Cell, beside: tuple[tuple[float, float, str], ...] = ()) -> bytes:
    """One page with ruled cells, and texts at places of the same grid without rules."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(400, 300), invariant=1)
    canvas.setFont(FONT, 8)
    for left, top, width, height, text in cells:
        canvas.rect(20 + left * 60, 280 - (top + height) * 20, width * 60, height * 20)
        canvas.drawString(24 + left * 60, 280 - top * 20 - 13, text)
    for x, y, text in beside:
        canvas.drawString(20 + x * 60, 280 - y * 20, text)
    canvas.save()
    return out.getvalue()


def test_a_ruled_table() -> None:
    paper = place_table.read(pdf(*CELLS, beside=((0, 0.5, TITLE), (0, 6, "※推計値"))), "43", known)
    (table,) = paper.tables
    assert table.head == [("甲", "子"), ("甲", "丑"), ("丙",)]
    assert [(row.label, row.cells) for row in table.rows] == [
        ("熊本市", ["1", "", "3"]),
        ("宇土市", ["0", "―", "4"]),
    ]
    assert (table.notes, paper.issues) == (["※推計値"], [])
    assert table.title == "令和8年訓練地震の状況(7月29日7:30時点)"
    assert paper.made is not None


def test_title_and_notes_may_be_cells_of_the_table_or_stand_in_frames() -> None:
    inside = pdf((0, 0, 4, 1, TITLE), *CELLS, (0, 5, 4, 1, "※推計値"))
    framed = pdf(*CELLS, (0, 7, 2, 1, "※推計値"), beside=((0, 0.5, TITLE),))
    plain = place_table.read(pdf(*CELLS, beside=((0, 0.5, TITLE), (0, 6, "※推計値"))), "43", known)
    for body in (inside, framed):
        paper = place_table.read(body, "43", known)
        assert (paper.tables, paper.issues) == (plain.tables, [])


@pytest.mark.parametrize(
    ("cells", "beside", "code"),
    [
        (CELLS, ((0, 0.5, TITLE), (0, 6.5, "八代市"), (1, 6.5, "5")), "unknown_table"),  # a row below the rules
        ([*CELLS[:-3], (1, 4, 3, 1, "調査中")], ((0, 0.5, TITLE),), "unknown_row"),  # one cell for three columns
        ([*CELLS[:-4], (0, 4, 4, 1, "宇土市")], ((0, 0.5, TITLE),), "unknown_row"),
        ([*CELLS[:-4], (0, 4, 1, 1, ""), *CELLS[-3:]], ((0, 0.5, TITLE),), "unknown_row"),  # no label
        (CELLS[5:], ((0, 0.5, TITLE),), "unknown_table"),  # no headings
        ([(0, 1, 1, 1, "市町村名"), (0, 2, 1, 1, "熊本市")], ((0, 0.5, TITLE),), "unknown_table"),  # names alone
        (CELLS, ((0, 0.5, TITLE), (0, 7, TITLE)), "unknown_table"),  # a title with nothing below it
        ([*CELLS, (0, 7, 1, 1, "道路"), (1, 7, 1, 1, "3")], ((0, 0.5, TITLE),), "unknown_table"),  # another table
    ],
)
def test_what_is_not_certain_in_a_pdf_is_refused(
    cells: list[Cell], beside: tuple[tuple[float, float, str], ...], code: str
) -> None:
    with pytest.raises(ParseError) as caught:
        place_table.read(pdf(*cells, beside=beside), "43", known)
    assert caught.value.code == code
    assert "page 1" in caught.value.cause


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"<html>", "html_instead_of_report"),
        (b"\xff\x00", "wrong_encoding"),
        ("（７月２９日７：３０時点）\n子\n札幌市 1\n".encode(), "unknown_table"),
        ("（７月２９日７：３０時点）\n熊本市 1\n".encode(), "unknown_header"),
    ],
)
def test_what_has_no_table_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        place_table.read(body, "43", known)
    assert caught.value.code == code


def test_text_without_a_title_has_no_tables() -> None:
    assert place_table.read("熊本市 1 2".encode(), "43", known).tables == []
