"""The archive keeps bytes whole, once, and never gives back others."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

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
