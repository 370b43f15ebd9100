"""The report of the shipped exercise and, where there are real files, of two disasters, as a person asks for it."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from lxml import html as lxml_html

from bousai import catalogue, cli, exercise, pipeline, settings
from bousai.formats import jma_xml
from bousai.settings import PROJECT, Settings

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("report")]
KINDS = frozenset(
    {
        "damage_count",
        "disaster_hq",
        "earthquake",
        "evacuation_order",
        "evacuation_summary",
        "lifeline_outage",
        "municipality",
        "road_restriction",
        "seismic_intensity",
        "shelter_status",
        "tsunami_forecast",
        "tsunami_observation",
        "weather_warning",
    }
)


def filled(own: Settings, name: str, folder: Path) -> Settings:
    """A store with what a recording has of the kinds that reports are made of."""
    pipeline.prepare(own)
    known = catalogue.load(own.config)
    takers = {
        kind: one.id
        for one in known.feeds.values()
        if isinstance(one.source, catalogue.AtomSource)
        for kind in one.source.types
    }
    played = exercise.read(PROJECT / "exercises" / f"{name}.yml", folder)
    for one in played.documents:
        feed = known.feeds[one.feed or takers[jma_xml.bulletin_type(one.title)]]
        if KINDS.isdisjoint(feed.kinds):
            continue
        status = played.status if one.status == "actual" else one.status
        dated = None if feed.file_time else one.at
        file = (Path(one.path).name, folder / one.path)
        for _ in pipeline.ingest_files(feed.id, [file], own, dated_at=dated, taint=status, accept=True):
            pass
    return own


@pytest.fixture(scope="module")
def kunren(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    own = settings.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("kunren"))})
    return filled(own, "kunren", PROJECT / "exercises" / "kunren")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, realdata: Path) -> Settings:
    own = settings.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("real"))})
    return filled(own, "realdata", realdata)


def said(own: Settings, *words: str) -> int:
    """Run the command in this process."""
    with pytest.MonkeyPatch.context() as around:
        around.setenv("BOUSAI_DATA", str(own.data))
        return cli.main(["report", *words])


def test_the_commands_of_the_guide_do_what_it_says(
    kunren: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (PROJECT / "docs" / "reports.md").read_text(encoding="utf-8")
    lines = [
        line for block in re.findall(r"^```sh\n(.*?)^```$", guide, flags=re.M | re.S) for line in block.splitlines()
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOUSAI_DATA", str(kunren.data))
    for line in lines:
        assert cli.main(shlex.split(line.removeprefix(".venv/bin/bousai "))) == 0, line
    made = {str(path.relative_to(tmp_path / "reports")) for path in tmp_path.rglob("*.*")}
    assert made >= {
        *(f"kunren.{name}" for name in ("html", "pdf", "docx", "xlsx", "words.yml", "changes.html")),
        "ame_2026.html",
        "as-known/kunren.html",
        "fujisawa/kunren.html",
    }
    narrow = tables((tmp_path / "reports" / "fujisawa" / "kunren.html").read_bytes())["時系列"][1:]
    assert set(column(narrow, 3)) == {"発令", "避難所"}
    assert all("藤沢市" in place for place in column(narrow, 4))


def tables(page: bytes) -> dict[str, list[list[str]]]:
    """Caption → rows as texts, without the numbers of sources."""
    tree = lxml_html.fromstring(page.decode())
    for one in tree.xpath("//sup"):
        one.drop_tree()
    return {
        caption.text_content().removeprefix("表 ").strip(): [
            [" ".join(cell.text_content().split()) for cell in row.xpath("./th|./td")]
            for row in caption.getparent().xpath(".//tr")
        ]
        for caption in tree.xpath("//caption")
    }


def column(rows: Iterable[list[str]], n: int) -> list[str]:
    return [row[n] for row in rows]


def test_every_format_is_the_same_from_the_same_store(kunren: Settings, tmp_path: Path) -> None:
    names = ("html", "pdf", "docx", "xlsx")
    for folder in ("one", "two"):
        words = ["kunren", "--format", ",".join(names), "-o", str(tmp_path / folder)]
        if folder == "one":
            assert said(kunren, *words) == 0
        else:  # in another process
            command = [sys.executable, "-P", "-m", "bousai.cli", "report", *words]
            subprocess.run(command, check=True, env={"BOUSAI_DATA": str(kunren.data), "PATH": "/usr/bin:/bin"})
    for name in names:
        first, second = ((tmp_path / folder / f"kunren.{name}").read_bytes() for folder in ("one", "two"))
        assert len(first) > 10_000
        assert first == second, name


def test_an_exercise_is_told_as_one_and_every_number_leads_to_its_bytes(kunren: Settings, tmp_path: Path) -> None:
    assert said(kunren, "kunren", "--format", "html", "-o", str(tmp_path)) == 0
    page = (tmp_path / "kunren.html").read_bytes()
    tree = lxml_html.fromstring(page.decode())
    (banner,) = tree.xpath("//*[@class='banner']")
    assert "訓練" in banner.text_content()
    assert "草案" in banner.text_content()
    told = tables(page)
    orders = told["発令と解除"]
    assert orders[1][:3] == ["藤沢市", "避難指示", "4"]
    texts = column(told["時系列"], 5)
    assert "津波警報から大津波警報に切替" in texts
    assert "レベル３大雨警報からレベル４大雨危険警報に切替" in texts
    references = [row.xpath("./td")[5].text_content() for row in tree.xpath("//tr[starts-with(@id, 's')]")]
    assert len(references) > 50
    for reference in references[:: len(references) // 5]:
        found = pipeline.trace(reference, kunren, status="exercise")
        assert found["revisions"][0]["verified"]


def test_what_people_wrote_survives_every_rebuild(kunren: Settings, tmp_path: Path) -> None:
    assert said(kunren, "kunren", "--format", "html", "-o", str(tmp_path)) == 0
    words = tmp_path / "kunren.words.yml"
    text = words.read_text(encoding="utf-8").replace("good: |", "good: |\n  【訓練】早めの避難所開設")
    words.write_text(text.replace("final: false", "final: true"), encoding="utf-8")
    assert said(kunren, "kunren", "--format", "html", "-o", str(tmp_path)) == 0
    page = (tmp_path / "kunren.html").read_text(encoding="utf-8")
    assert "【訓練】早めの避難所開設" in page
    assert "草案（" not in page
    assert words.read_text(encoding="utf-8").count("早めの避難所開設") == 1


def test_words_that_cannot_be_read_leave_the_last_report(
    kunren: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(kunren, "kunren", "--format", "html", "-o", str(tmp_path)) == 0
    before = (tmp_path / "kunren.html").read_bytes()
    (tmp_path / "kunren.words.yml").write_text("good: [\n", encoding="utf-8")
    capsys.readouterr()
    assert said(kunren, "kunren", "--format", "html", "-o", str(tmp_path)) != 0
    assert "kunren.words.yml" in capsys.readouterr().err
    assert (tmp_path / "kunren.html").read_bytes() == before


def test_what_has_changed_between_two_reports(
    kunren: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["kunren", "--format", "html", "--against-to", "2026-11-05T12:00", "-o", str(tmp_path), "--json"]
    assert said(kunren, *words) == 0
    (written,) = json.loads(capsys.readouterr().out)
    assert Path(written["path"]).name == "kunren.changes.html"
    told = tables(Path(written["path"]).read_bytes())
    added = [row for row in told["時系列"][1:] if row[0] == "追加"]
    assert added
    assert all(row[1].split(" / ")[0] > "2026-11-05 12:00" for row in added)


def test_an_incident_may_be_made_of_options_and_is_told_what_it_lacks(
    kunren: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    span = ("--from", "2026-11-05T09:00", "--to", "2026-11-05T12:00")
    words = ("--area", "14205", "--status", "exercise", "--format", "html", "-o", str(tmp_path))
    assert said(kunren, "fujisawa", *span, *words) == 0
    places = set(column(tables((tmp_path / "fujisawa.html").read_bytes())["時系列"][1:], 4))
    assert "藤沢市" in places
    assert "横浜市" not in "".join(places)
    capsys.readouterr()
    assert said(kunren, "nothing", *span) != 0
    assert "kunren" in capsys.readouterr().err
    assert said(kunren, "fujisawa", "--from", "2026-11-06T09:00", "--to", "2026-11-05T12:00", *words) != 0
    assert "until must be after since" in capsys.readouterr().err


def test_as_known_before_anything_was_recorded_there_is_nothing(kunren: Settings, tmp_path: Path) -> None:
    words = ("--format", "html", "--known-at", "2026-11-05T12:00", "-o", str(tmp_path))
    assert said(kunren, "kunren", *words) == 0
    assert tables((tmp_path / "kunren.html").read_bytes())["時系列"][1:] == [["（該当する行はない）"]]


def test_the_real_reports_of_kumamoto(real: Settings, tmp_path: Path) -> None:
    assert said(real, "kumamoto_2026", "--format", "html", "-o", str(tmp_path)) == 0
    told = tables((tmp_path / "kumamoto_2026.html").read_bytes())
    name = "熊本県 人的被害等の状況（災害対策本部会議資料）"
    course = {row[0]: row[2:-1] for row in told[f"{name}：熊本県の合計の推移"][1:]}
    assert len(course["死者"]) == 10
    assert course["死者"][0].lstrip("▼") == "3"
    people = {row[0]: row[1:] for row in told[f"{name}：避難者数（現在時刻別）"][1:]}
    assert people["八代市"][:3] == ["2,887", "2,797", "3,710"]
    falls = told["前の報より減った数とその説明"]
    assert all(row[-1] for row in falls[1:])
    # the intensities of the earthquake itself are in no file: that is told, and no map shows an aftershock for it
    page = (tmp_path / "kumamoto_2026.html").read_text(encoding="utf-8")
    assert "識別番号 20260728162718 の地震の市町村別の震度は記録にない" in page
    first = {row[0]: row for row in told["発災から、市町村別の最初の数の発表まで"][1:]}
    assert first["八代市"][2] == "15時間03分"
    roads = told["通行規制の履歴"]
    assert len(roads) > 40


def test_noto_has_the_warnings_of_its_own_coasts(real: Settings, tmp_path: Path) -> None:
    assert said(real, "noto_2024", "--format", "html", "-o", str(tmp_path)) == 0
    told = tables((tmp_path / "noto_2024.html").read_bytes())
    rows = {(row[4], row[5]) for row in told["時系列"][1:]}
    assert ("石川県能登", "大津波警報を発表") in rows
    assert ("石川県加賀", "津波警報を発表") in rows
    assert not any("新潟" in place for place, _ in rows)
    assert ["震度７", "志賀町"] in told["市町村別の最大震度（記録のある地震）"]


def test_the_files_open(kunren: Settings, tmp_path: Path) -> None:
    import docx
    import openpyxl
    import pypdfium2

    assert said(kunren, "kunren", "--format", "pdf,docx,xlsx", "-o", str(tmp_path)) == 0
    pages = pypdfium2.PdfDocument((tmp_path / "kunren.pdf").read_bytes())
    texts = [page.get_textpage().get_text_range() for page in pages]
    assert all("訓練" in text for text in texts)
    assert any("津波警報から大津波警報に切替" in text for text in texts)
    word = docx.Document(io.BytesIO((tmp_path / "kunren.docx").read_bytes()))
    assert "クロノロジー" in [one.text for one in word.paragraphs]
    book = openpyxl.load_workbook(tmp_path / "kunren.xlsx")
    assert len(book.sheetnames) > 10


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--muni", "99999"), "99999: not in the incident kunren"),
        (("--muni", "13101"), "13101: not in the incident kunren"),
        (("--against-known", "2099-01-01T00:00"), "nobody knows yet"),
        (("--against-to", "2026-11-01T00:00"), "until"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(
    kunren: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert said(kunren, "kunren", *words, "-o", str(tmp_path)) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
