"""Addresses out of pages as municipalities write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.formats import html_page

URL = "https://www.example.jp/bosai/index.html"
PAGE = """<!DOCTYPE html><html lang="ja"><head><meta charset="{charset}"><title>【訓練】開設状況</title></head>
<body><ul><li><a href="file/訓練町_1.csv">訓練町</a></li><li><a href=" /b.csv#top ">b</a></li>
<li><a href="https://other.example.jp/c.csv?v=1">c</a></li><li><a href="file/../b.csv">b again</a></li>
<li><a href="mailto:x@example.jp">mail</a><a href="javascript:void(0)">x</a><a name="y">y</a></li>
<li><a href="https://[broken/d.csv">d</a></li><map><area href="m.pdf"></map></ul></body></html>"""
LINKS = [
    "https://www.example.jp/bosai/file/訓練町_1.csv",
    "https://www.example.jp/b.csv",
    "https://other.example.jp/c.csv?v=1",
    "https://www.example.jp/bosai/b.csv",
    "https://www.example.jp/bosai/m.pdf",
]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("Shift_JIS", "cp932"), ("x-sjis", "cp932"), ("euc-jp", "euc-jp")],
)
def test_links_are_resolved_against_the_page_in_their_order(charset: str, encoding: str) -> None:
    assert html_page.links(PAGE.format(charset=charset).encode(encoding), URL) == LINKS


def test_a_page_that_does_not_say_its_encoding_or_lies() -> None:
    silent = PAGE.replace('<meta charset="{charset}">', "")
    assert html_page.links(silent.encode("cp932"), URL) == LINKS
    assert html_page.links(silent.encode(), URL) == LINKS
    assert html_page.links(PAGE.format(charset="Shift_JIS").encode(), URL) == LINKS
    assert html_page.links(PAGE.format(charset="klingon").encode("cp932"), URL) == LINKS


def test_one_bad_letter_hides_no_link() -> None:
    body = PAGE.format(charset="utf-8").encode().replace("開設".encode(), b"\x81\xff")
    assert html_page.links(body, URL)[1:] == LINKS[1:]


def test_base_and_xhtml() -> None:
    page = (
        '<?xml version="1.0" encoding="Shift_JIS"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">'
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><base href="/data/"/></head>'
        '<body><p>訓練</p><a href="a.csv">a</a></body></html>'
    )
    assert html_page.links(page.encode("cp932"), URL) == ["https://www.example.jp/data/a.csv"]


def test_a_directory_listing_and_a_page_without_links() -> None:
    listing = b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<html><a href="a.csv">a.csv</a></html>'
    assert html_page.links(listing, URL) == ["https://www.example.jp/bosai/a.csv"]
    assert html_page.links("<html><body>訓練のため停止中</body></html>".encode(), URL) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1}',
        b"%PDF-1.7\n<a href='x'>",
        b"NO,name\n1,x\n",
        b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"/>',
        b"\x00\x01\x02",
        b"<!-- <a href='x'> -->",
    ],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        html_page.links(body, URL)
    assert caught.value.code == "not_html"


def test_nothing_is_refused() -> None:
    with pytest.raises(ParseError) as caught:
        html_page.links(b" \n", URL)
    assert caught.value.code == "empty"


@given(st.binary(max_size=300))
def test_any_bytes_are_links_or_a_refusal(body: bytes) -> None:
    for prefix in (b"", b"<html><a href='"):
        try:
            found = html_page.links(prefix + body, URL)
        except ParseError:
            continue
        assert all(one.startswith(("http://", "https://")) for one in found)
