"""docs/formats.md: what is read of each format, from the parsers' own words and from the test corpus.

Part of ``make goldens``. Real files are counted where the folder of real files is there (BOUSAI_REALDATA, or
../shared/realdata beside the project); without it the page is left as it is.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import corpus
from bousai import catalogue
from readme_tables import markdown

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "formats.md"
SUFFIX = ".golden.json"


def realdata() -> Path | None:
    """The folder of real feed files, None where there is none."""
    folder = Path(os.environ.get("BOUSAI_REALDATA", PROJECT.parent / "shared" / "realdata"))
    return folder if folder.is_dir() else None


def docstring(parser: str) -> str:
    """What a parser's module says of itself."""
    path = PROJECT / "src" / "bousai" / "parse" / f"{parser}.py"
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def known_gaps(parser: str) -> list[str]:
    """The lines of a docstring's last part, ``Known gaps:``; a line that goes on is joined."""
    _, mark, tail = docstring(parser).partition("Known gaps:")
    if not mark:
        raise SystemExit(f"parse/{parser}.py: its docstring has no part 'Known gaps:'")
    lines = re.sub(r"\n(?!\*)\s*", " ", tail.strip()).splitlines()
    return [line.removeprefix("*").strip() for line in lines if line.strip()]


def samples(feed_id: str) -> int:
    """How many sample documents of ours a feed has."""
    folders = (PROJECT / "exercises" / "kunren" / feed_id, PROJECT / "tests" / "feeds" / feed_id)
    found = [path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file()]
    return sum(not path.name.endswith((SUFFIX, ".py")) for path in found)


def page(readings: Iterable[corpus.Reading]) -> str:
    """The whole page."""
    feeds = catalogue.load(PROJECT / "config").feeds
    by_parser: dict[str, list[str]] = defaultdict(list)
    for feed in feeds.values():
        by_parser[feed.parser].append(feed.id)
    read: Counter[str] = Counter()
    sampled: Counter[str] = Counter()
    items: Counter[str] = Counter()
    refused: dict[str, list[corpus.Reading]] = defaultdict(list)
    for one in readings:
        parser = feeds[one.feed].parser if one.feed else ""
        if one.refused is None:
            (sampled if one.sample else read)[parser] += 1
            items[parser] += one.items
        else:
            refused[parser].append(one)
    rows = [
        (
            " ".join(docstring(parser).split("\n\n")[0].split()).rstrip("."),
            f"`{parser}`",
            " ".join(f"`{feed}`" for feed in ids),
            str(read[parser]),
            str(sampled[parser]),
            str(items[parser]),
            str(len(refused[parser])),
            str(sum(samples(feed) for feed in ids)),
            "<br>".join(known_gaps(parser)),
        )
        for parser, ids in sorted(by_parser.items())
    ]
    head = (
        "format",
        "parser",
        "feeds",
        "real files",
        "official samples",
        "items",
        "refused",
        "own samples",
        "known gaps",
    )
    told = [
        (f"`{one.path}`", f"`{one.feed}`" if one.feed else "", one.refused or "", one.cause or "")
        for parser in sorted(refused)
        for one in refused[parser]
    ]
    return (
        "# Formats: what is read, and how far that was seen\n\n"
        "Written by `make goldens` from the docstrings of the parsers and from what tests/test_corpus.py reads:\n"
        "every real file named in exercises/realdata.yml, the publishers' official samples among them, and our own\n"
        "samples, composed to the specification and marked 訓練. A format with no real file was never seen on\n"
        "real data, whatever its samples. Items are those of the real files and official samples.\n\n"
        + markdown(head, rows)
        + "\n## Real files that are refused, and why\n\n"
        + markdown(("file", "feed", "code", "cause"), told)
    )


def main() -> None:
    folder = realdata()
    if folder is not None:
        PAGE.write_text(page(corpus.readings(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
