"""The corpus is the test: every real file is read to its last element, and our samples never become actual."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

import corpus
import formats_page
import goldens
from bousai import catalogue, pipeline, settings

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("BOUSAI_REALDATA", PROJECT.parent / "shared" / "realdata"))
KNOWN = catalogue.load(PROJECT / "config")
PLAYED = corpus.recording(FOLDER).documents if FOLDER.is_dir() else ()


@pytest.mark.parametrize("one", PLAYED, ids=lambda one: one.path)
def test_a_real_file_is_read_to_its_last_element(realdata: Path, one: corpus.Recorded) -> None:
    feed = corpus.feed_of(KNOWN, one)
    assert feed is not None, f"no feed takes {one.title}"
    path = realdata / one.path
    reading = corpus.read(feed, one.path, path.name, path.read_bytes(), one.at)
    assert reading.refused == corpus.REFUSED.get(one.path), reading.cause
    assert reading.unread == ()


def test_every_real_file_is_named_in_the_manifest(realdata: Path) -> None:
    assert corpus.recording(realdata).unlisted == ()


def test_the_page_of_formats_is_current(realdata: Path) -> None:
    assert formats_page.PAGE.read_text(encoding="utf-8") == formats_page.page(corpus.readings(realdata)), (
        "make goldens"
    )


@pytest.mark.parametrize("feed", KNOWN.feeds.values(), ids=lambda feed: feed.id)
def test_a_feed_tells_its_parser_what_it_can_take(feed: catalogue.Feed) -> None:
    parser = pipeline.parser_of(feed)
    if hasattr(parser, "Options"):
        groups = (
            {} if feed.file_name is None else dict.fromkeys(set(re.compile(feed.file_name).groupindex) - {"at"}, "1")
        )
        msgspec.convert({**groups, **feed.options}, parser.Options, strict=False)
    else:
        assert not feed.options
    assert formats_page.known_gaps(feed.parser)


@pytest.mark.store
def test_no_sample_of_an_exercise_changes_a_byte_of_what_is_actual(tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)

    def actual() -> dict[str, bytes]:
        pipeline.publish_layers(None, own)
        return {
            str(path.relative_to(own.public)): path.read_bytes()
            for path in own.public.rglob("latest.geojson")
            if "exercise" not in path.relative_to(own.public).parts
        }

    before = actual()
    stored = 0
    for feed in KNOWN.feeds.values():
        pairs = [(path.name, path.read_bytes()) for path in goldens.samples(feed.id)]
        for taint in ("exercise", "test"):
            done = pipeline.ingest_files(feed.id, pairs, own, taint=taint)
            stored += sum(one.outcome == "stored" for one in done)
    assert stored > len(KNOWN.feeds)
    assert actual() == before
