"""The words of the page: every language there, every key used, nothing that an issuer would not say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

from bousai.vocab.count import Qualifier, State

SERVE = Path(__file__).resolve().parents[2] / "src" / "bousai" / "serve"
WORDS: dict[str, dict[str, str]] = json.loads((SERVE / "page" / "words.json").read_text(encoding="utf-8"))
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((SERVE / "page").glob("*.js"))}
PAGE = (SERVE / "templates" / "page.html").read_text(encoding="utf-8")


def used() -> set[str]:
    """Keys that stand in the scripts and the page as they are."""
    found = set(re.findall(r'data-t="(\w+)"', PAGE))
    for text in SCRIPTS.values():
        found |= set(re.findall(r'\b(?:t|has|button|label)\(\s*"(\w+)"', text))
        for one, other in re.findall(r'\bt\([^"()]*\? "(\w+)" : "(\w+)"', text):
            found |= {one, other}
    return found


def test_every_key_has_its_languages() -> None:
    for key, texts in WORDS.items():
        assert set(texts) <= {"ja", "en", "easy"}, key
        assert texts.get("ja"), key
        assert texts.get("en"), key


def test_every_key_that_is_used_is_there() -> None:
    assert used() - WORDS.keys() == set()


def test_placeholders_are_the_same_in_all_languages() -> None:
    def places(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    for key, texts in WORDS.items():
        for lang in texts.keys() - {"ja"}:
            assert places(texts[lang]) <= places(texts["ja"]), f"{key} {lang}"


def test_states_of_counts_have_words() -> None:
    for state in get_args(State):
        assert f"count_{state}" in WORDS
    for qualifier in get_args(Qualifier):
        assert "{n}" in WORDS[f"qualifier_{qualifier}"]["ja"]


def test_columns_of_the_table_and_clocks_have_words() -> None:
    for column in re.findall(r'id: "(\w+)"', SCRIPTS["situation.js"]):
        assert f"column_{column}" in WORDS
    for which in ("at", "known"):
        assert f"clock_{which}_slider" in WORDS


def test_plain_japanese_is_short() -> None:
    """やさしい日本語 (出入国在留管理庁・文化庁 在留支援のためのやさしい日本語ガイドライン 2020): short sentences."""
    for key, texts in WORDS.items():
        for sentence in re.split(r"[。：]", texts.get("easy", "")):
            assert len(re.sub(r"\{\w+\}|\s", "", sentence)) <= 50, f"{key}: {sentence}"


def test_nothing_is_called_safe() -> None:
    """The page relays. That nothing is known is never said to be safety."""
    for key, texts in WORDS.items():
        for text in texts.values():
            assert not re.search(r"安全です|安心|\b(?:is|are) safe\b", text), f"{key}: {text}"
