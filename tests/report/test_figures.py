"""Figures: the same bytes each time, gaps that stay gaps, names that stay readable."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import pytest
import shapely
from PIL import Image

from bousai.report import figures
from bousai.report.document import Area, Figure, Grid, Map, Panel, Series, Strip, Strips
from tests.report.pages import chart, hour

_STRIPS = Strips(
    "strips",
    "発令",
    "訓練",
    ("高齢者等避難", "避難指示"),
    (Strip("訓練市", ((hour(0), hour(2), 0), (hour(2), hour(5), 1))),),
    "people",
    hour(0),
    hour(6),
)
_GRID = Grid("grid", "遅れ", "訓練", ("訓練市",), ("1時", "2時", "3時"), ((0, None, 90.5),), "分", "people")
_MAP = Map(
    "map",
    "訓練の区域",
    "訓練",
    ("避難指示",),
    (
        Panel(
            "",
            (
                Area("17201", "訓練市", shapely.to_wkb(shapely.box(136.0, 36.0, 136.2, 36.2)), 0),
                Area("17202", "訓練町", shapely.to_wkb(shapely.box(136.2, 36.0, 136.4, 36.2)), None),
            ),
        ),
    ),
    "訓練用",
    "people",
)
ALL: dict[str, Figure] = {
    "lines": chart(),
    "small": chart(kind="small"),
    "strips": _STRIPS,
    "grid": _GRID,
    "map": _MAP,
    "maps": replace(_MAP, panels=tuple(Panel(f"{n}時", _MAP.panels[0].areas) for n in range(5))),
}


@pytest.mark.parametrize("name", ALL)
def test_the_same_figure_is_the_same_bytes(name: str) -> None:
    assert figures.svg(ALL[name]) == figures.svg(ALL[name])
    assert figures.png(ALL[name]) == figures.png(ALL[name])


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from bousai.report import figures; from tests.report.pages import chart;"
        "print(hashlib.sha256(figures.svg(chart()) + figures.png(chart())).hexdigest());"
        "import sys; assert not {'matplotlib_fontja', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert told.strip() == hashlib.sha256(figures.svg(chart()) + figures.png(chart())).hexdigest()


@pytest.mark.parametrize("name", ALL)
def test_letters_are_outlines_and_no_clock_is_in_it(name: str) -> None:
    drawn = figures.svg(ALL[name]).decode()
    assert "<text" not in drawn
    assert "<dc:date>" not in drawn


def test_png_has_200_dots_an_inch() -> None:
    with Image.open(BytesIO(figures.png(_GRID))) as picture:
        assert round(picture.info["dpi"][0]) == 200


def test_no_figure_is_taller_than_a_page() -> None:
    rows = tuple(Strip(f"訓練{n}市", ((hour(0), hour(2), 1),)) for n in range(60))
    many = Strips("s", "発令", "訓練", ("無", "有"), rows, "people", hour(0), hour(6))
    with Image.open(BytesIO(figures.png(many))) as picture:
        assert picture.height <= 8.4 * 200


def test_settings_of_matplotlib_stay_as_they_were() -> None:
    before = dict(mpl.rcParams)
    figures.svg(chart())
    assert dict(mpl.rcParams) == before


def test_names_of_feeds_are_no_formulas_and_missing_glyphs_no_warnings() -> None:
    series = (Series("$\\frac{1}$ _x 𠮷😀", (hour(0), hour(1)), (1, 2)),)
    assert figures.svg(chart(series=series))  # a warning would be an error here


def test_nothing_known_is_said() -> None:
    silent = (Series("訓練市", (hour(0), hour(1)), (None, None)),)
    assert figures.svg(chart(series=silent)) == figures.svg(chart(0))


def test_a_gap_is_no_zero() -> None:
    at = (hour(0), hour(1), hour(2))
    gap, zero = (chart(series=(Series("訓練市", at, (5, value, 5)),)) for value in (None, 0))
    assert figures.svg(gap) != figures.svg(zero)


def test_carried_forward_looks_different() -> None:
    fresh = tuple(Series(one.label, one.at, one.values) for one in chart().series)
    assert figures.svg(chart(series=fresh)) != figures.svg(chart())


def test_labels_are_moved_apart() -> None:
    places = figures._apart([5, 5, 5.1, 0, 10], 1, 0, 10)
    ordered = sorted(places)
    assert all(high - low >= 1 - 1e-9 for low, high in pairwise(ordered))
    assert max(places) <= 10


@pytest.mark.parametrize("shade", [n / 20 for n in range(21)])
def test_numbers_on_shades_have_contrast(shade: float) -> None:
    colour = (shade, shade, shade)
    behind, letters = figures._luminance(colour), figures._luminance(figures._on(colour))
    assert (max(behind, letters) + 0.05) / (min(behind, letters) + 0.05) >= 4.5


@pytest.mark.parametrize("colour", figures._COLOURS)
def test_lines_stand_out_from_paper(colour: str) -> None:
    assert 1.05 / (figures._luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize("name", ALL)
def test_one_format_does_not_move_what_is_in_the_other(name: str) -> None:
    figures._laid_out.cache_clear()
    alone = figures.png(ALL[name])
    figures._laid_out.cache_clear()
    drawn = figures.svg(ALL[name])
    assert figures.png(ALL[name]) == alone
    assert figures.svg(ALL[name]) == drawn
