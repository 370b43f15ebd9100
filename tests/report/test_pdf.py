"""PDF: texts come out as they went in, tags and banners are there, the bytes are the same each time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

from bousai.report.document import (
    Column,
    Heading,
    Paragraph,
    Points,
    Report,
    Run,
    Slot,
    Table,
    cell,
)
from bousai.report.pdf import pdf
from tests.report.pages import chart, report

HOSTILE = "#import $x$ *太* _下_ <a> @b `c` \\ // ~ [d] ]"


def _pages(made: bytes) -> list[str]:
    with pypdfium2.PdfDocument(made) as document:
        return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]


def _plain(made: bytes) -> str:
    return "".join("".join(_pages(made)).split())


def _people(rows: int = 3) -> Table:
    columns = (Column("市町村"), Column("状況", weight=1), Column("人数", "right"))
    body = [[cell(f"訓練{n}市"), cell("避難所を開設した", 1), cell(n, 2)] for n in range(rows)]
    return Table("people", "避難者数", columns, body, note="訓練の数である")


def _small() -> Report:
    return report(Heading("a", 1, "概要"), Paragraph(cell("訓練である。", 1)), chart(), _people())


@pytest.fixture(scope="module")
def small() -> bytes:
    return pdf(_small())


def test_another_build_is_the_same_bytes(small: bytes) -> None:
    assert pdf(_small()) == small


def test_another_process_builds_the_same_bytes(small: bytes) -> None:
    code = (
        "import hashlib; from tests.report.test_pdf import _small, pdf; "
        "print(hashlib.sha256(pdf(_small())).hexdigest())"
    )
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert told.strip() == hashlib.sha256(small).hexdigest()


def test_tags_language_and_no_clock(small: bytes) -> None:
    with pypdfium2.PdfDocument(small) as document:
        assert document.is_tagged()
        assert document.get_metadata_value("CreationDate") == ""
        assert document.get_metadata_value("Title") == "【訓練】事後検証報告書"
    tree = _tree(small)
    for wanted in ("Document", "H1", "Table", "TH", "TD", "Figure", "Caption", "TOC", "Link"):
        assert wanted in tree, wanted
    assert "避難者は増え続けた" in tree["Figure"]


def _tree(made: bytes) -> dict[str, set[str]]:
    """Kinds of tags and the alternative texts that they carry, and the language of the document."""
    from io import BytesIO

    from pdfminer.pdfdocument import PDFDocument
    from pdfminer.pdfparser import PDFParser
    from pdfminer.pdftypes import resolve1
    from pdfminer.utils import decode_text

    document = PDFDocument(PDFParser(BytesIO(made)))
    assert resolve1(document.catalog["MarkInfo"])["Marked"] is True
    assert decode_text(resolve1(document.catalog["Lang"])).startswith("ja")
    found: dict[str, set[str]] = {}
    waiting = [resolve1(document.catalog["StructTreeRoot"])]
    while waiting:
        node = resolve1(waiting.pop())
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if "S" in node:
                alt = resolve1(node["Alt"]) if "Alt" in node else b""
                found.setdefault(node["S"].name, set()).add(decode_text(alt))
            waiting.append(node.get("K"))
    return found


def test_rare_letters_and_marks_come_out_as_they_went_in() -> None:
    told = _plain(pdf(report(Paragraph(cell("髙﨑①～−㈱")))))
    assert "髙﨑①～−㈱" in told
    assert "表示できない文字" not in told


def test_markup_in_texts_is_letters() -> None:
    blocks = (
        Heading("a", 1, HOSTILE),
        Paragraph(cell(HOSTILE), "warning"),
        Points((cell(HOSTILE),)),
        Table("t", HOSTILE, (Column(HOSTILE),), [[cell(HOSTILE)]], note=HOSTILE),
        Slot("s", HOSTILE, HOSTILE, HOSTILE),
    )
    told = _plain(pdf(report(*blocks, title=HOSTILE, credits=(HOSTILE,))))
    assert told.count("".join(HOSTILE.split())) >= 12


def test_characters_without_a_glyph_are_replaced_and_named() -> None:
    told = _plain(pdf(report(Paragraph(cell("𠮷野屋😀\ue000\u200b終")))))
    assert "〓野屋〓〓終" in told
    for code in ("U+20BB7", "U+1F600", "U+E000", "U+200B"):
        assert code in told


def test_banner_draft_and_number_are_on_each_page(small: bytes) -> None:
    pages = _pages(small)
    for n, page in enumerate(pages, 1):
        assert "【訓練】実際の災害ではありません" in "".join(page.split())
        assert "草案" in page
        assert f"{n} / {len(pages)}" in page


def test_a_final_report_of_an_actual_incident_has_no_banner() -> None:
    told = _plain(pdf(report(status="actual", draft=False, title="報告書")))
    assert "実際の災害ではありません" not in told
    assert "草案" not in told


def test_test_is_on_each_page() -> None:
    assert all("【試験】" in page for page in _pages(pdf(report(status="test"))))


def test_struck_text_says_so() -> None:
    assert "120（訂正前）130" in _plain(pdf(report(Paragraph((Run("120", struck=True), Run("130"))))))


def test_of_many_sources_three_are_shown() -> None:
    told = _plain(pdf(report(Paragraph(cell("多い", *range(1, 41))), sources=40)))
    assert "多い[1,2,3,他37件]" in told
    assert "bousaitracekunren/40" in told


def test_a_head_is_repeated_on_each_page_of_a_table() -> None:
    pages = ["".join(page.split()) for page in _pages(pdf(report(_people(150))))]
    pages = [page for page in pages if "避難所を開設した" in page]
    assert len(pages) > 2
    assert all("市町村" in page for page in pages)


def test_a_wide_table_lies_on_its_side_with_its_heading_and_loses_nothing() -> None:
    columns = tuple(Column(f"項目{n:02}", "right") for n in range(18))
    wide = Table("t", "広い表", columns, [[cell(f"{n * 1000:,}", 1) for n in range(18)]])
    with pypdfium2.PdfDocument(pdf(report(Heading("a", 1, "広い"), wide))) as document:
        lying = [page for page in document if page.get_width() > page.get_height()]
        assert len(lying) == 1
        told = lying[0].get_textpage()
        assert "広い" in told.get_text_range()
        found = told.search("17,000").get_next()
        assert found
        left, _, right, _ = told.get_charbox(found[0] + 5)
        assert left < right < lying[0].get_width()


def test_an_empty_table_and_an_empty_slot_say_so() -> None:
    told = _plain(pdf(report(Table("t", "空の表", (Column("a"),), []), Slot("s", "課題", "何が起きたか", None))))
    assert "（記録なし）" in told
    assert "何が起きたか" in told
    assert "（未記入）" in told


def test_a_figure_names_its_table(small: bytes) -> None:
    assert "数値は表1（3ページ）" in _plain(small)


def test_a_table_longer_than_a_pdf_holds_says_how_much_is_left_out_and_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bousai.report.pdf._MOST_ROWS", 10)
    monkeypatch.setattr("bousai.report.pdf._MOST_PLACES", 10)
    columns = (Column("市町村"), Column("人数", "right"))
    body = [[cell(f"訓練{n}市"), cell(n, n + 1)] for n in range(25)]
    told = _plain(pdf(report(Table("people", "避難者数", columns, body), sources=25)))
    assert "この表は全25行のうち初めの10行。残る15行は同じ報告書のHTML、DOCX、XLSXにある。" in told
    assert "訓練9市" in told
    assert "訓練10市" not in told
    # of the sources in the annex those that the printed rows name, and how many more there are
    assert "kunren/10" in told
    assert "kunren/11" not in told
    assert told.count("ほか1か所") == 15


def _links(made: bytes) -> int:
    import pypdfium2.raw as raw

    total = 0
    with pypdfium2.PdfDocument(made) as document:
        for page in document:
            total += sum(
                raw.FPDFAnnot_GetSubtype(raw.FPDFPage_GetAnnot(page, n)) == raw.FPDF_ANNOT_LINK
                for n in range(raw.FPDFPage_GetAnnotCount(page))
            )
    return total


def test_where_there_are_too_many_links_the_smaller_tables_have_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = (_people(30), Table("few", "少数", (Column("人数", "right"),), [[cell(1, 1)], [cell(2, 2)]]))
    whole = _links(pdf(report(*blocks)))
    monkeypatch.setattr("bousai.report.pdf._MOST_LINKS", 2)
    made = pdf(report(*blocks))
    assert whole - _links(made) == 60
    assert _plain(made).count("[1]") == 31
