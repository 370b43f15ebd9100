"""A small report made by hand, all of an exercise, with text that tries to be something else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import shapely

from bousai.model import Status
from bousai.report.document import (
    Area,
    Block,
    Cell,
    Chart,
    Column,
    Heading,
    Map,
    Panel,
    Paragraph,
    Points,
    Report,
    Run,
    Series,
    Slot,
    Source,
    Table,
    cell,
)

AT = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
"""10:00 in Japan."""
HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "+81-3",
    "@SUM(A1)",
    "&lt;",
    "]]>",
    "<w:p/>&A社",
    "{{ 7 * 7 }}",
    "髙﨑①～−㈱",
    "</style><img src=x onerror=alert(1)>",
    "一行目\n二行目",
)
CONTROL = "鳴\x00瀬\x0b川\x1b"


def source(number: int, url: str = "https://kunren.example/a.xml") -> Source:
    """A source of 訓練市."""
    return Source(
        number=number,
        reference=str(1000 + number),
        title=f"【訓練】被害報 第{number}報",
        issuer="【訓練】訓練市",
        feed="kunren",
        issued_at=AT,
        known_at=AT + timedelta(minutes=number),
        document=f"kunren_{number}.xml",
        sha256=f"{number:064x}",
        url=url,
        position="/Report/Body[1]",
    )


def numbers_table(rows: int = 3) -> Table:
    """Counts with sources, one of them struck, one resting upon many sources."""
    columns = (Column("市町村"), Column("避難者", "right"), Column("率", "right"), Column("内容", weight=1))
    made: list[tuple[Cell, ...]] = [
        (cell("訓練市", 1), cell("1,234", 1), cell("12.50", 2), cell("【訓練】堤防の点検", 1)),
        (
            cell("14202"),
            (Run("12", (1,), struck=True), Run(" 15", (2,))),
            cell("不明"),
            (Run("多数の出典", (1, 3, 5, 7, 9, 10, 11, 12)),),
        ),
        (cell("14203"), cell("30", 3, struck=True), (), cell("【訓練】取消", 3)),
    ]
    for n in range(3, rows):
        made.append((cell(f"訓練町{n}", 1), cell(n, 2), cell(""), cell(f"【訓練】{n}件目の記録", 1, 2, 3, 4, 5)))
    return Table("t_numbers", "避難者の数", columns, made[:rows], note="【訓練】のための数")


def report(*, rows: int = 3, status: Status = "exercise", draft: bool = True, figures: bool = True) -> Report:
    """Every kind of block at least once."""
    chart = Chart(
        "f_chart",
        "避難者の推移",
        "【訓練】避難者は10時に0人、12時に15人",
        "lines",
        "人",
        (Series("訓練市", (AT, AT + timedelta(hours=2)), (0, 15)),),
        "t_numbers",
    )
    outline = shapely.to_wkb(shapely.box(139, 35, 139.2, 35.2))
    chart_map = Map(
        "f_map",
        "避難指示の発令",
        "【訓練】訓練市に避難指示",
        ("避難指示",),
        (Panel("", (Area("14201", "訓練市", outline, 0),)),),
        "【訓練】境界",
        "t_numbers",
    )
    hostile = Table(
        "t_hostile",
        "字の表 [a]:*?/\\'" + "長" * 40,
        (Column("字"), Column("控え", weight=1)),
        [(cell(text, 1), cell(text)) for text in (*HOSTILE, CONTROL)],
    )
    return Report(
        title="【訓練】令和8年11月5日の出水 事後検証報告書",
        subtitle="Exercise <flood>",
        status=status,
        draft=draft,
        known_at=AT,
        facts=(("対象", "【訓練】訓練市"), ("データ時点", "2026-11-05 10:00")),
        blocks=(
            Heading("h_sum", 1, "要約 <b>"),
            Paragraph((Run("避難者は最大で", ()), Run("15人", (1, 2), strong=True), Run("。"))),
            Paragraph((Run("数は暫定である。"),), "warning"),
            Slot("s_good", "良かった点", "何がうまくいったか", None),
            Slot("s_bad", "課題", "何を直すか", "連絡が遅れた。\n<b>次は無線を使う</b>"),
            Heading("h_damage", 1, "被害"),
            Heading("h_people", 2, "人"),
            *((chart, chart_map) if figures else ()),
            numbers_table(rows),
            Heading("h_other", 3, "その他"),
            hostile,
            Table("t_empty", "道路", (Column("路線"), Column("時刻")), []),
            Points((cell("一つ目", 3), cell("二つ目"))),
            Paragraph((Run("定義の注"),), "note"),
        ),
        sources=(*(source(n) for n in range(1, 12)), source(12, "javascript:alert(1)")),
        credits=("【訓練】訓練市 防災課",),
    )


def with_blocks(one: Report, *blocks: Block) -> Report:
    """The report with these blocks only."""
    return replace(one, blocks=blocks)
