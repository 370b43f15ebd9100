"""ZIP archives: what is read, and what is refused as a whole before anything is unpacked."""

from __future__ import annotations

import doctest
import io
import random
import struct
import zipfile
from collections.abc import Mapping
from contextlib import suppress

import pytest

from bousai.errors import ParseError
from bousai.formats import zip_archive


def packed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return body.getvalue()


def read(body: bytes) -> tuple[dict[str, bytes], list[str]]:
    return zip_archive.read(body, lambda path: bool(path))


def code_of(body: bytes) -> str:
    with pytest.raises(ParseError) as caught:
        read(body)
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    return caught.value.code


def test_module_examples() -> None:
    result = doctest.testmod(zip_archive)
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_only_what_is_wanted_is_unpacked() -> None:
    body = bytearray(packed({"a/x.json": b"{}", "y.bin": b"1234"}, zipfile.ZIP_STORED))
    body[body.index(b"1234")] = ord("9")  # the check sum of y.bin is wrong now
    found, names = zip_archive.read(bytes(body), lambda path: path.endswith(".json"))
    assert (found, names) == ({"a/x.json": b"{}"}, ["a/x.json", "y.bin"])
    assert code_of(bytes(body)) == "not_zip"


def test_names_in_cp932_with_backslashes() -> None:
    """The second byte of 表 is a backslash as well."""
    info = zipfile.ZipInfo("x.json")
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(info, b"{}")
    name = "表\\表.json".encode("cp932")
    made = body.getvalue().replace(b"x.json", name)
    for offset in (made.index(b"PK\x03\x04") + 26, made.index(b"PK\x01\x02") + 28):
        made = made[:offset] + struct.pack("<H", len(name)) + made[offset + 2 :]
    size = struct.unpack_from("<I", made, made.index(b"PK\x05\x06") + 12)[0] + len(name) - 6
    start = made.index(b"PK\x01\x02")
    end = made.index(b"PK\x05\x06") + 12
    made = made[:end] + struct.pack("<II", size, start) + made[end + 8 :]
    assert read(made)[1] == ["表/表.json"]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "..\\evil", "/etc/evil", "\\evil", "C:\\evil", "c:evil"])
def test_names_outside(name: str) -> None:
    assert code_of(packed({"a.json": b"{}", name: b"x"})) == "hostile_zip"


def test_bombs_links_and_secrets() -> None:
    assert code_of(packed({"a": b"\0" * 5_000_000})) == "hostile_zip"
    assert code_of(packed({str(n): b"" for n in range(2001)})) == "hostile_zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert code_of(body.getvalue()) == "hostile_zip"
    secret = bytearray(packed({"a": b"x"}))
    secret[secret.index(b"PK\x01\x02") + 8] |= 1
    assert code_of(bytes(secret)) == "hostile_zip"
    assert code_of(packed({"a": b"x"}, zipfile.ZIP_LZMA)) == "hostile_zip"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name() -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    assert code_of(body.getvalue()) == "duplicate_file"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "empty"), (b"<!DOCTYPE html>", "html_instead_of_zip"), (b"PK", "not_zip"), (b"Rar!\x1a\x07", "not_zip")],
)
def test_not_an_archive(body: bytes, code: str) -> None:
    assert code_of(body) == code


def test_broken_anywhere_is_a_parse_error() -> None:
    body = packed({"a.json": b"{}" * 200, "b": b"x" * 300})
    for cut in range(2, len(body), 7):
        assert code_of(body[:cut]) == "not_zip"
    dice = random.Random(4)
    for _ in range(500):
        broken = bytearray(body)
        broken[dice.randrange(len(broken))] = dice.randrange(256)
        with suppress(ParseError):  # any other error would stop the whole run
            read(bytes(broken))
