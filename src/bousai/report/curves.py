"""Curves of many places: one chart with a few lines, or small charts, no more of them than a page holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bousai.report.document import Chart, Series

_LINES = 6
"""So many lines can be told apart in one chart."""
_PAGE = 15
"""So many small charts stand on a page."""


def curves(
    key: str,
    caption: str,
    alt: str,
    unit: str,
    series: Sequence[Series],
    table: str,
    marks: tuple[tuple[datetime, str], ...] = (),
) -> list[Chart]:
    """The charts of some series, the largest first; `key` begins their ids."""
    ranked = sorted(series, key=lambda one: -max((value for value in one.values if value is not None), default=0))
    if len(ranked) <= _LINES:
        return [Chart(key, caption, alt, "lines", unit, tuple(ranked), table, marks)] if ranked else []
    parts = [ranked[n : n + _PAGE] for n in range(0, len(ranked), _PAGE)]
    if len(parts) == 1:
        return [Chart(key, caption, alt, "small", unit, tuple(ranked), table, marks)]
    return [
        Chart(
            f"{key}-{n}",
            f"{caption}（{n}／{len(parts)}）",
            f"{alt} そのうち{part[0].label}から{part[-1].label}まで。",
            "small",
            unit,
            tuple(part),
            table,
            marks,
        )
        for n, part in enumerate(parts, start=1)
    ]
