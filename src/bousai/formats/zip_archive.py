"""ZIP archives of strangers: checked as a whole before anything is unpacked, read by entry, never written to disk.

Refused as a whole: names that lead outside (``..``, absolute, a drive), symbolic links, encryption, an unusual
packing, very many files, a bomb by size or ratio, and two files of one name. A name that is not said to be UTF-8 is
CP932, as Japanese programs write it.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from bousai.errors import ParseError
from bousai.formats import refusal

_MEMBERS = 2000
_UNPACKED = 2 * 1024**3
_RATIO = 200
_BROKEN = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError, IndexError)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an open archive. `path` is its path with ``/``."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    path: str

    def open(self) -> BinaryIO:
        """Its content from the beginning, to be read forward, however long it is. Raises `ParseError` ``not_zip``,
        also while it is read."""
        return cast("BinaryIO", _Reader(self))


def read(body: bytes, wanted: Callable[[str], bool]) -> tuple[dict[str, bytes], list[str]]:
    """The files whose path `wanted` accepts, by path with ``/``, and the paths of all files in the archive.

    What is not wanted is not unpacked. Raises `ParseError`: ``empty``, ``html_instead_of_zip``, those of `members`.
    """
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise refusal.empty()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise refusal.page("an HTML or XML page", "a ZIP archive", "html_instead_of_zip")
    with ExitStack() as stack:
        found = members(io.BytesIO(body), stack)
        return {one.path: one.open().read() for one in found if wanted(one.path)}, [one.path for one in found]


def members(file: BinaryIO, stack: ExitStack, *, most: int = _MEMBERS, unpacked: int = _UNPACKED) -> list[Member]:
    """The files of an archive, which stays open as long as `stack`. No more than `most` files, and no more bytes than
    `unpacked`, are taken for harmless. Raises `ParseError`: ``not_zip``, ``hostile_zip``, ``duplicate_file``."""
    with _broken_as_refusal():
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        archive = stack.enter_context(zipfile.ZipFile(file))
        infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    _harmless(infos, size, most, unpacked)
    with _broken_as_refusal():
        found = [Member(archive, info, _name(info)) for info in infos]
    again = next((path for path, times in Counter(one.path for one in found).items() if times > 1), None)
    if again is not None:
        raise ParseError(
            f"the archive holds {again[:80]!r} more than once", code="duplicate_file", remedy=refusal.AGAIN
        )
    return found


def base_name(path: str) -> str:
    """The name of a file without its folders.

    >>> base_name("260729date/dourokisei.geojson")
    'dourokisei.geojson'
    """
    return path.rpartition("/")[2]


class _Reader(io.RawIOBase):
    """As many bytes as the archive states and no more; its check sum says whether that was all."""

    def __init__(self, member: Member) -> None:
        self._left = member.info.file_size
        with _broken_as_refusal():
            self._file = member.archive.open(member.info)

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        with _broken_as_refusal():
            found = self._file.read(wanted)
            self._left -= len(found)
            if not self._left:
                self._file.read(1)  # at its end the check sum is compared
        return found


@contextmanager
def _broken_as_refusal() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise ParseError(
            f"not a readable ZIP archive: {str(error)[:200]!r}", code="not_zip", remedy=refusal.AGAIN
        ) from error


def _name(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if not info.flag_bits & 0x800:  # not said to be UTF-8: zipfile took it for cp437
        try:
            name = name.encode("cp437").decode("cp932")
        except UnicodeError:
            name = info.filename
    return str(PurePosixPath(name.replace("\\", "/")))


def _harmless(infos: list[zipfile.ZipInfo], size: int, most: int, allowed: int) -> None:
    unpacked = sum(info.file_size for info in infos)
    packed = min(sum(info.compress_size for info in infos), size)  # stated sizes may be wrong
    why = None
    if len(infos) > most:
        why = f"{len(infos)} files"
    elif unpacked > allowed or unpacked > _RATIO * max(packed, 1024):
        why = f"{packed} bytes that unpack to {unpacked}"
    for info in infos:
        if not info.filename:
            why = "a file without a name"
            continue
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or info.filename[1:2] == ":":
            why = f"a file outside of it: {info.filename[:80]!r}"
        elif info.external_attr >> 16 & 0o170000 == 0o120000:
            why = f"a symbolic link: {info.filename[:80]!r}"
        elif info.flag_bits & 1:
            why = "an encrypted file"
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            why = f"a file packed in an unusual way ({info.compress_type})"
    if why is not None:
        raise ParseError(f"the archive holds {why}", code="hostile_zip", remedy="ask the publisher; nothing was read")
