"""JSON of plain values: what is refused, and that a whole character may be written as two escapes."""

from __future__ import annotations

import doctest

import pytest

from bousai.errors import ParseError
from bousai.formats import json_rows


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"<html>", "html_instead_of_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": 1, "a": 2}', "not_json"),
        (b'{"a": 1e999}', "not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_json"),
        (b'["\\ud842"]', "not_json"),
        (b'{"\\uDFB7": 1}', "not_json"),
        (b'["\xff\xff"]', "wrong_encoding"),
    ],
)
def test_hostile_json(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        json_rows.load(body)
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_character_of_two_escapes_is_whole() -> None:
    assert json_rows.load(b'["\\ud842\\udfb7"]') == ["\U00020bb7"]


def test_rows_are_text() -> None:
    rows = json_rows.read('[["約800軒", 12, true, null], {"a": 1.5}]'.encode())
    assert rows == [["約800軒", "12", "TRUE", ""], {"a": "1.5"}]
    with pytest.raises(ParseError) as caught:
        json_rows.read(b"[[[1]]]")
    assert caught.value.code == "not_rows"


def test_only_a_number_is_one() -> None:
    result = doctest.testmod(json_rows)
    assert (result.attempted, result.failed) == (1, 0)
    assert [json_rows.number(one) for one in (0, " 0.80 ", "+1.5E-2", 10**400)] == [0.0, 0.8, 0.015, None]
    for other in (None, "", "-", "1,234", "１", "0x10", "nan", "inf", "1e400", "1_0", [1], {"a": 1}, False):
        assert json_rows.number(other) is None
