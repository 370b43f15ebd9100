"""Tables without rules: pages, words, and numbers that only place and sums give to their columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.formats import layout_table
from bousai.formats.layout_table import Column, Law, Line

NAMES = ("dead", "missing", "severe", "minor", "injured", "people", "destroyed", "half", "partly", "houses")
LAWS = (
    Law("injured", ("severe", "minor")),
    Law("people", ("dead", "missing", "injured")),
    Law("houses", ("destroyed", "half", "partly")),
)
WIDTH = 8


def read(
    rows: list[str], marks: str, laws: tuple[Law, ...] = LAWS, names: tuple[str, ...] = NAMES
) -> list[dict[str, int]]:
    """The numbers of rows by the name of their column."""
    words = [layout_table.words(row)[1:] for row in rows]
    numbers = [[int(word.text.replace(",", "")) for word in row] for row in words]
    columns = [Column(name, word.start) for name, word in zip(names, layout_table.words(marks), strict=True)]
    placed = layout_table.placed(words, numbers, columns, laws, "page 1, line 1")
    return [{name: numbers[i][index] for name, index in row.items()} for i, row in enumerate(placed)]


def set_out(rows: list[dict[str, int]], shifts: list[int]) -> tuple[list[str], str]:
    """Rows as text, numbers to the right in columns of `WIDTH`, every row moved by its shift; zeros are blank."""
    marks = "".join("人".rjust(WIDTH) for _ in NAMES).rjust(WIDTH * len(NAMES) + 12)
    lines = []
    for number, row in enumerate(rows):
        line = f"row{number}"
        for index, name in enumerate(NAMES):
            if row.get(name):
                end = 12 + (index + 1) * WIDTH + shifts[number]
                line = line.ljust(end - len(str(row[name]))) + str(row[name])
        lines.append(line)
    return lines, marks


@st.composite
def damage(draw: st.DrawFn) -> list[dict[str, int]]:
    """Rows whose sums come out, and their total."""
    small = st.one_of(st.just(0), st.integers(0, 9), st.integers(0, 3000))
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        row = {name: draw(small) for name in NAMES}
        row["injured"] = row["severe"] + row["minor"]
        row["people"] = row["dead"] + row["missing"] + row["injured"]
        row["houses"] = row["destroyed"] + row["half"] + row["partly"]
        rows.append(row)
    rows.append({name: sum(row[name] for row in rows) for name in NAMES})
    return rows


@given(damage(), st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_what_is_read_is_what_was_set_out_or_nothing(rows: list[dict[str, int]], shifts: list[int]) -> None:
    """Never a wrong column; and where every row stands in its place, never a refusal."""
    lines, marks = set_out(rows, shifts)
    expected = [{name: number for name, number in row.items() if number} for row in rows]
    if not expected[-1]:
        return
    try:
        found = read(lines, marks)
    except ParseError:
        found = None
    assert found == expected or (found is None and any(shifts))


REAL = ("dead", "related", "missing", "severe", "minor", "injured", "people", "destroyed", "half", "above", "below",
        "partly", "houses")  # fmt: skip
REAL_LAWS = (LAWS[0], LAWS[1], Law("houses", ("destroyed", "half", "above", "below", "partly")))


def test_numbers_that_lie_right_of_their_headings() -> None:
    """As pdftotext sets them: 重傷 below 軽傷, 軽傷 below 小計; the sums put them right."""
    marks = "       人            人    人   人   人   人                      人       棟        棟      棟  棟     棟       棟"  # noqa: E501
    rows = [
        "福岡県                                        1          1         1                                6        6",  # noqa: E501
        "熊本県         34                   5      81           86     120          1                       1        2",  # noqa: E501
        "合計          34                   5      82           87     121          1                       7        8",  # noqa: E501
    ]
    assert read(rows, marks, REAL_LAWS, REAL) == [
        {"minor": 1, "injured": 1, "people": 1, "partly": 6, "houses": 6},
        {
            "dead": 34,
            "severe": 5,
            "minor": 81,
            "injured": 86,
            "people": 120,
            "destroyed": 1,
            "partly": 1,
            "houses": 2,
        },
        {
            "dead": 34,
            "severe": 5,
            "minor": 82,
            "injured": 87,
            "people": 121,
            "destroyed": 1,
            "partly": 7,
            "houses": 8,
        },
    ]


def test_a_row_that_is_set_narrower_than_the_others() -> None:
    """Its 小計 stands where others have their 軽傷; the column then adds up to 合計 in one way only."""
    marks = "        人            人    人   人   人   人              人       棟      棟         棟    棟     棟       棟"  # noqa: E501
    rows = [
        "福岡県                                 1   1                1                                   8        8",
        "熊本県          35                6    90         96     131     179     240               1,021    1,440",
        "合計           35                6    91         97     132     179     240               1,029    1,448",
    ]
    first, *_ = read(rows, marks, REAL_LAWS, REAL)
    assert first == {"minor": 1, "injured": 1, "people": 1, "partly": 8, "houses": 8}


def test_neither_sums_nor_places() -> None:
    """7 dead or 7 missing: the number stands left of both headings."""
    with pytest.raises(ParseError) as caught:
        read(
            ["a    7    7", "計    7    7"],
            "       人   人      人",
            (Law("people", ("dead", "missing")),),
            (*NAMES[:2], "people"),
        )
    assert caught.value.code == "ambiguous_table"


def test_a_wrong_sum_of_the_source_is_read_where_places_are_clear() -> None:
    rows = ["a   4    5   9", "b   1    1   2", "計   5    6  12"]
    assert read(rows, "    人    人   人", (Law("people", ("dead", "missing")),), ("dead", "missing", "people"))[
        -1
    ] == {
        "dead": 5,
        "missing": 6,
        "people": 12,
    }


def test_a_wrong_sum_and_no_clear_places_is_refused() -> None:
    rows = ["a   4         9", "計        5         12"]
    with pytest.raises(ParseError) as caught:
        read(rows, "    人    人   人", (Law("people", ("dead", "missing")),), ("dead", "missing", "people"))
    assert caught.value.code == "ambiguous_table"


@pytest.mark.parametrize("rows", [["a  1", "計"], ["a 1 2 3 4", "計 1 2 3 4"]])
def test_more_numbers_than_columns_or_none(rows: list[str]) -> None:
    with pytest.raises(ParseError) as caught:
        read(rows, "人 人 人", (), ("dead", "missing", "people"))
    assert caught.value.code == "ambiguous_table"


def test_pages_and_lines() -> None:
    text = "一行目\n二行目\n\n      1 / 2\n\f三頁 / 1\n\n    2 / 2\n\f"
    assert [(line.page, line.number, line.text) for line in layout_table.lines(text)] == [
        (1, 1, "一行目"),
        (1, 2, "二行目"),
        (2, 5, "三頁 / 1"),
    ]
    assert layout_table.lines("a\r\nb")[1] == Line(1, 2, "b")


def test_a_document_without_its_last_page_is_refused() -> None:
    with pytest.raises(ParseError) as caught:
        layout_table.lines("a\n   1 / 45\n\fb\n   2 / 45\n\f")
    assert caught.value.code == "truncated"


def test_what_looks_like_a_table() -> None:
    def some(*texts: str) -> list[Line]:
        return [Line(1, number, text) for number, text in enumerate(texts, 1)]

    assert layout_table.looks_like_table(some("市町村  施設  被害", "甲市  12  3", "乙町  1  0", "丙村  2  2"))
    assert not layout_table.looks_like_table(
        some("・７月 28 日に 12 名、29 日に 14 名を派遣", "・延べ 30 名", "・終了")
    )
