"""Pages of links and CKAN portals, against a server on this machine that plays them."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from bousai.catalogue import CkanSource, Feed, LinksSource
from bousai.errors import FetchError
from bousai.fetch import Client, Fetched
from bousai.fetch import visit as visit_module
from bousai.fetch.pages import found, linked
from bousai.fetch.visit import Visit
from bousai.model import Issue
from tests.fetch.book import Book, a_feed, documents, issues, receipts
from tests.fetch.scripted import Exchange, Site, serving

HOST, FILES = "www.example.jp", "files.example.jp"
PAGE = f"https://{HOST}/bosai/index.html"
T0 = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LINKS = a_feed("kunren_links", LinksSource(type="links", url=PAGE, pattern=r"(.*報|\d+)\.csv"), hosts=(HOST, FILES))
PORTAL = "https://data.example.jp"
CKAN = a_feed(
    "kunren_ckan",
    CkanSource(type="ckan", url=f"{PORTAL}/", query="訓練 避難所", pattern=r".*_shelter\.csv|避難所一覧"),
    hosts=("data.example.jp", FILES),
)


@dataclass
class World:
    """Bytes, a status or a script at addresses; a clock; a ledger."""

    site: Site
    pages: dict[str, bytes | int | Callable[[Exchange], None]] = field(default_factory=dict)
    search: bytes | Callable[[Exchange], None] | None = None
    book: Book = field(default_factory=Book)
    at: datetime = T0

    def answer(self, exchange: Exchange) -> None:
        url = "https:/" + exchange.path
        there = self.search if url.startswith(f"{PORTAL}/api/3/action/package_search?") else self.pages.get(url)
        if callable(there):
            there(exchange)
        elif isinstance(there, int) or there is None:
            exchange.reply(there or 404)
        else:
            etag = f'"{sha256(there).hexdigest()[:8]}"'
            same = exchange.headers.get("If-None-Match") == etag
            exchange.reply(304 if same else 200, b"" if same else there, ETag=etag)

    def poll(self, feed: Feed, after: timedelta = timedelta(0)) -> list[Fetched | Issue]:
        self.at += after
        came: list[Fetched | Issue] = []
        with Client(feed.hosts, deadline=5, max_bytes=1 << 20, playback=self.site.address) as client:
            visit = Visit(feed, self.book, client, lambda: self.at, lambda _: None)
            source = feed.source
            for one in linked(visit, source) if isinstance(source, LinksSource) else found(visit, source):
                if isinstance(one, Fetched):
                    self.book.record(one)
                came.append(one)
        return came

    def asked(self, url: str) -> int:
        return self.site.paths.count("/" + url.removeprefix("https://"))


@pytest.fixture
def world() -> Iterator[World]:
    with serving(lambda exchange: there.answer(exchange)) as site:
        there = World(site)
        yield there


def page(*hrefs: str) -> bytes:
    body = "".join(f'<li><a href="{href}">訓練</a></li>' for href in hrefs)
    return f"<!DOCTYPE html><html><head><title>【訓練】</title></head><body><ul>{body}</ul></body></html>".encode()


def test_the_examples_of_the_manual_hold() -> None:
    result = doctest.testmod(visit_module)
    assert result.attempted > 1
    assert result.failed == 0


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_link_that_matches_is_fetched_once_in_the_order_of_its_number(world: World) -> None:
    world.pages[PAGE] = page("10.csv", "9.csv", f"https://{FILES}/x/11.csv", "9.csv#top", "9.pdf", "../top.html")
    for name in ("9", "10"):
        world.pages[f"https://{HOST}/bosai/{name}.csv"] = f"訓練,{name}".encode()
    world.pages[f"https://{FILES}/x/11.csv"] = "訓練,11".encode()
    came = world.poll(LINKS)
    assert receipts(came) == [("new", "index.html"), ("new", "9.csv"), ("new", "10.csv"), ("new", "11.csv")]
    assert [document.name for document in documents(came)] == ["9.csv", "10.csv", "11.csv"]
    assert issues(came) == []
    # the page is unchanged: its 304 is the heartbeat, and nothing else is asked
    assert receipts(world.poll(LINKS, MINUTE)) == [("not_modified", "index.html")]
    # a new link
    world.pages[PAGE] = page("12.csv", "10.csv")
    world.pages[f"https://{HOST}/bosai/12.csv"] = "訓練,12".encode()
    assert receipts(world.poll(LINKS, MINUTE)) == [("new", "index.html"), ("new", "12.csv")]
    assert receipts(world.poll(LINKS, timedelta(seconds=30))) == [("skipped", "index.html")]


def test_names_in_japanese(world: World) -> None:
    world.pages[PAGE] = page("第10報.csv", "%E7%AC%AC9%E5%A0%B1.csv")
    world.pages[f"https://{HOST}/bosai/%E7%AC%AC9%E5%A0%B1.csv"] = b"9"
    world.pages[f"https://{HOST}/bosai/%E7%AC%AC10%E5%A0%B1.csv"] = b"10"
    assert [document.name for document in documents(world.poll(LINKS))] == ["第9報.csv", "第10報.csv"]


def test_a_link_that_fails_stops_no_other_and_is_asked_again_even_when_it_has_left_the_page(world: World) -> None:
    world.pages[PAGE] = page("1.csv", "2.csv")
    world.pages[f"https://{HOST}/bosai/1.csv"] = 503
    world.pages[f"https://{HOST}/bosai/2.csv"] = b"2"
    came = world.poll(LINKS)
    assert receipts(came) == [("new", "index.html")] + [("error", "1.csv")] * 3 + [("new", "2.csv")]
    assert issues(came) == []
    world.pages[PAGE] = page("2.csv")
    world.pages[f"https://{HOST}/bosai/1.csv"] = b"1"
    assert receipts(world.poll(LINKS, MINUTE)) == [("new", "index.html"), ("new", "1.csv")]


def test_a_dead_link_is_told_and_asked_for_once_an_hour(world: World) -> None:
    world.pages[PAGE] = page("1.csv")
    dead = f"https://{HOST}/bosai/1.csv"
    (issue,) = issues(world.poll(LINKS))
    assert (issue.code, issue.severity, issue.position) == ("link_failed", "warning", dead)
    world.poll(LINKS, 59 * MINUTE)
    assert world.asked(dead) == 1
    world.pages[dead] = b"1"
    assert receipts(world.poll(LINKS, 2 * MINUTE))[1:] == [("new", "1.csv")]


@pytest.mark.parametrize(
    "href",
    [
        "https://169.254.169.254/1.csv",
        "https://evil.example.com/1.csv",
        f"http://{HOST}/1.csv",
        f"https://{HOST}:8443/1.csv",
        f"https://user:secret@{HOST}/1.csv",
        "//localhost/1.csv",
    ],
)
def test_a_link_elsewhere_is_never_asked_for(world: World, href: str) -> None:
    world.pages[PAGE] = page(href)
    came = world.poll(LINKS)
    assert receipts(came) == [("new", "index.html"), ("error", "1.csv")]
    assert [issue.code for issue in issues(came)] == ["link_failed"]
    assert world.book.receipts[-1].error_code == "refused_address"
    assert world.asked(PAGE) == len(world.site.requests) == 1


def test_a_redirect_elsewhere_is_not_followed(world: World) -> None:
    world.pages[PAGE] = page("1.csv")
    world.pages[f"https://{HOST}/bosai/1.csv"] = lambda exchange: exchange.reply(
        302, Location="https://10.0.0.1/1.csv"
    )
    came = world.poll(LINKS)
    assert world.book.receipts[-1].error_code == "refused_address"
    assert [issue.code for issue in issues(came)] == ["link_failed"]
    assert len(world.site.requests) == 2


@pytest.mark.parametrize("body", [b'{"links": []}', b"%PDF-1.7", b"", b"<feed/>"])
def test_a_page_that_is_none(world: World, body: bytes) -> None:
    world.pages[PAGE] = body
    with pytest.raises(FetchError) as caught:
        world.poll(LINKS)
    assert caught.value.code == "not_a_page"
    assert PAGE in caught.value.cause
    assert {one.error_code for one in world.book.receipts} == {"not_a_page"}
    # it is not remembered as an answer
    world.pages[PAGE] = page("1.csv")
    world.pages[f"https://{HOST}/bosai/1.csv"] = b"1"
    assert receipts(world.poll(LINKS, MINUTE)) == [("new", "index.html"), ("new", "1.csv")]


def test_a_page_that_lists_nothing_is_contact_and_an_issue(world: World) -> None:
    world.pages[PAGE] = page("readme.html")
    came = world.poll(LINKS)
    assert receipts(came) == [("new", "index.html")]
    (issue,) = issues(came)
    assert (issue.code, issue.severity, issue.position) == ("no_links", "warning", PAGE)
    assert issues(world.poll(LINKS, MINUTE)) == [issue]


@pytest.mark.parametrize("pattern", ["(", "*.csv"])
def test_a_pattern_that_is_no_regular_expression_is_no_feed(pattern: str) -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        LinksSource(type="links", url=PAGE, pattern=pattern)
    with pytest.raises(ValueError, match="no regular expression"):
        CkanSource(type="ckan", url=PORTAL, query="x", pattern=pattern)


# ── CKAN ─────────────────────────────────────────────────────────────────────────────────────────────────


def resource(name: str, title: str = "", host: str = FILES) -> dict[str, str]:
    return {"url": f"https://{host}/{name}", "name": title, "format": "CSV", "id": "x"}


def portal(
    world: World, packages: list[list[dict[str, str]]], *, rows_max: int = 1000, count: int | None = None
) -> None:
    """A portal that finds these packages, in pages as large as is asked for and as it allows."""

    def search(exchange: Exchange) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(exchange.path).query).items()}
        assert (asked["q"], asked["sort"]) == ("訓練 避難所", "name asc")
        start, rows = int(asked["start"]), min(int(asked["rows"]), rows_max)
        shown = [{"title": "訓練", "resources": one} for one in packages[start : start + rows]]
        found = {"count": len(packages) if count is None else count, "results": shown}
        exchange.reply(200, orjson.dumps({"help": "x", "success": True, "result": found}))

    world.search = search


def test_resources_are_found_by_file_name_or_title_and_read_on_condition(world: World) -> None:
    portal(
        world,
        [
            [resource("b_shelter.csv"), resource("b.pdf", "避難所一覧（PDF）")],
            [resource("a.csv", "避難所一覧"), resource("c_toilet.csv", "トイレ"), {"url": "", "name": "避難所一覧"}],
            [resource("b_shelter.csv", "again")],
            [],
        ],
    )
    world.pages[f"https://{FILES}/a.csv"] = b"a"
    world.pages[f"https://{FILES}/b_shelter.csv"] = b"b"
    came = world.poll(CKAN)
    assert [document.name for document in documents(came)] == ["a.csv", "b_shelter.csv"]
    assert issues(came) == []
    came = world.poll(CKAN, MINUTE)
    assert receipts(came)[1:] == [("not_modified", "a.csv"), ("not_modified", "b_shelter.csv")]
    world.pages[f"https://{FILES}/a.csv"] = b"a, changed"
    came = world.poll(CKAN, MINUTE)
    assert [document.name for document in documents(came)] == ["a.csv"]
    assert receipts(world.poll(CKAN, timedelta(seconds=20)))[1:] == [
        ("skipped", "a.csv"),
        ("skipped", "b_shelter.csv"),
    ]


@pytest.mark.parametrize("rows_max", [1000, 60])
def test_all_pages_of_a_search_are_read(world: World, rows_max: int) -> None:
    portal(world, [[resource(f"{n}_shelter.csv")] for n in range(130)], rows_max=rows_max)
    for n in range(130):
        world.pages[f"https://{FILES}/{n}_shelter.csv"] = str(n).encode()
    came = world.poll(CKAN)
    assert [document.name for document in documents(came)] == [f"{n}_shelter.csv" for n in range(130)]
    assert issues(came) == []


@pytest.mark.parametrize(("there", "count", "read"), [(20, 30, 20), (1200, 1200, 1000)])
def test_packages_that_were_not_read_are_told(world: World, there: int, count: int, read: int) -> None:
    portal(world, [[] for _ in range(there)] + [], count=count)
    codes = {issue.code: issue.cause for issue in issues(world.poll(CKAN))}
    assert set(codes) == {"not_all_packages", "no_links"}
    assert f"{count} packages" in codes["not_all_packages"]
    assert f"{read} were read" in codes["not_all_packages"]


def test_a_resource_elsewhere_or_gone_is_told_and_stops_no_other(world: World) -> None:
    portal(
        world,
        [
            [resource("1_shelter.csv", host="evil.example.com"), resource("2_shelter.csv")],
            [resource("3_shelter.csv")],
        ],
    )
    world.pages[f"https://{FILES}/3_shelter.csv"] = b"3"
    came = world.poll(CKAN)
    assert receipts(came)[1:] == [("error", "1_shelter.csv"), ("error", "2_shelter.csv"), ("new", "3_shelter.csv")]
    assert [(issue.code, "404" in issue.cause) for issue in issues(came)] == [
        ("link_failed", False),
        ("link_failed", True),
    ]
    assert not any("evil" in path for path in world.site.paths)


def test_no_resource_at_all_can_be_read(world: World) -> None:
    portal(world, [[resource("1_shelter.csv"), resource("2_shelter.csv")]])
    with pytest.raises(FetchError) as caught:
        world.poll(CKAN)
    assert caught.value.code == "http_404"


@pytest.mark.parametrize(
    "body",
    [b"<html><body>maintenance</body></html>", b'{"success": false, "result": {"count": 0, "results": []}}', b"[]"],
)
def test_an_answer_that_is_no_search(world: World, body: bytes) -> None:
    world.search = body
    with pytest.raises(FetchError) as caught:
        world.poll(CKAN)
    assert caught.value.code == "not_an_index"
    assert {one.error_code for one in world.book.receipts} == {"not_an_index"}
