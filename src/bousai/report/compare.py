"""Two reports → what is different: rows that came, went or changed, table by table, with the sources of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bousai.report.document import Block, Cell, Column, Heading, Paragraph, Report, Run, Source, Table, cell
from bousai.report.observed import full_clock

_RUNNING = "番号"
"""The title of a column that counts rows: its values are of one report and mean nothing in another."""


def compare(before: Report, after: Report) -> Report:
    """A report of the differences. Sources of `after` keep their numbers, those of `before` follow them."""
    shift = len(after.sources)
    old = {table.id: table for table in before.tables()}
    blocks: list[Block] = []
    waiting: list[Heading] = []
    seen = set()
    total = 0
    for block in after.blocks:
        if isinstance(block, Heading):
            waiting = [one for one in waiting if one.level < block.level] + [block]
        elif isinstance(block, Table):
            seen.add(block.id)
            rows = list(_differences(old.get(block.id), block, shift))
            total += len(rows)
            if rows:
                blocks += [*waiting, _table(block, rows)]
                waiting = []
    gone = [table for key, table in old.items() if key not in seen]
    for table in gone:
        rows = list(_differences(table, replace(table, rows=()), shift))
        total += len(rows)
        blocks += [Heading(f"gone-{table.id}", 1, f"後の報告書にない表：{table.caption}"), _table(table, rows)]
    said = f"表の{total}か所が異なる。" if total else "二つの報告書の表に違いはない。"
    lead: list[Block] = [
        Heading("differences", 1, "二つの報告書の違い"),
        Paragraph(cell(f"前: {_named(before)}。後: {_named(after)}。{said}")),
    ]
    moved = tuple(replace(one, number=one.number + shift) for one in before.sources)
    return replace(
        after,
        title=f"{after.title}：比較",
        facts=(*after.facts, ("前の報告書", _named(before)), ("後の報告書", _named(after))),
        blocks=tuple(lead + blocks),
        sources=_named_only((*after.sources, *moved), lead + blocks),
    )


def _named(report: Report) -> str:
    span = dict(report.facts).get("対象期間", "")
    return f"{span}、{full_clock(report.known_at)} までの知識"


def _key(table: Table, row: Sequence[Cell]) -> tuple[str, ...]:
    """What names a row: its heads, without what merely counts rows; where that is nothing, all of it."""
    counted = table.columns[0].title == _RUNNING
    named = tuple(_text(one) for one in (row[1:] if counted else row[: table.heads]))
    return named or tuple(_text(one) for one in row)


def _text(one: Cell) -> str:
    return "".join(f"（訂正前）{run.text}" if run.struck else run.text for run in one)


def _keyed(table: Table | None) -> dict[tuple[tuple[str, ...], int], Sequence[Cell]]:
    """Rows by their names; of several of one name, the first, the second …"""
    found: dict[tuple[tuple[str, ...], int], Sequence[Cell]] = {}
    counts: dict[tuple[str, ...], int] = {}
    for row in () if table is None else table.rows:
        key = _key(table, row) if table is not None else ()
        counts[key] = counts.get(key, 0) + 1
        found[key, counts[key]] = row
    return found


def _differences(before: Table | None, after: Table, shift: int) -> Iterator[list[Cell]]:
    old, new = _keyed(before), _keyed(after)
    columns = {} if before is None else {column.title: n for n, column in enumerate(before.columns)}
    for key, row in new.items():
        name = cell(" / ".join(one for one in key[0] if one))
        was = old.get(key)
        if was is None:
            yield [cell("追加"), name, cell(None), cell(None), _whole(after, row)]
            continue
        for n, column in enumerate(after.columns):
            if column.title == _RUNNING:
                continue
            at = columns.get(column.title)
            then: Cell = () if at is None or at >= len(was) else was[at]
            if _text(then) != _text(row[n]):
                yield [cell("変更"), name, cell(column.title), _shifted(then, shift), row[n]]
    for key, row in old.items():
        if key not in new:
            name = cell(" / ".join(one for one in key[0] if one))
            yield [cell("削除"), name, cell(None), _shifted(_whole(before or after, row), shift), cell(None)]


def _whole(table: Table, row: Sequence[Cell]) -> Cell:
    """The cells of a row that its name does not have, with their titles."""
    counted = table.columns[0].title == _RUNNING
    rest = [] if counted else list(zip(table.columns, row, strict=True))[table.heads :]
    runs: list[Run] = []
    for column, one in rest:
        if _text(one):
            runs += [Run(f"{'、' if runs else ''}{column.title} "), *one]
    return tuple(runs) if runs else tuple(run for one in row for run in one if run.sources)


def _shifted(one: Cell, by: int) -> Cell:
    return tuple(replace(run, sources=tuple(number + by for number in run.sources)) for run in one)


def _table(table: Table, rows: list[list[Cell]]) -> Table:
    columns = (Column("種類"), Column("行", weight=1), Column("列"), Column("前", weight=1), Column("後", weight=1))
    return Table(f"diff-{table.id}", table.caption, columns, rows, heads=2)


def _named_only(sources: Sequence[Source], blocks: Sequence[Block]) -> tuple[Source, ...]:
    """The sources that the differences name: all the others are in the two reports."""
    named = {
        number
        for block in blocks
        if isinstance(block, Table)
        for row in block.rows
        for one in row
        for run in one
        for number in run.sources
    }
    return tuple(one for one in sources if one.number in named)
