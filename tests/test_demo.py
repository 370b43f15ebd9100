"""``make demo`` on real files: what it made, against counts taken from the raw files by other means."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import corpus

pytestmark = [pytest.mark.e2e, pytest.mark.airflow, pytest.mark.xdist_group("demo")]

PROJECT = Path(__file__).resolve().parents[1]


def demo(into: Path, *arguments: str) -> tuple[str, dict[str, Any]]:
    """Run scripts/demo.py to its end; gives what it printed and its summary."""
    done = subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / "demo.py"), "--into", str(into), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(into.parent)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((into / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def played(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, Any]]:
    """The demo on the real files: where, what it printed, its summary."""
    into = tmp_path_factory.mktemp("demo") / "var"
    printed, summary = demo(into, "--data", str(realdata))
    return into, printed, summary


def features(into: Path, layer: str) -> list[dict[str, Any]]:
    path = into / "public" / "layers" / layer / "latest.geojson"
    assert gzip.decompress(path.with_name("latest.geojson.gz").read_bytes()) == path.read_bytes()
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["features"]
    return found


def telegrams(realdata: Path, *folders: str) -> dict[str, list[Any]]:
    """Telegrams of some folders (the real ones) as element trees by Control/Title."""
    found = defaultdict(list)
    patterns = [f"{folder}/**/*.xml" for folder in folders or ("real-*",)]
    for path in sorted(path for pattern in patterns for path in (realdata / "jma-xml").glob(pattern)):
        tree = etree.parse(path)
        found[tree.findtext("{*}Control/{*}Title")].append(tree)
    return found


QUAKE = (
    "震度速報",
    "震源に関する情報",
    "震源・震度に関する情報",
    "顕著な地震の震源要素更新のお知らせ",
    "長周期地震動に関する観測情報",
)
WARNING = {
    "気象特別警報・警報・注意報",
    "気象警報・注意報（Ｈ２７）",
    *(
        f"気象警報・注意報（Ｒ０６）（{of}）"
        for of in ("大雨", "土砂", "高潮", "暴風", "波浪", "大雪", "その他注意報")
    ),
}
TSUNAMI = ("津波警報・注意報・予報a", "津波情報a", "沖合の津波観測に関する情報")


def event_ids(trees: list[Any]) -> set[str]:
    return {one for tree in trees for one in tree.findtext("{*}Head/{*}EventID").split()}


def test_every_document_was_read(realdata: Path, played: tuple[Path, str, dict[str, Any]]) -> None:
    by_title = telegrams(realdata, "real-*", "samples-official")
    lists = realdata / "gsi-shelters"
    kumamoto = realdata / "municipal-shelters/kumamoto-2026"
    expected = {
        "jma_quake": sum(len(by_title[title]) for title in QUAKE),
        "jma_tsunami": sum(len(by_title[title]) for title in TSUNAMI),
        "jma_warning": sum(len(trees) for title, trees in by_title.items() if title in WARNING),
        "gsi_evacuation_site": len(list((lists / "geojson/emergency").iterdir())),
        "gsi_shelter": len([*lists.glob("*/*.csv"), *(lists / "geojson/evacuation").iterdir()])
        + len(list(kumamoto.glob("kumamoto-designated-shelters-*"))),
        "ksj_municipality": len(list((realdata / "n03").glob("N03-*"))),
        "kumamoto_damage_report": len(list((realdata / "damage-tables/r8-kumamoto-pref").iterdir())),
        "cao_damage_report": len(list((realdata / "damage-tables/r8-kumamoto-cabinet").iterdir())),
        "nanao_shelter_status": len(list((realdata / "shelter-status-nanao").glob("open_shelter_*"))),
        "hokuriku_power_outage": len(list((realdata / "damage-tables/rikuden-outage-2024").iterdir())),
    }
    _, _, summary = played
    assert {feed: summary["feeds"][feed]["documents"] for feed in expected} == expected
    telegram_count = sum(len(trees) for trees in by_title.values())
    taken = sum(counts["documents"] for feed, counts in summary["feeds"].items() if feed.startswith("jma_"))
    assert taken == telegram_count


def test_every_file_has_an_outcome_and_every_refusal_a_reason(
    realdata: Path, played: tuple[Path, str, dict[str, Any]]
) -> None:
    into, printed, summary = played
    with (into / "files.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    files = {path.relative_to(realdata).as_posix() for path in realdata.rglob("*") if path.is_file()}
    assert set(rows) == files
    assert {row["outcome"] for row in rows.values()} == {"stored", "unchanged", "quarantined", "left out"}
    assert all(row["why"] for row in rows.values() if row["outcome"] != "stored")
    refused = {name for name, row in rows.items() if row["outcome"] == "quarantined"}
    assert refused == set(corpus.REFUSED)
    assert sum(counts["held"] for counts in summary["feeds"].values()) == 0
    assert sum(summary["files"].values()) == len(files)
    assert "failed" not in printed


def test_places_are_those_of_the_lists(realdata: Path, played: tuple[Path, str, dict[str, Any]]) -> None:
    into = played[0]
    lists = realdata / "gsi-shelters"

    def listed(folder: str) -> dict[str, set[str]]:
        found = {}
        for path in (lists / "geojson" / folder).glob("*.json"):
            rows = [one["properties"] for one in json.loads(path.read_bytes()).get("features", [])]
            if rows:
                found[path.name[:5]] = {row["共通ID"] for row in rows}
        return found

    sites = {feature["id"] for feature in features(into, "evacuation_site")}
    assert sites == set().union(*listed("emergency").values())
    older: dict[str, set[str]] = defaultdict(set)
    for path in (lists / "csv").glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                older[row["共通ID"][1:6]].add(row["共通ID"])
    # A municipality's newer list is its whole statement.
    kumamoto: dict[str, set[str]] = defaultdict(set)
    for path in (realdata / "municipal-shelters/kumamoto-2026").glob("kumamoto-designated-shelters-*.geojson"):
        for one in json.loads(path.read_bytes())["features"]:
            kumamoto[one["properties"]["共通ID"][1:6]].add(one["properties"]["共通ID"])
    newest = {**older, **listed("evacuation"), **kumamoto}
    assert {f["id"] for f in features(into, "shelter")} == set().union(*newest.values())
    codes = {
        feature["properties"]["N03_007"]
        for path in (realdata / "n03").glob("N03-*")
        for feature in json.loads(path.read_bytes())["features"]
    }
    assert {feature["id"] for feature in features(into, "municipality")} == codes - {None}


def test_earthquakes_and_intensities_are_those_of_the_telegrams(
    realdata: Path, played: tuple[Path, str, dict[str, Any]]
) -> None:
    into, by_title = played[0], telegrams(realdata)
    quakes = [tree for title in QUAKE for tree in by_title[title]]
    waves = [tree for title in TSUNAMI for tree in by_title[title]]
    shown = {feature["id"]: feature["properties"] for feature in features(into, "earthquake")}
    assert set(shown) == {f"jma-{event}" for event in event_ids(quakes) | event_ids(waves)}
    largest: dict[str, str] = {}
    for tree in by_title["震源・震度に関する情報"]:
        intensity = tree.findtext("{*}Body/{*}Intensity/{*}Observation/{*}MaxInt")
        if intensity:
            largest[tree.findtext("{*}Head/{*}EventID")] = intensity
    assert {event: shown[f"jma-{event}"]["max_intensity"] for event in largest} == largest
    areas = {
        (tree.findtext("{*}Head/{*}EventID"), area.findtext("{*}Code"))
        for title in ("震度速報", "震源・震度に関する情報", "長周期地震動に関する観測情報")
        for tree in by_title[title]
        for level in ("Pref", "Area", "City")
        for area in tree.iterfind(f"{{*}}Body/{{*}}Intensity/{{*}}Observation//{{*}}{level}")
    }
    assert {tuple(feature["id"].split("/")) for feature in features(into, "seismic_intensity")} == areas
    noto = shown["jma-20240101161010"]
    assert (noto["magnitude"], noto["max_intensity"]) == (7.6, "7")


def test_warnings_in_force_are_those_of_the_newest_telegrams(
    realdata: Path, played: tuple[Path, str, dict[str, Any]]
) -> None:
    into = played[0]
    expected = set()
    for title, trees in telegrams(realdata).items():
        if title.startswith("気象警報・注意報（Ｒ０６）"):
            for tree in trees:
                layer = tree.find(".//{*}Body/{*}Warning[@type='気象警報・注意報（市町村等）']")
                for item in layer.iterfind("{*}Item"):
                    code = item.findtext("{*}Area/{*}Code")
                    expected |= {
                        (code, kind.findtext("{*}Code"))
                        for kind in item.iterfind("{*}Kind")
                        if kind.findtext("{*}Code") not in (None, "00")
                        and "解除" not in kind.findtext("{*}Status", "")
                    }
    shown = {(f["properties"]["area_code"], f["properties"]["kind_code"]) for f in features(into, "weather_warning")}
    assert shown == expected != set()


def test_nothing_of_a_real_run_is_an_exercise(played: tuple[Path, str, dict[str, Any]]) -> None:
    into, printed, summary = played
    assert not (into / "public" / "exercise").exists()
    assert {layer["status"] for layer in summary["layers"]} == {"actual"}
    assert "gsi_shelter" in printed
    index = json.loads((into / "public" / "index.json").read_bytes())
    assert {layer["id"]: layer["features"] for layer in index["layers"]} == {
        layer["layer"]: layer["features"] for layer in summary["layers"]
    }
    assert all(layer["credits"] for layer in index["layers"])


def test_real_reports_are_of_what_was_recorded(played: tuple[Path, str, dict[str, Any]]) -> None:
    into, _, summary = played
    made = {Path(one["path"]).name: Path(one["path"]) for one in summary["reports"]}
    assert set(made) == {
        f"{incident}.{name}"
        for incident in ("kumamoto_2026", "noto_2024")
        for name in ("html", "pdf", "docx", "xlsx")
    }
    assert all(path.parent == into / "reports" for path in made.values())
    told = made["kumamoto_2026.html"].read_text(encoding="utf-8")
    # the Cabinet Office's seventh report and the prefecture's tenth, 8/7 and 8/6
    assert "（7報）" in told
    assert "（10報）" in told
    assert "【訓練】" not in told
    assert (into / "reports" / "kumamoto_2026.words.yml").exists()


def test_the_shipped_documents_are_an_exercise_and_nothing_else(tmp_path: Path) -> None:
    printed, summary = demo(tmp_path / "var")
    assert "訓練" in printed.splitlines()[0]
    made = {(layer["layer"], layer["status"]): layer["features"] for layer in summary["layers"]}
    assert sum(count for (_, status), count in made.items() if status == "actual") == 0
    assert made["earthquake", "exercise"] >= 1
    assert made["weather_warning", "exercise"] >= 1
    assert made["shelter", "exercise"] >= 1
    assert sum(counts["quarantined"] + counts["held"] for counts in summary["feeds"].values()) == 0
    reports = {Path(one["path"]).name: Path(one["path"]) for one in summary["reports"]}
    assert set(reports) == {f"kunren.{name}" for name in ("html", "pdf", "docx", "xlsx")}
    assert "【訓練】実際の災害ではありません" in reports["kunren.html"].read_text(encoding="utf-8")
