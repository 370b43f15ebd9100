"""The registry of feeds: every feed has a YAML, a parser and a sample, and every sample parses to its golden."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import goldens
from bousai.catalogue import Feed

FEEDS = goldens.feeds()
SAMPLES = [
    pytest.param(feed, path, id=f"{feed.id}/{path.name}") for feed in FEEDS for path in goldens.samples(feed.id)
]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.id)
def test_every_feed_has_a_parser_and_a_sample(feed: Feed) -> None:
    parser = importlib.import_module(f"bousai.parse.{feed.parser}")
    assert isinstance(parser.VERSION, str)
    assert callable(parser.parse)
    assert goldens.samples(feed.id)


@pytest.mark.parametrize(("feed", "sample"), SAMPLES)
def test_a_sample_parses_to_its_golden(feed: Feed, sample: Path) -> None:
    expected = goldens.golden_of(feed.id, sample)
    assert expected.is_file(), "make goldens"
    assert goldens.golden(feed, sample.name, sample.read_bytes()) == expected.read_text(encoding="utf-8")


def test_no_golden_without_its_sample_and_feed() -> None:
    known = {goldens.golden_of(feed.id, path) for feed in FEEDS for path in goldens.samples(feed.id)}
    found = set((goldens.PROJECT / "tests" / "feeds").rglob(f"*{goldens.SUFFIX}"))
    assert found - known == set()
