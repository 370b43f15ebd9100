"""The archive: every document's bytes, named by their SHA-256, for ever.

In: bytes. Out: their digest, and later the same bytes, verified. `root` is a folder or any fsspec address
(``s3://bucket/archive``). May use: `model`, `settings`, `errors`. Never: changes or deletes what it holds.
Layout: ``<first two hex digits>/<sha256>``. Add here: nothing but ways to keep bytes. Tests: tests/archive.
"""

from __future__ import annotations

import os
import uuid
from hashlib import sha256
from pathlib import Path

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from bousai.errors import ArchiveError


def put(root: str, body: bytes) -> str:
    """Keep `body`; returns its SHA-256 in hexadecimal. The same bytes are kept once.

    Raises `ArchiveError` where they cannot be written, or where other bytes already stand under their name.
    """
    digest = sha256(body).hexdigest()
    files, path = _at(root, digest)
    try:
        if files.exists(path):
            _verified(files.cat_file(path), digest, path)
        elif isinstance(files, LocalFileSystem):
            _write_aside(Path(path), body)
        else:
            files.pipe_file(path, body)  # an object store shows an object whole or not at all
    except OSError as error:
        raise ArchiveError(
            f"cannot keep {path}: {error.strerror or error}",
            remedy="free space or mend the permissions, then try again",
        ) from error
    return digest


def get(root: str, digest: str) -> bytes:
    """The bytes of that SHA-256. Raises `ArchiveError` where they are missing or no longer match their name."""
    files, path = _at(root, digest)
    try:
        body: bytes = files.cat_file(path)
    except FileNotFoundError:
        raise ArchiveError(
            f"the archive does not hold {path}", remedy="check BOUSAI_ARCHIVE, or restore it from a copy"
        ) from None
    return _verified(body, digest, path)


def path_of(root: str, digest: str) -> str:
    """Where the bytes of that SHA-256 are, for a person to look at."""
    files, path = _at(root, digest)
    return path if isinstance(files, LocalFileSystem) else str(files.unstrip_protocol(path))


def _at(root: str, digest: str) -> tuple[AbstractFileSystem, str]:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ArchiveError(f"not a SHA-256: {digest[:80]!r}", remedy="give the 64 hexadecimal digits")
    files, folder = fsspec.core.url_to_fs(root)
    return files, f"{folder}/{digest[:2]}/{digest}"


def _verified(body: bytes, digest: str, path: str) -> bytes:
    found = sha256(body).hexdigest()
    if found != digest:
        raise ArchiveError(
            f"{path} is damaged: its {len(body)} bytes have the SHA-256 {found}",
            remedy="restore this file from a copy; nothing was overwritten",
        )
    return body


def _write_aside(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o444)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
