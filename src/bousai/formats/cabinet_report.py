"""Reports 「…に係る被害状況等について」 of the Cabinet Office (内閣府): sections, and tables of prefectures.

Headings stand on three levels: 「２ 人的・住家被害等の状況（消防庁情報：７月 29 日 14:00 現在）」, then
「（２）避難指示等の状況」 and, below ライフライン, 「①水道（…）」. Their numbers are not to be relied on (a report
has 「２ 政府の主な対応」 after 4; lists within a section count from 1 again), so a heading is what has a known title;
a number only shows a new one. Blanks in titles and numbers mean nothing: the first page writes 「令 和 ８ 年 ７ 月」.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unicodedata import normalize

from bousai.errors import ParseError
from bousai.formats import layout_table, pdf_page, refusal
from bousai.formats.layout_table import Line, Word
from bousai.model import Status
from bousai.vocab import municipality
from bousai.vocab.count import Count, count
from bousai.vocab.japanese_time import moment

LOOK = "look at the table in the document; read it from the PDF itself if this is a text taken from it"
"""What to do about a table that cannot be read with certainty."""


def plain(text: str) -> str:
    """NFKC, every wave dash a tilde as NFKC makes it of the other one, and every blank one blank."""
    return " ".join(normalize("NFKC", text).replace("〜", "~").split())


def compact(text: str) -> str:
    """The same without any blanks."""
    return "".join(plain(text).split())


@dataclass(slots=True)
class Section:
    """A part of the report.

    `known` says that its title is one of those that are read or passed over; `as_of` is its 「…現在」 and `reporter`
    whose information it is (消防庁), its own or of the section above it.
    """

    title: str
    known: bool
    head: Line
    above: Section | None = None
    lines: list[Line] = field(default_factory=list)
    as_of: datetime | None = None
    reporter: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the first page says of the whole, and the sections. `incident` is the name of the disaster."""

    incident: str
    number: str | None
    issued_at: datetime
    status: Status
    sections: tuple[Section, ...]


def read(body: bytes) -> Report:
    """The report cut into sections. Raises `ParseError`: ``empty``, ``not_text``, ``truncated``, ``unknown_document``
    and those of `pdf_page`."""
    lines = layout_table.lines(_text(body))
    report = _report(lines, _sections(lines))
    for section in report.sections:
        section.as_of = _as_of(section, report)
        section.reporter = _reporter(section)
    return report


# ── the document ─────────────────────────────────────────────────────────────────────────────────────────────


def _text(body: bytes) -> str:
    if not body.strip():
        raise refusal.empty()
    if pdf_page.is_pdf(body):
        return "\f".join(pdf_page.layout(page) for page in pdf_page.read(body).pages)
    if body.lstrip()[:1] == b"<":
        raise refusal.page("an HTML or XML page", "a report", "not_text")
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ParseError("neither a PDF nor text", code="not_text", remedy=refusal.AGAIN)


_TITLE = re.compile(r"(?P<name>[^\s※].*?)(?:に係る|による|に関する|の)被害状況等?(?:等?について|$)")
_DRILL = re.compile(r"[【［\[≪《〔]\s*訓\s*練\s*[】］\]≫》〕]")  # in round brackets it may be a word of the prose


def _report(lines: Sequence[Line], sections: Sequence[Section]) -> Report:
    """Title, time and number from what stands before the first section."""
    until = min((section.head.number for section in sections), default=0)
    head = [compact(line.text) for line in lines if line.number < until]
    title = next((match for text in head if not text.startswith("※") and (match := _TITLE.search(text))), None)
    stated = re.search(
        r"((?:令和|平成)(?:\d{1,2}|元)年\d{1,2}月\d{1,2}日|\d{4}年\d{1,2}月\d{1,2}日)(?:\([日月火水木金土]\))?"
        r"(\d{1,2}時(?:\d{1,2}分)?|\d{1,2}:\d{2})(?:現在|時点)",
        "".join(head),
    )
    issued_at = moment(stated[1] + stated[2]) if stated else None
    if title is None or issued_at is None:
        what = "title 「…被害状況等について」" if title is None else "date and time 「…現在」"
        raise ParseError(
            f"no {what} on the first page: {layout_table.shown(lines[:8])}",
            code="unknown_document",
            remedy="see whether this is a 被害状況等 report of the Cabinet Office, or whether its first page is new",
        )
    number = re.search(r"第(\d+)報", "".join(head))
    drill = "訓練" in "".join(head) or any(_DRILL.search(line.text) for line in lines)
    return Report(
        incident=re.sub(r"^[【\[(<]訓練[】\])>]", "", title["name"]),
        number=number[1] if number else None,
        issued_at=issued_at,
        status="exercise" if drill else "actual",
        sections=tuple(sections),
    )


# ── sections ─────────────────────────────────────────────────────────────────────────────────────────────────

HQ_PREFECTURE = "都道府県における災害対策本部の設置状況"
_BY_JMA = "JMA's own telegrams say it"
_PROSE = "findings and measures in prose"
_FACILITIES = "facilities: no kind of item holds their counts"
_GRID = "a grid whose rules the text has lost: what belongs to which company is not certain"
_PASSED = {
    **dict.fromkeys(("地震の概要", "気象の概要", "気象の状況", "災害の概要", "火山の概要", "台風の概要"), _BY_JMA),
    **dict.fromkeys(
        ("政府の主な対応", "各省庁の主な対応", "その他の状況", "消防本部等情報", "重要施設の被害"), _PROSE
    ),
    **dict.fromkeys(
        ("原子力施設", "防災道の駅", "河川", "ダム", "砂防", "土砂災害", "港湾", "公園", "住宅", "官庁施設"), _PROSE
    ),
    **dict.fromkeys(
        ("観光", "下水道", "海岸", "保健・衛生", "薬局", "障害者支援", "医療保険", "介護保険", "労働"), _PROSE
    ),
    **dict.fromkeys(
        ("地方支分部局", "(独)高齢・障害・求職者雇用支援機構", "法務", "環境関係", "金融機関", "ライフライン"), _PROSE
    ),
    **dict.fromkeys(("ガス", "高圧ガス", "製油所", "放送", "郵政", "市町村の行政機能"), _PROSE),
    **dict.fromkeys(("孤立集落", "交通機関", "医療関係", "社会福祉施設", "児童福祉施設", "障害児"), _FACILITIES),
    **dict.fromkeys(("農林水産", "文教施設"), _FACILITIES),
    "通信": _GRID,
}
"""Beginning of a title → why the section is passed over."""
READ = (
    *("人的・住家被害", "避難指示等の状況", "避難所・避難者数", "水道", "電力", "道路"),
    *("非常災害対策本部の設置", "現地災害対策本部の設置", HQ_PREFECTURE),
)
"""The titles of the sections that are read."""
_BEGINNINGS = {
    **{title: title for title in READ},
    **dict.fromkeys(("人的・物的被害", "人的・建物被害", "人的被害・住家被害", "人的被害及び"), "人的・住家被害"),
    "避難指示": "避難指示等の状況",
    "避難情報": "避難指示等の状況",
    "緊急災害対策本部の設置": "非常災害対策本部の設置",
    "特定災害対策本部の設置": "非常災害対策本部の設置",
    "現地対策本部の設置": "現地災害対策本部の設置",
}
"""Beginning of a title → the title under which the section is read."""
_MEASURES = ("政府の主な対応", "各省庁の主な対応")
_PARTS = {
    **dict.fromkeys(("人的・住家被害等", "人的・物的被害", "人的・建物被害"), "人的・住家被害等の状況"),
    **dict.fromkeys(("避難所の状況", "避難の状況"), "避難所の状況"),
    **{title: title for title in ("その他の状況", *_MEASURES, HQ_PREFECTURE)},
    "各府省庁": "各省庁の主な対応",
}
"""Beginning of the title of a part → its title."""
_PARTS_BY_JMA = tuple(title for title, why in _PASSED.items() if why == _BY_JMA)
_PART = re.compile(r"\s{0,4}(?P<number>\d{1,2})[.．]?(?P<apart>\s*)(?P<title>\S.*)")
_NUMBERED = re.compile(r"\s{0,8}\((\d{1,2})\)\s*(\S.*)")
CIRCLED = re.compile(r"\s{0,8}[①-⑳]\s*(\S.*)")


def _sections(lines: Sequence[Line]) -> list[Section]:
    """The report cut at its headings. Their titles are known; numbers only help to tell a new title from a list."""
    found: list[Section] = []
    part: Section | None = None
    sub: Section | None = None
    numbers = [0, 0]
    for line in lines:
        text = normalize("NFKC", line.text)
        if (match := _PART.fullmatch(text)) and (title := _part(match, line, part, numbers[0])):
            part, sub, numbers = Section(*title, line), None, [int(match["number"]), 0]
            found.append(part)
        elif part and (match := _NUMBERED.fullmatch(text)) and (title := _numbered(match, part, numbers[1])):
            sub, numbers[1] = Section(*title, line, part), int(match[1])
            found.append(sub)
        elif sub and sub.title.startswith("ライフライン") and (title := _within_lifelines(line, text)):
            found.append(Section(*title, line, sub))
        elif found:
            found[-1].lines.append(line)
    return found


def _part(match: re.Match[str], line: Line, part: Section | None, last: int) -> tuple[str, bool] | None:
    """Title of a part, and whether it is known; None where the line only looks like a heading."""
    written = compact(match["title"])
    for beginning, title in (*_PARTS.items(), *((title, title) for title in _PARTS_BY_JMA)):
        if written.startswith(beginning):
            return title, True
    full_width = match["apart"] and "０" <= line.text.lstrip()[0] <= "９"
    in_prose = part is not None and part.title in _MEASURES
    if int(match["number"]) != last + 1 or not full_width or in_prose or re.match(r"[\d年月日時分]", written):
        return None
    return _named(match["title"])[0], False


def _numbered(match: re.Match[str], part: Section, last: int) -> tuple[str, bool] | None:
    """The same for 「(3)道路」. Lists within a section count from 1 again: a known title must at least go on."""
    number, (title, known) = int(match[1]), _named(match[2])
    if part.title == HQ_PREFECTURE:
        return None  # (1)災害対策本部, ①設置: one list
    if part.title in (*_MEASURES, *_PARTS_BY_JMA):
        return (title, True) if number == last + 1 or title in READ else None
    goes_on = number > last if part.title == "その他の状況" else True
    return (title, known) if (known and goes_on) or number == last + 1 else None


def _within_lifelines(line: Line, text: str) -> tuple[str, bool] | None:
    """The same for 「①水道（国土交通省情報：…現在）」, whose number is left out at times."""
    circled = CIRCLED.fullmatch(line.text)
    if circled:
        return _named(circled[1])
    return _named(text) if re.search(r"情報:.*(?:現在|時点)\)", compact(text)) else None


def _named(text: str) -> tuple[str, bool]:
    """The title in a heading without what stands in brackets behind it, and whether it is read or passed over."""
    title = re.split(r"(?<=.)[(:]", compact(text))[0]
    for beginning, name in _BEGINNINGS.items():
        if title.startswith(beginning):
            return name, True
    return title, title.startswith(tuple(_PASSED))


def _as_of(section: Section, report: Report) -> datetime | None:
    """「…現在」 of a section, or of the one above it."""
    here: Section | None = section
    while here is not None:
        stated = re.search(
            r"(\d{1,2})[月/](\d{1,2})日?(?:\(.\))?\s?(\d{1,2})[:時](\d{1,2})?分?(?:現在|時点)",
            re.sub(r"(?<!/\d)(?<!/\d\d)\s+", "", plain(here.head.text)),
        )
        if stated:
            return dated(stated[1], stated[2], stated[3], stated[4] or "0", report)
        here = here.above
    return None


def dated(month: str, day_: str, hour: str, minute: str, report: Report) -> datetime | None:
    """A time without a year: the last such one that is not after the report, but for a day."""
    latest = report.issued_at + timedelta(days=1)
    for year in (latest.year, latest.year - 1):
        at = moment(f"{year}年{month}月{day_}日{hour}時{minute}分")
        if at is not None and at <= latest:
            return at
    return None


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table of prefectures: `pref` is None for 合計."""

    name: str
    pref: str | None
    line: Line
    words: list[Word]
    counts: list[Count]

    @property
    def numbers(self) -> list[int | None]:
        return [None if cell["qualifier"] != "exact" else cell["value"] for cell in self.counts]

    @property
    def level(self) -> str:
        return "country" if self.pref is None else "prefecture"


_TOTALS = ("合計", "計", "総計")


def table(lines: Sequence[Line]) -> tuple[list[Line], list[Row]]:
    """Heading and rows of a table of prefectures, down to 合計; no rows where there is no table."""
    heading: list[Line] = []
    rows: list[Row] = []
    for line in lines:
        if not line.text.strip() or line.text.lstrip()[0] in "※・":
            continue
        row = _row(line)
        if row is not None:
            rows.append(row)
            if row.pref is None:
                return heading, rows
        elif not rows:
            heading.append(line)
        elif compact(line.text) not in {compact(other.text) for other in heading}:  # repeated on the next page
            raise unknown_table(f"a row that is of no prefecture: {plain(line.text)[:80]}", heading, line)
    if rows:
        raise ParseError(
            f"a table without 合計 below {layout_table.shown(heading)}",
            code="no_total",
            remedy="see whether the document is cut off; nothing of it is taken",
            position=rows[-1].line.position,
        )
    return heading, []


def _row(line: Line) -> Row | None:
    words = joined(layout_table.words(line.text))
    first = next((i for i, word in enumerate(words) if i and count(word.text) is not None), len(words))
    name = compact("".join(word.text for word in words[:first]))
    pref = municipality.prefecture(name) if name and name[-1] in "都道府県" else None
    if pref is None and name not in _TOTALS:
        return None
    counts = []
    for word in words[first:]:
        counts.append(read_number(word.text, line))
    return Row(name, pref, line, words[first:], counts)


def joined(words: Sequence[Word]) -> list[Word]:
    """「約」 and the number behind it are one word."""
    found: list[Word] = []
    for word in words:
        if found and found[-1].text == "約":
            found[-1] = Word(found[-1].text + word.text, found[-1].start, word.end)
        else:
            found.append(word)
    return found


def read_number(text: str, line: Line) -> Count:
    """What a number says. Raises `ParseError` ``unknown_cell`` for one like 「1,00」."""
    cell = count(text)
    if cell is None:
        raise ParseError(
            f"{text!r} is neither a number nor a word for not knowing",
            code="unknown_cell",
            remedy="look at the table; nothing of the document is taken until the parser knows the word",
            position=line.position,
        )
    return cell


def unknown_table(why: str, heading: Sequence[Line], line: Line) -> ParseError:
    return ParseError(
        f"{why}; the heading: {layout_table.shown(heading)}",
        code="unknown_table",
        remedy="teach the parser this layout; nothing of the document is taken until then",
        position=line.position,
    )


def _reporter(section: Section) -> str | None:
    here: Section | None = section
    while here is not None:
        stated = re.search(r"\(([^():]+?)情報", compact(here.head.text))
        if stated:
            return stated[1]
        here = here.above
    return None
