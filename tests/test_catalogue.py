"""The catalogue: config/ as it is shipped, and what is said about a wrong file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from bousai import catalogue
from bousai.catalogue import AtomSource, Expect, FileSource
from bousai.errors import CatalogueError
from bousai.vocab import jma
from bousai.vocab.kind import kinds

PROJECT = Path(__file__).resolve().parents[1]
KNOWN = catalogue.load(PROJECT / "config")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of config/ to break."""
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    return tmp_path / "config"


def test_what_is_shipped_holds_together() -> None:
    for feed in KNOWN.feeds.values():
        assert set(feed.kinds) <= set(kinds()), feed.id
        assert feed.every <= feed.late_after < feed.dead_after, feed.id
        assert feed.credit, feed.id
        assert feed.licence_url.startswith("https://"), feed.id
        urls = feed.source.urls if isinstance(feed.source, FileSource) else (feed.source.url, feed.source.long_url)
        assert {url.split("/")[2] for url in urls} <= set(feed.hosts), feed.id
        assert all(url.startswith("https://") for url in urls), feed.id
    for layer in KNOWN.layers.values():
        assert layer.kind in kinds(), layer.id
        assert KNOWN.feeds_of(layer.kind), layer.id
        names = [field.name for field in layer.fields]
        assert len(set(names)) == len(names), layer.id
    assert {kind for feed in KNOWN.feeds.values() for kind in feed.kinds} == {
        layer.kind for layer in KNOWN.layers.values()
    }


def test_a_telegram_type_is_taken_by_the_feed_that_the_code_list_names() -> None:
    for feed in KNOWN.feeds.values():
        if isinstance(feed.source, AtomSource):
            for code in feed.source.types:
                assert KNOWN.claimed_types(feed.source.url)[code] == feed.id
    claims = [
        (code, f.id) for f in KNOWN.feeds.values() if isinstance(f.source, AtomSource) for code in f.source.types
    ]
    listed = {(row.telegram_type, row.feed) for row in jma._telegrams().values() if row.feed}
    assert listed <= set(claims)
    assert len({code for code, _ in claims}) == len(claims)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"every": 59}, "every"),
        ({"id": "other"}, "without 'id'"),
        ({"source": {"type": "carrier pigeon"}}, "source"),
        ({"expect": {"max_drop": 1.5}}, "max_drop"),
        ({"publisher": None}, "publisher"),
    ],
)
def test_a_wrong_feed_names_file_and_key(config: Path, change: dict[str, object], said: str) -> None:
    path = config / "feeds" / "gsi_shelter.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(CatalogueError) as error:
        catalogue.load(config)
    assert "gsi_shelter.yml" in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_layer_names_file_and_key(config: Path) -> None:
    (config / "layers" / "shelter.yml").write_text("kind: shelter\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"layers/shelter\.yml: title_ja"):
        catalogue.load(config)


def test_no_yaml_and_no_feeds_are_said(config: Path, tmp_path: Path) -> None:
    (config / "feeds" / "gsi_shelter.yml").write_text("a: [1", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"gsi_shelter\.yml: not YAML"):
        catalogue.load(config)
    with pytest.raises(CatalogueError, match="no feeds below"):
        catalogue.load(tmp_path)


def test_unknown_names_come_with_the_known_ones() -> None:
    with pytest.raises(CatalogueError) as error:
        KNOWN.feed("jma_quak")
    assert "jma_quake" in error.value.remedy
    with pytest.raises(CatalogueError) as error:
        KNOWN.layer("shelters")
    assert "shelter" in error.value.remedy


@pytest.mark.parametrize(
    ("total", "last", "scopes", "said"),
    [
        (0, None, [], "lists nothing"),
        (4, None, [], "at least 5"),
        (80, 100, [], None),
        (79, 100, [], "the document would shrink from 100 to 79 items (by 21%"),
        (79, None, [], None),
        (79, 0, [], None),
        (100, 100, [("a", 20, 10)], None),
        (100, 100, [("a", 20, 9)], "a would shrink from 20 to 9"),
        (100, 100, [("a", 9, 0)], None),  # fewer than ten: a village
        (100, 100, [("a", 10, 0), ("b", 500, 100)], "a would shrink from 10 to 0"),
        (500, 100, [("a", 0, 400)], None),
    ],
)
def test_what_holds_a_document(
    total: int, last: int | None, scopes: list[tuple[str, int, int]], said: str | None
) -> None:
    why = Expect(min_items=5, max_drop=0.2, max_scope_drop=0.5).violation(total, last, scopes)
    assert (why is None) if said is None else (why is not None and said in why)
    assert Expect(may_be_empty=True).violation(0, 1000, [("a", 1000, 0)]) is None
