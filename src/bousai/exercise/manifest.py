"""The manifest of a recording: which file of a folder is what, in time order.

title: what it is
status: exercise                      # or actual, test: stamped on everything that is played
incidents: [kunren]                   # of config/incidents, those that it tells of; none needed
entries:                              # the first that matches a file takes it
  - {files: "jma/*.xml", telegrams: true}
  - {files: "n03/*.json", feed: ksj_municipality, at: 2021-01-01T00:00:00+09:00}
  - {files: "**", left_out: why these are not played}
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Self

import yaml
from lxml import etree
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from bousai.errors import CatalogueError
from bousai.model import Status, join_status
from bousai.vocab import jma


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Strict):
    """Files of one nature, by a pattern relative to the folder (``**`` crosses folders).

    Exactly one of: `telegrams` (JMA, announced in an Atom index; each carries its own time), `feed` (files at
    addresses of their own, as they stood at `at`), `left_out` (why they are not played). `status` taints these files
    beyond what the whole recording is: samples among real telegrams are played as tests.
    """

    files: str
    telegrams: bool = False
    feed: str | None = None
    left_out: str | None = None
    at: AwareDatetime | None = None
    status: Status = "actual"

    @model_validator(mode="after")
    def _one_nature(self) -> Self:
        if sum((self.telegrams, self.feed is not None, self.left_out is not None)) != 1:
            raise ValueError("exactly one of telegrams, feed, left_out")
        if self.feed is not None and self.at is None:
            raise ValueError("files of a feed need `at`, the time of their content")
        return self


class Manifest(_Strict):
    """A whole manifest."""

    title: str
    status: Status
    incidents: tuple[str, ...] = ()
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One file to play. `path` is relative to the folder; `feed` None = a telegram of the Atom `index`."""

    path: str
    at: datetime
    feed: str | None = None
    index: str = ""
    title: str = ""
    author: str = ""
    status: Status = "actual"


@dataclass(frozen=True, slots=True)
class Recording:
    """What is to be played, oldest first. `unlisted` are files that no entry of the manifest names."""

    title: str
    status: Status
    folder: Path
    documents: tuple[Recorded, ...]
    left_out: tuple[tuple[str, str], ...]
    unlisted: tuple[str, ...]
    incidents: tuple[str, ...] = ()


def read(manifest: Path, folder: Path) -> Recording:
    """Match the files of `folder` with the entries of `manifest`. Raises `CatalogueError`."""
    try:
        plan = Manifest.model_validate(yaml.safe_load(manifest.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise CatalogueError(
            f"{manifest.name}: {' '.join(str(error).split())[:300]}", remedy="see docs of bousai.exercise.manifest"
        ) from error
    documents: list[Recorded] = []
    left_out: list[tuple[str, str]] = []
    unlisted: list[str] = []
    for path in _files(folder, manifest):
        entry = next((entry for entry in plan.entries if _matches(path, entry.files)), None)
        if entry is None:
            unlisted.append(path)
            continue
        if entry.left_out is not None:
            left_out.append((path, entry.left_out))
            continue
        status = join_status(plan.status, entry.status)
        if entry.feed is not None and entry.at is not None:
            documents.append(Recorded(path, entry.at, entry.feed, status=status))
        else:
            documents.append(_telegram(folder, path, entry.at, status))
    documents.sort(key=lambda one: (one.at, one.path))
    return Recording(
        plan.title, plan.status, folder, tuple(documents), tuple(left_out), tuple(unlisted), plan.incidents
    )


def _files(folder: Path, manifest: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.resolve() != manifest.resolve():
            yield path.relative_to(folder).as_posix()


def _matches(path: str, pattern: str) -> bool:
    # PurePath.full_match is newer than our oldest Python: match part by part, ** for any number of parts
    return _parts_match(PurePosixPath(path).parts, PurePosixPath(pattern).parts)


def _parts_match(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_parts_match(parts[n:], pattern[1:]) for n in range(len(parts) + 1))
    return bool(parts) and PurePosixPath(parts[0]).match(pattern[0]) and _parts_match(parts[1:], pattern[1:])


def _telegram(folder: Path, path: str, at: datetime | None, status: Status) -> Recorded:
    """What an index says of a telegram, from its Control; the file may be damaged, then `at` must be given."""
    control: dict[str, str] = {}
    with (folder / path).open("rb") as file, suppress(etree.XMLSyntaxError):  # where nothing can be recovered
        for _, element in etree.iterparse(file, recover=True, resolve_entities=False, no_network=True):
            control.setdefault(etree.QName(element).localname, (element.text or "").strip())
            if etree.QName(element).localname == "Control":
                break
    if at is None:
        try:
            at = datetime.fromisoformat(control.get("DateTime", ""))
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise CatalogueError(f"{path}: no Control/DateTime with an offset", remedy="give `at` in the manifest")
    title = control.get("Title", "")
    row = jma.telegram(title)
    index = row.atom if row is not None and row.atom else "other"
    return Recorded(path, at.astimezone(UTC), None, index, title, control.get("PublishingOffice", ""), status)
