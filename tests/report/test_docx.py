"""The Word file of a report, read back."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
import time
import zipfile
from typing import Any

import pytest
from docx import Document
from docx.oxml.ns import qn

from bousai.report.docx import docx
from tests.report.handmade import HOSTILE, report


@pytest.fixture(scope="module")
def content() -> bytes:
    return docx(report())


@pytest.fixture(scope="module")
def read(content: bytes) -> Any:
    return Document(io.BytesIO(content))


def all_text(element: Any) -> str:
    return "".join(one.text or "" if one.tag == qn("w:t") else "\n" for one in element.iter(qn("w:t"), qn("w:br")))


def test_the_same_bytes_in_another_process(content: bytes) -> None:
    assert docx(report()) == content
    code = (
        "import sys; from tests.report.handmade import report; from bousai.report.docx import docx; "
        "sys.stdout.buffer.write(docx(report()))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert other.stdout == content


def test_no_clock_in_the_file(content: bytes, read: Any) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"dcterms" not in archive.read("docProps/core.xml").replace(b"xmlns:dcterms", b"")
    assert read.core_properties.title == report().title
    assert read.core_properties.language == "ja-JP"


def test_headings_come_in_order(read: Any) -> None:
    levels = [int(one.style.name[-1]) for one in read.paragraphs if one.style.name.startswith("Heading")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert [one.text for one in read.paragraphs if one.style.name == "Title"] == [report().title]


def test_every_page_says_what_the_report_is(read: Any) -> None:
    assert "【訓練】" in read.sections[0].header.paragraphs[0].text
    assert "草案" in read.sections[0].header.paragraphs[0].text
    fields = [one.text.strip() for one in read.sections[0].footer._element.iter(qn("w:instrText"))]
    assert fields == ["PAGE", "NUMPAGES"]
    plain = Document(io.BytesIO(docx(report(status="actual", draft=False, figures=False))))
    assert plain.sections[0].header.paragraphs[0].text == ""


def test_every_link_arrives(read: Any) -> None:
    body = read.element.body
    marks = [one.get(qn("w:name")) for one in body.iter(qn("w:bookmarkStart"))]
    assert len(marks) == len(set(marks))
    targets = {one.get(qn("w:anchor")) for one in body.iter(qn("w:hyperlink"))}
    assert targets <= set(marks)
    assert {"s1", "s2", "s3", "s12"} <= targets
    starts = [one.get(qn("w:id")) for one in body.iter(qn("w:bookmarkStart"))]
    assert len(starts) == len(set(starts))


def test_a_table_of_contents_with_what_word_needs_to_renew_it(read: Any) -> None:
    fields = [one.text.strip() for one in read.element.body.iter(qn("w:instrText"))]
    assert fields[0].startswith("TOC")
    kinds = [one.get(qn("w:fldCharType")) for one in read.element.body.iter(qn("w:fldChar"))]
    assert kinds.count("begin") == kinds.count("separate") == kinds.count("end")


def test_tables(read: Any) -> None:
    numbers = read.tables[3]
    assert numbers._tbl.tr_lst[0].trPr.find(qn("w:tblHeader")) is not None
    assert numbers.cell(1, 1).paragraphs[0].alignment == 2
    assert numbers.cell(1, 1).text.startswith("1,234")
    struck = [run for run in numbers.cell(2, 1).paragraphs[0].runs if run.font.strike]
    assert [run.text for run in struck] == ["12（訂正前）"]
    assert "全8件は表の下" in numbers.cell(2, 3).text
    assert any("14202、内容 の出典：" in one.text for one in read.paragraphs)
    assert "（該当する行はない）" in [table.cell(1, 0).text for table in read.tables[3:]]


def test_hostile_text_stays_text(read: Any) -> None:
    hostile = read.tables[4]
    said = [all_text(row.cells[1]._tc) for row in hostile.rows[1:]]
    assert said == [*HOSTILE, "鳴\ufffd瀬\ufffd川\ufffd"]


def test_pictures_have_words(read: Any) -> None:
    assert [one._inline.docPr.get("descr") for one in read.inline_shapes] == [one.alt for one in report().figures()]
    widest = read.sections[0].page_width - read.sections[0].left_margin - read.sections[0].right_margin
    assert all(one.width <= widest for one in read.inline_shapes)
    captions = [one.text for one in read.paragraphs if one.style.name == "Caption"]
    assert captions[:3] == [
        "図 1　避難者の推移　数値の表",
        "図 2　避難指示の発令　数値の表　【訓練】境界",
        "表 1　避難者の数",
    ]


def test_slots_are_boxes_to_type_into(read: Any) -> None:
    boxes = {
        one.find(qn("w:sdtPr")).find(qn("w:alias")).get(qn("w:val")): one
        for one in read.element.body.iter(qn("w:sdt"))
    }
    assert all_text(boxes["良かった点"]) == "何がうまくいったか"
    assert boxes["良かった点"].find(qn("w:sdtPr")).find(qn("w:showingPlcHdr")) is not None
    assert all_text(boxes["課題"]) == "連絡が遅れた。\n<b>次は無線を使う</b>"
    assert boxes["課題"].find(qn("w:sdtPr")).find(qn("w:showingPlcHdr")) is None


def test_japanese_fonts_by_name(read: Any) -> None:
    fonts = list(read.styles.element.iter(qn("w:rFonts")))
    assert {one.get(qn("w:eastAsia")) for one in fonts} == {"BIZ UDゴシック"}
    assert {one.get(qn("w:eastAsia")) for one in read.styles.element.iter(qn("w:lang"))} == {"ja-JP"}


def test_long_tables_take_no_longer_than_their_length() -> None:
    began = time.process_time()
    docx(report(rows=600, figures=False))
    assert time.process_time() - began < 3
