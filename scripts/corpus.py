"""The corpus of real feed files: what each is read by, and what becomes of it. Used by tests and docs/formats.md.

``python scripts/corpus.py FOLDER`` prints one line a file.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from bousai import catalogue, exercise, normalise, pipeline
from bousai.catalogue import Catalogue, Feed
from bousai.errors import ParseError
from bousai.exercise.manifest import Recorded, Recording
from bousai.formats import jma_xml
from bousai.model import Issue, RawDocument

PROJECT = Path(__file__).resolve().parents[1]
REFUSED = {
    # the splitter's own placeholder for a ward, not a list
    "gsi-shelters/geojson/evacuation/011011_unavailable.json": "not_feature_collection",
    # the official form, blank
    "damage-tables/form4/no.4.xls": "template_not_filled",
    # made to be invalid
    "cap/invalid.cap": "invalid_cap",
    # codes whose columns only their sender knows
    "sip4d-zip/0304-02.zip": "unsupported_code",
    "sip4d-zip/052_20250801_0000000.zip": "unsupported_code",
    "sip4d-zip/bomtest.zip": "unsupported_code",
    "sip4d-zip/multi_geometry_type_err.zip": "unsupported_code",
    "sip4d-zip/polygon_style_err_sample.zip": "unsupported_code",
    "sip4d-zip/ttid_nashi.zip": "unsupported_code",
    # its time is T010:05:02
    "sip4d-zip/kunren_023_01-001-01_20260414140049_1.zip": "bad_time",
}
"""Real files that must be refused, with the code: not what their feed promises, or a fault that a person must see."""
MANIFEST = PROJECT / "exercises" / "realdata.yml"


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading one document gave: `refused` is the code of the `ParseError`, `issues` are counted by code.

    `sample`: a publisher's own sample, played as a test, and no document of a day.
    """

    path: str
    feed: str
    items: int
    bulletins: int
    issues: Counter[str]
    unread: tuple[str, ...]
    refused: str | None = None
    cause: str | None = None
    sample: bool = False


def recording(folder: Path) -> Recording:
    """The manifest of the real files applied to a folder of them."""
    return exercise.read(MANIFEST, folder)


def feed_of(known: Catalogue, one: Recorded) -> Feed | None:
    """The feed that takes a recorded file; None for a telegram that no feed takes."""
    if one.feed is not None:
        return known.feed(one.feed)
    kind = jma_xml.bulletin_type(one.title)
    claims = {
        code: feed
        for feed in known.feeds.values()
        if isinstance(feed.source, catalogue.AtomSource)
        for code in feed.source.types
    }
    return claims.get(kind or "")


def read(feed: Feed, path: str, name: str, body: bytes, at: datetime) -> Reading:
    """Parse and normalise one document as the line does, without a store."""
    raw = RawDocument(
        sha256(body).hexdigest(), feed.id, f"file:{name}", name, datetime.now(UTC), len(body), "actual", at
    )
    issues: list[Issue] = []
    items = bulletins = 0
    try:
        for found in pipeline.parsed(feed, name, body):
            if isinstance(found, Issue):
                issues.append(found)
                continue
            bulletin, noticed = normalise.normalise(found, raw)
            issues += noticed
            bulletins += 1
            items += len(bulletin.items)
    except ParseError as error:
        return Reading(path, feed.id, 0, 0, Counter(), (), error.code, error.cause)
    unread = tuple(issue.cause for issue in issues if issue.code == "unread")
    return Reading(path, feed.id, items, bulletins, Counter(issue.code for issue in issues), unread)


def readings(folder: Path) -> Iterator[Reading]:
    """Every real file that a feed takes."""
    known = catalogue.load(PROJECT / "config")
    for one in recording(folder).documents:
        feed = feed_of(known, one)
        if feed is None:
            yield Reading(one.path, "", 0, 0, Counter(), (), "no_feed", f"no feed takes {one.title or one.path}")
        else:
            path = folder / one.path
            reading = read(feed, one.path, path.name, path.read_bytes(), one.at)
            yield replace(reading, sample=one.status == "test")


def main() -> int:
    for one in readings(Path(sys.argv[1])):
        said = one.refused and f"REFUSED {one.refused}: {one.cause}"
        told = said or f"{one.bulletins} bulletins, {one.items} items, {dict(one.issues)}"
        print(f"{one.path}  {one.feed}  {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
