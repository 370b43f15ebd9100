"""Atom indexes: the real long index, an edited one with foreign links, and what is refused."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bousai.errors import ParseError
from bousai.formats import atom

FEED = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>訓練</title><updated>2026-11-05T10:02:00+09:00</updated>{}</feed>"""


def test_real_long_index(realdata: Path) -> None:
    document = (realdata / "jma-feed/eqvol_l_20260728.xml").read_bytes()
    feed = atom.read(document)
    assert feed.updated.isoformat() == "2026-07-28T18:45:58+09:00"
    assert len(feed.entries) == document.count(b"<entry>") == 573
    in_links = Counter(re.findall(rb'href="[^"]*_([A-Z]{4}\d\d)_\d+\.xml"', document))
    assert Counter(entry.bulletin_type for entry in feed.entries) == {k.decode(): n for k, n in in_links.items()}
    first = feed.entries[0]
    assert first.id == first.url
    assert first.url.startswith("https://www.data.jma.go.jp/developer/xml/data/")
    assert (first.title, first.author, first.bulletin_type) == ("震源・震度に関する情報", "気象庁", "VXSE53")
    assert first.updated is not None
    assert first.updated.isoformat() == "2026-07-28T09:45:49+00:00"
    assert first.summary == "【震源・震度情報】２８日１８時４３分ころ、地震がありました。"
    assert all(entry.updated for entry in feed.entries)


def test_edited_index_with_links_to_another_host(realdata: Path) -> None:
    document = (realdata / "jma-feed/eqvol_rewritten_20240101.xml").read_bytes()
    feed = atom.read(document)
    assert len(feed.entries) == document.count(b"<entry>")
    assert {entry.bulletin_type for entry in feed.entries} == {None}  # the names carry no type: nothing is guessed
    assert [entry.url for entry in feed.entries] == re.findall(r"<id>(http[^<#]*\.xml)</id>", document.decode())
    assert feed.entries[0].summary == ""


def test_odd_entries() -> None:
    feed = atom.read(
        FEED.format(
            "<entry><id>https://example.org/a_VPWW54_1.xml</id><updated>yesterday</updated></entry>"
            "<entry><title>no address</title></entry>"
            '<entry><id>urn:x</id><link rel="self" href="https://example.org/self.xml"/>'
            '<link href="https://example.org/20220918154907_08013775_VTSE41.xml"/></entry>'
            '<entry><id>urn:y</id><link href="https://example.org/20261105010012_0_vxse51_010000.xml"/></entry>'
        ).encode()
    )
    assert [(entry.url.rpartition("/")[2], entry.bulletin_type) for entry in feed.entries] == [
        ("a_VPWW54_1.xml", "VPWW54"),
        ("20220918154907_08013775_VTSE41.xml", "VTSE41"),
        ("20261105010012_0_vxse51_010000.xml", None),
    ]
    assert feed.entries[0].updated is None


def test_empty_index_is_an_index() -> None:
    assert atom.read(FEED.format("").encode()).entries == ()


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "empty"),
        (b"<html><body>error</body></html>", "html_instead_of_xml"),
        (FEED.format("<entry>").encode(), "not_xml"),
        (FEED.format("").encode()[:-5], "not_xml"),
        (FEED.format("").encode("cp932"), "wrong_encoding"),
        (b"<!DOCTYPE feed>" + FEED.format("").encode().partition(b"\n")[2], "doctype"),
        (b'<rss version="2.0"><channel/></rss>', "not_atom"),
        (b"<feed><updated>2026-11-05T10:02:00+09:00</updated></feed>", "not_atom"),
        (FEED.format("").replace("2026-11-05T10:02:00+09:00", "").encode(), "bad_time"),
        (FEED.format("").replace("+09:00", "").encode(), "bad_time"),
    ],
)
def test_refused(document: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        atom.read(document)
    assert refused.value.code == code
    assert refused.value.remedy
