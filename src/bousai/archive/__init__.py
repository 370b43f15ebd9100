"""The archive: every document's bytes, named by their SHA-256, for ever.

In: bytes, or a file of any size. Out: their digest, and later the same bytes, verified. `root` is a folder or any
fsspec address (``s3://bucket/archive``). May use: `model`, `settings`, `errors`. Never: changes or deletes what it
holds. Layout: ``<first two hex digits>/<sha256>``. Add here: nothing but ways to keep bytes. Tests: tests/archive.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, BinaryIO, cast

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from bousai.errors import ArchiveError

_CHUNK = 1024 * 1024
_IN_MEMORY = 64 * 1024**2


def put(root: str, body: bytes | Path) -> str:
    """Keep `body`, or what the file at a path holds; returns its SHA-256. The same bytes are kept once.

    Raises `ArchiveError` where they cannot be written, or where other bytes already stand under their name.
    """
    digest = sha256(body).hexdigest() if isinstance(body, bytes) else _digest_of(body)
    files, path = _at(root, digest)
    try:
        if files.exists(path):
            verify(root, digest)
        elif isinstance(files, LocalFileSystem):
            _write_aside(Path(path), body, digest)
        elif isinstance(body, bytes):
            files.pipe_file(path, body)  # an object store shows an object whole or not at all
        else:
            files.put_file(str(body), path)
            verify(root, digest)  # it may have been changed while it was sent
    except OSError as error:
        raise ArchiveError(
            f"cannot keep {path}: {error.strerror or error}",
            remedy="free space or mend the permissions, then try again",
        ) from error
    return digest


def get(root: str, digest: str) -> bytes:
    """The bytes of that SHA-256. Raises `ArchiveError` where they are missing or no longer match their name."""
    with opened(root, digest) as file:
        return file.read()


def verify(root: str, digest: str) -> int:
    """How many bytes have that SHA-256. Raises `ArchiveError` as `get` does."""
    with opened(root, digest) as file:
        return file.seek(0, os.SEEK_END)


@contextmanager
def opened(root: str, digest: str) -> Iterator[BinaryIO]:
    """The bytes of that SHA-256 as a file, verified, in constant memory: of an object store through a scratch file.

    Raises `ArchiveError` where they are missing or no longer match their name.
    """
    files, path = _at(root, digest)
    with ExitStack() as stack:
        try:
            source = stack.enter_context(files.open(path, "rb"))
        except FileNotFoundError:
            raise ArchiveError(
                f"the archive does not hold {path}", remedy="check BOUSAI_ARCHIVE, or restore it from a copy"
            ) from None
        local = isinstance(files, LocalFileSystem)
        scratch = source if local else stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
        file = cast("BinaryIO", scratch)
        found, size = sha256(), 0
        while chunk := source.read(_CHUNK):
            found.update(chunk)
            size += len(chunk)
            if not local:
                file.write(chunk)
        if found.hexdigest() != digest:
            raise ArchiveError(
                f"{path} is damaged: its {size} bytes have the SHA-256 {found.hexdigest()}",
                remedy="restore this file from a copy; nothing was overwritten",
            )
        file.seek(0)
        yield file


def path_of(root: str, digest: str) -> str:
    """Where the bytes of that SHA-256 are, for a person to look at."""
    files, path = _at(root, digest)
    return path if isinstance(files, LocalFileSystem) else str(files.unstrip_protocol(path))


def _at(root: str, digest: str) -> tuple[AbstractFileSystem, str]:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ArchiveError(f"not a SHA-256: {digest[:80]!r}", remedy="give the 64 hexadecimal digits")
    files, folder = fsspec.core.url_to_fs(root)
    return files, f"{folder}/{digest[:2]}/{digest}"


def _digest_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}", remedy="check the file") from error


def _write_aside(path: Path, body: bytes | Path, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("xb") as file:
            if isinstance(body, bytes):
                file.write(body)
            else:
                _copy(body, file, digest)
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


def _copy(source: Path, target: IO[bytes], digest: str) -> None:
    """The bytes of a file, which must still be those that were counted."""
    found = sha256()
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            target.write(chunk)
    if found.hexdigest() != digest:
        raise ArchiveError(f"{source} changed while it was read", remedy="wait until it is whole, then try again")
