"""Addresses out of pages as municipalities write them."""

from __future__ import annotations

import time

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
    ("page", "hrefs"),
    [
        ("<html><body>" + "<font>" * 100_000 + "<a href=a.csv>a</a>", ["a.csv"]),
        ("<html><body></body></html><a href=a.csv>after the end</a>", ["a.csv"]),
        ("<html><title>never closed<body><a href=a.csv>a</a></body></html>", ["a.csv"]),
        ("<html><A CLASS=x\n  HREF = 'a.csv' target=_blank>a</A>", ["a.csv"]),
        ("<html><a title='x > y' href='q?a=1&amp;b=2'>a</a><a/href=b.csv>b</a>", ["q?a=1&b=2", "b.csv"]),
        ('<html><a href="a.csv" href="b.csv">the first counts</a><a href>none</a><a href="">none</a>', ["a.csv"]),
        ("<html><!-- <a href=old.csv>old</a> --><a href=a.csv>a</a><!-- x <a href=b.csv>", ["a.csv"]),
        ("<html><script>w('<a href=s.csv>')</SCRIPT><style>a{}</style><a href=a.csv>a</a>", ["a.csv"]),
        ("<html><script>never closed <a href=a.csv>a</a>", ["a.csv"]),
        ("<html><abbr href=x.csv><article href=y.csv><a-b href=z.csv><a href=a.csv>", ["a.csv"]),
        ('<html><a href="a\n.csv">a</a><a href="b.csv', ["a.csv"]),
        ("<html>İ<script>x</script><a href=a.csv>a</a>", ["a.csv"]),
    ],
)
def test_pages_as_they_are(page: str, hrefs: list[str]) -> None:
    assert html_page.links(page.encode(), URL) == [f"https://www.example.jp/bosai/{href}" for href in hrefs]


@pytest.mark.parametrize(
    "junk", ["<!--", "<!", "<![", "</", "<a ", "<a href='", '<a href="', "<a =", "<script>", "&#", "<a x"]
)
def test_a_hostile_page_takes_no_longer_than_another(junk: str) -> None:
    started = time.process_time()
    html_page.links(b"<html>" + junk.encode() * 50_000, URL)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1}',
        b"%PDF-1.7\n<a href='x'>",
        b"NO,name\n1,x\n",
        b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"/>',
        b"\x00\x01\x02",
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
