"""The READMEs: the same commands in both languages, commands that exist, tables as the catalogue has them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import readme_tables

PROJECT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.ja.md")


def text(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def commands(name: str) -> list[list[str]]:
    """The lines of every ``sh`` block, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text(name), flags=re.M | re.S)
    return [[line.split("  #")[0].rstrip() for line in block.splitlines()] for block in blocks]


def typed() -> list[str]:
    return [line for block in commands("README.md") for line in block]


def test_both_languages_have_the_same_commands_in_the_same_order() -> None:
    assert typed()[:2] == ["make demo", "make test"]
    assert commands("README.md") == commands("README.ja.md")


def test_both_languages_have_the_same_outline() -> None:
    def outline(name: str) -> list[int]:
        return [len(marks) for marks in re.findall(r"^(#+) ", text(name), flags=re.M)]

    assert outline("README.md") == outline("README.ja.md")


def test_both_languages_name_the_same_files_and_settings() -> None:
    def names(name: str) -> set[str]:
        prose = re.sub(r"^```.*?^```$|<!-- (\w+) -->.*?<!-- /\1 -->", "", text(name), flags=re.M | re.S)
        return set(re.findall(r"`([^`]+)`", prose))

    assert names("README.md") == names("README.ja.md")


def test_make_targets_exist_and_are_explained() -> None:
    targets = set(re.findall(r"^([a-z]+):.* ## ", text("Makefile"), flags=re.M))
    assert {line.split()[1] for line in typed() if line.startswith("make ")} <= targets
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text("Makefile"), flags=re.M)
    assert set(phony.split()) == targets
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in shown.splitlines()} == targets


def commands_of_bousai() -> list[str]:
    return sorted({line.split()[1] for line in typed() if line.startswith(".venv/bin/bousai ")})


@pytest.mark.e2e
@pytest.mark.parametrize("command", commands_of_bousai())
def test_commands_of_bousai_exist(command: str) -> None:
    program = Path(sys.executable).parent / "bousai"
    done = subprocess.run([program, command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_are_explained() -> None:
    known = set(re.findall(r'"(BOUSAI_[A-Z_]+)"', text("src/bousai/settings.py")))
    assert known
    for name in READMES:
        assert set(re.findall(r"^\| `(BOUSAI_[A-Z_]+)` \|", text(name), flags=re.M)) == known


@pytest.mark.parametrize("name", READMES)
def test_tables_are_current(name: str) -> None:
    assert readme_tables.with_tables(name, text(name)) == text(name), "make goldens"


def test_the_page_of_layers_is_current() -> None:
    assert text("docs/layers.md") == readme_tables.layers_page(), "make goldens"


@pytest.mark.parametrize("name", [*READMES, "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text(name))
    assert [link for link in links if not (PROJECT / link).exists()] == []
