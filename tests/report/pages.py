"""Small reports made by hand, all of an exercise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bousai.report.document import Block, Chart, Report, Series, Source

BEGAN = datetime(2026, 7, 29, 3, 0, tzinfo=UTC)
"""Noon in Japan."""


def hour(number: float) -> datetime:
    return BEGAN + timedelta(hours=number)


def source(number: int) -> Source:
    return Source(
        number=number,
        reference=f"kunren/{number}",
        title="【訓練】避難所開設状況",
        issuer="訓練市",
        feed="kunren",
        issued_at=hour(number),
        known_at=hour(number + 0.5),
        document=f"kunren_{number}.xml",
        sha256=f"{number:064x}",
        url=f"https://example.invalid/{number}.xml",
        position="/Report/Body",
    )


def chart(lines: int = 2, **changes: Any) -> Chart:
    """Lines of five hours; nobody reported at the third, and the last is carried forward."""
    at = tuple(hour(n) for n in range(5))
    stale = (False, False, False, False, True)
    series = tuple(Series(f"訓練{n}市", at, (n, n + 2, None, n + 5, n + 5), stale) for n in range(lines))
    given: dict[str, Any] = {
        "id": "chart",
        "caption": "避難者数の推移",
        "alt": "避難者は増え続けた",
        "kind": "lines",
        "unit": "人",
        "series": series,
        "table": "people",
        "marks": ((hour(1), "避難指示"),),
    }
    return Chart(**(given | changes))


def report(*blocks: Block, sources: int = 5, **changes: Any) -> Report:
    given: dict[str, Any] = {
        "title": "【訓練】事後検証報告書",
        "subtitle": "訓練市災害対策本部",
        "status": "exercise",
        "draft": True,
        "known_at": hour(6),
        "facts": (("対象", "訓練市"),),
        "blocks": blocks,
        "sources": tuple(source(n) for n in range(1, sources + 1)),
        "credits": ("訓練用のデータ",),
    }
    return Report(**(given | changes))
