"""Code spaces: constructors refuse what cannot be a code of theirs."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import pytest

from bousai.vocab import code, damage
from bousai.vocab.municipality import municipalities


@pytest.mark.parametrize("module", [code, damage])
def test_module_examples(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted >= 1
    assert not result.failed


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (code.jma_area_code, "0421501", ["130010", "04215", "042150１", "", "04215011"]),
        (code.river_code, "850501000101", ["85050100010", "8505010001０1", ""]),
        (code.river_code, "8505010001", ["850501000", "85050100011"]),
        (code.common_id, "E1720400012201", ["E172040001220", "E1720400012301", "e1720400012201", "E17204000122010"]),
    ],
)
def test_a_code_of_another_space_is_refused(make: Callable[[str], str], good: str, bad: list[str]) -> None:
    assert make(good) == good
    for text in bad:
        with pytest.raises(ValueError, match="not a"):
            make(text)


def test_a_part_of_a_municipality_belongs_to_it() -> None:
    assert code.municipality_of(code.jma_area_code("0421501")) in municipalities()


def test_damage_items_have_each_label_once() -> None:
    labels = [label for item in damage.damage_items() for label in (damage.damage_items()[item].ja,)]
    assert len(labels) == len(set(labels))
    assert damage.damage_item("死者") == "dead"
    assert damage.damage_item("一部損壊") == damage.damage_item("一部破損") == "house_partly_damaged"
    assert damage.damage_item("何か") is None
