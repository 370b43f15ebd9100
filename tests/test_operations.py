"""docs/operations.md: every command can be typed, every link leads somewhere, every state has a section."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from bousai import cli
from bousai.model.revision import Why
from bousai.settings import PROJECT

PAGE = PROJECT / "docs" / "operations.md"


def text(path: Path = PAGE) -> str:
    return path.read_text(encoding="utf-8")


def slug(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def sections(path: Path = PAGE) -> dict[str, str]:
    """Anchor → heading."""
    prose = re.sub(r"^```.*?^```$", "", text(path), flags=re.M | re.S)
    return {slug(title): title for title in re.findall(r"^#+ (.+)$", prose, flags=re.M)}


def commands() -> list[str]:
    """What is to be typed: lines of ``sh`` blocks, and whole commands in the prose."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text(), flags=re.M | re.S)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`(bousai [a-z][^`]*)`", text())


def bodies() -> dict[str, str]:
    """Heading of the second level → what stands below it."""
    found = re.split(r"^## (.+)$", text(), flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


def states() -> list[tuple[str, str, str, str]]:
    """The rows of the table of states: words of the board, states, why, where it is explained."""
    rows = re.findall(
        r"^\| (\S.*?) \| (`.+?`) \| `(\w+)` \| .+? \| (.+?) \|$", bodies()["States of a feed"], flags=re.M
    )
    return [row for row in rows if row[2] != "why"]


def ours() -> list[str]:
    return sorted({line for line in commands() if line.startswith("bousai ") and line != "bousai serve"})


@pytest.mark.parametrize("line", ours())
def test_every_command_can_be_typed(line: str) -> None:
    options = cli._parser().parse_args(shlex.split(line)[1:])
    assert callable(options.run)


def test_the_runbook_is_not_only_words() -> None:
    typed = {tuple(line.split()[:2]) for line in ours()}
    verbs = {second for _, second in typed}
    assert {"doctor", "feeds", "issues", "alerts", "replay", "up", "trace", "layer", "prepare", "publish"} <= verbs


def test_other_programs_are_known_ones() -> None:
    others = {line.split()[0] for line in commands() if not line.startswith("bousai ")}
    assert others == {"df", "du", "python", "rsync", "sqlite3", "cp"}


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text())
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        path = (PAGE.parent / name).resolve() if name else PAGE
        assert path.is_file(), link
        assert not anchor or anchor in sections(path), link
    for name in re.findall(r"`(docs/[\w./-]+|deploy/[\w./-]+)`", text()):
        assert (PROJECT / name).exists(), name


def test_every_reason_of_a_state_is_in_the_table_and_has_a_section() -> None:
    below = bodies()
    rows = states()
    assert {why for _, _, why, _ in rows} == set(get_args(Why))
    for _, _, why, where in rows:
        if why == "fresh":
            continue
        (anchor,) = re.findall(r"\(#([\w-]+)\)", where)
        assert f"`{why}`" in below[sections()[anchor]], why


def test_words_of_the_board_are_those_that_it_shows() -> None:
    words = (PROJECT / "src" / "bousai" / "board" / "page" / "words.json").read_text(encoding="utf-8")
    for names, keys, _, _ in states():
        for name, key in zip(names.split(", "), re.findall(r"\w+", keys), strict=True):
            assert f'"state_{key}": {{"ja": "{name}"' in words, (name, key)


@pytest.mark.parametrize(
    "title", [title for title, body in bodies().items() if "**First:**" in body and "**Still right:**" in body]
)
def test_a_section_says_when_it_is_over(title: str) -> None:
    assert len(bodies()) > 25
    body = bodies()[title]
    assert "**Over when:**" in body or "**Call:**" in body
