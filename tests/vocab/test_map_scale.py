"""Scales of the map: every layer finds its own, no value is told by its colour alone, text on it can be read."""

import re

import pytest

from bousai import catalogue
from bousai import settings as settings_module
from bousai.model import Layer
from bousai.vocab.hazard import hazard_classes
from bousai.vocab.map_scale import Step, scales
from bousai.vocab.warning import GRADES

LAYERS = catalogue.load(settings_module.load({}).config).layers
EVERY = [(name, step) for name, steps in scales().items() for step in steps]


def _luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("name", "step"), EVERY, ids=lambda one: one if isinstance(one, str) else one.value)
def test_a_step_can_be_read_and_is_told_in_words(name: str, step: Step) -> None:
    assert re.fullmatch("#[0-9a-f]{6}", step.colour)
    assert re.fullmatch("#[0-9a-f]{6}", step.ink)
    assert _contrast(step.colour, step.ink) >= 4.5
    assert step.pattern in ("", "lines", "hatch", "cross", "dots", "dash")
    assert 1 <= len(step.symbol) <= 3
    assert step.ja
    assert step.en.isascii()
    assert step.easy
    assert step.source


@pytest.mark.parametrize("name", scales())
def test_no_two_steps_differ_by_colour_alone(name: str) -> None:
    steps = scales()[name]
    assert len({step.value for step in steps}) == len(steps)
    assert len({step.ja for step in steps}) == len(steps)
    told = [(step.symbol, step.pattern) for step in steps]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS.values() if layer.map], ids=lambda layer: layer.id)
def test_a_layer_is_coloured_by_columns_that_it_has(layer: Layer) -> None:
    assert layer.map is not None
    names = {field.name for field in layer.fields}
    columns = {layer.map.colour_by, layer.map.or_by, layer.map.label, *layer.map.where} - {None}
    assert columns <= names
    assert (layer.map.scale is None) == (layer.map.colour_by is None)
    assert layer.map.scale is None or layer.map.scale in scales()


def test_places_in_the_list_are_taken_once() -> None:
    places = [(layer.map.group, layer.map.order) for layer in LAYERS.values() if layer.map]
    assert len(set(places)) == len(places)


def test_the_levels_have_the_colours_of_the_cabinet_office() -> None:
    # 内閣府（防災担当）2020-05-29: 12,0,12 / 170,0,170 / 255,40,0 / 242,231,0 / 255,255,255
    of = {step.value: step.colour for step in scales()["level"]}
    assert of == {"5": "#0c000c", "4": "#aa00aa", "3": "#ff2800", "2": "#f2e700", "1": "#ffffff"}
    grades = {step.value: step.colour for step in scales()["warning"]}
    assert [grades[grade] for grade in GRADES] == [of["2"], of["3"], of["4"], of["5"]]


@pytest.mark.parametrize("name", ["water_depth", "water_depth_2012"])
def test_every_depth_of_a_hazard_map_has_a_step(name: str) -> None:
    values = [step.value for step in scales()["depth"]]
    ends = [float(value.removeprefix("<")) for value in values if value.startswith("<")]
    open_from = {float(value.removeprefix(">=")) for value in values if value.startswith(">=")}
    assert ends == sorted(ends)
    for one in hazard_classes(name).values():
        assert (one.low in open_from) if one.high is None else one.high <= ends[-1], one.label
