"""A report → one HTML file that needs nothing else: no network, no script to read it, feed text never markup."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bousai.report import document, figures
from bousai.report.document import Report
from bousai.report.observed import full_clock
from bousai.report.plain import BANNERS, DRAFT, EMPTY, banner, legible

_HERE = Path(__file__).parent


def _shown(value: object) -> object:
    """Whatever a template prints: control characters are seen and not dropped."""
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_templates = Environment(
    loader=FileSystemLoader(_HERE),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=_shown,
)


def html(report: Report) -> bytes:
    """The page, UTF-8; the same bytes for the same report."""
    style, script = ((_HERE / f"report.{name}").read_text(encoding="utf-8") for name in ("css", "js"))
    style += _on_paper(banner(report))
    named = _named(report)
    blocks = [(_NAMES[type(block)], block) for block in report.blocks]
    page = _templates.get_template("report.html.j2").render(
        report=report,
        blocks=blocks,
        contents=[block for name, block in blocks if name == "heading" and block.level < 3],  # type: ignore[union-attr]
        drawings={figure.id: _drawing(figure) for figure in report.figures()},
        banner=BANNERS[report.status],
        style=style,
        script=script,
        policy=_policy(style, script),
        clock=full_clock,
        draft=DRAFT,
        nothing=EMPTY,
        named=named,
    )
    return page.encode()


_NAMES: dict[type, str] = {
    document.Heading: "heading",
    document.Paragraph: "paragraph",
    document.Points: "points",
    document.Table: "table",
    document.Chart: "figure",
    document.Strips: "figure",
    document.Grid: "figure",
    document.Map: "figure",
    document.Slot: "slot",
}


def _on_paper(told: str) -> str:
    """Paper does not scroll: what must not be overlooked stands at the top of each page. `told` is ours and no text
    of a feed."""
    return f'@page {{ @top-center {{ content: "{told}"; font-weight: bold; }} }}\n' if told else ""


def _drawing(figure: document.Figure) -> str:
    """The figure as an address of its own bytes: an image cannot bring anything else into the page."""
    return "data:image/svg+xml;base64," + base64.b64encode(figures.svg_once(figure)).decode()


def _policy(style: str, script: str) -> str:
    """Nothing but what is in the file: the one style, the one script, images of its own."""
    hashes = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _named(report: Report) -> Mapping[int, Any]:
    """Where in the report a source is first named, for the way back: number → id of the table or figure."""
    found: dict[int, str] = {}
    for table in report.tables():
        for row in table.rows:
            for cell in row:
                for run in cell:
                    for number in run.sources:
                        found.setdefault(number, table.id)
    return found
