"""The archive keeps bytes whole, once, and never gives back others."""

from __future__ import annotations

import os
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai import archive
from bousai.errors import ArchiveError


@pytest.mark.parametrize("kind", ["folder", "object store"])
def test_gives_back_what_was_put(tmp_path: Path, kind: str) -> None:
    root = str(tmp_path / "archive") if kind == "folder" else f"memory://{tmp_path.name}"
    for body in (b"", b"<Report/>", bytes(range(256)) * 5000):
        digest = archive.put(root, body)
        assert digest == sha256(body).hexdigest()
        assert archive.get(root, digest) == body
        assert archive.put(root, body) == digest
        assert archive.path_of(root, digest).endswith(f"/{digest[:2]}/{digest}")


def test_keeps_the_same_bytes_once_and_leaves_nothing_aside(tmp_path: Path) -> None:
    for _ in range(3):
        archive.put(str(tmp_path), b"once")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [sha256(b"once").hexdigest()]


def test_damage_is_found_on_reading_and_on_putting_again(tmp_path: Path) -> None:
    digest = archive.put(str(tmp_path), b"what was said")
    path = Path(archive.path_of(str(tmp_path), digest))
    path.chmod(0o644)
    path.write_bytes(b"what was not said")
    with pytest.raises(ArchiveError, match="damaged"):
        archive.get(str(tmp_path), digest)
    with pytest.raises(ArchiveError, match="damaged"):
        archive.put(str(tmp_path), b"what was said")
    assert path.read_bytes() == b"what was not said"


@given(st.text(max_size=80))
def test_nothing_but_a_digest_is_a_name(name: str) -> None:
    if len(name) == 64 and set(name) <= set("0123456789abcdef"):
        return
    with pytest.raises(ArchiveError, match="not a SHA-256"):
        archive.get("/nowhere", name)


def test_missing_bytes_say_so(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="does not hold"):
        archive.get(str(tmp_path), "0" * 64)


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match="No space left on device"):
        archive.put(str(tmp_path), b"too much")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["folder", "object store"])
def test_a_file_is_kept_and_opened_without_holding_it_in_memory(tmp_path: Path, kind: str) -> None:
    root = str(tmp_path / "archive") if kind == "folder" else f"memory://{tmp_path.name}-file"
    source = tmp_path / "big.bin"
    block = os.urandom(1024 * 1024)
    with source.open("wb") as file:
        for _ in range(40):
            file.write(block)
    expected = sha256(source.read_bytes()).hexdigest()
    tracemalloc.start()
    try:
        assert archive.put(root, source) == expected
        if kind == "folder":
            with archive.opened(root, expected) as file:
                assert file.read(len(block)) == block
            assert archive.verify(root, expected) == 40 * len(block)
            assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert archive.get(root, expected) == source.read_bytes()
    assert archive.put(root, source.read_bytes()) == expected
    with archive.opened(root, expected) as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == block[-5:]


def test_a_file_that_changes_while_it_is_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "growing.bin"
    source.write_bytes(b"first")
    written = archive._copy

    def grows(path: Path, *rest: Any) -> None:
        path.write_bytes(b"first and more")
        written(path, *rest)

    monkeypatch.setattr(archive, "_copy", grows)
    with pytest.raises(ArchiveError, match="changed while"):
        archive.put(str(tmp_path / "archive"), source)
    assert not [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    with pytest.raises(ArchiveError, match="cannot read"):
        archive.put(str(tmp_path / "archive"), tmp_path / "missing.bin")
