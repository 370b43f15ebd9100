"""A drop folder: what another program or a person puts into it is taken in once; nothing in it is moved or deleted.

A file is taken when its size and time have not changed for `SETTLE` seconds, so that no half of a copy is read, and
only a regular file: a link could point anywhere, a pipe could hang. What was taken is known by inode, size and time,
then by its bytes. The folder itself is the heartbeat: a folder that can be listed is contact, and one that is not
there (a share that is not mounted) is an error, except below our own data folder, where it is made.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from unicodedata import normalize

from bousai.catalogue import FolderSource
from bousai.errors import FetchError
from bousai.fetch.visit import Fetched, Visit, by_number, failure
from bousai.model import Issue, RawDocument, Receipt

SETTLE = 3.0
IN_MEMORY = 64 * 1024**2


def dropped(visit: Visit, source: FolderSource, data: Path) -> Iterator[Fetched | Issue]:
    """The files that are new since the last visit, in the order of their names. Raises `FetchError` ``no_folder``."""
    feed, address = visit.feed.id, f"folder:{source.path}"
    at, started = visit.now(), time.monotonic()
    try:
        folder = _opened(source, data)
    except OSError as error:
        refused = FetchError(
            f"{address}: {error.strerror}",
            code="no_folder",
            remedy="mount or create the folder, and let this user read it",
        )
        yield failure(feed, address, at, time.monotonic() - started, refused)
        raise refused from error
    try:
        names = sorted(os.listdir(folder))
        yield Fetched(Receipt(feed, address, at, time.monotonic() - started, "not_modified"))
        fresh: list[tuple[str, str, str]] = []
        for on_disk in names:
            name = _readable(on_disk)
            if name is None:
                yield _left(address, f"{on_disk!r} is no file name in UTF-8 or Shift_JIS", "rename it")
            elif not name.startswith(".") and fnmatch.fnmatchcase(name, source.pattern):
                there = _there(folder, on_disk)
                if there is not None and not stat.S_ISREG(there.st_mode):
                    yield _left(f"{address}/{name}", f"{name} is no regular file", "put the file itself there")
                elif there is not None and not _taken(visit, f"{address}/{name}", _mark(there)):
                    fresh.append((name, on_disk, _mark(there)))
        if fresh:
            visit.sleep(SETTLE)
        for name, on_disk, mark in sorted(fresh, key=lambda one: (by_number(one[0]), one[0])):
            yield from _file(visit, f"{address}/{name}", folder, name, on_disk, mark, data)
    finally:
        os.close(folder)


def _opened(source: FolderSource, data: Path) -> int:
    path = Path(source.path)
    if not path.is_absolute():
        path = data / path
        path.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _readable(on_disk: str) -> str | None:
    """A file name as text in NFC; names that Windows wrote into a share or a ZIP may be in its own code."""
    raw = os.fsencode(on_disk)
    for encoding in ("utf-8", "cp932"):
        try:
            return normalize("NFC", raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return None


def _there(folder: int, on_disk: str) -> os.stat_result | None:
    try:
        return os.stat(on_disk, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:  # its owner has just taken it away
        return None


def _mark(there: os.stat_result) -> str:
    return f"{there.st_ino}-{there.st_size}-{there.st_mtime_ns}"


def _taken(visit: Visit, url: str, mark: str) -> bool:
    before = visit.ledger.last_good(url, visit.feed.id)
    return before is not None and before.etag == mark


def _file(
    visit: Visit, url: str, folder: int, name: str, on_disk: str, mark: str, data: Path
) -> Iterator[Fetched | Issue]:
    at, started = visit.now(), time.monotonic()
    try:
        with _content(visit, url, folder, on_disk, mark, data) as body:
            if body is not None:
                yield _came(visit, url, name, at, time.monotonic() - started, body, mark)
    except FileNotFoundError:
        return
    except (OSError, FetchError) as error:
        refused = (
            error
            if isinstance(error, FetchError)
            else FetchError(f"{url}: {error.strerror}", code="unreadable", remedy="let this user read the file")
        )
        yield failure(visit.feed.id, url, at, time.monotonic() - started, refused)
        yield Issue(refused.code, refused.cause, refused.remedy, "warning", url)


@contextmanager
def _content(
    visit: Visit, url: str, folder: int, on_disk: str, mark: str, data: Path
) -> Iterator[bytes | Path | None]:
    """The whole file, of a big one a copy of our own that lasts as long as the context; None where it is still being
    written, then it is looked at again at the next visit."""
    handle = os.open(on_disk, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with ExitStack() as stack:
        file = stack.enter_context(os.fdopen(handle, "rb"))
        there = os.fstat(handle)
        if not stat.S_ISREG(there.st_mode) or _mark(there) != mark:
            yield None
            return
        most = visit.feed.max_bytes
        if there.st_size > most:
            raise FetchError(
                f"{url}: {there.st_size} bytes, more than {most}",
                code="too_large",
                remedy="if it is right, raise max_bytes of the feed",
                transient=False,
            )
        if there.st_size <= IN_MEMORY:
            body: bytes | Path = file.read(most + 1)
        else:
            copy = stack.enter_context(tempfile.NamedTemporaryFile(dir=data, prefix=".dropped-"))
            shutil.copyfileobj(file, copy)
            copy.flush()
            body = Path(copy.name)
        yield body if _mark(os.fstat(handle)) == mark and _size(body) == there.st_size else None


def _size(body: bytes | Path) -> int:
    return len(body) if isinstance(body, bytes) else body.stat().st_size


def _came(visit: Visit, url: str, name: str, at: datetime, seconds: float, body: bytes | Path, mark: str) -> Fetched:
    if isinstance(body, bytes):
        digest = sha256(body).hexdigest()
    else:
        with body.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    before = visit.ledger.last_good(url, visit.feed.id)
    known = before is not None and before.sha256 == digest
    receipt = Receipt(
        visit.feed.id,
        url,
        at,
        seconds,
        "known" if known else "new",
        size=_size(body),
        sha256=digest,
        etag=mark,
    )
    if known:
        return Fetched(receipt)
    # The time of the file says when a copy was made, not when its content was true: it dates nothing.
    return Fetched(receipt, body, RawDocument(digest, visit.feed.id, url, name, at, _size(body)))


def _left(url: str, cause: str, remedy: str) -> Issue:
    return Issue("not_a_file", f"{url}: {cause}; it was left alone", remedy, "warning", url)
