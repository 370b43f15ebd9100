"""PDF documents as pages: words, ruled tables and lines in place, real ones, and what is refused."""

from __future__ import annotations

import io
import random
import re
import zlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from bousai.errors import ParseError
from bousai.formats import pdf_page

FONT = "HeiseiKakuGo-W5"
REPORTS = "damage-tables/r8-kumamoto-pref"


def canvas(out: io.BytesIO, **how: object) -> Canvas:
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    made = Canvas(out, pagesize=(300, 200), invariant=1, **how)
    made.setFont(FONT, 10)
    return made


def ruled(*, pages: int = 1, **how: object) -> bytes:
    """A title and a table of three columns whose head is merged: 地域 over two rows, 被害 over two columns."""
    out = io.BytesIO()
    page = canvas(out, **how)
    for _ in range(pages):
        page.setFont(FONT, 10)
        page.drawString(20, 180, "【訓練】被害の状況")
        for x0, top, x1, bottom in (
            (20, 30, 100, 70),
            (100, 30, 220, 50),
            (100, 50, 160, 70),
            (160, 50, 220, 70),
            (20, 70, 100, 90),
            (100, 70, 160, 90),
            (160, 70, 220, 90),
        ):
            page.rect(x0, 200 - bottom, x1 - x0, bottom - top)
        for x, y, text in (
            (22, 55, "地域"),
            (140, 43, "被害"),
            (120, 63, "全壊"),
            (180, 63, "半壊"),
            (22, 83, "訓練町"),
            (130, 83, "1,234"),
        ):
            page.drawString(x, 200 - y, text)
        page.showPage()
    page.save()
    return out.getvalue()


def test_a_ruled_table_keeps_its_merged_and_empty_cells() -> None:
    (page,) = pdf_page.read(ruled(), tables=True).pages
    (table,) = page.tables
    assert table.rows == [["地域", "被害", None], [None, "全壊", "半壊"], ["訓練町", "1,234", ""]]
    assert table.box == pytest.approx((20, 30, 220, 90), abs=0.6)
    assert [word.text for word in pdf_page.outside_tables(page)] == ["【訓練】被害の状況"]


def test_words_are_in_place_and_tables_only_when_asked_for() -> None:
    (page,) = pdf_page.read(ruled()).pages
    word = next(word for word in page.words if word.text == "1,234")
    assert (word.x0, page.number, page.width, page.height) == (130, 1, 300, 200)
    assert word.top < 83 < word.bottom
    assert page.tables == []


def test_lines_and_layout_keep_the_columns() -> None:
    (page,) = pdf_page.read(ruled()).pages
    assert [[word.text for word in line] for line in pdf_page.lines(page.words)] == [
        ["【訓練】被害の状況"],
        ["被害"],
        ["地域"],
        ["全壊", "半壊"],
        ["訓練町", "1,234"],
    ]
    text = pdf_page.layout(page).split("\n")
    assert [line.split() for line in text[3:5]] == [["全壊", "半壊"], ["訓練町", "1,234"]]
    assert abs(text[3].index("全壊") - text[4].index("1,234")) <= 3


def test_the_real_reports_have_their_rows_and_the_time_they_were_made(realdata: Path) -> None:
    shapes = {"20260729-0730": [49], "20260801-0730": [49, 1, 46], "20260806-1400": [52, 46]}
    for path in sorted((realdata / REPORTS).glob("*.pdf")):
        document = pdf_page.read(path.read_bytes(), tables=True)
        at = path.name[5:18]
        assert [len(table.rows) for page in document.pages for table in page.tables] == shapes[at]
        assert document.created is not None
        assert timedelta(0) < document.created - datetime.strptime(at + "+0900", "%Y%m%d-%H%M%z") < timedelta(hours=2)


def test_layout_has_the_tokens_of_another_reader(realdata: Path) -> None:
    """The text beside the real PDF was made by ``pdftotext -layout``: the same words in the same lines."""
    for path in sorted((realdata / REPORTS).glob("*.pdf")):
        ours = "\f".join(pdf_page.layout(page) for page in pdf_page.read(path.read_bytes()).pages)
        theirs = path.with_suffix(".txt").read_text(encoding="utf-8")
        # In one line of theirs a number and a dash touch.
        theirs = re.sub(r"(?<=\d)―", " ―", theirs)
        assert [line.split() for line in ours.split("\n") if line.split()] == [
            line.split() for line in theirs.split("\n") if line.split()
        ]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("D:20260729092654+09'00'", "2026-07-29T09:26:54+09:00"),
        ("D:20260729002654Z", "2026-07-29T00:26:54+00:00"),
        ("D:20260728182654-06'00'", "2026-07-28T18:26:54-06:00"),
        ("D:20260729092654", "2026-07-29T09:26:54+09:00"),
        ("D:20261329092654", None),
        ("yesterday", None),
    ],
)
def test_when_a_file_says_it_was_made(stated: str, expected: str | None) -> None:
    def instead(match: re.Match[bytes]) -> bytes:
        return b"/CreationDate (%s)" % stated.encode() + b" " * (len(match[0]) - len(stated) - 16)

    body = re.sub(rb"/CreationDate \([^)]*\)", instead, ruled())
    assert len(body) == len(ruled())  # places in the file are counted in bytes
    created = pdf_page.read(body).created
    assert (None if created is None else created.isoformat()) == expected


def without_text() -> bytes:
    out = io.BytesIO()
    page = canvas(out)
    page.rect(10, 10, 50, 50)
    page.save()
    return out.getvalue()


def bomb(levels: int) -> bytes:
    """A stream that unpacks to 400 MB, packed once or twice."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(b"0" * 1_000_000) for _ in range(400)) + packer.flush()
    for _ in range(levels - 1):
        data = zlib.compress(data, 9)
    return b"%PDF-1.7\n1 0 obj\n<</Filter/FlateDecode>>\nstream\n" + data + b"\nendstream\nendobj\n"


def drawings(levels: int, times: int, use: bytes = b"/X Do ", resources: bool = True) -> bytes:
    """A page that draws X, which draws another one `times` times, and so on; the last one has a word."""
    font = b"/Font<</F 4 0 R>>"
    parts = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</XObject<<%s>>%s>>/Contents 5 0 R>>",
        4: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        5: b"<</Length 6>>\nstream\n/X0 Do\nendstream",
    }
    names = (
        b"".join(b"/X%d %d 0 R" % (level, 10 + level) for level in range(levels)) if not resources else b"/X0 10 0 R"
    )
    parts[3] %= (names, font)
    for level in range(levels):
        last = level == levels - 1
        name = b"/X%d Do " % (level + 1) if not resources else use
        inner = b"BT /F 8 Tf 9 9 Td (word) Tj ET" if last else name * times
        below = b"" if last else b"/XObject<</X %d 0 R>>" % (11 + level)
        own = b"/Resources<<%s%s>>" % (below, font) if resources else b""
        parts[10 + level] = b"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]%s/Length %d>>\nstream\n%s\nendstream" % (
            own,
            len(inner),
            inner,
        )
    out, table = b"%PDF-1.4\n", b"xref\n0 1\n0000000000 65535 f \n"
    for number, part in parts.items():
        table += b"%d 1\n%010d 00000 n \n" % (number, len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    return out + table + b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (10 + levels, len(out))


@pytest.mark.parametrize("resources", [True, False])
def test_drawings_in_drawings_are_read(resources: bool) -> None:
    (page,) = pdf_page.read(drawings(3, 2, resources=resources)).pages
    assert sorted("".join(word.text for word in page.words)) == sorted("word" * 4)  # drawn over each other


@pytest.mark.parametrize("resources", [True, False])
@pytest.mark.parametrize(("levels", "times"), [(12, 10), (30, 2)])
@pytest.mark.parametrize("use", [b"/X Do ", b"/X %c\n Do ", b"/#58 Do "], ids=["plain", "comment", "escape"])
def test_drawings_in_drawings_without_end_are_refused(levels: int, times: int, use: bytes, resources: bool) -> None:
    with pytest.raises(ParseError) as refused:
        pdf_page.read(drawings(levels, times, use, resources))
    assert refused.value.code == "hostile_pdf"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"<html>", "not_pdf"),
        (b"%PDF-1.7\n", "not_pdf"),
        (ruled()[:1500], "not_pdf"),
        (ruled(encrypt=StandardEncryption("geheim", "sehr geheim")), "encrypted"),
        (without_text(), "no_text"),
        (bomb(1), "hostile_pdf"),
        (bomb(2), "hostile_pdf"),
    ],
    ids=["empty", "html", "nothing", "cut", "password", "picture", "bomb", "bomb in a bomb"],
)
def test_what_cannot_be_read_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        pdf_page.read(body)
    assert refused.value.code == code
    assert refused.value.remedy


@pytest.mark.parametrize(("limit", "most"), [("_PAGES", 1), ("_ON_A_PAGE", 10), ("_RULES_ON_A_PAGE", 3)])
def test_very_much_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    monkeypatch.setattr(pdf_page, limit, most)
    with pytest.raises(ParseError) as refused:
        pdf_page.read(ruled(pages=2), tables=True)
    assert refused.value.code == "hostile_pdf"


def test_a_document_that_may_not_be_printed_is_read() -> None:
    """A restriction without a password to open it: the office has published it, and a reader may read it."""
    out = io.BytesIO()
    page = Canvas(out, invariant=1, encrypt=StandardEncryption("", "geheim", canPrint=0, canCopy=0))
    page.drawString(20, 20, "1,234")
    page.save()
    assert [word.text for word in pdf_page.read(out.getvalue()).pages[0].words] == ["1,234"]


def test_damaged_bytes_are_read_or_refused_and_nothing_else() -> None:
    whole = ruled()
    chance = random.Random(4)
    for _ in range(100):
        body = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            place = chance.randrange(5, len(body))
            if chance.random() < 0.3:
                del body[place : place + chance.randrange(1, 40)]
            else:
                body[place] = chance.randrange(256)
        try:
            pdf_page.read(bytes(body), tables=True)
        except ParseError as error:
            assert error.code in {"not_pdf", "no_text", "encrypted", "hostile_pdf"}  # noqa: PT017
