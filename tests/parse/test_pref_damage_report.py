"""Damage reports of a prefecture: every cell of real ones against another reader, PDF against text, refusals."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from bousai.errors import ParseError
from bousai.formats import pdf_page
from bousai.model import Bulletin, Issue, Item
from bousai.parse import pref_damage_report
from bousai.parse.pref_damage_report import Options
from bousai.vocab.count import Count, count, reported, without
from bousai.vocab.municipality import municipalities

REPORTS, EXPECTED = "damage-tables/r8-kumamoto-pref", "damage-tables/r8-kumamoto-hq-json"
SAMPLES = Path(__file__).parents[1] / "feeds" / "kumamoto_damage_report"
TIMES = (
    "20260729-0730",
    "20260729-1400",
    "20260730-1400",
    "20260731-0730",
    "20260801-0730",
    "20260801-1400",
    "20260802-1400",
    "20260803-1400",
    "20260805-1400",
    "20260806-1400",
)
"""The times that both readers have."""
WITH_PDF = ("20260729-0730", "20260801-0730", "20260806-1400")
NAMES = {
    "shelters": ("evacuation_summary", "shelters_open"),
    "evacuees": ("evacuation_summary", "evacuees"),
    "injuredMinor": ("damage_count", "injured_minor"),
    "injuredModerate": ("damage_count", "injured_moderate"),
    "injuredSevere": ("damage_count", "injured_severe"),
    "cardiacArrest": ("damage_count", "cardiac_arrest"),
    "deaths": ("damage_count", "dead"),
    "casualtyUnclassified": ("damage_count", "casualty_unclassified"),
    "homesFull": ("damage_count", "house_destroyed"),
    "homesLargeHalf": ("damage_count", "house_mostly_half_destroyed"),
    "homesHalf": ("damage_count", "house_half_destroyed"),
    "homesPartial": ("damage_count", "house_partly_damaged"),
    "homesUnclassified": ("damage_count", "house_unclassified"),
    "homesTotal": ("damage_count", "house_damaged"),
    "outages": ("lifeline_outage/power", "affected"),
    "waterOutages": ("lifeline_outage/water", "affected"),
    "waterStations": ("lifeline_outage/water", "water_stations"),
}
"""What the other reader calls it → statement and property."""


def options(**other: Any) -> Options:
    return Options(**{"source": "kumamoto_pref", "issuer": "熊本県", "pref": "43", **other})


def parsed(body: bytes, **other: Any) -> tuple[dict[str, Bulletin], list[Issue]]:
    """Statements by kind (and utility), and issues."""
    found = list(pref_damage_report.parse(body, options(**other)))
    statements = {}
    for one in found:
        if isinstance(one, Bulletin):
            _, kind, _, *utility = one.scope.split("/")
            statements["/".join((kind, *utility))] = one
    return statements, [one for one in found if isinstance(one, Issue)]


def refused(body: bytes, **other: Any) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parsed(body, **other)
    assert caught.value.remedy
    return caught.value


def items(bulletin: Bulletin) -> dict[str, Item]:
    """Items by the name of the place."""
    found = {item.props["area_name"]: item for item in bulletin.items.rows()}
    assert len(found) == len(bulletin.items) == len(set(bulletin.items.item_id))
    return found


def real(realdata: Path, at: str, suffix: str) -> bytes:
    (path,) = (realdata / REPORTS).glob(f"pref_{at}_*.{suffix}")
    return path.read_bytes()


# ── the real reports ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", TIMES)
def test_every_cell_is_what_another_reader_read(realdata: Path, at: str) -> None:
    """Each of the 45 municipalities and 10 to 16 columns; a blank or a dash where the other has nothing."""
    expected = json.loads((realdata / EXPECTED / f"{at}.json").read_bytes())
    statements, _ = parsed(real(realdata, at, "txt"), named_on=at[:8])
    columns = {name for row in expected["municipalities"].values() for name in row}
    compared = 0
    for name in columns:
        statement, prop = NAMES[name]
        ours = items(statements[statement])
        assert len(expected["municipalities"]) == 45
        for area, row in expected["municipalities"].items():
            said: Count = ours[area].props[prop]
            words = expected["notes"].get(area, {})
            if name in row:
                assert said == reported(row[name]), (area, name)
            elif name in words:
                assert (said["value"], said["state"]) == (None, "unknown"), (area, name)
                assert (said["text"] or "").translate(str.maketrans("（）２", "()2")) == words[name]
            else:
                assert (said["value"], said["state"]) == (None, "blank"), (area, name)
            compared += 1
        assert ours["熊本県"].props[prop] == reported(expected["totals"][name])
        for label, extra in expected["extraRows"].items():
            if label not in ours:
                # Nothing but dashes and blanks of this kind.
                assert not {key for key in extra if NAMES[key][0] == statement}
            elif name in extra:
                assert ours[label].props[prop] == reported(extra[name])
            else:
                assert ours[label].props[prop]["state"] in ("blank", "not_applicable")
        if expected["affectedCounts"]:
            affected = ours["熊本県"].props["affected_municipalities"]
            assert affected[prop] == reported(expected["affectedCounts"][name])
    assert compared == 45 * len(columns)
    # No property that the other reader does not have, no row either.
    counts = {
        (key, prop)
        for key, statement in statements.items()
        for prop, column in statement.items.props.items()
        if key != "damage_certificate" and any(isinstance(cell, dict) and "state" in cell for cell in column)
    }
    assert counts == {NAMES[name] for name in columns}
    known = {*expected["municipalities"], "熊本県", *expected["extraRows"]}
    assert all(set(items(statement)) <= known for statement in statements.values())


@pytest.mark.parametrize("at", TIMES)
def test_the_last_page_is_what_another_reader_read(realdata: Path, at: str) -> None:
    expected = json.loads((realdata / EXPECTED / f"{at}.json").read_bytes())["certification"]
    statements, _ = parsed(real(realdata, at, "txt"), named_on=at[:8])
    if not expected:
        assert "damage_certificate" not in statements
        return
    ours = items(statements["damage_certificate"])
    assert set(ours) == set(expected)
    for area, said in expected.items():
        props = ours[area].props
        assert (props["window_text"], props["survey_text"].translate(str.maketrans("（）", "()"))) == (
            said["window"],
            said["survey"],
        )
        for text, day in ((said["window"], props["started_on"]), (said["survey"], props["survey_on"])):
            match = re.fullmatch(r"(\d+)月(\d+)日", text)
            assert day == (f"2026-{int(match[1]):02}-{int(match[2]):02}" if match else None)


@pytest.mark.parametrize("at", WITH_PDF)
def test_the_pdf_says_what_its_text_says(realdata: Path, at: str) -> None:
    """Item for item, with times, notes and positions; and also from the words of the PDF set in lines."""
    pdf, issues = parsed(real(realdata, at, "pdf"))
    text, more = parsed(real(realdata, at, "txt"), named_on=at[:8])
    document = pdf_page.read(real(realdata, at, "pdf"))
    ours = "\f".join(pdf_page.layout(page) for page in document.pages).encode()
    lines, again = parsed(ours, named_on=at[:8])
    assert issues == more == again
    assert list(pdf) == list(text) == list(lines)
    for key, bulletin in pdf.items():
        for other in (text[key], lines[key]):
            assert list(bulletin.items.rows()) == list(other.items.rows())
            assert (bulletin.issued_at, bulletin.scope) == (other.issued_at, other.scope)


@pytest.mark.parametrize("at", TIMES)
def test_scopes_times_and_codes(realdata: Path, at: str) -> None:
    statements, _ = parsed(real(realdata, at, "txt"), named_on=at[:8])
    stamp = f"{at[:4]}-{at[4:6]}-{at[6:8]}T{at[9:11]}:{at[11:]}:00+09:00"
    codes = {code for code, one in municipalities().items() if code.startswith("43") and one.valid_to is None}
    codes = {code for code in codes if municipalities()[code].city is None}
    for key, bulletin in statements.items():
        kind, _, utility = key.partition("/")
        assert bulletin.scope == f"kumamoto_pref/{kind}/令和8年熊本地震" + (f"/{utility}" if utility else "")
        assert (bulletin.kind, bulletin.complete, bulletin.status) == (kind, True, "actual")
        assert bulletin.issued_at is not None
        assert bulletin.issued_at.isoformat() == stamp
        assert set(bulletin.items.props["as_of"]) == {stamp}
        assert {code for code in bulletin.items.muni_code if code} == codes
        for item in bulletin.items.rows():
            assert item.item_id.startswith("kumamoto_pref/令和8年熊本地震/" + key)
            level = item.props["area_level"]
            assert (item.muni_code is not None) == (level == "municipality")
            assert item.position.startswith("page 2" if kind == "damage_certificate" else "page 1")


def test_item_ids_are_the_same_in_every_report_and_unique_over_all_statements(realdata: Path) -> None:
    seen: dict[str, set[str]] = {}
    for at in TIMES:
        statements, _ = parsed(real(realdata, at, "txt"), named_on=at[:8])
        ids = [item_id for bulletin in statements.values() for item_id in bulletin.items.item_id]
        assert len(set(ids)) == len(ids)
        for key, bulletin in statements.items():
            munis = {i for i, code in zip(bulletin.items.item_id, bulletin.items.muni_code, strict=True) if code}
            assert seen.setdefault(key, munis) == munis


@pytest.mark.parametrize("at", TIMES)
def test_differences_of_sums_are_those_that_arithmetic_finds(realdata: Path, at: str) -> None:
    """All of them are explained by rows of no municipality or by 「不明（２名）」; 該当市町村数 is always right."""
    expected = json.loads((realdata / EXPECTED / f"{at}.json").read_bytes())
    _, issues = parsed(real(realdata, at, "txt"), named_on=at[:8])
    differing = {
        name: total
        for name, total in expected["totals"].items()
        if total != sum(row.get(name, 0) for row in expected["municipalities"].values())
    }
    assert [(issue.code, issue.severity) for issue in issues] == [("total_differs", "info")] * len(differing)
    for (name, total), issue in zip(differing.items(), issues, strict=True):
        assert f" is {total}, " in issue.cause
        for label, extra in expected["extraRows"].items():
            assert (f"{extra.get(name)} {label}" in issue.cause) == (extra.get(name, 0) > 0)


def test_affected_municipalities_where_the_other_reader_has_none(realdata: Path) -> None:
    """該当市町村数 of four more reports, against the numbers of that line."""
    for at in ("20260730-1400", "20260731-0730", "20260801-0730", "20260803-1400"):
        body = real(realdata, at, "txt")
        row = next(line for line in body.decode().split("\n") if "該当市町村数" in line)
        statements, _ = parsed(body, named_on=at[:8])
        affected = [
            cell["value"]
            for key, statement in statements.items()
            if key != "damage_certificate"
            for cell in items(statement)["熊本県"].props["affected_municipalities"].values()
        ]
        assert sorted(affected) == sorted(int(number) for number in re.findall(r"\d+", row))


def test_notes_stand_with_what_they_are_about(realdata: Path) -> None:
    statements, _ = parsed(real(realdata, "20260806-1400", "pdf"))
    ours = items(statements["damage_count"])
    assert ours["災害と関連する可能性がある死亡(※)"].props["note"] == (
        "（※）災害による負傷の悪化又は身体的負担による疾病により死亡した可能性のある死亡"
        " / ※住家被害数は推計値を含むものであり、今後修正が入る可能性があります。"
    )
    assert ours["八代市"].props["note"] == "※住家被害数は推計値を含むものであり、今後修正が入る可能性があります。"
    assert set(statements["damage_certificate"].items.props["note"]) == {None}  # only a note about colours


def test_an_outage_of_none_has_ended_but_not_while_water_is_handed_out(realdata: Path) -> None:
    statements, _ = parsed(real(realdata, "20260806-1400", "pdf"))
    water = items(statements["lifeline_outage/water"])
    assert {name for name, item in water.items() if not item.ended} == {
        name
        for name, item in water.items()
        if item.props["affected"]["value"] or item.props["water_stations"]["value"]
    }
    assert (water["宇土市"].props["affected"], water["宇土市"].ended) == (reported(0), False)
    assert (water["熊本市"].props["affected"], water["熊本市"].ended) == (reported(0), True)
    blank, _ = parsed(real(realdata, "20260729-0730", "pdf"))
    assert not any(item.ended for item in blank["lifeline_outage/power"].items.rows())  # blank is not 0


def test_a_report_of_another_prefecture_is_refused(realdata: Path) -> None:
    for body in (real(realdata, "20260806-1400", "pdf"), real(realdata, "20260806-1400", "txt")):
        assert refused(body, pref="44", named_on="20260806").code in ("unknown_table", "unknown_document")


# ── composed reports ─────────────────────────────────────────────────────────────────────────────────────────

FONT = "HeiseiKakuGo-W5"
TITLE = "【訓練】令和８年訓練地震による人的被害等の状況（９月１日１０：００時点）"
HEAD = [
    ("①避難状況", "避難所"),
    ("①避難状況", "避難者"),
    ("②人的被害", "軽症"),
    ("②人的被害", "死亡"),
    ("③停電（戸）",),
    ("④断水（戸）",),
    ("⑤給水所（箇所数）",),
    ("備考",),
]
ROWS = [
    ["熊本市", "3", "1,200", "2", "0", "430", "", "4", ""],
    ["宇土市", "0", "0", "不明", "0", "", "3,030", "0", ""],
    ["八代市", "12", "306", "不明（２名）", "1", "0", "0", "2", "【訓練】想定"],
    ["身元不明", "―", "―", "1", "2", "―", "―", "―", ""],
    ["合計", "15", "1,506", "5", "3", "430", "3,030", "6", "0"],
    ["該当市町村数", "2", "2", "1", "1", "1", "1", "2", ""],
]
LAST_TITLE = "住家被害認定調査関係（９月１日 １０：００時点）"
LAST_HEAD = [("罹災証明書発行申請", "受付窓口設置"), ("住家被害認定", "調査実施")]
LAST_ROWS = [
    ["熊本市", "9月3日", "9月下旬"],
    ["宇土市", "随時対応", "1月8日"],
    ["八代市", "9月2日", "未定（調整中）"],
]

Path_ = tuple[str, ...]
Sheet = tuple[str, Sequence[Path_], Sequence[Sequence[str]]]


def pdf(*sheets: Sheet, beside: Sequence[str] = (), rules: bool = True, made: str = "20000101000000") -> bytes:
    """A report as PDF: a page a sheet (title, headings, rows), the lines `beside` below the last table.

    Headings that follow each other in the same group share a merged cell, as offices draw them.
    """
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(1190, 842), invariant=1)
    first, width, height = 130, 64, 16

    def cell(x0: float, top: float, wide: float, high: float, text: str, align: str) -> None:
        if rules:
            canvas.rect(x0, 842 - top - high, wide, high)
        x = {"left": x0 + 2, "middle": x0 + wide / 2, "right": x0 + wide - 2}[align]
        draw = {
            "left": canvas.drawString,
            "middle": canvas.drawCentredString,
            "right": canvas.drawRightString,
        }[align]
        draw(x, 842 - top - 11, text)

    for title, head, rows in sheets:
        canvas.setFont(FONT, 7)
        canvas.drawString(20, 842 - 40, title)
        top = 50
        levels = max(len(path) for path in head)
        cell(20, top, first, levels * height, "", "middle")
        for column, path in enumerate(head):
            for level, name in enumerate(path):
                if column > 0 and level < len(path) - 1 and head[column - 1][: level + 1] == path[: level + 1]:
                    continue
                together = 1
                while (
                    level < len(path) - 1
                    and head[column + together : column + together + 1]
                    and (head[column + together][: level + 1] == path[: level + 1])
                ):
                    together += 1
                down = 1 if level < len(path) - 1 else levels - level
                x = 20 + first + column * width
                cell(x, top + level * height, together * width, down * height, name, "middle")
        for number, row in enumerate(rows):
            y = top + (number + levels) * height
            cell(20, y, first, height, row[0], "middle")
            for column, text in enumerate(row[1:]):
                dash = set(text) <= {"―"}
                cell(20 + first + column * width, y, width, height, text, "left" if dash else "right")
        for number, line in enumerate(beside):
            canvas.drawString(20, 842 - top - (len(rows) + levels + 1 + number) * height, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue().replace(b"D:20000101000000", b"D:" + made.encode())


def text(*sheets: Sheet, beside: Sequence[str] = ()) -> bytes:
    """The same as text."""
    pages = pdf_page.read(pdf(*sheets, beside=beside)).pages
    return "".join(pdf_page.layout(page) + "\f" for page in pages).encode()


DRILL: Sheet = (TITLE, HEAD, ROWS)
LAST: Sheet = (LAST_TITLE, LAST_HEAD, LAST_ROWS)
WHEN: dict[str, Any] = {"year": 2026}


def test_the_samples_are_these_reports() -> None:
    """They were written by `pdf` and `text`; only the versions of reportlab may differ."""
    for name, body in (
        ("kunren_20260901-1000_1.txt", text(DRILL, LAST)),
        ("kunren_20260901-1000_1.pdf", pdf(DRILL, LAST, made="20260901011500")),
    ):
        sample = (SAMPLES / name).read_bytes()
        assert len(sample) < 20_000
        ours, kept = (list(pref_damage_report.parse(b, options(**WHEN))) for b in (body, sample))
        assert [plain(one) for one in ours] == [plain(one) for one in kept]


def plain(one: Bulletin | Issue) -> object:
    return one if isinstance(one, Issue) else (one.scope, one.issued_at, one.status, list(one.items.rows()))


@pytest.mark.parametrize("made", [pdf, text])
def test_a_composed_report(made: Any) -> None:
    statements, issues = parsed(made(DRILL, LAST), **WHEN)
    assert {bulletin.status for bulletin in statements.values()} == {"exercise"}
    assert all(bulletin.complete for bulletin in statements.values())
    damage = items(statements["damage_count"])
    assert list(damage) == ["熊本市", "宇土市", "八代市", "身元不明", "熊本県"]
    assert damage["八代市"].props["injured_minor"] == without("unknown", "不明（２名）")
    assert damage["八代市"].props["note"] == "【訓練】想定"
    assert damage["身元不明"].props["area_level"] == "extra"
    assert damage["熊本県"].props["note"] is None  # 0 below 備考 is a formula
    assert damage["熊本県"].props["affected_municipalities"] == {"injured_minor": reported(1), "dead": reported(1)}
    assert damage["熊本市"].props["incident"] == "令和8年訓練地震"
    assert "身元不明" not in items(statements["evacuation_summary"])
    water = items(statements["lifeline_outage/water"])
    assert (water["熊本市"].props["affected"], water["熊本市"].props["unit"]) == (without("blank"), "戸")
    assert water["八代市"].props["water_stations"] == reported(2)
    assert not water["八代市"].ended
    certificates = items(statements["damage_certificate"])
    assert certificates["熊本市"].props["started_on"] == "2026-09-03"
    assert (certificates["熊本市"].props["survey_on"], certificates["熊本市"].props["survey_text"]) == (
        None,
        "9月下旬",
    )
    assert certificates["宇土市"].props["survey_on"] == "2027-01-08"
    assert [(issue.severity, issue.cause.partition(" is ")[0]) for issue in issues] == [
        ("info", "合計 of 人的被害軽症"),
        ("info", "合計 of 人的被害死亡"),
    ]


def test_a_pdf_without_rules_is_read_by_places() -> None:
    ruled, _ = parsed(pdf(DRILL, LAST), **WHEN)
    bare, _ = parsed(pdf(DRILL, LAST, rules=False), **WHEN)
    assert [plain(one) for one in ruled.values()] == [plain(one) for one in bare.values()]


COLUMNS: list[Path_] = [
    ("①避難状況", "避難所"),
    ("①避難状況", "避難者"),
    ("②人的被害", "軽傷"),
    ("②人的被害", "重症"),
    ("②人的被害", "死亡"),
    ("②人的被害", "分類未確定"),
    ("③住家被害", "全壊"),
    ("③住家被害", "半壊"),
    ("③住家被害", "一部損壊"),
    ("③住家被害", "分類未確定"),
    ("停電（戸）",),
    ("④断水（戸）",),
    ("給水所（か所）",),
]
PROPS = [
    ("evacuation_summary", "shelters_open"),
    ("evacuation_summary", "evacuees"),
    ("damage_count", "injured_minor"),
    ("damage_count", "injured_severe"),
    ("damage_count", "dead"),
    ("damage_count", "casualty_unclassified"),
    ("damage_count", "house_destroyed"),
    ("damage_count", "house_half_destroyed"),
    ("damage_count", "house_partly_damaged"),
    ("damage_count", "house_unclassified"),
    ("lifeline_outage/power", "affected"),
    ("lifeline_outage/water", "affected"),
    ("lifeline_outage/water", "water_stations"),
]
NUMBERS = st.integers(0, 12_000).map(lambda n: f"{n:,}")
CELLS = st.one_of(NUMBERS, NUMBERS, st.sampled_from(["", "0", "―", "不明", "調査中"]))


@st.composite
def reports(draw: st.DrawFn) -> tuple[list[int], list[list[str]]]:
    """Some of the columns, and rows of some municipalities with any cells, and a sum of any numbers or cells."""
    columns = sorted(draw(st.sets(st.sampled_from(range(len(COLUMNS))), min_size=1)))
    names = draw(st.permutations(["熊本市", "八代市", "あさぎり町", "錦町", "球磨村"]))
    names = names[: draw(st.integers(1, 5))]
    sums = draw(st.sampled_from([NUMBERS, NUMBERS, CELLS]))
    rows = [[name, *(draw(CELLS) for _ in columns)] for name in names]
    return columns, [*rows, ["合計", *(draw(sums) for _ in columns)]]


def cells_of(statements: dict[str, Bulletin]) -> dict[tuple[str, str], list[Count]]:
    return {
        (key, prop): [item.props[prop] for item in statement.items.rows()]
        for key, statement in statements.items()
        for known, prop in PROPS
        if known == key and prop in statement.items.props
    }


@settings(max_examples=60)
@given(reports())
def test_whatever_a_ruled_table_holds_is_what_is_read(made: tuple[list[int], list[list[str]]]) -> None:
    columns, rows = made
    statements, _ = parsed(pdf((TITLE, [COLUMNS[c] for c in columns], rows)), **WHEN)
    assert cells_of(statements) == {
        PROPS[c]: [count(row[number + 1]) for row in rows] for number, c in enumerate(columns)
    }
    assert all(bulletin.status == "exercise" for bulletin in statements.values())


@settings(max_examples=60)
@given(reports())
def test_a_text_says_what_the_table_says_or_is_refused(made: tuple[list[int], list[list[str]]]) -> None:
    columns, rows = made
    sheet: Sheet = (TITLE, [COLUMNS[c] for c in columns], rows)
    try:
        statements, issues = parsed(text(sheet), **WHEN)
    except ParseError as error:
        assert error.code in ("ambiguous_table", "unknown_row", "unknown_header")  # noqa: PT017
        return
    ruled, same = parsed(pdf(sheet), **WHEN)
    assert cells_of(statements) == cells_of(ruled)
    assert issues == same


# ── what is refused, held back or noted ──────────────────────────────────────────────────────────────────────


def sheet(rows: Sequence[Sequence[str]] = ROWS, *, title: str = TITLE, head: Sequence[Path_] = HEAD) -> Sheet:
    return title, head, rows


@pytest.mark.parametrize("made", [pdf, text])
@pytest.mark.parametrize(
    "heading", [("②人的被害", "重体"), ("孤立集落",), ("③停電（世帯数",), ("②人的被害", "死亡（棟）")]
)
def test_an_unknown_heading_refuses_the_whole_document(made: Any, heading: Path_) -> None:
    head = [*HEAD[:3], heading, *HEAD[4:]] if len(heading) == 2 else [*HEAD[:4], heading, *HEAD[5:]]
    error = refused(made(sheet(head=head), LAST), **WHEN)
    assert error.code == "unknown_header"
    assert "page 1" in error.cause
    assert heading[-1] in error.cause


@pytest.mark.parametrize("made", [pdf, text])
def test_an_unknown_heading_on_the_last_page_refuses_the_whole_document(made: Any) -> None:
    last = (LAST_TITLE, [LAST_HEAD[0], ("応急修理", "受付開始")], LAST_ROWS)
    error = refused(made(DRILL, last), **WHEN)
    assert (error.code, error.position) == ("unknown_header", "page 2")
    assert "応急修理" in error.cause


def test_a_thing_counted_in_two_columns_refuses_the_document() -> None:
    for second in ("断水（世帯）", "断水戸数"):
        head = [("断水（戸）",), (second,)]
        error = refused(pdf(sheet([["熊本市", "1", "2"], ["合計", "1", "2"]], head=head)), **WHEN)
        assert (error.code, "twice" in error.cause) == ("unknown_header", True)


@pytest.mark.parametrize(
    ("heading", "unit"),
    [("④断水（戸）", "戸"), ("断水世帯数", "世帯"), ("断水", None), ("停電（軒）", "軒"), ("停電戸数", "戸")],
)
def test_the_unit_of_an_outage_is_that_of_its_heading(heading: str, unit: str | None) -> None:
    statements, _ = parsed(pdf(sheet([["熊本市", "1"], ["合計", "1"]], head=[(heading,)])), **WHEN)
    (bulletin,) = statements.values()
    assert set(bulletin.items.props["unit"]) == {unit}


@pytest.mark.parametrize("made", [pdf, text])
def test_headings_may_stand_in_any_order_and_under_other_numbers(made: Any) -> None:
    order = [6, 4, 2, 3, 0, 1, 5]
    head = [("".join("⑦" if c in "①②③④⑤" else c for c in path[0]), *path[1:]) for path in (HEAD[i] for i in order)]
    rows = [[row[0], *(row[i + 1] for i in order)] for row in ROWS]
    shuffled, _ = parsed(made(sheet(rows, head=head)), **WHEN)
    straight, _ = parsed(made(sheet([row[:-1] for row in ROWS], head=HEAD[:-1])), **WHEN)
    assert cells_of(shuffled) == cells_of(straight)


@pytest.mark.parametrize("made", [pdf, text])
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (["県北計", "3", "1", "1", "1", "1", "1", "1", ""], "unknown_row"),
        (["熊本市", "3", "1", "1", "1", "1", "1", "1", ""], "unknown_row"),
    ],
)
def test_a_row_that_could_count_twice_refuses_the_document(made: Any, row: list[str], code: str) -> None:
    assert refused(made(sheet([*ROWS[:3], row, *ROWS[3:]])), **WHEN).code == code


@pytest.mark.parametrize("made", [pdf, text])
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (["訓練町", "3", "1", "1", "1", "1", "1", "1", "訓"], "unknown_municipality"),
        (["八代市坂本", "3", "1", "1", "1", "1", "1", "1", "訓"], "unknown_municipality"),
        (["水俣市", "3", "1", "数名", "1", "1", "1", "1", "訓"], "unreadable_count"),
    ],
)
def test_a_row_that_cannot_be_read_is_held_back(made: Any, row: list[str], code: str) -> None:
    statements, issues = parsed(made(sheet([*ROWS[:3], row, *ROWS[3:]])), **WHEN)
    (issue,) = [issue for issue in issues if issue.code == code]
    assert (issue.severity, issue.position) == ("warning", f"page 1, {row[0]}")
    for statement in statements.values():
        assert not statement.complete
        assert row[0] not in items(statement)


@pytest.mark.parametrize("made", [pdf, text])
def test_a_report_that_may_be_cut_off_is_not_complete(made: Any) -> None:
    statements, issues = parsed(made(sheet([ROWS[2]])), **WHEN)
    assert {issue.code for issue in issues} == {"not_whole"}
    assert not any(bulletin.complete for bulletin in statements.values())
    statements, issues = parsed(made(DRILL, (LAST_TITLE, LAST_HEAD, LAST_ROWS[:2])), **WHEN)
    assert [b.complete for b in statements.values()] == [True, True, True, True, False]
    assert [issue.cause for issue in issues if issue.code == "not_whole"] == [
        "damage_certificate has no row for 43202: what it does not list is left as it was"
    ]


def test_sums_that_nothing_explains_are_a_warning() -> None:
    rows = [list(row) for row in ROWS]
    rows[4][4] = "7"  # 死亡: 1 in 八代市, 2 身元不明
    rows[4][2] = ""  # 避難者
    rows[5][1] = "3"
    _, issues = parsed(pdf(sheet(rows)), **WHEN)
    assert [(issue.severity, issue.cause) for issue in issues] == [
        ("info", "該当市町村数 of 避難状況避難所 is 3, 2 municipalities have a number"),
        ("warning", "合計 of 避難状況避難者 is blank, the municipalities add up to 1506"),
        (
            "info",
            "合計 of 人的被害軽症 is 5, 3 more than the municipalities add up to (2): 1 身元不明, "
            "宇土市 is 不明, 八代市 is 不明（２名）",
        ),
        (
            "warning",
            "合計 of 人的被害死亡 is 7, 6 more than the municipalities add up to (1); unexplained: 4 (2 身元不明)",
        ),
    ]


def test_a_sum_beside_its_parts_is_compared() -> None:
    head = [("③住家被害（棟）", "全壊"), ("③住家被害（棟）", "半壊"), ("③住家被害（棟）", "計")]
    rows = [["熊本市", "1", "2", "4"], ["宇土市", "1", "―", "4"], ["合計", "2", "2", "8"]]
    _, issues = parsed(pdf(sheet(rows, head=head)), **WHEN)
    assert [(issue.severity, issue.position) for issue in issues] == [
        ("warning", "page 1, 熊本市"),
        ("warning", "page 1, 合計"),
    ]


@pytest.mark.parametrize("made", [pdf, text])
def test_a_table_goes_on_over_pages_and_halves_of_one_are_joined(made: Any) -> None:
    whole, _ = parsed(made(DRILL), **WHEN)
    left = sheet([row[:5] for row in ROWS], head=HEAD[:4])
    right = sheet([[row[0], *row[5:]] for row in ROWS], head=HEAD[4:])
    halves, _ = parsed(made(left, right), **WHEN)
    assert cells_of(whole) == cells_of(halves)
    order = [ROWS[2], ROWS[0], ROWS[1], *ROWS[3:]]
    together, differences = parsed(made(sheet(order)), **WHEN)
    for title in ("", TITLE):
        continued, issues = parsed(made(sheet(order[:2]), sheet(order[2:], title=title)), **WHEN)
        assert cells_of(continued) == cells_of(together)
        assert [issue.cause for issue in issues] == [issue.cause for issue in differences]


@pytest.mark.parametrize("made", [pdf, text])
def test_the_same_column_twice_with_other_numbers_is_refused(made: Any) -> None:
    rows = [list(row) for row in ROWS]
    rows[0][1] = "4"
    assert refused(made(DRILL, sheet(rows)), **WHEN).code == "unknown_row"  # the same table once more
    shelters = sheet([row[:2] for row in rows], head=HEAD[:1])
    assert refused(made(DRILL, shelters), **WHEN).code == "said_twice"
    assert refused(made(DRILL, sheet(title=TITLE.replace("１０", "１１"))), **WHEN).code == "said_twice"


def test_the_year_is_taken_from_what_is_said_and_never_guessed() -> None:
    def at(title: str, body: Any = text, **other: Any) -> str:
        statements, _ = parsed(body(sheet(title=title)), **other)
        (issued,) = {bulletin.issued_at for bulletin in statements.values()}
        assert issued is not None
        return issued.isoformat()

    name = "令和８年訓練地震による【訓練】被害の状況"
    new_year = name + "（１月３日９：３０現在）"
    assert at(new_year, named_on="20270104") == "2027-01-03T09:30:00+09:00"
    assert at(name + "（１２月３１日２３：３０現在）", named_on="20270101") == "2026-12-31T23:30:00+09:00"
    assert at(name + "（令和９年１月３日９時３０分時点）") == "2027-01-03T09:30:00+09:00"
    assert at(name + "【2027年1月3日24時現在】") == "2027-01-04T00:00:00+09:00"
    assert at(new_year, year=2028, named_on="20270104") == "2028-01-03T09:30:00+09:00"
    made_2000 = name + "（１月３日９：３０現在）"  # reportlab's invariant documents are of 2000-01-01
    assert at(made_2000, pdf) == "2000-01-03T09:30:00+09:00"
    for body, other, code in (
        (text, {}, "no_year"),
        (text, {"named_on": "20270704"}, "year_conflict"),
        (pdf, {"named_on": "20270104"}, "year_conflict"),
        (text, {"named_on": "20271304"}, "unexpected_name"),
    ):
        assert refused(body(sheet(title=new_year)), **other).code == code
    assert refused(text(sheet(title=name + "（２月３０日９：３０現在）")), **WHEN).code == "no_year"


@pytest.mark.parametrize(
    ("title", "status"),
    [
        (TITLE, "exercise"),
        ("令和８年度総合防災訓練地震による人的被害等の状況（９月１日１０：００時点）", "exercise"),
        ("令和８年地震（訓練）による人的被害等の状況（９月１日１０：００時点）", "exercise"),
        ("【試験】令和８年地震による人的被害等の状況（９月１日１０：００時点）", "test"),
        ("令和８年地震による人的被害等の状況（９月１日１０：００時点）", "actual"),
    ],
)
def test_what_is_an_exercise(title: str, status: str) -> None:
    rows = [[*row[:-1], ""] for row in ROWS]
    for made in (pdf, text):
        statements, _ = parsed(made(sheet(rows, title=title)), **WHEN)
        assert {bulletin.status for bulletin in statements.values()} == {status}


def test_an_exercise_that_only_a_remark_speaks_of_is_for_a_person_to_decide() -> None:
    title = "令和８年地震による人的被害等の状況（９月１日１０：００時点）"
    rows = [[*row[:-1], ""] for row in ROWS]
    marked, _ = parsed(pdf(sheet(rows, title=title), beside=["【訓練】"]), **WHEN)
    assert {bulletin.status for bulletin in marked.values()} == {"exercise"}
    for note in ("※９月１日の訓練は中止します。", "※訓練用に作成"):
        assert refused(pdf(sheet(rows, title=title), beside=[note]), **WHEN).code == "unclear_status"
    water, _ = parsed(pdf(sheet(rows, title=title), beside=["※断水は（試験通水中）を含む。"]), **WHEN)
    assert {bulletin.status for bulletin in water.values()} == {"actual"}


@pytest.mark.parametrize("made", [pdf, text])
def test_lines_beside_the_table(made: Any) -> None:
    beside = [
        "※着色箇所は前回から変更",
        "※速報値である",
        "※死者は警察による",
        "担当：訓練課　電話 096-000-0000",
        "- 1 -",
        "次回は１４時に公表",
    ]
    statements, issues = parsed(made(DRILL, beside=beside), **WHEN)
    assert items(statements["evacuation_summary"])["熊本市"].props["note"] == "※速報値である"
    assert items(statements["damage_count"])["宇土市"].props["note"] == "※速報値である / ※死者は警察による"
    assert items(statements["lifeline_outage/power"])["熊本市"].props["note"] == "※速報値である"
    assert not any("096" in str(plain(b)) for b in statements.values())
    unread = [issue for issue in issues if issue.code == "unread"]
    assert [issue.cause for issue in unread] == ["nobody reads the line '次回は14時に公表'"]


def test_a_report_of_another_prefecture_of_the_same_family() -> None:
    """Three levels of headings, the year and the office in the title, units in the groups, the sum first."""
    human, house = "人的被害（人）", "住家被害（棟）"
    head = [
        (human, "死者", "計"),
        (human, "死者", "うち災害関連死"),
        (human, "行方不明者"),
        (human, "負傷者", "重傷"),
        (human, "負傷者", "軽傷"),
        (human, "負傷者", "小計"),
        (human, "計"),
        (house, "全壊"),
        (house, "中規模半壊"),
        (house, "床上浸水"),
        ("非住家被害", "公共建物"),
        ("非住家被害", "その他"),
    ]
    rows = [
        ["県計", "3", "1", "0", "2", "5", "7", "10", "4", "1", "6", "2", "9"],
        ["輪島市", "2", "1", "0", "2", "4", "6", "8", "4", "1", "6", "2", "9"],
        ["珠洲市", "1", "0", "確認中", "0", "約1", "1", "2", "多数", "", "0", "0", "0"],
    ]
    title = "【訓練】令和６年訓練地震による人的・建物被害の状況について【令和６年１月７日１４時００分現在】"
    body = pdf((title, head, rows), beside=["（危機管理監室）", "第３報", "（単位：人、棟）"])
    statements, issues = parsed(body, pref="17", source="ishikawa_pref", issuer="石川県")
    assert issues == []
    bulletin = statements["damage_count"]
    assert (bulletin.issued_at is not None, bulletin.scope, bulletin.status, bulletin.complete) == (
        True,
        "ishikawa_pref/damage_count/令和6年訓練地震",
        "exercise",
        True,
    )
    ours = items(bulletin)
    assert list(ours) == ["石川県", "輪島市", "珠洲市"]
    props = ours["珠洲市"].props
    names = (
        "dead",
        "dead_disaster_related",
        "missing",
        "injured_severe",
        "injured_minor",
        "injured",
        "casualties",
        "house_destroyed",
        "house_medium_half_destroyed",
        "flooded_above_floor",
        "public_building",
        "other_building",
    )
    assert [props[name] for name in names] == [count(cell) for cell in rows[2][1:]]
    assert (props["report_no"], props["as_of"]) == ("第3報", "2024-01-07T14:00:00+09:00")
    assert refused(pdf((title, [(human, "死者（棟）"), *head[1:]], rows)), pref="17").code == "unknown_header"


def test_a_cell_taken_out_of_a_real_text_is_blank_or_the_text_refused(realdata: Path) -> None:
    """No other cell takes its place, however the columns wander."""
    chance = random.Random(8)
    read = 0
    for at in TIMES:
        body = real(realdata, at, "txt").decode()
        rows = [m for m in re.finditer(r".*", body.partition("\f")[0]) if re.search("[市町村] .*\\d", m[0])]
        rows = [row for row in rows if "該当" not in row[0]]
        before = {item.item_id: item.props for item in _all_items(body, at)}
        for row in chance.sample(rows, 6):
            cell = chance.choice(list(re.finditer(r"[\d,]+", row[0])))
            start, end = row.start() + cell.start(), row.start() + cell.end()
            try:
                after = {item.item_id: item.props for item in _all_items(_blanked(body, start, end), at)}
            except ParseError as error:
                assert error.code == "ambiguous_table"  # noqa: PT017
                continue
            read += 1
            ((was, now),) = [
                (before[key][name], after[key][name])
                for key in before
                for name in before[key]
                if after[key][name] != before[key][name]
            ]
            assert (was, now) == (count(cell[0]), without("blank"))
    assert read > 50


def _blanked(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _all_items(body: str, at: str) -> list[Item]:
    statements, _ = parsed(body.encode(), named_on=at[:8])
    return [item for statement in statements.values() for item in statement.items.rows()]


def test_of_two_papers_of_one_time_the_later_one_counts() -> None:
    def sent(made: str) -> list[str]:
        statements, _ = parsed(pdf(DRILL, made=made), **WHEN)
        return sorted({b.sent_at.isoformat() if b.sent_at else "" for b in statements.values()})

    assert sent("20260901011500") == ["2026-09-01T01:15:00+00:00"]
    assert sent("20260901021500") == ["2026-09-01T02:15:00+00:00"]
    assert sent("20260901005900") == [""]  # before the time of which it speaks: a clock that is wrong
    statements, _ = parsed(text(DRILL), **WHEN)
    assert {b.sent_at for b in statements.values()} == {None}


def test_a_correction_says_so() -> None:
    statements, _ = parsed(text(sheet(title="【訂正】" + TITLE)), **WHEN)
    assert {(b.msg_type, b.status) for b in statements.values()} == {("correct", "exercise")}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<!DOCTYPE html><html>", "html_instead_of_report"),
        (b"\xff\xfe\x00", "wrong_encoding"),
        ("熊本市 1 2 3".encode(), "unknown_document"),
        ("令和８年訓練地震の状況（９月１日１０：００時点）\n本文".encode(), "unknown_table"),
        (b"%PDF-1.7\n", "not_pdf"),
    ],
)
def test_what_is_no_report_is_refused(body: bytes, code: str) -> None:
    assert refused(body, **WHEN).code == code


def test_a_text_cut_at_any_line_never_claims_to_be_whole_with_less(realdata: Path) -> None:
    body = real(realdata, "20260801-0730", "txt")
    whole, _ = parsed(body, named_on="20260801")
    lines = body.split(b"\n")
    for end in range(len(lines)):
        try:
            statements, _ = parsed(b"\n".join(lines[:end]), named_on="20260801")
        except ParseError:
            continue
        for key, statement in statements.items():
            if statement.complete:
                assert list(statement.items.item_id) == list(whole[key].items.item_id)
