"""A recording is matched with its manifest, and played as a source would publish it."""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from bousai import catalogue
from bousai.errors import CatalogueError
from bousai.exercise import Recording, read, serve
from bousai.formats import atom
from bousai.settings import PROJECT

TELEGRAM = """<?xml version="1.0" encoding="UTF-8"?>
<Report xmlns="http://xml.kishou.go.jp/jmaxml1/"><Control><Title>{title}</Title><DateTime>{at}</DateTime>
<Status>訓練</Status><EditorialOffice>気象庁本庁</EditorialOffice><PublishingOffice>気象庁</PublishingOffice></Control>
<Head xmlns="http://xml.kishou.go.jp/jmaxml1/informationBasis1/"><Title>見出し</Title></Head></Report>"""

MANIFEST = """title: 訓練
status: exercise
entries:
  - {files: "jma/broken.xml", telegrams: true, at: 2026-11-05T09:59:00+09:00}
  - {files: "jma/**/*.xml", telegrams: true}
  - {files: "lists/*.csv", feed: gsi_shelter, at: 2026-11-01T00:00:00+09:00}
  - {files: "lists/**", left_out: not a list}
"""
FEED = "/www.data.jma.go.jp/developer/xml/feed"


def telegram(title: str, at: str) -> bytes:
    return TELEGRAM.format(title=title, at=at).encode()


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)


FILES = {
    "jma/1.xml": telegram("震度速報", "2026-11-05T01:01:50Z"),
    "jma/sub/deep/2 津波.xml": telegram("津波警報・注意報・予報a", "2026-11-05T10:03:12+09:00"),
    "jma/0.xml": telegram("震源・震度に関する情報", "2026-11-05T00:50:00Z"),
    "jma/unknown.xml": telegram("まだない電文", "2026-11-05T01:02:00Z"),
    "jma/broken.xml": telegram("震度速報", "2026-11-05T01:01:50Z")[:150],
    "lists/b.csv": "番号,名称\n1,体育館\n".encode() * 100,
    "lists/a.csv": b"",
    "lists/notes.txt": b"notes",
    "lists/more/c.csv": b"1",
    "stray.bin": b"\x00",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "recording"
    fill(root, {**FILES, "manifest.yml": MANIFEST.encode()})
    return root


def matched(tmp_path: Path, entries: str, *paths: str) -> Recording:
    """A recording of files that are never opened, by these entries."""
    fill(tmp_path / "files", dict.fromkeys(paths, b""))
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(f"title: x\nstatus: test\nentries:\n{entries}", encoding="utf-8")
    return read(manifest, tmp_path / "files")


def leave_out(*patterns: str) -> str:
    return "".join(f'  - {{files: "{pattern}", left_out: "{pattern}"}}\n' for pattern in patterns)


# ── manifest ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_played_and_when(folder: Path) -> None:
    recording = read(folder / "manifest.yml", folder)
    assert (recording.title, recording.status, recording.folder) == ("訓練", "exercise", folder)
    assert [(one.path, one.feed, one.index, one.title, one.author) for one in recording.documents] == [
        ("lists/a.csv", "gsi_shelter", "", "", ""),
        ("lists/b.csv", "gsi_shelter", "", "", ""),
        ("jma/0.xml", None, "eqvol", "震源・震度に関する情報", "気象庁"),
        ("jma/broken.xml", None, "eqvol", "震度速報", ""),
        ("jma/1.xml", None, "eqvol", "震度速報", "気象庁"),
        ("jma/unknown.xml", None, "other", "まだない電文", "気象庁"),
        ("jma/sub/deep/2 津波.xml", None, "eqvol", "津波警報・注意報・予報a", "気象庁"),
    ]
    assert [one.at.astimezone(UTC) for one in recording.documents] == [
        datetime(2026, 10, 31, 15, tzinfo=UTC),
        datetime(2026, 10, 31, 15, tzinfo=UTC),
        datetime(2026, 11, 5, 0, 50, tzinfo=UTC),
        datetime(2026, 11, 5, 0, 59, tzinfo=UTC),
        datetime(2026, 11, 5, 1, 1, 50, tzinfo=UTC),
        datetime(2026, 11, 5, 1, 2, tzinfo=UTC),
        datetime(2026, 11, 5, 1, 3, 12, tzinfo=UTC),
    ]
    assert recording.left_out == (("lists/more/c.csv", "not a list"), ("lists/notes.txt", "not a list"))
    assert recording.unlisted == ("stray.bin",)  # said, but not fatal; the manifest itself is no part of it


def test_the_first_entry_that_matches_takes_a_file(tmp_path: Path) -> None:
    recording = matched(tmp_path, leave_out("a/x.csv", "a/*", "**"), "a/x.csv", "a/y.csv", "z")
    assert recording.left_out == (("a/x.csv", "a/x.csv"), ("a/y.csv", "a/*"), ("z", "**"))
    other = matched(tmp_path, leave_out("**", "a/*"))
    assert {why for _, why in other.left_out} == {"**"}


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("**", {"a.xml", "p/b.xml", "p/q/c.xml", "p/q/d.csv"}),
        ("**/*.xml", {"a.xml", "p/b.xml", "p/q/c.xml"}),
        ("*.xml", {"a.xml"}),
        ("p/*", {"p/b.xml"}),
        ("p/**", {"p/b.xml", "p/q/c.xml", "p/q/d.csv"}),
        ("p/**/*.xml", {"p/b.xml", "p/q/c.xml"}),
        ("**/q/**", {"p/q/c.xml", "p/q/d.csv"}),
        ("p/?/[cd].*", {"p/q/c.xml", "p/q/d.csv"}),
        ("q/*", set()),
        ("b.xml", set()),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, taken: set[str]) -> None:
    everything = {"a.xml", "p/b.xml", "p/q/c.xml", "p/q/d.csv"}
    recording = matched(tmp_path, leave_out(pattern), *everything)
    assert {path for path, _ in recording.left_out} == taken
    assert set(recording.unlisted) == everything - taken


def test_an_empty_recording(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    recording = matched(tmp_path, leave_out("**"))
    assert (recording.documents, recording.left_out, recording.unlisted) == ((), (), ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x\nstatus: exercise\nentries:\n  - {files: '*'}", "exactly one of"),
        ("title: x\nstatus: exercise\nentries:\n  - {files: '*', telegrams: true, left_out: y}", "exactly one of"),
        ("title: x\nstatus: exercise\nentries:\n  - {files: '*', feed: y}", "at"),
        (
            "title: x\nstatus: exercise\nentries:\n  - {files: '*', feed: y, at: 2026-11-05T00:00:00}",
            "timezone",
        ),
        ("title: x\nstatus: drill\nentries: []", "status"),
        ("title: x\nentries: []", "status"),
        ("title: x\nstatus: exercise\nentries: []\nspeed: 2", "speed"),
        ("title: x\nstatus: exercise\nentries:\n  - {files: '*', left_out: y, why: z}", "why"),
        ("title: [", "expected"),
        ("- a\n- b", "Manifest"),
        ("", "Manifest"),
    ],
)
def test_a_wrong_manifest_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    manifest = tmp_path / "wrong.yml"
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        read(manifest, tmp_path)
    assert said in caught.value.cause
    assert caught.value.cause.startswith("wrong.yml: ")
    assert "\n" not in caught.value.cause
    assert caught.value.remedy


@pytest.mark.parametrize("body", [None, b"title: \xff\xfe\n", b"title: \x00\n"])
def test_a_manifest_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, body: bytes | None) -> None:
    if body is not None:
        (tmp_path / "wrong.yml").write_bytes(body)
    with pytest.raises(CatalogueError) as caught:
        read(tmp_path / "wrong.yml", tmp_path)
    assert "\n" not in caught.value.cause


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not XML",
        b"\x89PNG\r\n",
        b"<Report/>",
        telegram("震度速報", ""),
        telegram("震度速報", "this morning"),
        telegram("震度速報", "2026-11-05T01:01:50"),  # whose time?
    ],
)
def test_a_telegram_without_a_time_needs_one(tmp_path: Path, body: bytes) -> None:
    fill(tmp_path, {"files/x/1.xml": body})
    with pytest.raises(CatalogueError, match=r"^x/1\.xml: ") as caught:
        matched(tmp_path, '  - {files: "**", telegrams: true}')
    assert "at" in caught.value.remedy
    recording = matched(tmp_path, '  - {files: "**", telegrams: true, at: 2026-11-05T00:00:00Z}')
    assert [one.at for one in recording.documents] == [datetime(2026, 11, 5, tzinfo=UTC)]


def test_every_real_file_has_its_place(realdata: Path) -> None:
    recording = read(PROJECT / "exercises" / "realdata.yml", realdata)
    assert recording.unlisted == ()
    assert recording.status == "actual"
    on_disk = {
        os.path.relpath(os.path.join(where, name), realdata)
        for where, _, names in os.walk(realdata)
        for name in names
    }
    assert {one.path for one in recording.documents} | {path for path, _ in recording.left_out} == on_disk
    assert {one.feed for one in recording.documents} - {None} <= set(catalogue.load(PROJECT / "config").feeds)
    telegrams = {path for path in on_disk if path.startswith("jma-xml/") and path.endswith(".xml")}
    played = {one.path: one.status for one in recording.documents if one.feed is None}
    assert set(played) == telegrams - {path for path, _ in recording.left_out}
    assert {path for path, status in played.items() if status == "actual"} == {
        path for path in played if path.startswith("jma-xml/real-")
    }
    assert list(recording.documents) == sorted(recording.documents, key=lambda one: (one.at, one.path))


# ── server ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Player:
    """A recording that is being played."""

    address: str
    folder: Path

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(self.address)
        assert parts.hostname == "127.0.0.1"
        connection = HTTPConnection(parts.hostname, parts.port or 0, timeout=5)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def index(self, name: str) -> atom.AtomFeed:
        status, headers, body = self.get(f"{FEED}/{name}.xml")
        assert (status, headers["Content-Type"]) == (200, "text/xml")
        return atom.read(body)

    def raw(self, request: bytes) -> bytes:
        parts = urlsplit(self.address)
        with socket.create_connection(("127.0.0.1", parts.port or 0), timeout=5) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def player(folder: Path) -> Iterator[Player]:
    with serve(read(folder / "manifest.yml", folder)) as address:
        yield Player(address, folder)


def test_the_indexes_list_the_telegrams_newest_first(player: Player) -> None:
    long = player.index("eqvol_l")
    assert long.updated.isoformat() == "2026-11-05T10:03:12+09:00"
    assert [(entry.title, entry.author) for entry in long.entries] == [
        ("津波警報・注意報・予報a", "気象庁"),
        ("震度速報", "気象庁"),
        ("震度速報", ""),
        ("震源・震度に関する情報", "気象庁"),
    ]
    assert [str(entry.updated) for entry in long.entries] == [
        "2026-11-05 01:03:12+00:00",
        "2026-11-05 01:01:50+00:00",
        "2026-11-05 00:59:00+00:00",
        "2026-11-05 00:50:00+00:00",
    ]
    assert all(entry.id == entry.url for entry in long.entries)
    # the short one: ten minutes back from the newest
    assert player.index("eqvol").entries == long.entries[:3]
    assert [entry.title for entry in player.index("other").entries] == ["まだない電文"]
    for name in ("regular", "regular_l", "extra", "extra_l"):
        assert player.index(name).entries == ()


def test_what_an_index_lists_can_be_fetched_and_is_the_file(player: Player) -> None:
    entries = [*player.index("eqvol_l").entries, *player.index("other_l").entries]
    fetched = []
    for entry in entries:
        parts = urlsplit(entry.url)
        assert (parts.scheme, parts.netloc) == ("https", "www.data.jma.go.jp")
        status, headers, body = player.get(f"/{parts.netloc}{parts.path}")
        assert (status, headers["Bousai-Status"]) == (200, "exercise")
        fetched.append(body)
    assert sorted(fetched) == sorted(body for path, body in FILES.items() if path.startswith("jma/"))


def test_the_files_of_a_feed(player: Player) -> None:
    status, headers, body = player.get("/www.gsi.go.jp/.playback/gsi_shelter.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert "Bousai-Status" not in headers
    assert orjson.loads(body) == ["playback/lists/a.csv", "playback/lists/b.csv"]
    for path in orjson.loads(body):
        status, headers, body = player.get(f"/www.gsi.go.jp/{path}")
        assert (status, headers["Bousai-Status"]) == (200, "exercise")
        assert headers["Last-Modified"] == "Sat, 31 Oct 2026 15:00:00 GMT"
        assert body == FILES[path.removeprefix("playback/")]


def test_conditional_requests(player: Player) -> None:
    path = "/host/playback/lists/b.csv"
    _, headers, body = player.get(path)
    etag, modified = headers["ETag"], headers["Last-Modified"]
    assert player.get(path)[1]["ETag"] == etag
    assert player.get("/host/playback/lists/a.csv")[1]["ETag"] != etag
    for condition in (
        {"If_None_Match": etag},
        {"If_None_Match": f'"x", W/{etag}'},
        {"If_Modified_Since": modified},
        {"If_Modified_Since": "Sun, 01 Nov 2026 00:00:00 GMT"},
    ):
        status, headers, nothing = player.get(path, **condition)
        assert (status, nothing) == (304, b"")
        assert (headers["ETag"], headers["Last-Modified"]) == (etag, modified)
    for condition in (
        {"If_None_Match": '"x"'},
        {"If_None_Match": '"x"', "If_Modified_Since": modified},  # the tag decides
        {"If_Modified_Since": "Sat, 31 Oct 2026 14:59:59 GMT"},
        {"If_Modified_Since": "yesterday"},
        {"If_Modified_Since": "Sun, 01 Nov 2026 00:00:00 -0000"},
    ):
        assert player.get(path, **condition)[::2] == (200, body)


def test_indexes_take_conditions_too(player: Player) -> None:
    _, headers, _ = player.get(f"{FEED}/eqvol.xml")
    assert headers["Last-Modified"] == "Thu, 05 Nov 2026 01:03:12 GMT"
    assert player.get(f"{FEED}/eqvol.xml", If_None_Match=headers["ETag"])[0] == 304


def test_gzip_where_it_is_taken(player: Player) -> None:
    path = "/host/playback/lists/b.csv"
    _, plain_headers, plain = player.get(path)
    assert "Content-Encoding" not in plain_headers
    _, headers, packed = player.get(path, Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) == len(packed) < len(plain)
    assert gzip.decompress(packed) == plain == FILES["lists/b.csv"]
    assert headers["ETag"] == plain_headers["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/host",
        "/host/",
        "/host/playback/",
        "/host/playback/lists",
        "/host/playback/lists/notes.txt",  # left out
        "/host/playback/stray.bin",  # unlisted
        "/host/playback/manifest.yml",
        f"{FEED}/eqvol",
        "/playback/lists/b.csv",  # without a host
    ],
)
def test_nothing_else_is_there(player: Player, path: str) -> None:
    assert player.get(path)[0] == 404


def test_a_feed_without_files_has_an_empty_list(player: Player) -> None:
    status, _, body = player.get("/host/.playback/other_feed.json")
    assert (status, body) == (200, b"[]")


@pytest.mark.parametrize(
    "path",
    [
        "/x/playback/../../etc/passwd",
        "/x/playback/../../../../../../../../etc/passwd",
        "/x/playback/..%2f..%2f..%2fetc%2fpasswd",
        "/x/playback/%2e%2e/secret",
        "/x/playback/lists/../../secret",
        "/x/playback//etc/passwd",
        "/x/../secret",
        "//etc/passwd",
        "/x/playback/lists/b.csv%00.xml",
        "/x/playback/..\\secret",
        "http://[/etc/passwd",
    ],
)
def test_no_way_out_of_the_folder(player: Player, path: str) -> None:
    (player.folder.parent / "secret").write_bytes(b"secret")
    answer = player.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"root:" not in answer
    assert not answer.endswith(b"secret")


def test_a_file_that_has_gone_is_not_there(player: Player) -> None:
    (player.folder / "lists/b.csv").unlink()
    assert player.get("/host/playback/lists/b.csv")[0] == 404
    assert player.get("/host/playback/lists/a.csv")[0] == 200


def test_nothing_but_reading(player: Player) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = player.raw(f"{method} /x/playback/lists/b.csv HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 501 ")


def test_it_stops_when_the_context_ends(folder: Path) -> None:
    with serve(read(folder / "manifest.yml", folder)) as address:
        port = urlsplit(address).port
        assert port
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_wrong_manifest_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError), serve(read(tmp_path / "none.yml", tmp_path)):
        pytest.fail("it started")


def test_real_files_are_played_as_they_are(realdata: Path) -> None:
    manifest = PROJECT / "exercises" / "realdata.yml"
    documents = read(manifest, realdata).documents
    # The publishers' samples are no statements about the world: they are played as tests.
    statuses = {f"/playback/{one.path}": one.status for one in documents}
    assert set(statuses.values()) == {"actual", "test"}
    with serve(read(manifest, realdata)) as address:
        player = Player(address, realdata)
        listed = {
            urlsplit(entry.url).path
            for name in ("regular_l", "extra_l", "eqvol_l", "other_l")
            for entry in player.index(name).entries
        }
        assert len(listed) == sum(one.feed is None for one in documents) > 20
        for path in sorted(listed):
            _, headers, body = player.get(f"/www.data.jma.go.jp{path}", Accept_Encoding="gzip")
            assert headers["Bousai-Status"] == statuses[path]
            original = (realdata / path.removeprefix("/playback/")).read_bytes()
            assert sha256(gzip.decompress(body)).digest() == sha256(original).digest()
