"""The roll-up against the warnings: nothing where they agree, every missed telegram where they do not."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai import consolidate, pipeline, settings, store
from bousai.model import Issue, RevisionTable, Status
from bousai.vocab import warning

PROJECT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 11, 5, 3, 25, tzinfo=UTC)
KINDS = {kind.code: kind for kind in warning.kinds() if kind.code_space == "jma_warning_r06" and kind.phenomenon}


def table(
    kind: str, warnings: Mapping[str, str], at: datetime = AT, status: Status = "actual", scope: str = "s"
) -> RevisionTable:
    """A table of warnings: item id → kind code."""
    rows = [
        {
            "area_code": item_id.partition("/")[0],
            "area_name": item_id.partition("/")[0],
            "phenomenon": KINDS[code].phenomenon,
            "kind_code": code,
            "kind_name": KINDS[code].name,
            "grade": KINDS[code].grade,
        }
        for item_id, code in warnings.items()
    ]
    n = len(rows)
    return RevisionTable(
        kind=kind,
        status=status,
        valid_at=at,
        known_at=at,
        revision=list(range(n)),
        item_id=list(warnings),
        scope=[scope] * n,
        muni_code=[None] * n,
        props=[json.dumps(row) for row in rows],
        geometry=[None] * n,
        source=["f"] * n,
        issuer=["気象庁"] * n,
        issued_at=[at] * n,
        recorded_at=[at] * n,
        bulletin_type=["X"] * n,
        serial=[None] * n,
    )


def compared(said: Mapping[str, str], now: Mapping[str, str], then: Mapping[str, str]) -> list[Issue]:
    return consolidate.differences(
        table("weather_warning_summary", said),
        table("weather_warning", now),
        table("weather_warning", then, AT - consolidate.SETTLED),
    )


def settled(said: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    return [issue.code for issue in compared(said, ours, ours)]


HELD = st.dictionaries(
    st.sampled_from([f"14{n:05d}/heavy_rain" for n in range(6)]), st.sampled_from(["10", "03", "43", "33"])
)


@given(said=HELD, now=HELD, then=HELD)
def test_only_what_neither_moment_explains_is_told(
    said: dict[str, str], now: dict[str, str], then: dict[str, str]
) -> None:
    told = {issue.code: int(issue.cause.split()[0]) for issue in compared(said, now, then)}
    ids = {*said, *now, *then}
    missing = [i for i in ids if i in said and i not in now and i not in then]
    grade = [i for i in ids if i in said and (i in now or i in then) and said[i] not in (now.get(i), then.get(i))]
    extra = [i for i in ids if i not in said and i in now and i in then]
    expected = {"warning_missing": len(missing), "warning_grade": len(grade), "warning_extra": len(extra)}
    assert told == {code: n for code, n in expected.items() if n}


@given(said=HELD)
def test_the_same_is_no_difference(said: dict[str, str]) -> None:
    assert settled(said, said) == []


def test_each_kind_of_difference_is_one_issue_with_the_gravest_first() -> None:
    said = {f"14{n:05d}/heavy_rain": "10" for n in range(9)} | {"1499999/heavy_rain": "33"}
    (issue,) = compared(said, {}, {})
    assert (issue.code, issue.severity) == ("warning_missing", "warning")
    assert issue.cause == (
        "10 warnings in force by JMA's roll-up and not here: "
        "1499999 レベル５大雨特別警報, "
        + ", ".join(f"14{n:05d} レベル２大雨注意報" for n in range(4))
        + " and 5 more"
    )
    assert "long index" in issue.remedy
    again = consolidate.differences(*(table("w", held, AT + timedelta(minutes=10)) for held in (said, {}, {})))
    assert again == [issue]
    (lowered,) = compared({"1400000/heavy_rain": "43"}, {"1400000/heavy_rain": "10"}, {})
    assert lowered.cause.endswith("says: 1400000 レベル２大雨注意報 instead of レベル４大雨危険警報")


def test_a_thing_said_twice_counts_as_the_gravest() -> None:
    both = table("weather_warning", {"1400000/heavy_rain": "10"}, scope="a")
    other = table("weather_warning", {"1400000/heavy_rain": "43"}, scope="b")
    columns: dict[str, Any] = {
        name: [*getattr(both, name), *getattr(other, name)]
        for name in RevisionTable.__slots__
        if isinstance(getattr(both, name), list)
    }
    joined = replace(both, **columns)
    summary = table("weather_warning_summary", {"1400000/heavy_rain": "43"})
    assert consolidate.differences(summary, joined, joined) == []


def test_tables_of_other_moments_or_status_are_not_compared() -> None:
    summary = table("weather_warning_summary", {})
    with pytest.raises(ValueError, match="moment"):
        consolidate.differences(summary, table("weather_warning", {}, AT + timedelta(minutes=1)), summary)
    with pytest.raises(ValueError, match="status"):
        consolidate.differences(summary, table("weather_warning", {}, status="exercise"), summary)


# --- with the store -----------------------------------------------------------------------------------------


TELEGRAMS = sorted((PROJECT / "exercises/kunren/jma_warning").glob("*.xml"))
SUMMARY = PROJECT / "tests/feeds/jma_warning_summary/20261105014058_0_VPWS50_010000.xml"


def roll_up(telegrams: list[Path]) -> bytes:
    """What JMA would say of these at 12:25: all that each telegram says of municipalities, as one layer."""
    newest = {path.name.split("_")[2]: path.read_bytes() for path in telegrams}
    document = etree.fromstring(SUMMARY.read_bytes())
    (layer,) = [one for one in document.iter("{*}Warning") if one.get("type") == "気象警報・注意報（市町村等）"]
    for item in list(layer):
        layer.remove(item)
    joined: dict[str, etree._Element] = {}
    for body in newest.values():
        for one in etree.fromstring(body).iter("{*}Warning"):
            if one.get("type") != "気象警報・注意報（市町村等）":
                continue
            for item in one:
                code = item.findtext("{*}Area/{*}Code") or ""
                if code not in joined:
                    joined[code] = copy.deepcopy(item)
                else:
                    for kind in item.findall("{*}Kind"):
                        joined[code].insert(0, copy.deepcopy(kind))
    layer.extend(joined.values())
    for name, value in (("ReportDateTime", "2026-11-05T12:25:00+09:00"), ("DateTime", "2026-11-05T03:25:58Z")):
        next(document.iter(f"{{*}}{name}")).text = value
    return etree.tostring(document, encoding="UTF-8", xml_declaration=True)


UNTIL_NOW = [path for path in TELEGRAMS if path.name < "20261105032500"]


def told(folder: Path, received: list[Path]) -> dict[str, str]:
    own = settings.load({"BOUSAI_DATA": str(folder / "var")})
    pipeline.prepare(own)
    list(
        pipeline.ingest_files("jma_warning", [(path.name, path.read_bytes()) for path in received], own, strict=True)
    )
    document = ("x_0_VPWS50_010000.xml", roll_up(UNTIL_NOW))
    (done,) = pipeline.ingest_files("jma_warning_summary", [document], own, strict=True)
    assert done.outcome == "stored"
    with pipeline.opened(own) as house:

        def at(kind: str, time: datetime) -> RevisionTable:
            return store.items(house.store, kind, valid_at=time, status="exercise")

        summary = at("weather_warning_summary", AT)
        assert len(summary) > 30
        found = consolidate.differences(
            summary, at("weather_warning", AT), at("weather_warning", AT - consolidate.SETTLED)
        )
    return {issue.code: issue.cause for issue in found}


@pytest.mark.store
def test_a_roll_up_of_what_was_received_differs_in_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, UNTIL_NOW) == {}


@pytest.mark.store
@pytest.mark.parametrize(
    ("missed", "code"),
    [
        ("20261105031000_0_VPWW56_140000.xml", "warning_missing"),
        ("20261105030000_0_VPWW55_140000.xml", "warning_grade"),
    ],
)
def test_a_telegram_that_was_missed_is_told(tmp_path: Path, missed: str, code: str) -> None:
    found = told(tmp_path, [path for path in UNTIL_NOW if path.name != missed])
    assert code in found


@pytest.mark.store
def test_a_warning_that_the_roll_up_lacks_is_told(tmp_path: Path) -> None:
    body = UNTIL_NOW[-1].read_bytes().replace(b"<Code>1413000</Code>", b"<Code>1413099</Code>")
    path = tmp_path / UNTIL_NOW[-1].name
    path.write_bytes(body)
    assert "warning_extra" in told(tmp_path, [*UNTIL_NOW[:-1], path])


@pytest.mark.store
def test_a_difference_is_an_open_issue_until_a_later_roll_up_no_longer_finds_it(tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    missed = next(path for path in UNTIL_NOW if "VPWW56" in path.name)
    first = [(path.name, path.read_bytes()) for path in UNTIL_NOW if path != missed]
    list(pipeline.ingest_files("jma_warning", first, own))

    def issues_after(minute: int) -> dict[str, str]:
        body = roll_up(UNTIL_NOW)
        for before, after in (
            (b"T12:25:00", f"T12:{minute}:00".encode()),
            (b"T03:25:58", f"T03:{minute}:58".encode()),
        ):
            body = body.replace(before, after)
        list(pipeline.ingest_files("jma_warning_summary", [(f"{minute}_VPWS50.xml", body)], own))
        return {issue["code"]: issue["remedy"] for issue in pipeline.open_issues("jma_warning_summary", own)}

    assert "warning_missing" in issues_after(25)
    assert "long index" in issues_after(35)["warning_missing"]
    list(pipeline.ingest_files("jma_warning", [(missed.name, missed.read_bytes())], own))
    assert "warning_missing" not in issues_after(45)
