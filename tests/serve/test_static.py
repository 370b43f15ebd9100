"""The published tree over HTTP: conditions, ranges, packed variants, whole versions while a publication renames."""

from __future__ import annotations

import gzip
import os
import threading
import time
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bousai import settings as settings_module
from bousai.serve import create
from bousai.serve.coding import preferred
from bousai.settings import Settings
from tests.serve.asking import ask, raw

BODY = bytes(range(256)) * 40
PAST = 1_700_000_000


def put(path: Path, body: bytes, at: float = PAST) -> None:
    """A file as the publisher leaves it: whole, renamed into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.aside")
    aside.write_bytes(body)
    os.utime(aside, (at, at))
    aside.rename(path)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "public"


@pytest.fixture(scope="module")
def app(public: Path) -> Any:
    put(public / "tiles.pmtiles", BODY)
    put(public / "packed.geojson", b"plain" * 1000)
    put(public / "packed.geojson.gz", gzip.compress(b"plain" * 1000, mtime=0))
    put(public / "packed.geojson.zst", zstandard.compress(b"plain" * 1000))
    put(public / "table.csv", "番号,名称\r\n".encode() * 500)
    put(public / "empty.json", b"")
    return create(settings_module.load({"BOUSAI_DATA": str(public.parent)}))


def test_a_file_is_served_with_its_digest_as_its_strong_tag(app: Any) -> None:
    found = ask(app, "/public/tiles.pmtiles")
    assert (found.status_code, found.content) == (200, BODY)
    assert found.headers["etag"] == f'"{sha256(BODY).hexdigest()}"'
    assert found.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert found.headers["content-type"] == "application/vnd.pmtiles"
    assert found.headers["cache-control"] == "no-cache"
    assert found.headers["accept-ranges"] == "bytes"
    head = ask(app, "/public/tiles.pmtiles", "HEAD", range="bytes=0-1")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers} == {**found.headers}


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("a.geojson", "application/geo+json"),
        ("a.json", "application/json"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.csv-metadata.json", "application/csvm+json"),
        ("latest.shelter.csv", "text/csv; charset=utf-8"),
        ("a.gpkg", "application/geopackage+sqlite3"),
        ("a.fgb", "application/vnd.flatgeobuf"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.sip4d.zip", "application/zip"),
        ("a.geojson.gz", "application/gzip"),
        ("a.geojson.zst", "application/zstd"),
        ("a", "application/octet-stream"),
        ("a.exe", "application/octet-stream"),
    ],
)
def test_media_types(app: Any, public: Path, name: str, media: str) -> None:
    put(public / "types" / name, b"x")
    found = ask(app, f"/public/types/{name}")
    assert found.headers["content-type"] == media
    assert "content-encoding" not in found.headers
    assert found.headers["x-content-type-options"] == "nosniff"


def test_only_what_is_in_a_version_is_kept_for_ever(app: Any, public: Path) -> None:
    for path in ("layers/shelter/v/0123/shelter.csv", "exercise/layers/shelter/v/0123/manifest.json"):
        put(public / path, b"x")
        assert ask(app, f"/public/{path}").headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("layers/shelter/latest.csv", "layers/shelter/by-muni/17204.geojson", "layers/v/0123/x.csv"):
        put(public / path, b"x")
        assert ask(app, f"/public/{path}").headers["cache-control"] == "no-cache"


def test_conditions(app: Any) -> None:
    path, tag, date = "/public/tiles.pmtiles", f'"{sha256(BODY).hexdigest()}"', "Tue, 14 Nov 2023 22:13:20 GMT"
    for condition in (
        {"if_none_match": tag},
        {"if_none_match": f'"other", W/{tag}'},
        {"if_none_match": "*"},
        {"if_modified_since": date},
        {"if_modified_since": "Wed, 15 Nov 2023 00:00:00 GMT"},
        {"if_none_match": tag, "if_modified_since": "Mon, 01 Jan 2001 00:00:00 GMT"},
    ):
        found = ask(app, path, **condition)
        assert (found.status_code, found.content) == (304, b""), condition
        assert found.headers["etag"] == tag
        assert found.headers["cache-control"] == "no-cache"
        assert "content-length" not in found.headers
    for condition in (
        {"if_none_match": '"other"'},
        {"if_none_match": tag.strip('"')},
        {"if_none_match": '"other"', "if_modified_since": date},  # the tag decides
        {"if_modified_since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"if_modified_since": "yesterday"},
        {"if_match": tag},
        {"if_match": "*"},
        {"if_unmodified_since": date},
        {"if_unmodified_since": "nonsense"},
    ):
        assert ask(app, path, **condition).status_code == 200, condition
    for condition in (
        {"if_match": '"other"'},
        {"if_match": f"W/{tag}"},
        {"if_unmodified_since": "Mon, 01 Jan 2001 00:00:00 GMT"},
    ):
        assert ask(app, path, **condition).status_code == 412, condition


def test_no_date_is_given_while_another_version_could_come_under_it(app: Any, public: Path) -> None:
    now = time.time() + 30  # a clock that is ahead is the same trap
    put(public / "now.json", b"first", now)
    found = ask(app, "/public/now.json")
    assert "last-modified" not in found.headers
    later = "Fri, 01 Jan 2100 00:00:00 GMT"
    assert ask(app, "/public/now.json", if_modified_since=later).status_code == 200
    assert ask(app, "/public/now.json", if_none_match=found.headers["etag"]).status_code == 304


def test_one_range(app: Any) -> None:
    for asked, first, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-299", 100, 300),
        ("bytes=10000-", 10000, len(BODY)),
        ("bytes=-5", len(BODY) - 5, len(BODY)),
        ("bytes=-999999", 0, len(BODY)),
        ("bytes=5-999999", 5, len(BODY)),
        ("bytes=0-10,5-20", 0, 21),
        ("BYTES = 3-4", 3, 5),
    ):
        found = ask(app, "/public/tiles.pmtiles", range=asked)
        assert (found.status_code, found.content) == (206, BODY[first:end]), asked
        assert found.headers["content-range"] == f"bytes {first}-{end - 1}/{len(BODY)}"
        assert found.headers["content-length"] == str(end - first)


def test_a_range_that_is_none_is_ignored_and_one_outside_is_refused(app: Any) -> None:
    for asked in ("bytes=", "bytes=5-2", "bytes=a-b", "lines=0-1", "bytes=-", "bytes=1-2-3", "bytes=0x1-0x2",
                  "bytes=" + ",".join(["0-0"] * 33)):  # fmt: skip
        assert ask(app, "/public/tiles.pmtiles", range=asked).status_code == 200, asked
    for asked in (f"bytes={len(BODY)}-", "bytes=-0", "bytes=999999-9999999"):
        found = ask(app, "/public/tiles.pmtiles", range=asked)
        assert found.status_code == 416
        assert found.headers["content-range"] == f"bytes */{len(BODY)}"
        assert found.headers["content-type"] == "application/problem+json"
    assert ask(app, "/public/empty.json", range="bytes=0-").status_code == 416


def parts(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """The parts of multipart/byteranges, read by Python's own reader of MIME: (Content-Range, bytes)."""
    text = b"Content-Type: " + content_type.encode() + b"\r\nContent-Transfer-Encoding: binary\r\n" + body
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(text.replace(b"\r\n--", b"\r\n\r\n--", 1))
    return [(str(part["content-range"]), part.get_payload(decode=True)) for part in message.iter_parts()]


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=6))
def test_ranges_give_just_the_bytes_that_were_asked_for(app: Any, pairs: list[tuple[int, int]]) -> None:
    text = "".join(chr(ord("0") + n % 75) for n in range(80))
    path = Path(app.state.service.settings.public) / "letters.bin"
    if not path.exists():
        put(path, text.encode())
    wanted = [(min(pair), max(pair)) for pair in pairs]
    found = ask(app, "/public/letters.bin", range="bytes=" + ", ".join(f"{a}-{b}" for a, b in wanted))
    expected = sorted({n for a, b in wanted for n in range(a, b + 1) if n < 80})
    if not expected:
        assert found.status_code == 416
        return
    assert found.status_code == 206
    assert int(found.headers["content-length"]) == len(found.content)
    if "content-range" in found.headers:
        pieces = [(found.headers["content-range"], found.content)]
    else:
        pieces = parts(found.headers["content-type"], found.content)
    got: list[int] = []
    for said, body in pieces:
        first, last = (int(n) for n in said.removeprefix("bytes ").removesuffix("/80").split("-"))
        assert body.decode() == text[first : last + 1]
        got += range(first, last + 1)
    assert got == expected


def test_if_range_gives_the_rest_of_the_same_file_or_all_of_another(app: Any) -> None:
    path, tag = "/public/tiles.pmtiles", f'"{sha256(BODY).hexdigest()}"'
    assert ask(app, path, range="bytes=5-9", if_range=tag).content == BODY[5:10]
    assert ask(app, path, range="bytes=5-9", if_range="Tue, 14 Nov 2023 22:13:20 GMT").status_code == 206
    for other in ('"other"', f"W/{tag}", "Tue, 14 Nov 2023 22:13:21 GMT"):
        assert ask(app, path, range="bytes=5-9", if_range=other).content == BODY


def test_the_packed_file_beside_a_file_is_given_to_who_takes_it(app: Any, public: Path) -> None:
    path = "/public/packed.geojson"
    for accept, coding, suffix in (
        ("gzip", "gzip", ".gz"),
        ("gzip, deflate, br, zstd", "zstd", ".zst"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip", ".gz"),
        ("*", "zstd", ".zst"),
        ("zstd;q=0, *", "gzip", ".gz"),
        ("identity;q=0.5, gzip;q=0.5", "gzip", ".gz"),
    ):
        found = ask(app, path, accept_encoding=accept)
        assert found.headers["content-encoding"] == coding, accept
        assert found.headers["vary"] == "Accept-Encoding"
        assert found.headers["etag"] == f'"{sha256((public / f"packed.geojson{suffix}").read_bytes()).hexdigest()}"'
        assert found.headers["content-type"] == "application/geo+json"
        assert found.content == b"plain" * 1000
        again = ask(app, path, accept_encoding=accept, if_none_match=found.headers["etag"])
        assert (again.status_code, again.headers["etag"]) == (304, found.headers["etag"])
    for accept in ("identity", "", "br", "gzip;q=0", "gzip;q=nonsense", "identity, gzip;q=0.5"):
        found = ask(app, path, accept_encoding=accept)
        assert "content-encoding" not in found.headers, accept
        assert found.headers["vary"] == "Accept-Encoding"
        assert found.headers["etag"] == f'"{sha256(b"plain" * 1000).hexdigest()}"'


def test_a_part_is_of_the_plain_file_unless_the_client_knows_which_bytes_it_has(app: Any, public: Path) -> None:
    packed = (public / "packed.geojson.gz").read_bytes()
    found = ask(app, "/public/packed.geojson", accept_encoding="gzip", range="bytes=0-4")
    assert (found.content, "content-encoding" in found.headers) == (b"plain", False)
    rest = ask(
        app,
        "/public/packed.geojson",
        accept_encoding="gzip",
        range=f"bytes=0-{len(packed) - 1}",
        if_range=f'"{sha256(packed).hexdigest()}"',
    )
    assert (rest.status_code, rest.headers["content-encoding"]) == (206, "gzip")
    assert rest.headers["content-range"] == f"bytes 0-{len(packed) - 1}/{len(packed)}"
    assert rest.content == b"plain" * 1000


def test_a_small_text_that_nobody_packed_is_packed_once(app: Any, public: Path) -> None:
    plain = ask(app, "/public/table.csv")
    for coding in ("gzip", "zstd"):
        found = ask(app, "/public/table.csv", accept_encoding=coding)
        assert found.headers["content-encoding"] == coding
        assert found.content == plain.content
        assert found.headers["etag"] == f'{plain.headers["etag"][:-1]}-{coding}"'
        assert int(found.headers["content-length"]) < 500
        again = ask(app, "/public/table.csv", accept_encoding=coding, if_none_match=found.headers["etag"])
        assert (again.status_code, again.headers["etag"]) == (304, found.headers["etag"])
    assert plain.headers["vary"] == found.headers["vary"] == "Accept-Encoding"


def test_a_large_text_is_packed_on_its_way(app: Any, public: Path) -> None:
    body = b"0123456789abcdef\n" * 300_000  # more than is kept in memory
    put(public / "large.csv", body)
    plain = ask(app, "/public/large.csv")
    assert plain.content == body
    assert plain.headers["etag"] == f'"{sha256(body).hexdigest()}"'
    assert ask(app, "/public/large.csv", range="bytes=4999990-5000005").content == body[4999990:5000006]
    found = ask(app, "/public/large.csv", accept_encoding="gzip")
    assert (found.headers["content-encoding"], found.content) == ("gzip", body)
    assert "accept-ranges" not in found.headers
    again = ask(app, "/public/large.csv", accept_encoding="gzip", if_none_match=found.headers["etag"])
    assert again.status_code == 304


def test_what_is_no_published_file_is_not_there(app: Any, public: Path) -> None:
    (public.parent / "secret.gpkg").write_bytes(b"secret")
    (public / "out.gpkg").symlink_to(public.parent / "secret.gpkg")
    (public / "up").symlink_to(public.parent)
    (public / "in.pmtiles").symlink_to("tiles.pmtiles")
    os.mkfifo(public / "pipe.json")
    put(public / ".hidden.json", b"x")
    put(public / ".hidden" / "x.json", b"x")
    for path in (
        "", "/", "/layers", "/layers/", "/nothing.json", "/.hidden.json", "/.hidden/x.json", "/out.gpkg",
        "/up/secret.gpkg", "/in.pmtiles", "/pipe.json", "/../secret.gpkg", "/layers/../../secret.gpkg",
        "//tiles.pmtiles", "/./tiles.pmtiles", "/tiles.pmtiles/", "/tiles.pmtiles/x", "/tiles.pmtiles\0",
        "/..\\secret.gpkg", "/" + "a" * 5000, "/" + "a/" * 3000 + "b", "/\udcff.json", "/%2e%2e/secret.gpkg",
    ):  # fmt: skip
        status, body = raw(app, f"/public{path}")
        assert status == 404, path
        assert orjson.loads(body)["remedy"] == "see /public/index.json for what is published", path
        assert b"secret" not in orjson.loads(body)["title"].encode()


def test_what_cannot_be_read_now_is_not_called_absent(
    app: Any, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(public / "locked.json", b"x")
    opened = os.open

    def refuse(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if path == "locked.json":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *args, **more)

    monkeypatch.setattr(os, "open", refuse)
    found = ask(app, "/public/locked.json")
    assert found.status_code == 503
    assert "Permission denied" in found.json()["detail"]
    assert found.headers["retry-after"] == "10"


def test_the_address_is_read_only(app: Any) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert ask(app, "/public/tiles.pmtiles", method).status_code == 405


def test_no_reader_sees_a_mixture_while_versions_are_renamed(app: Any, public: Path) -> None:
    """Every answer is one version, whole, and its tag is that version's digest, also where two have one size."""
    versions = [bytes([65 + n]) * size for n, size in enumerate((200_000, 200_000, 30, 5_000_000, 5_000_000))]
    put(public / "moving.geojson", versions[0])
    done = threading.Event()

    def publish() -> None:
        n = 0
        while not done.is_set():
            n += 1
            put(public / "moving.geojson", versions[n % len(versions)], time.time())

    writer = threading.Thread(target=publish)
    writer.start()
    try:
        seen = set()
        for _ in range(150):
            found = ask(app, "/public/moving.geojson")
            assert found.content in versions
            assert found.headers["etag"] == f'"{sha256(found.content).hexdigest()}"'
            seen.add(found.content[:1])
            part = ask(app, "/public/moving.geojson", range="bytes=10-", if_range=found.headers["etag"])
            whole = found.content[:10] + part.content if part.status_code == 206 else part.content
            assert sha256(whole).hexdigest() == part.headers["etag"].strip('"')
    finally:
        done.set()
        writer.join()
    assert len(seen) > 1


def test_published_files_have_the_digests_of_their_manifest(tree: Settings) -> None:
    app = create(tree)
    manifest = ask(app, "/public/layers/shelter/manifest.json").json()
    for name, entry in manifest["files"].items():
        found = ask(app, f"/public/layers/shelter/{name}", "HEAD")
        assert found.headers["etag"] == f'"{entry["sha256"]}"', name
        assert found.headers["content-length"] == str(entry["size"])
    index = ask(app, "/public/index.json").json()
    for layer in index["layers"]:
        for name, link in layer["links"].items():
            if not name.startswith(("by_muni", "version")):
                path = link.removeprefix("http://127.0.0.1:8000")
                assert ask(app, path, "HEAD").status_code == 200, link


def test_the_digest_of_a_large_file_is_its_manifest_s_only_where_it_is_that_file(app: Any, public: Path) -> None:
    """During a publication the manifest beside a file may be that of another version of the same size."""
    old, new = b"o" * 5_000_000, b"n" * 5_000_000
    layer = public / "layers" / "big"
    put(layer / "v" / "1" / "big.gpkg", old)
    listed = {"latest.gpkg": {"sha256": sha256(old).hexdigest(), "size": len(old)}}
    put(layer / "manifest.json", orjson.dumps({"version": "1", "files": listed}))
    os.link(layer / "v" / "1" / "big.gpkg", layer / "latest.gpkg")
    assert ask(app, "/public/layers/big/latest.gpkg", "HEAD").headers["etag"] == f'"{sha256(old).hexdigest()}"'
    put(layer / "latest.gpkg", new)
    assert ask(app, "/public/layers/big/latest.gpkg", "HEAD").headers["etag"] == f'"{sha256(new).hexdigest()}"'
    # a manifest that lies is believed of nothing but the file of its own version
    put(layer / "manifest.json", orjson.dumps({"version": "../..", "files": {"latest.gpkg": {"sha256": 5}}}))
    put(layer / "latest.gpkg", old[1:])
    assert ask(app, "/public/layers/big/latest.gpkg", "HEAD").headers["etag"] == f'"{sha256(old[1:]).hexdigest()}"'


@given(st.text(alphabet="gzipstd*;q=01.,- ", max_size=40))
def test_no_header_makes_a_coding_of_one_that_was_refused(accept: str) -> None:
    found = preferred(accept)
    assert set(found) <= {"gzip", "zstd"}
    assert preferred(f"{accept}, gzip;q=0").count("gzip") == 0
