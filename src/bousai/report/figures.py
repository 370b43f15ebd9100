"""Figures → SVG for pages and PNG for Word, the same bytes for the same figure.

Readable without colour: lines differ in dash and marker and carry their name, classes in hatch. A value that nobody
reported is a gap and never 0; one that is only carried forward has a hollow marker. Times are those of Japan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from io import BytesIO
from itertools import cycle, islice
from typing import Any

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Page
from matplotlib.font_manager import fontManager
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from bousai.report import document
from bousai.report.lettering import FAMILY, font_file, printable
from bousai.vocab.japanese_time import JST

_WIDTH = 7.2  # inches: what stands between the margins of A4
_TALLEST = 8.4  # inches: with its caption still on one page
_INK = "#1a1a1a"
_FAINT = "#767676"
_COLOURS = ("#005a9c", "#b34700", "#2e7d32", "#7b1fa2", "#6d4c41", "#c2185b", "#455a64", "#6b6000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_SHADES = ("#3b0f3b", "#8a1c8a", "#d1495b", "#edae49", "#ffe08a", "#d6ebff", "#e6e6e6", "#f7f7f7")
_HATCHES = ("xx", "//", "\\\\", "..", "--", "oo", "++", "")
_MOST_LINES = 8
_SETTINGS = {
    "svg.fonttype": "path",
    "svg.hashsalt": "bousai",
    "text.parse_math": False,  # a name of a feed may have dollars
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.unicode_minus": True,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "hatch.linewidth": 0.6,
    "font.family": FAMILY,
    "font.size": 8,
}


def svg(figure: document.Figure) -> bytes:
    """The figure as SVG with its letters as outlines; as wide as an A4 page between its margins, at most as tall."""
    with mpl.rc_context(_settings()):
        page = _laid_out(figure)
        FigureCanvasSVG(page)
        into = BytesIO()
        page.savefig(into, format="svg", metadata={"Date": None, "Creator": None})
    return into.getvalue()


svg_once = lru_cache(maxsize=128)(svg)
"""The same, drawn once for all formats of a report: half a second for a page of small charts."""


def png(figure: document.Figure) -> bytes:
    """The figure as PNG, 200 dots an inch."""
    with mpl.rc_context(_settings()):
        page = _laid_out(figure)
        FigureCanvasAgg(page)
        into = BytesIO()
        page.savefig(into, format="png", dpi=200, metadata={"Software": None})
    return into.getvalue()


@cache
def _register_font() -> None:
    fontManager.addfont(str(font_file()))


def _settings() -> Any:
    _register_font()
    # a user's own settings do not change the pages
    return {**{k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")}, **_SETTINGS}


@lru_cache(maxsize=128)
def _laid_out(figure: document.Figure) -> Page:
    """Drawn, with everything in its place: most of the time that a figure takes, the same for every format."""
    page = _drawn(figure)
    FigureCanvasSVG(page)
    engine = page.get_layout_engine()
    if engine is not None:
        engine.execute(page)
        page.set_layout_engine("none")
    return page


def _drawn(figure: document.Figure) -> Page:
    if isinstance(figure, document.Strips):
        return _strips(figure)
    if isinstance(figure, document.Grid):
        return _grid(figure)
    if isinstance(figure, document.Map):
        return _map(figure)
    if not any(_known(one) for one in figure.series):
        return _nothing()
    return _small(figure) if figure.kind == "small" else _lines(figure)


def _nothing() -> Page:
    page = Page(figsize=(_WIDTH, 0.8))
    page.text(0.5, 0.5, "（記録なし）", ha="center", va="center", fontsize=9)
    return page


def _text(text: str) -> str:
    return printable(text)[0].replace("\n", " ")


def _num(at: datetime) -> float:
    """Days since 1970 by the clock of Japan."""
    return at.timestamp() / 86400 + 9 / 24


def _time_axis(axes: Axes, since: datetime, until: datetime, most: int = 9) -> None:
    """At most so many ticks, at whole days or hours, labelled ``7/29`` or ``7/29 12:00`` (in two lines)."""
    first, last = since.astimezone(JST), until.astimezone(JST)
    hours = max(1.0, (last - first).total_seconds() / 3600)
    step = next((one for one in (1, 2, 3, 6, 12, 24, 48, 72, 120, 168, 336, 720) if hours / one <= most), 2160)
    at = first.replace(minute=0, second=0, microsecond=0)
    at -= timedelta(hours=at.hour if step >= 24 else at.hour % step)
    ticks = []
    while at <= last:
        if at >= first:
            ticks.append(at)
        at += timedelta(hours=step)
    axes.set_xlim(_num(since), _num(until))
    labels = [f"{one.month}/{one.day}" + ("" if step >= 24 else f"\n{one:%H:%M}") for one in ticks]
    axes.set_xticks([_num(one) for one in ticks], labels, fontsize=7)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#d0d0d0", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value == round(value) else f"{value:,.1f}")


def _values(series: document.Series) -> Any:
    return np.array([math.nan if one is None else one for one in series.values], dtype=float)


def _known(series: document.Series) -> list[float]:
    return [value for value in series.values if value is not None]


def _curve(axes: Axes, series: document.Series, n: int, quiet: bool = False) -> None:
    """One line; `quiet` is one of many in the background. Markers are thinned out where points are many."""
    values = _values(series)
    times = np.array([_num(at) for at in series.at])
    colour = _FAINT if quiet else _COLOURS[n % len(_COLOURS)]
    every = max(1, len(times) // 40)
    axes.plot(
        times,
        values,
        linestyle="-" if quiet else _DASHES[n % len(_DASHES)],
        marker="" if quiet else _MARKERS[n % len(_MARKERS)],
        markevery=every,
        markersize=3.5,
        linewidth=0.6 if quiet else 1.2,
        color=colour,
        clip_on=False,
    )
    old = [one and not math.isnan(value) for one, value in zip(series.stale, values, strict=False)]
    chosen = np.flatnonzero(old)[::every]
    if len(chosen) and not quiet:
        axes.plot(
            times[chosen],
            values[chosen],
            linestyle="",
            marker=_MARKERS[n % len(_MARKERS)],
            markersize=4.5,
            markerfacecolor="white",
            color=colour,
            clip_on=False,
            zorder=3,
        )


def _span(chart: document.Chart) -> tuple[datetime, datetime]:
    times = [at for one in chart.series for at in one.at] + [at for at, _ in chart.marks]
    first, last = min(times), max(times)
    return first, last if last > first else first + timedelta(hours=1)


def _limits(series: Sequence[document.Series]) -> tuple[float, float]:
    """A scale from 0, or from the lowest value below it, to above the highest."""
    known = [value for one in series for value in _known(one)]
    low, high = min([0.0, *known]), max([0.0, *known])
    spare = (high - low) * 0.08 or 1.0
    return low - (spare if low < 0 else 0), high + spare


def _apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places of labels in the order given, near to where each is wanted, `gap` from one another."""
    order = sorted(range(len(wanted)), key=lambda n: (wanted[n], n))
    placed = dict.fromkeys(order, 0.0)
    at = low - gap
    for n in order:
        at = placed[n] = max(wanted[n], at + gap)
    at = max(high, low + gap * (len(order) - 1)) + gap
    for n in reversed(order):
        at = placed[n] = min(placed[n], at - gap)
    return [placed[n] for n in range(len(wanted))]


def _names(axes: Axes, series: Sequence[document.Series]) -> None:
    """The name of each line at its end on the right, moved apart and tied to it."""
    low, high = axes.get_ylim()
    named = [(n, one) for n, one in enumerate(series) if _known(one)]
    ends = []
    for _, one in named:
        values = _values(one)
        last = int(np.flatnonzero(~np.isnan(values))[-1])
        ends.append((_num(one.at[last]), float(values[last])))
    places = _apart([y for _, y in ends], (high - low) / 17, low, high)
    right = axes.get_xlim()[1]
    reach = (right - axes.get_xlim()[0]) * 0.03
    for (n, one), (x, y), place in zip(named, ends, places, strict=True):
        colour = _COLOURS[n % len(_COLOURS)]
        axes.plot([x, right, right + reach], [y, y, place], color=colour, linewidth=0.4, clip_on=False)
        axes.plot(right + reach * 1.4, place, marker=_MARKERS[n], markersize=4, color=colour, clip_on=False)
        axes.annotate(
            _text(one.label)[:14], (right + reach * 1.8, place), va="center", fontsize=7, annotation_clip=False
        )


def _marks(axes: Axes, marks: Sequence[tuple[datetime, str]]) -> None:
    """Moments as dotted lines, their names above the chart in as many rows as keep them apart."""
    first, last = axes.get_xlim()
    ends: list[float] = []
    for at, name in sorted(marks):
        x = (_num(at) - first) / (last - first)
        text = _text(name)[:24]
        row = next((n for n, end in enumerate(ends) if end <= x), len(ends))
        ends[row : row + 1] = [x + 0.02 + 0.0175 * len(text)]
        axes.axvline(_num(at), color=_INK, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.annotate(
            f"▼{text}",
            (_num(at), 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 2 + 9 * row),
            textcoords="offset points",
            fontsize=7,
        )


def _explained(page: Page, chart: document.Chart, *more: str) -> None:
    notes = [*more]
    if any(any(one.stale) for one in chart.series):
        notes.append("白抜きの印は新しい報告がなく前の値を引き継いだもの")
    if any(None in one.values for one in chart.series):
        notes.append("線の切れ目は記録なし")
    if notes:
        page.supxlabel("\n".join(notes), fontsize=7, x=0.01, ha="left")


def _lines(chart: document.Chart) -> Page:
    """All series in one chart. Of more than eight the highest are named, the others are thin lines behind them."""
    page = Page(figsize=(_WIDTH, 3.6), layout="constrained")
    axes = page.add_subplot()
    ranked = sorted(range(len(chart.series)), key=lambda n: (-max(_known(chart.series[n]), default=-math.inf), n))
    chosen = sorted(ranked[:_MOST_LINES])
    shown = [chart.series[n] for n in chosen]
    for n in sorted(ranked[_MOST_LINES:]):
        _curve(axes, chart.series[n], n, quiet=True)
    for n, one in enumerate(shown):
        _curve(axes, one, n)
    _plain(axes)
    axes.set_ylim(*_limits(chart.series))
    _time_axis(axes, *_span(chart))
    axes.set_ylabel(_text(chart.unit), rotation=0, ha="right", va="center")
    _marks(axes, chart.marks)
    _names(axes, shown)
    rest = len(chart.series) - len(shown)
    _explained(page, chart, *([f"細い灰色の線は最大値がより小さい{rest}件（名は表に）"] if rest else []))
    return page


def _small(chart: document.Chart) -> Page:
    """One small chart a series, with one scale of time and a scale of values of its own."""
    across = min(3, len(chart.series))
    down = math.ceil(len(chart.series) / across)
    page = Page(figsize=(_WIDTH, min(_TALLEST, 0.45 + 1.25 * down)), layout="constrained")
    since, until = _span(chart)
    for n, one in enumerate(chart.series):
        axes = page.add_subplot(down, across, n + 1)
        _curve(axes, one, 0)
        _plain(axes)
        known = _known(one)
        axes.set_ylim(*_limits([one]))
        axes.locator_params(axis="y", nbins=3, integer=True)
        axes.tick_params(labelsize=6)
        most = f"最大 {max(known):,.0f}{_text(chart.unit)}" if known else "記録なし"
        axes.set_title(f"{_text(one.label)[:16]}（{most}）", fontsize=7, loc="left")
        _time_axis(axes, since, until, 5)
        for at, _ in chart.marks:
            axes.axvline(_num(at), color=_INK, linewidth=0.6, linestyle=(0, (1, 2)))
        if n < len(chart.series) - across:
            axes.set_xticklabels([])
    dotted = "・".join(f"{_text(name)}（{at.astimezone(JST):%-m/%-d %H:%M}）" for at, name in sorted(chart.marks)[:4])
    _explained(page, chart, *([f"点線は{dotted}"] if dotted else []))
    return page


def _looks(number: int) -> tuple[list[str], list[str]]:
    """Shades and hatches of so many classes, the first the gravest."""
    return list(islice(cycle(_SHADES), number)), list(islice(cycle(_HATCHES), number))


def _luminance(colour: Any) -> float:
    """The relative luminance of WCAG 2, from 0 (black) to 1."""
    parts = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour))
    return float(sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)))


def _on(colour: Any) -> str:
    """Black or white, whichever stands out more from the shade behind it: one of them does by 4.5 to 1."""
    behind = _luminance(colour) + 0.05
    return "white" if 1.05 / behind > behind / 0.05 else "black"


def _filled(shade: str, hatch: str) -> dict[str, Any]:
    return {"facecolor": shade, "hatch": hatch, "hatchcolor": _on(shade), "edgecolor": _INK, "linewidth": 0.5}


def _legend(page: Page, patches: list[Patch], names: Sequence[str]) -> None:
    labels = [_text(name) for name in names]
    across = max(1, min(4, len(patches), 90 // (6 + max(len(one) for one in labels))))
    page.legend(patches, labels, loc="outside lower center", ncols=across, fontsize=7, frameon=False, handlelength=3)


def _strips(figure: document.Strips) -> Page:
    number = len(figure.rows)
    page = Page(figsize=(_WIDTH, min(_TALLEST, 1.0 + 0.2 * number)), layout="constrained")
    axes = page.add_subplot()
    shades, hatches = (list(reversed(one)) for one in _looks(len(figure.classes)))
    for n, row in enumerate(figure.rows):
        for since, until, which in row.spans:
            long, look = _num(until) - _num(since), _filled(shades[which], hatches[which])
            axes.barh(n, long, left=_num(since), height=0.75, **look)
    labels = [_text(row.label) for row in figure.rows]
    axes.set_yticks(range(number), labels, fontsize=7 if number <= 36 else 5.5)
    axes.set_ylim(max(number, 1) - 0.5, -0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#d0d0d0", linewidth=0.5)
    axes.set_axisbelow(True)
    _time_axis(axes, figure.since, figure.until)
    if figure.classes:
        patches = [Patch(**_filled(*look)) for look in zip(shades, hatches, strict=True)]
        _legend(page, patches, figure.classes)
    return page


def _grid(figure: document.Grid) -> Page:
    """Shades by the logarithm: a delay of minutes and one of days are both seen."""
    if not figure.rows or not figure.columns:
        return _nothing()
    page = Page(figsize=(_WIDTH, min(_TALLEST, 0.9 + 0.2 * len(figure.rows))), layout="constrained")
    axes = page.add_subplot()
    values = np.array([[math.nan if one is None else one for one in row] for row in figure.values], dtype=float)
    heights = np.log1p(np.clip(values, 0, None))
    most = float(np.nanmax(heights)) if not np.isnan(heights).all() else 0.0
    colours = mpl.colormaps["Greys"]
    shades = colours(np.nan_to_num(heights) / ((most or 1.0) * 1.25))
    shades[np.isnan(values)] = (1, 1, 1, 1)
    axes.imshow(shades, aspect="auto", interpolation="none")
    small = 6.5 if len(figure.columns) <= 16 else 5.5
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            text = "－" if math.isnan(value) else f"{value:,.0f}" if abs(value) >= 10 else f"{value:,.1f}"
            axes.text(x, y, text, ha="center", va="center", fontsize=small, color=_on(shades[y, x][:3]))
    axes.set_xticks(range(len(figure.columns)), [_text(one) for one in figure.columns], fontsize=small)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(figure.rows)), [_text(one) for one in figure.rows], fontsize=6.5)
    axes.tick_params(length=0)
    axes.set_xlabel(f"単位は{_text(figure.unit)}、－は記録なし", fontsize=7)
    return page


def _map(figure: document.Map) -> Page:
    """North is up, and a degree of longitude as long as at the middle of the map. Names stand on a single map: on
    small ones they would hide it."""
    outlines = {area.code: area.outline for panel in figure.panels for area in panel.areas}
    if not outlines:
        return _nothing()
    shapes = {code: shapely.from_wkb(outline) for code, outline in outlines.items()}
    west, south, east, north = shapely.total_bounds([*shapes.values()])
    squeeze = math.cos(math.radians((south + north) / 2))
    edge = 0.02 * max(east - west, north - south)
    west, south, east, north = west - edge, south - 4 * edge, east + edge, north + edge
    across = min(3, len(figure.panels))
    down = math.ceil(len(figure.panels) / across)
    wide = _WIDTH / across
    tall = min(7.6 / down, max(2.5 / across, wide * (north - south) / ((east - west) * squeeze)))
    page = Page(figsize=(_WIDTH, (tall + (0.2 if down > 1 else 0)) * down + 0.7), layout="constrained")
    shades, hatches = _looks(len(figure.classes))
    looks = [_filled(*look) for look in zip(shades, hatches, strict=True)]
    empty = _filled("#ffffff", "")
    inch = max((east - west) * squeeze / wide, (north - south) / tall)  # degrees of latitude
    paths = {
        code: [_path(part) for part in _polygons(shapely.simplify(shape, inch / 300))]
        for code, shape in shapes.items()
    }
    for n, panel in enumerate(figure.panels):
        axes = page.add_subplot(down, across, n + 1)
        axes.set_xlim(west, east)
        axes.set_ylim(south, north)
        axes.set_aspect(1 / squeeze)
        axes.axis("off")
        axes.set_title(_text(panel.title), fontsize=8, loc="left")
        for area in panel.areas:
            look = empty if area.shade is None else looks[area.shade]
            if paths[area.code]:
                axes.add_patch(PathPatch(Path.make_compound_path(*paths[area.code]), **look))
        if len(figure.panels) == 1:
            _written(axes, panel.areas, shapes, inch, squeeze)
        if n == 0:
            _scale_bar(axes, west + edge, south + edge, east, squeeze)
    credit = f"上が北　{_text(figure.credit)}".strip()
    page.suptitle(credit, fontsize=6.5, x=0.99, ha="right")
    patches = [Patch(**look) for look in (*looks, empty)]
    _legend(page, patches, [*figure.classes, "記録なし"])
    return page


def _written(
    axes: Axes, areas: Sequence[document.Area], shapes: Mapping[str, Any], inch: float, squeeze: float
) -> None:
    """The names of municipalities for which there is room."""
    taken: list[Any] = []
    for area in sorted(areas, key=lambda one: -float(shapes[one.code].area)):
        at = shapely.point_on_surface(shapes[area.code])
        if not at.is_empty:
            _label(axes, taken, area.name, at.x, at.y, inch, squeeze)


def _label(axes: Axes, taken: list[Any], name: str, x: float, y: float, inch: float, squeeze: float) -> None:
    """A name on the map, unless another is there already; the larger municipalities come first."""
    text, size = _text(name), 6
    high = size / 72 * inch * 1.2
    wide = len(text) * size / 72 * inch / squeeze
    room = shapely.box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
    if any(room.intersects(one) for one in taken):
        return
    taken.append(room)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 0.6}
    axes.text(x, y, text, fontsize=size, ha="center", va="center", bbox=box, zorder=5)


def _polygons(shape: Any) -> Iterator[Any]:
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon" and not part.is_empty:
            yield part


def _path(polygon: Any) -> Path:
    rings = [polygon.exterior, *polygon.interiors]
    return Path.make_compound_path(*(Path(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings))


def _scale_bar(axes: Axes, west: float, south: float, east: float, squeeze: float) -> None:
    """A bar of round kilometres."""
    degree = 111.32 * squeeze
    width = (east - west) * degree
    long = next((one for one in (200, 100, 50, 20, 10, 5, 2, 1) if one <= width / 4), 1)
    axes.plot([west, west + long / degree], [south, south], color=_INK, linewidth=2.5, solid_capstyle="butt")
    axes.annotate(f"{long} km", (west, south), xytext=(0, 4), textcoords="offset points", fontsize=7)
