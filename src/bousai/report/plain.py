"""What the formats say alike: banners, legible text, widths of columns, lists of sources."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice

from bousai.model import Status
from bousai.report.document import Cell, Report, Table

EMPTY = "（該当する行はない）"
STRUCK = "（訂正前）"
DRAFT = "草案（人の記入が終わっていない）"
ANNEX = "付録：出典の一覧"

BANNERS: dict[Status, str] = {
    "actual": "",
    "exercise": "【訓練】実際の災害ではありません",
    "test": "【試験】実際の情報ではありません",
}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SAMPLE = 300
_WIDEST = 40


def banner(report: Report) -> str:
    """What every page says: an exercise or a test, a draft; '' for a finished report of what really happened."""
    return "　".join(part for part in (BANNERS[report.status], DRAFT if report.draft else "") if part)


def legible(text: str) -> str:
    """The text as XML may hold it: characters that it forbids are seen as U+FFFD, line ends are ``\\n``.

    >>> legible("a\\x00b\\r\\nc")
    'a�b\\nc'
    """
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def numbers(cell: Cell) -> tuple[int, ...]:
    """The sources of a cell, each once, in the order in which they are named."""
    return tuple(dict.fromkeys(number for run in cell for number in run.sources))


def spans(sources: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers in order, neighbours joined to first and last.

    >>> spans([4, 1, 2, 3, 9])
    [(1, 4), (9, 9)]
    """
    found: list[tuple[int, int]] = []
    for number in sorted(set(sources)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def spelled(sources: Iterable[int]) -> str:
    """``1–4, 9``: the numbers as people write them."""
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in spans(sources))


def widths(table: Table) -> list[int]:
    """How wide the columns would like to be, in half-width letters: the longest line of the title and of the first
    300 rows, at most 40."""
    found = [_width(column.title) for column in table.columns]
    for row in islice(table.rows, _SAMPLE):
        for n, cell in enumerate(row):
            found[n] = max(found[n], _width("".join(run.text for run in cell)))
    return [min(max(width, 4), _WIDEST) for width in found]


def _width(text: str) -> int:
    """Half-width letters of the longest line; a letter of Japanese is two."""
    return max(
        (sum(2 if unicodedata.east_asian_width(one) in "WFA" else 1 for one in line) for line in text.split("\n")),
        default=0,
    )
