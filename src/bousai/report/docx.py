"""A report → a Word file that people write their part into: real headings, captions, fields, links to the sources.

python-docx brings the empty file, its parts and the pictures. The body is put together with lxml: a row of a table
takes python-docx longer the more rows there are, and 6,000 of them minutes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from docx import Document
from docx.shared import Mm, Pt, RGBColor
from lxml import etree

from bousai.formats.zip_fixed import fixed
from bousai.report import document, figures
from bousai.report.document import Cell, Figure, Report, Slot, Source, Table
from bousai.report.observed import full_clock
from bousai.report.plain import ANNEX, EMPTY, STRUCK, banner, legible, numbers, spans, widths

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_FONT = "BIZ UDゴシック"
_TEXT_WIDTH = 267  # mm: A4 on its side without its edges
_EDGE = 15
_TWIPS = 56.7  # in a millimetre
_SHOWN = 3
_INK = RGBColor(0x1A, 0x1A, 0x1A)
_HEAD_STYLES = {1: "Heading1", 2: "Heading2", 3: "Heading3"}
_SOURCE_TABLE = (
    "番号",
    "発表者",
    "内容",
    "文書・位置",
    "発表（日本時間）",
    "記録（日本時間）",
    "bousai trace",
    "SHA-256・URL",
)
_SOURCE_WIDTHS = (6, 16, 26, 26, 14, 14, 14, 32)


@dataclass(slots=True)
class _Writing:
    """What has been given out so far: bookmarks by number, the marks of headings and tables by their id, and the
    cells of the table being written that rest upon too many sources to name them there."""

    marks: dict[str, str]
    bookmarks: int = 0
    tables: int = 0
    figures: int = 0
    left: list[tuple[str, Sequence[int]]] = field(default_factory=list)


def docx(report: Report) -> bytes:
    """The report as a Word file; the same bytes for the same report. A4 on its side, times in JST."""
    made = Document()
    _style(made)
    _page(made, report)
    state = _Writing({block.id: f"b{n}" for n, block in enumerate(report.blocks, 1) if hasattr(block, "id")})
    end = made.element.body.sectPr
    for element in _body(made, report, state):
        end.addprevious(element)
    _properties(made, report)
    body = io.BytesIO()
    made.save(body)
    return fixed(body.getvalue())


def _e(name: str, /, *children: Any, **attributes: object) -> Any:
    """An element of WordprocessingML, its attributes in the same namespace."""
    element = etree.Element(_named(name))
    for key, value in attributes.items():
        element.set(_named(key), str(value))
    if children:
        element.extend(children)
    return element


@cache
def _named(name: str) -> str:
    """The name in the namespace of WordprocessingML."""
    return f"{{{_W}}}{name}"


def _style(made: Any) -> None:
    """One Japanese font by its name everywhere, dark letters, Japanese as the language."""
    root = made.styles.element
    for fonts in root.iter(f"{{{_W}}}rFonts"):
        for key in list(fonts.attrib):
            del fonts.attrib[key]
        for key in ("ascii", "hAnsi", "eastAsia", "cs"):
            fonts.set(f"{{{_W}}}{key}", _FONT)
    for language in root.iter(f"{{{_W}}}lang"):
        language.set(f"{{{_W}}}val", "ja-JP")
        language.set(f"{{{_W}}}eastAsia", "ja-JP")
    for name, size in (
        ("Normal", 10),
        ("Title", 20),
        ("Subtitle", 11),
        ("Heading 1", 15),
        ("Heading 2", 12.5),
        ("Heading 3", 11),
        ("Caption", 9),
    ):
        font = made.styles[name].font
        font.size, font.color.rgb = Pt(size), _INK
    made.styles["Normal"].paragraph_format.space_after = Pt(4)


def _page(made: Any, report: Report) -> None:
    """The page, and what stands on each: what kind of report this is, its title, page numbers."""
    section = made.sections[0]
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.orientation = 1
    section.left_margin = section.right_margin = Mm(_EDGE)
    section.top_margin = section.bottom_margin = Mm(18)
    section.header_distance = section.footer_distance = Mm(8)
    told = banner(report)
    head = section.header._element
    head.remove(head[0])
    if told:
        loud = _e("pPr", _e("shd", val="clear", color="auto", fill="FFE600"), _e("jc", val="center"))
        head.append(_e("p", loud, _r(told, bold=True)))
    else:
        head.append(_e("p"))
    foot = section.footer._element
    foot.remove(foot[0])
    foot.append(
        _e(
            "p",
            _e("pPr", _e("jc", val="right")),
            _r(f"{report.title}　", small=True),
            *_field("PAGE", "1"),
            _r(" / ", small=True),
            *_field("NUMPAGES", "1"),
        )
    )


def _properties(made: Any, report: Report) -> None:
    """What the file says of itself; times of its making are left out."""
    said = made.core_properties
    for element in list(said._element):
        said._element.remove(element)
    # Word takes no more than 255 letters.
    said.title, said.author, said.language = legible(report.title)[:255], "bousai", "ja-JP"


def _body(made: Any, report: Report, state: _Writing) -> Iterator[Any]:
    yield _p(_r(report.title), style="Title")
    yield _p(_r(report.subtitle), style="Subtitle")
    if report.facts:  # Word does not open a file that has a table without rows
        yield _grid((60, _TEXT_WIDTH - 60), (_row((_th(name), _td(value))) for name, value in report.facts), "概要")
    yield _p()
    yield from _contents(report, state)
    for block in report.blocks:
        yield from _block(made, block, state)
    yield _p(_r(ANNEX), style="Heading1", page_break=True)
    yield _p(
        _r(
            "発表は出典が述べた時刻、記録はこの装置が知った時刻。bousai trace 番号 で、保存した原本に着く。",
            small=True,
        )
    )
    yield _annex(report.sources, state)
    yield _p(_r("出典の表示"), style="Heading1")
    for credit in report.credits:
        yield _p(_r(credit), style="ListBullet")


def _block(made: Any, block: document.Block, state: _Writing) -> Iterator[Any]:
    if isinstance(block, document.Heading):
        yield _p(*_marked(state, state.marks[block.id], _r(block.text)), style=_HEAD_STYLES[block.level])
    elif isinstance(block, document.Paragraph):
        yield _p(*_runs(block.runs, small=block.role == "note"), boxed=block.role == "warning")
    elif isinstance(block, document.Points):
        for item in block.items:
            yield _p(*_runs(item), style="ListBullet")
    elif isinstance(block, Table):
        yield from _table(block, state)
    elif isinstance(block, Slot):
        yield from _slot(block, state)
    else:
        yield from _figure(made, block, state)


def _contents(report: Report, state: _Writing) -> Iterator[Any]:
    """A table of contents that Word makes anew; until then the headings, which lead there."""
    yield _p(_r("目次", bold=True))
    listed = [one for one in report.blocks if isinstance(one, document.Heading) and one.level < 3]
    start = [_fld("begin", dirty="true"), _instruction('TOC \\o "1-2" \\h \\z \\u'), _fld("separate")]
    for one in listed:
        yield _p(*start, _link(state.marks[one.id], one.text), indent=400 * (one.level - 1))
        start = []
    yield _p(*start, _fld("end"))


def _r(
    text: str,
    *,
    bold: bool = False,
    struck: bool = False,
    small: bool = False,
    raised: bool = False,
    grey: bool = False,
    link: bool = False,
) -> Any:
    """A run; line breaks stay, and what XML forbids is seen as U+FFFD."""
    look = [
        *([_e("b")] if bold else []),
        *([_e("strike")] if struck else []),
        *([_e("color", val="004B8D" if link else "555555")] if link or grey else []),
        *([_e("sz", val=16)] if small else []),
        *([_e("u", val="single")] if link and not raised else []),
        *([_e("vertAlign", val="superscript")] if raised else []),
    ]
    run = _e("r", *([_e("rPr", *look)] if look else []))
    for n, line in enumerate(legible(text).split("\n")):
        if n:
            run.append(_e("br"))
        said = _e("t")
        said.text = line
        said.set(_SPACE, "preserve")
        run.append(said)
    return run


def _p(
    *runs: Any,
    style: str = "",
    right: bool = False,
    keep: bool = False,
    boxed: bool = False,
    tight: bool = False,
    indent: int = 0,
    page_break: bool = False,
) -> Any:
    """A paragraph. `keep`: on one page with what follows; `indent` in twips."""
    border = {"val": "single", "sz": 12, "space": 4, "color": "1A1A1A"}
    look = [
        *([_e("pStyle", val=style)] if style else []),
        *([_e("keepNext")] if keep else []),
        *([_e("pageBreakBefore")] if page_break else []),
        *([_e("pBdr", *(_e(side, **border) for side in ("top", "left", "bottom", "right")))] if boxed else []),
        *([_e("spacing", before=0, after=0)] if tight else []),
        *([_e("ind", left=indent)] if indent else []),
        *([_e("jc", val="right")] if right else []),
    ]
    return _e("p", *([_e("pPr", *look)] if look else []), *runs)


def _fld(kind: str, **attributes: str) -> Any:
    return _e("r", _e("fldChar", fldCharType=kind, **attributes))


def _instruction(words: str) -> Any:
    said = _e("instrText")
    said.text = f" {words} "
    said.set(_SPACE, "preserve")
    return _e("r", said)


def _field(words: str, now: str) -> list[Any]:
    """A field that Word keeps up to date; `now` is what it says until then."""
    return [_fld("begin"), _instruction(words), _fld("separate"), _r(now, small=True), _fld("end")]


def _link(mark: str, text: str, *, raised: bool = False) -> Any:
    return _e("hyperlink", _r(text, raised=raised, link=True), anchor=mark, history=1)


def _marked(state: _Writing, mark: str, *elements: Any) -> list[Any]:
    """The elements with the bookmark `mark` around them."""
    state.bookmarks += 1
    return [
        _e("bookmarkStart", id=state.bookmarks, name=mark),
        *elements,
        _e("bookmarkEnd", id=state.bookmarks),
    ]


def _runs(said: Cell, *, small: bool = False, bold: bool = False, shown: int | None = None) -> Iterator[Any]:
    """The runs with the numbers of their sources; `shown`: no more numbers than these in all."""
    left = shown
    for run in said:
        if run.text:
            text = f"{run.text}{STRUCK}" if run.struck else run.text
            yield _r(text, bold=bold or run.strong, struck=run.struck, small=small)
        listed = run.sources if left is None else run.sources[:left]
        if left is not None:
            left -= len(listed)
        yield from _raised(listed)


def _raised(sources: Iterable[int]) -> Iterator[Any]:
    """Small numbers above the line, each a way to the annex; neighbours are joined."""
    for n, (first, last) in enumerate(spans(sources)):
        if n:
            yield _r(",", raised=True)
        yield _link(f"s{first}", str(first), raised=True)
        if last != first:
            yield _r("–", raised=True)
            yield _link(f"s{last}", str(last), raised=True)


def _th(text: str) -> Any:
    return _e(
        "tc", _e("tcPr", _e("shd", val="clear", color="auto", fill="E6E6E6")), _p(_r(text, bold=True), tight=True)
    )


def _td(text: str) -> Any:
    return _e("tc", _p(_r(text, small=True), tight=True))


def _row(cells: Iterable[Any], *, head: bool = False) -> Any:
    look = _e("trPr", _e("cantSplit"), *([_e("tblHeader")] if head else []))
    return _e("tr", look, *cells)


def _grid(wide: Sequence[float], rows: Iterable[Any], caption: str, *, first_column: bool = True) -> Any:
    """A table with lines; `wide` in millimetres. `caption` is read out to whoever cannot see it."""
    look = _e(
        "tblPr",
        _e("tblStyle", val="TableGrid"),
        _e("tblW", w=round(sum(wide) * _TWIPS), type="dxa"),
        _e("tblLayout", type="fixed"),
        _e(
            "tblLook",
            val="04A0",
            firstRow=1,
            lastRow=0,
            firstColumn=int(first_column),
            lastColumn=0,
            noHBand=0,
            noVBand=1,
        ),
        _e("tblCaption", val=legible(caption)),
    )
    return _e("tbl", look, _e("tblGrid", *(_e("gridCol", w=round(one * _TWIPS)) for one in wide)), *rows)


def _table(table: Table, state: _Writing) -> Iterator[Any]:
    state.tables += 1
    state.left = []
    title = [_r("表 "), *_field("SEQ 表 \\* ARABIC", str(state.tables)), _r(f"　{table.caption}")]
    yield _p(*_marked(state, state.marks[table.id], *title), style="Caption", keep=True)
    head = _row((_th(column.title) for column in table.columns), head=True)
    rows = (_row(_cells(table, row, state)) for row in table.rows)
    empty = _e("tc", _e("tcPr", _e("gridSpan", val=len(table.columns))), _p(_r(EMPTY), tight=True))
    yield _grid(_millimetres(table), [head, *rows] if table.rows else [head, _row([empty])], table.caption)
    for name, sources in state.left:
        yield _p(_r(f"{name} の出典：", small=True), *_raised(sources), tight=True)
    yield _p(_r(table.note, small=True, grey=True))


def _cells(table: Table, row: Sequence[Cell], state: _Writing) -> Iterator[Any]:
    for n, (said, column) in enumerate(zip(row, table.columns, strict=True)):
        many = len(spans(numbers(said))) > _SHOWN
        runs = list(_runs(said, small=True, shown=_SHOWN if many else None))
        if many:
            who = "・".join(filter(None, ("".join(run.text for run in one) for one in row[: table.heads])))
            state.left.append((f"{who}、{column.title}", numbers(said)))
            runs.append(_r(f" 全{len(numbers(said))}件は表の下", raised=True))
        look = [_e("tcPr", _e("shd", val="clear", color="auto", fill="F2F2F2"))] if n < table.heads else []
        yield _e("tc", *look, _p(*runs, right=column.align == "right", tight=True))


def _millimetres(table: Table) -> list[float]:
    """Columns without a weight take what they need, the others share what is left; all fill the page."""
    need = [one * 1.5 + 8 for one in widths(table)]
    weights = [column.weight for column in table.columns]
    plain = sum(one for one, weight in zip(need, weights, strict=True) if not weight)
    left = _TEXT_WIDTH - plain
    if any(weights) and left > 30 * sum(1 for weight in weights if weight):
        return [left * weight / sum(weights) if weight else one for one, weight in zip(need, weights, strict=True)]
    shrink = min(1.0, _TEXT_WIDTH / sum(need))
    return [one * shrink for one in need]


def _figure(made: Any, figure: Figure, state: _Writing) -> Iterator[Any]:
    state.figures += 1
    run = made.add_paragraph().add_run()
    shape = run.add_picture(io.BytesIO(figures.png(figure)))
    most = Mm(150)
    shrink = min(1.0, Mm(_TEXT_WIDTH) / shape.width, most / shape.height)
    shape.width, shape.height = round(shape.width * shrink), round(shape.height * shrink)
    shape._inline.docPr.set("descr", legible(figure.alt))
    shape._inline.docPr.set("title", legible(figure.caption))
    paragraph = run._element.getparent()
    paragraph.get_or_add_pPr().append(_e("keepNext"))
    yield paragraph
    title = [_r("図 "), *_field("SEQ 図 \\* ARABIC", str(state.figures)), _r(f"　{figure.caption}")]
    table = [_r("　"), _link(state.marks[figure.table], "数値の表")] if figure.table in state.marks else []
    credit = [_r(f"　{figure.credit}")] if isinstance(figure, document.Map) else []
    yield _p(*_marked(state, state.marks[figure.id], *title), *table, *credit, style="Caption")


def _slot(slot: Slot, state: _Writing) -> Iterator[Any]:
    """A box to type into. As long as nobody has, it shows what is asked for, which goes with the first letter."""
    empty = slot.words is None
    state.bookmarks += 1
    control = _e(
        "sdt",
        _e(
            "sdtPr",
            _e("alias", val=legible(slot.title)),
            _e("tag", val=legible(slot.id)),
            _e("id", val=state.bookmarks),
            *([_e("showingPlcHdr")] if empty else []),
        ),
        _e("sdtContent", _p(_r(slot.prompt if slot.words is None else slot.words, grey=empty))),
    )
    title = _p(*_marked(state, state.marks[slot.id], _r(slot.title, bold=True)), keep=True)
    blank = [_p(), _p()] if empty else [_p()]
    yield _grid((_TEXT_WIDTH,), [_e("tr", _e("tc", title, control, *blank))], slot.title, first_column=False)
    yield _p()


def _annex(sources: Sequence[Source], state: _Writing) -> Any:
    wide = [_TEXT_WIDTH * one / sum(_SOURCE_WIDTHS) for one in _SOURCE_WIDTHS]
    head = _row((_th(title) for title in _SOURCE_TABLE), head=True)
    rows = [_source(one, state) for one in sources]
    empty = _e("tc", _e("tcPr", _e("gridSpan", val=len(_SOURCE_TABLE))), _p(_r(EMPTY), tight=True))
    return _grid(wide, [head, *(rows or [_row([empty])])], ANNEX)


def _source(one: Source, state: _Writing) -> Any:
    number = _e("tc", _p(*_marked(state, f"s{one.number}", _r(str(one.number), small=True)), right=True, tight=True))
    said = (
        one.issuer,
        one.title,
        "\n".join(filter(None, (one.document, one.position))),
        full_clock(one.issued_at) if one.issued_at else "",
        full_clock(one.known_at),
        one.reference,
        "\n".join(filter(None, (one.sha256, one.url))),
    )
    return _row((number, *(_td(text) for text in said)))
