"""A report before it is HTML, PDF, DOCX or XLSX: headings, text, tables, charts, maps and people's words.

Every number names the sources that it rests upon; whoever renders makes of them links into the annex, where each
source stands with its document and the reference that ``bousai trace`` takes. Texts are plain text of feeds and of
people: nothing in them is markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bousai.model import Status


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text. `sources` are numbers of `Source`s; `struck`: said once, and corrected or withdrawn since."""

    text: str
    sources: tuple[int, ...] = ()
    struck: bool = False
    strong: bool = False


Cell = tuple[Run, ...]
"""The text of a cell or of a paragraph; a line break in a run is one on the page."""


def cell(text: object, *sources: int, struck: bool = False) -> Cell:
    """A cell with one run; None is an empty one.

    >>> cell(12, 3)
    (Run(text='12', sources=(3,), struck=False, strong=False),)
    """
    return () if text is None else (Run(str(text), sources, struck),)


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 is a section, 2 a part of one. `id` is unique in the report and stays the same from build to
    build."""

    id: str
    level: Literal[1, 2, 3]
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`role`: ``note`` is small print (definitions, limits of the data), ``warning`` must not be overlooked."""

    runs: Cell
    role: Literal["", "note", "warning"] = ""


@dataclass(frozen=True, slots=True)
class Points:
    """A list."""

    items: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`weight` 0: as wide as what is in it; else its share of the width that is left. Numbers are ``right``."""

    title: str
    align: Literal["left", "right"] = "left"
    weight: float = 0


@dataclass(frozen=True, slots=True)
class Table:
    """`heads`: so many columns from the left name their row. `note` stands below. A table without rows says so."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    heads: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: times (aware) and values, None where nothing is known (a gap, never 0). `stale`: from this
    point on a value is carried forward and not reported."""

    label: str
    at: tuple[datetime, ...]
    values: tuple[float | None, ...]
    stale: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over time. ``lines`` are in one chart, ``small`` gives each series a small chart of its own with one
    scale of time. `alt` says in words what is to be seen; `table` is the id of the table that has the same numbers.
    `marks` are moments with a name (an earthquake, an order)."""

    id: str
    caption: str
    alt: str
    kind: Literal["lines", "small"]
    unit: str
    series: tuple[Series, ...]
    table: str
    marks: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of strips: `spans` are from, until and the number of its class in `Strips.classes`."""

    label: str
    spans: tuple[tuple[datetime, datetime, int], ...]


@dataclass(frozen=True, slots=True)
class Strips:
    """Rows of time spans, each with a class that has a pattern and a name (gaps of feeds, orders of
    municipalities)."""

    id: str
    caption: str
    alt: str
    classes: tuple[str, ...]
    rows: tuple[Strip, ...]
    table: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Grid:
    """A matrix of numbers shown as shades with the number in each field; None: nothing is known."""

    id: str
    caption: str
    alt: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    unit: str
    table: str


@dataclass(frozen=True, slots=True)
class Area:
    """A municipality on a map: outline as WKB (longitude, latitude, degrees) and the number of its class."""

    code: str
    name: str
    outline: bytes
    shade: int | None


@dataclass(frozen=True, slots=True)
class Panel:
    """A map at one moment: its title says which."""

    title: str
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """Municipalities by class, at one moment or at several side by side. A class has a shade, a pattern and a name;
    None is drawn empty: nothing is known."""

    id: str
    caption: str
    alt: str
    classes: tuple[str, ...]
    panels: tuple[Panel, ...]
    credit: str
    table: str


Figure = Chart | Strips | Grid | Map


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for what only people can say. `words` is None as long as nobody has written anything."""

    id: str
    title: str
    prompt: str
    words: str | None


Block = Heading | Paragraph | Points | Table | Chart | Strips | Grid | Map | Slot


@dataclass(frozen=True, slots=True)
class Source:
    """What a number rests upon: a statement in a document. `reference` is what ``bousai trace`` takes, '' where
    the source is a row of our own ledger."""

    number: int
    reference: str
    title: str
    issuer: str
    feed: str
    issued_at: datetime | None
    known_at: datetime
    document: str
    sha256: str
    url: str
    position: str


@dataclass(frozen=True, slots=True)
class Report:
    """`facts` stand on the cover: name and value. `draft`: people have not said their part yet, which every page
    says;
    `status` other than actual is on every page, too."""

    title: str
    subtitle: str
    status: Status
    draft: bool
    known_at: datetime
    facts: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    sources: tuple[Source, ...]
    credits: tuple[str, ...]

    def tables(self) -> Iterator[Table]:
        """The tables, in order."""
        return (block for block in self.blocks if isinstance(block, Table))

    def figures(self) -> Iterator[Figure]:
        """The charts and maps, in order."""
        return (block for block in self.blocks if isinstance(block, Figure))
