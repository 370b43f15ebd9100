"""Drop folders on a real file system: what is taken, when, once, and what is left alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from bousai.catalogue import Feed, FolderSource
from bousai.errors import FetchError
from bousai.fetch import Fetched, folder, pull
from bousai.fetch.folder import SETTLE
from bousai.model import Issue
from tests.fetch.book import Book, a_feed, documents, issues, receipts

T0 = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_folder(path: str = "drop/kunren", pattern: str = "*", **more: int) -> Feed:
    return a_feed("kunren_folder", FolderSource(type="folder", path=path, pattern=pattern), hosts=(), **more)


@dataclass
class World:
    """A data folder with a drop folder in it; `meanwhile` is what happens while a visit waits."""

    data: Path
    feed: Feed = field(default_factory=a_folder)
    book: Book = field(default_factory=Book)
    at: datetime = T0
    sleeps: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    @property
    def folder(self) -> Path:
        return self.data / "drop" / "kunren"

    def put(self, name: str, body: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(body, encoding="utf-8")
        return self.folder / name

    def wait(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.meanwhile()

    def visit(self, after: timedelta = MINUTE) -> list[Fetched | Issue]:
        self.at += after
        came = []
        for one in pull(self.feed, self.book, now=lambda: self.at, data=self.data, sleep=self.wait):
            if isinstance(one, Fetched):
                self.book.record(one)
            came.append(one)
        return came


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_files_are_taken_once_in_the_order_of_their_names_and_stay_where_they_are(world: World) -> None:
    for name in ("第10報.xml", "第9報.xml", "a.xml"):
        world.put(name, f"<訓練>{name}</訓練>")
    before = {path: path.stat() for path in world.folder.iterdir()}
    came = world.visit()
    assert receipts(came) == [("not_modified", "kunren"), ("new", "a"), ("new", "第9報"), ("new", "第10報")]
    first = documents(came)[0]
    assert (first.url, first.name, first.dated_at) == ("folder:drop/kunren/a.xml", "a.xml", None)
    assert world.book.bodies[first.sha256] == "<訓練>a.xml</訓練>".encode()
    assert world.sleeps == [SETTLE]
    for path, was in before.items():
        assert (path.stat().st_ino, path.stat().st_size, path.stat().st_mtime_ns) == (
            was.st_ino,
            was.st_size,
            was.st_mtime_ns,
        )
    # the folder is the heartbeat, and a visit with nothing new waits for nothing
    assert receipts(world.visit()) == [("not_modified", "kunren")]
    assert world.sleeps == [SETTLE]


def test_a_changed_file_is_a_new_document_and_the_same_bytes_are_not(world: World) -> None:
    path = world.put("a.xml", "one")
    world.visit()
    os.utime(path, (1, 1))
    assert receipts(world.visit()) == [("not_modified", "kunren"), ("known", "a")]
    assert receipts(world.visit()) == [("not_modified", "kunren")]
    path.write_text("two")
    came = world.visit()
    assert receipts(came) == [("not_modified", "kunren"), ("new", "a")]
    assert [document.sha256 for document in documents(came)] == [sha256(b"two").hexdigest()]


def test_a_file_that_takes_the_place_of_another_is_seen_even_with_its_size_and_time(world: World) -> None:
    path = world.put("a.xml", "one")
    world.visit()
    other = world.put(".aside", "two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert receipts(world.visit())[1:] == [("new", "a")]


def test_a_file_that_is_still_being_written_is_left_for_the_next_visit(world: World) -> None:
    path = world.put("a.xml", "half")
    world.put("b.xml", "whole")

    def goes_on() -> None:
        with path.open("a") as file:
            file.write(" and more")

    world.meanwhile = goes_on
    assert receipts(world.visit()) == [("not_modified", "kunren"), ("new", "b")]
    world.meanwhile = lambda: None
    came = world.visit()
    assert receipts(came) == [("not_modified", "kunren"), ("new", "a")]
    assert world.book.bodies[documents(came)[0].sha256] == b"half and more"


def test_a_file_that_is_taken_away_meanwhile_is_no_fault(world: World) -> None:
    path = world.put("a.xml", "x")
    world.meanwhile = path.unlink
    came = world.visit()
    assert receipts(came) == [("not_modified", "kunren")]
    assert issues(came) == []


def test_links_pipes_sockets_and_folders_are_left_alone_and_told(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    world.folder.mkdir(parents=True)
    (world.folder / "1link.xml").symlink_to(secret)
    os.mkfifo(world.folder / "2pipe.xml")
    (world.folder / "3folder.xml").mkdir()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(world.folder / "4sock.xml"))
        came = world.visit()
    assert receipts(came) == [("not_modified", "kunren")]
    assert [(issue.code, issue.position.rpartition("/")[2]) for issue in issues(came)] == [
        ("not_a_file", "1link.xml"),
        ("not_a_file", "2pipe.xml"),
        ("not_a_file", "3folder.xml"),
        ("not_a_file", "4sock.xml"),
    ]
    assert world.sleeps == []


def test_a_file_that_turns_into_a_link_meanwhile_is_not_followed(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    path = world.put("a.xml", "x")

    def turns() -> None:
        path.unlink()
        path.symlink_to(tmp_path / "secret")

    world.meanwhile = turns
    came = world.visit()
    assert documents(came) == []
    assert [issue.code for issue in issues(came)] == ["unreadable"]
    assert sha256(b"secret").hexdigest() not in world.book.bodies


def test_only_what_matches_and_nothing_hidden(world: World) -> None:
    world.feed = a_folder(pattern="*.xml")
    for name in ("a.xml", "a.XML", "b.csv", ".c.xml"):
        world.put(name, name)
    assert receipts(world.visit()) == [("not_modified", "kunren"), ("new", "a")]


def test_names_of_a_mac_and_of_windows(world: World) -> None:
    world.feed = a_folder(pattern="ガ*.csv")
    world.put("カ\u3099ス.csv", "nfd")
    with open(os.path.join(os.fsencode(world.folder), "ガス停止.csv".encode("cp932")), "wb") as file:
        file.write(b"cp932")
    assert [document.name for document in documents(world.visit())] == ["ガス.csv", "ガス停止.csv"]
    with open(os.path.join(os.fsencode(world.folder), b"\x81\xff.csv"), "wb") as file:
        file.write(b"x")
    (issue,) = issues(world.visit())
    assert issue.code == "not_a_file"
    assert "\\udc81" in issue.cause


def test_a_big_file_is_handed_on_as_a_copy_that_is_gone_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "IN_MEMORY", 10)
    there = world.put("big.xml", "x" * 1000)
    (came,) = (one for one in world.visit() if isinstance(one, Fetched) and one.document is not None)
    assert isinstance(came.body, Path)
    assert came.body != there
    assert not came.body.exists()
    assert world.book.bodies == {sha256(b"x" * 1000).hexdigest(): b"x" * 1000}
    assert [path.name for path in world.data.iterdir()] == ["drop"]
    assert documents(world.visit()) == []


def test_a_file_that_is_too_large_stops_no_other(world: World) -> None:
    world.feed = a_folder(max_bytes=10)
    world.put("1.xml", "x" * 11)
    world.put("2.xml", "x" * 10)
    came = world.visit()
    assert receipts(came) == [("not_modified", "kunren"), ("error", "1"), ("new", "2")]
    assert [(issue.code, issue.severity) for issue in issues(came)] == [("too_large", "warning")]
    assert world.book.receipts[1].error_code == "too_large"


def test_a_folder_of_our_own_is_made_and_one_elsewhere_must_be_there(world: World, tmp_path: Path) -> None:
    assert receipts(world.visit()) == [("not_modified", "kunren")]
    assert world.folder.is_dir()
    share = tmp_path / "share"
    world.feed = a_folder(path=str(share))
    with pytest.raises(FetchError) as caught:
        world.visit()
    assert caught.value.code == "no_folder"
    assert (world.book.receipts[-1].outcome, world.book.receipts[-1].error_code) == ("error", "no_folder")
    share.mkdir()
    (share / "a.xml").write_text("x")
    assert receipts(world.visit()) == [("not_modified", "share"), ("new", "a")]


def test_without_a_data_folder_the_environment_says_where(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("a.xml", "x")
    monkeypatch.setenv("BOUSAI_DATA", str(world.data))
    came = list(pull(world.feed, world.book, now=lambda: T0, sleep=world.sleeps.append))
    assert receipts(came) == [("not_modified", "kunren"), ("new", "a")]


@pytest.mark.parametrize("path", ["", "../x", "a/../../b"])
def test_a_folder_outside_is_no_feed(path: str) -> None:
    with pytest.raises(ValueError, match="below the data folder"):
        a_folder(path=path)
