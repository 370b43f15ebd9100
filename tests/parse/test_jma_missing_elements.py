"""Telegrams of the rain family with any one element gone: read with what is left or refused, never an all-clear."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin
from bousai.parse import jma_commentary, jma_flood, jma_landslide, jma_weather_bulletin

FEEDS = Path(__file__).resolve().parents[1] / "feeds"
SAMPLES = [
    pytest.param(parser, path, id=f"{parser.__name__.rpartition('.')[2]}/{path.name}")
    for parser, folder in (
        (jma_flood, "jma_flood"),
        (jma_landslide, "jma_landslide"),
        (jma_weather_bulletin, "jma_weather_bulletin"),
        (jma_commentary, "jma_commentary"),
        (jma_commentary, "jma_tide"),
    )
    for path in sorted((FEEDS / folder).glob("*.xml"))
]


def one_element_less(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Every telegram that lacks exactly one element of this one (with what is in it), and what that was."""
    root = etree.fromstring(body)
    for number in range(1, len(list(root.iter()))):
        less = copy.deepcopy(root)
        element = list(less.iter())[number]
        element.getparent().remove(element)
        yield f"{number}: {etree.QName(element).localname}", etree.tostring(less)


def read(parser: ModuleType, body: bytes) -> list[Bulletin]:
    return [one for one in parser.parse(body) if isinstance(one, Bulletin)]


@pytest.mark.parametrize(("parser", "path"), SAMPLES)
def test_a_missing_element_never_ends_withdraws_or_makes_actual_what_was_not(parser: ModuleType, path: Path) -> None:
    body = path.read_bytes()
    whole = read(parser, body)
    ended = {row.item_id for bulletin in whole for row in bulletin.items.rows() if row.ended}
    refusals: list[ParseError] = []
    for gone, less in one_element_less(body):
        try:
            bulletins = read(parser, less)
        except ParseError as error:
            refusals.append(error)
            continue
        assert {bulletin.status for bulletin in bulletins} <= {"exercise"}, gone
        assert {bulletin.msg_type for bulletin in bulletins} <= {bulletin.msg_type for bulletin in whole}, gone
        told = [row for bulletin in bulletins for row in bulletin.items.rows()]
        assert {row.item_id for row in told if row.ended} <= ended, gone
        assert len({(b.scope, row.item_id) for b in bulletins for row in b.items.rows()}) == len(told), gone
    assert {error.code for error in refusals} >= {"not_jma_telegram", "unknown_status", "unknown_info_type"}
    assert all(error.cause and error.remedy for error in refusals)
