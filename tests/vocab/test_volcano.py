"""Volcano codes: every code has one meaning, its names follow each other in time, and what is unknown is in force."""

from __future__ import annotations

import doctest
from itertools import pairwise

from bousai.vocab import rows, volcano

ROWS = rows("jma_volcano_kind")


def test_module_examples() -> None:
    result = doctest.testmod(volcano)
    assert result.attempted
    assert not result.failed


def test_the_names_of_a_code_follow_each_other_and_mean_the_same() -> None:
    by_code: dict[str, list[dict[str, str]]] = {}
    for row in ROWS:
        by_code.setdefault(row["code"], []).append(row)
    for code, same in by_code.items():
        assert len({(row["subject"], row["meaning"], row["level"]) for row in same}) == 1, code
        for earlier, later in pairwise(same):
            assert earlier["valid_to"] == later["valid_from"] != "", code
    assert {code for code, same in by_code.items() if len(same) > 1} == {"11", "14", "21", "35", "45"}


def test_every_code_of_the_standard_is_known_and_a_level_is_its_second_digit() -> None:
    expected = {f"{n:02}" for n in (*range(1, 9), *range(41, 50), *range(51, 57), *range(61, 66), *range(70, 74), 75)}
    expected |= {"11", "12", "13", "14", "15", "21", "22", "23", "24", "25", "31", "32", "33", "35", "36", "91", "99"}
    assert {row["code"] for row in ROWS} == expected
    for row in ROWS:
        found = volcano.kind(row["code"])
        assert found is not None
        assert volcano.is_named(found, row["name_ja"])
        assert found.level == (int(row["code"][1]) if "11" <= row["code"] <= "15" else None)


def test_what_is_in_force() -> None:
    """Only these codes say that no warning is in force; whatever else stands in a telegram is one."""
    quiet = {row["code"] for row in ROWS if row["subject"] in ("warning", "level", "sea", "response")}
    quiet = {code for code in quiet if not volcano.in_force(volcano.kind(code))}
    assert quiet == {"04", "05", "11", "21", "32", "33", "35", "45"}
    assert volcano.in_force(volcano.kind("77"))
    order = ["05", "03", "02", "01"]
    assert sorted(order, key=lambda code: volcano.severity(volcano.kind(code))) == order
    assert volcano.severity(None) > volcano.severity(volcano.kind("01"))
