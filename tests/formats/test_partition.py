"""Parts come back whole and in order, from memory and from the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.formats import partition
from bousai.formats.partition import Partition

RECORD = st.tuples(st.integers(0, 5), st.binary(max_size=40), st.none() | st.text(max_size=5))


@pytest.mark.parametrize("in_memory", [0, 100, 10**6])
def test_every_part_holds_what_was_added_in_order(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(partition, "_IN_MEMORY", in_memory)

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(RECORD, min_size=1, max_size=4)), max_size=20))
    def check(added: list[tuple[str, list[tuple[int, bytes, str | None]]]]) -> None:
        with Partition[str]() as parts:
            for part, records in added:
                parts.add(part, records)
            for part in "abcd":
                expected = [record for name, records in added if name == part for record in records]
                assert [tuple(record) for record in parts.records(part)] == expected

    check()
