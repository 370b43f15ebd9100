"""``make goldens``: write the expected outputs of the tests and the tables of the READMEs and docs/ anew.

The samples of a feed are the exercise documents in exercises/kunren/<feed>/ and whatever lies in tests/feeds/<feed>/
beside the goldens. What a sample's parser makes of it is the golden tests/feeds/<feed>/<sample>.golden.json: read the
difference before you commit it.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely

import formats_page
import readme_tables
from bousai import catalogue, pipeline
from bousai.catalogue import Feed
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, ItemTable

PROJECT = Path(__file__).resolve().parents[1]
SUFFIX = ".golden.json"


def feeds() -> list[Feed]:
    return list(catalogue.load(PROJECT / "config").feeds.values())


def samples(feed_id: str) -> list[Path]:
    """Every sample document of a feed."""
    folders = (PROJECT / "exercises" / "kunren" / feed_id, PROJECT / "tests" / "feeds" / feed_id)
    return [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.endswith((SUFFIX, ".py"))
    ]


def golden_of(feed_id: str, sample: Path) -> Path:
    """Where the golden of a sample lies."""
    return PROJECT / "tests" / "feeds" / feed_id / (sample.name + SUFFIX)


def _plain(value: Any) -> Any:
    match value:
        case ItemTable():
            return [dataclasses.asdict(item) for item in value.rows()]
        case datetime():
            return value.isoformat()
        case bytes():
            return shapely.to_wkt(shapely.from_wkb(value), rounding_precision=6)
    raise TypeError(f"no plain form for {type(value)}")


def _fields(thing: Bulletin | Issue) -> dict[str, Any]:
    shown = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    if shown.get("visibility") == "public":  # as nearly everything is
        del shown["visibility"]
    return shown


def golden(feed: Feed, name: str, body: bytes) -> str:
    """What the feed's parser makes of a document, as text that can be compared and read."""
    found: dict[str, Any] = {"bulletins": [], "issues": []}
    try:
        for one in pipeline.parsed(feed, name, body):
            found["issues" if isinstance(one, Issue) else "bulletins"].append(_fields(one))
    except ParseError as error:
        found = {"refused": {"code": error.code, "cause": error.cause, "remedy": error.remedy}}
    return json.dumps(found, default=_plain, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    for feed in feeds():
        wanted = {golden_of(feed.id, sample): sample for sample in samples(feed.id)}
        folder = PROJECT / "tests" / "feeds" / feed.id
        for stale in set(folder.glob(f"*{SUFFIX}")) - set(wanted):
            stale.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        for path, sample in wanted.items():
            path.write_text(golden(feed, sample.name, sample.read_bytes()), encoding="utf-8")
    readme_tables.main()
    formats_page.main()


if __name__ == "__main__":
    main()
