"""An outside check: every JMA telegram, real or composed by us, is valid against JMA's own schemas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

PROJECT = Path(__file__).resolve().parents[2]
COMPOSED = sorted(
    path
    for pattern in ("exercises/kunren/jma_*/*.xml", "tests/feeds/jma_*/*.xml")
    for path in PROJECT.glob(pattern)
    if b"<Report" in path.read_bytes()
)


@pytest.fixture(scope="module")
def schema(realdata: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(realdata / "jma-xml/schema/jmx.xsd")))


def faults(schema: etree.XMLSchema, document: bytes) -> list[str]:
    if schema.validate(etree.fromstring(document)):
        return []
    return str(schema.error_log).splitlines()


def refused_on_purpose(path: Path) -> bool:
    """A sample that shows what a parser refuses need not be valid."""
    golden = PROJECT / "tests/feeds" / path.parent.name / f"{path.name}.golden.json"
    return golden.is_file() and "refused" in json.loads(golden.read_bytes())


def test_every_real_telegram_is_valid(schema: etree.XMLSchema, realdata: Path) -> None:
    telegrams = [path for path in sorted(realdata.glob("jma-xml/*/*.xml")) if b"<Report" in path.read_bytes()]
    assert len(telegrams) >= 80
    invalid = {path.name: found for path in telegrams if (found := faults(schema, path.read_bytes()))}
    assert invalid == {}


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_telegram_of_ours_is_valid(schema: etree.XMLSchema, path: Path) -> None:
    if refused_on_purpose(path):
        pytest.skip("shows what is refused")
    assert faults(schema, path.read_bytes()) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("<Status>訓練</Status>", "<Status>演習</Status>"),
        ("VolcanoHeadline>", "VolcanoSubhead>"),
        ("+09:00</ReportDateTime>", "JST</ReportDateTime>"),
        ("<InfoType>発表</InfoType>", ""),
    ],
)
def test_the_check_finds_what_is_wrong(schema: etree.XMLSchema, right: str, wrong: str) -> None:
    document = (PROJECT / "tests/feeds/jma_volcano/20261105010000_0_VFVO50_400000.xml").read_text(encoding="utf-8")
    assert right in document
    assert faults(schema, document.replace(right, wrong).encode()) != []
