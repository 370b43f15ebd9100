"""Tables: whatever is written in one of the encodings reads back; what is cut off or broken is never mojibake."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.formats import csv_table

ENCODINGS = ("utf-8", "utf-8-sig", "cp932")
# The second byte of 表 ソ 能 is a backslash; ① 髙 﨑 ～ are in CP932 and not in Shift_JIS.
JAPANESE = "aあいガ゜漢表ソ能①髙﨑～㈱　ｶﾞ日本 1=+-'\",;\t\r\n"
UTF8 = st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")


def code_of(body: bytes) -> str:
    with pytest.raises(ParseError) as caught:
        csv_table.read(body)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    return caught.value.code


def written(rows: list[list[str]], encoding: str, quote_all: bool) -> bytes:
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=quoting, lineterminator="\n" if quote_all else "\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


def could_be_utf8(body: bytes) -> bool:
    """Whole or cut off: such bytes are never taken for CP932."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return False
    return True


@st.composite
def tables(draw: st.DrawFn, letters: st.SearchStrategy[str]) -> list[list[str]]:
    cells = st.text(letters, max_size=5)
    header = draw(st.lists(cells, min_size=1, max_size=4, unique_by=lambda name: normalize("NFC", name).strip()))
    row = st.lists(cells, min_size=len(header), max_size=len(header))
    return [header, *draw(st.lists(row, max_size=4))]


@given(data=st.data(), encoding=st.sampled_from(ENCODINGS), quote_all=st.booleans())
def test_what_is_written_reads_back(data: st.DataObject, encoding: str, quote_all: bool) -> None:
    rows = data.draw(tables(st.sampled_from(JAPANESE) if encoding == "cp932" else UTF8))
    body = written(rows, encoding, quote_all)
    assume("".join(map("".join, rows)).strip() or quote_all)  # else there is nothing in it
    assume(encoding != "cp932" or body.isascii() or not could_be_utf8(body))
    table = csv_table.read(body)
    columns = list(zip(*rows[1:], strict=True)) or [()] * len(rows[0])
    names = [normalize("NFC", name).strip() for name in rows[0]]
    assert table.columns == {name: list(column) for name, column in zip(names, columns, strict=True)}
    assert list(table.columns) == names
    assert len(table) == len(rows) - 1


@given(
    rows=tables(st.sampled_from(JAPANESE)),
    encoding=st.sampled_from(ENCODINGS),
    quote_all=st.booleans(),
    part=st.floats(0, 1, exclude_max=True),
)
def test_a_cut_off_table_is_refused_or_is_the_beginning(
    rows: list[list[str]], encoding: str, quote_all: bool, part: float
) -> None:
    """A cut inside the very last cell cannot be seen; nothing else may differ, and no letter may."""
    body = written(rows, encoding, quote_all)
    cut = body[: int(part * len(body))]
    assume(encoding != "cp932" or cut.isascii() or not could_be_utf8(cut))
    try:
        table = csv_table.read(cut)
    except ParseError:
        return
    names = [name.strip() for name in rows[0]]
    if len(table):
        assert list(table.columns) == names
    else:
        *whole, last = table.columns
        assert whole == names[: len(whole)]
        assert names[len(whole)].startswith(last)
    read = [list(row) for row in zip(*table.columns.values(), strict=True)]
    assert read[:-1] == rows[1 : len(read)]
    if read:
        assert read[-1][:-1] == rows[len(read)][:-1]
        assert rows[len(read)][-1].startswith(read[-1][-1])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_letter_of_the_windows_code_page(encoding: str) -> None:
    rows = [["名称", "住所"], ["①髙﨑～", "表①ソ能㈱〒"], ["ｱﾊﾟｰﾄ", "\u3000"]]
    table = csv_table.read(written(rows, encoding, False))
    assert table.columns == {"名称": ["①髙﨑～", "ｱﾊﾟｰﾄ"], "住所": ["表①ソ能㈱〒", "\u3000"]}


@pytest.mark.parametrize("cell", ["山", "ｱ", "髙"])
def test_a_last_letter_in_cp932_is_no_cut_off_utf8(cell: str) -> None:
    for end in ("", "\n"):
        assert csv_table.read(f"a\n{cell}{end}".encode("cp932")).columns == {"a": [cell]}


def test_real_list_equals_the_standard_reader(realdata: Path) -> None:
    body = (realdata / "gsi-shelters/csv/designated_shelters_17_ishikawa.csv").read_bytes()
    table = csv_table.read(body)
    expected = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert len(table) == len(expected) > 900
    for name, column in table.columns.items():
        assert column == [row[name] for row in expected]
    lines = body.decode("utf-8-sig").split("\n")
    for index in (0, 400, len(table) - 1):
        assert table.columns["共通ID"][index] in lines[table.lines[index] - 1]


def test_real_list_with_any_one_byte_broken_is_never_taken_for_cp932(realdata: Path) -> None:
    body = (
        (realdata / "gsi-shelters/csv/designated_shelters_17_ishikawa.csv").read_bytes().removeprefix(b"\xef\xbb\xbf")
    )
    within = [index for index, byte in enumerate(body) if 0x80 <= byte < 0xC0]  # not the first byte of a letter
    for index in within[:: len(within) // 150]:
        broken = (body[:index] + body[index + 1 :], body[:index] + b"\xff" + body[index + 1 :], body[:index])
        assert [code_of(one) for one in broken] == ["wrong_encoding"] * 3


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b" \n\t\n", "　\n".encode()])
def test_empty(body: bytes) -> None:
    assert code_of(body) == "empty"


@pytest.mark.parametrize("start", ["<!DOCTYPE html>", "<html lang='ja'>", "\n <HTML>", "<?xml version='1.0'?>"])
def test_a_page_instead_of_a_table(start: str) -> None:
    page = f"{start}<body>メンテナンス中, しばらくお待ちください</body></html>"
    assert code_of(page.encode()) == code_of(page.encode("cp932")) == "html_instead_of_csv"


@pytest.mark.parametrize(
    "body",
    [
        b"a,b\n1,\0\n",
        "a,b\n1,2\n".encode("utf-16"),
        "a\n山".encode()[:-1],
        "a\n山".encode()[:-2],
        b"\xef\xbb\xbfa\n\x8eR\n",  # it says UTF-8 and is CP932
        "a\n山川".encode("cp932")[:-1],
        b"a\n\x80\n",
        b"a\n\xa0\n",
        b"a\n\xff\xfe\xfd\n",
    ],
)
def test_bytes_that_are_no_text(body: bytes) -> None:
    assert code_of(body) == "wrong_encoding"


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        (b"a,b\n1,2\n3\n", "ragged", "line 3"),
        (b"a,b\n1,2,3\n", "ragged", "line 2"),
        (b'a,b\n"1\n1",2\n\n3\n', "ragged", "line 5"),
        (b'a,b\n1,"2\n3,4\n', "not_csv", "line 3"),
        (b'a,b\n1,"2"x\n', "not_csv", "line 2"),
        (b'a,b\n1,"' + b"x" * 200_000 + b'"\n', "not_csv", "line 2"),
    ],
)
def test_broken_tables_say_where(body: bytes, code: str, line: str) -> None:
    with pytest.raises(ParseError) as caught:
        csv_table.read(body)
    assert (caught.value.code, caught.value.position) == (code, line)


@pytest.mark.parametrize(
    "header", ["a,a", "a, a ", "が,か\u3099", ",", '"x\n\x1b[31m' + "y" * 1000 + '","x\n\x1b[31m' + "y" * 1000 + '"']
)
def test_duplicate_header(header: str) -> None:
    body = f"{header}\n1,2\n".encode()
    assert code_of(body) == "duplicate_header"
    with pytest.raises(ParseError) as caught:
        csv_table.read(body)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_cells_stay_text_and_blank_lines_do_not_count() -> None:
    table = csv_table.read(b"\n code ,n\n\n01100,1e5\n\n=1+1, x \n")
    assert table.columns == {"code": ["01100", "=1+1"], "n": ["1e5", " x "]}
    assert table.lines == [4, 6]
