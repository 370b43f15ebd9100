"""The commands as a person types them: what they print, where, and their exit codes."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bousai import cli, operate, pipeline, settings

pytestmark = pytest.mark.store

KUNREN = Path(__file__).resolve().parents[1] / "exercises" / "kunren"
FEEDS = Path(__file__).resolve().parent / "feeds"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run one command on a store of this test's own; gives exit code, standard output and standard error."""
    monkeypatch.setenv("BOUSAI_DATA", str(tmp_path / "var"))
    pipeline.prepare(settings.load())

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def test_ingest_prints_one_json_line_a_file(run: Run) -> None:
    code, out, err = run("ingest", "jma_quake", KUNREN / "jma_quake")
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["file"] for line in lines] == [path.name for path in sorted((KUNREN / "jma_quake").iterdir())]
    keys = {"file", "sha256", "bulletins", "opened", "changed", "closed", "unchanged", "issues", "outcome"}
    assert all(keys <= set(line) for line in lines)
    assert {line["outcome"] for line in lines} <= {"stored", "unchanged"}
    assert {"stored"} <= {line["outcome"] for line in lines}


def test_ingest_takes_globs_and_folders_and_says_what_it_does_not_find(run: Run, tmp_path: Path) -> None:
    assert run("ingest", "jma_quake", KUNREN / "jma_quake" / "*_VXSE51_*.xml")[1].count("\n") == 1
    code, out, err = run("ingest", "jma_quake", tmp_path / "nothing*.xml")
    assert (code, out) == (2, "")
    assert err.startswith("bousai: no file at ")
    assert err.count("\n") == 1


def test_a_refused_file_ends_with_1_and_one_line_of_cause_and_remedy(run: Run, tmp_path: Path) -> None:
    good = next((KUNREN / "jma_quake").glob("*_VXSE53_*.xml"))
    (tmp_path / "cut.xml").write_bytes(good.read_bytes()[:500])
    code, out, err = run("ingest", "jma_quake", tmp_path / "cut.xml", good)
    assert code == 1
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["quarantined", "stored"]
    assert err.startswith("bousai: cut.xml: quarantined: ")
    assert " → " in err
    assert err.count("\n") == 1
    code, out, _ = run("issues", "list", "--json")
    (issue,) = json.loads(out)
    assert (code, issue["severity"], issue["feed"]) == (0, "error", "jma_quake")
    assert run("issues", "retry", issue["sha256"][:10])[0] == 1
    assert run("issues", "dismiss", issue["sha256"][:10])[0] == 0
    assert run("issues", "list", "--json")[1] == "[]\n"
    assert run("issues", "dismiss", issue["sha256"][:10])[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("frobnicate",),
        ("ingest", "no_such_feed", "x"),
        ("layer", "no_such_layer"),
        ("layer", "earthquake", "--valid-at", "yesterday"),
        ("layer", "earthquake", "--bbox", "137,36"),
        ("layer", "earthquake", "--muni", "172014"),
        ("trace", "earthquake/none"),
        ("pull",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_with_one_line(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("bousai: ")
    assert err.count("\n") == 1


def test_layer_writes_a_file_or_the_standard_output(run: Run, tmp_path: Path) -> None:
    run("ingest", "gsi_shelter", KUNREN / "gsi_shelter", "--at", "2026-10-01")
    code, out, _ = run("layer", "shelter", "--format", "geojson")
    everything = json.loads(out)
    assert code == 0
    assert len(everything["features"]) == 24
    assert run("layer", "shelter", "-o", tmp_path / "shelter.geojson")[:2] == (0, "")
    saved = json.loads((tmp_path / "shelter.geojson").read_bytes())
    assert saved["features"] == everything["features"]
    cut = json.loads(run("layer", "shelter", "--muni", "14205")[1])
    assert {feature["properties"]["muni_code"] for feature in cut["features"]} == {"14205"}
    assert json.loads(run("layer", "shelter", "--valid-at", "2026-09-30")[1])["features"] == []
    west, south, east, north = 139.0, 35.0, 139.3, 35.4
    boxed = json.loads(run("layer", "shelter", "--bbox", f"{west},{south},{east},{north}")[1])["features"]
    inside = [
        f["id"]
        for f in everything["features"]
        if f["geometry"]
        and west <= f["geometry"]["coordinates"][0] <= east
        and south <= f["geometry"]["coordinates"][1] <= north
    ]
    assert [f["id"] for f in boxed] == inside != []


def test_layer_in_other_formats(run: Run, tmp_path: Path) -> None:
    run("ingest", "gsi_shelter", KUNREN / "gsi_shelter", "--at", "2026-10-01")
    count = len(json.loads(run("layer", "shelter")[1])["features"])
    assert count > 1
    starts = {"gpkg": b"SQLite format 3", "fgb": b"fgb", "parquet": b"PAR1", "csv": b"\xef\xbb\xbfid,"}
    for name, start in starts.items():
        path = tmp_path / f"shelter.{name}"
        assert run("layer", "shelter", "--format", name, "-o", path)[:2] == (0, "")
        assert path.read_bytes().startswith(start)
    assert (tmp_path / "shelter.csv-metadata.json").is_file()
    assert len((tmp_path / "shelter.csv").read_text(encoding="utf-8-sig").splitlines()) == count + 1
    made = {f"shelter.{name}" for name in (*starts, "csv-metadata.json")}
    assert {path.name for path in tmp_path.iterdir() if path.name != "var"} == made
    code, out, _ = run("layer", "shelter", "--format", "csv")
    assert (code, out.splitlines()) == (0, (tmp_path / "shelter.csv").read_text(encoding="utf-8").splitlines())


def test_layer_says_what_it_cannot_be_written_as(run: Run, tmp_path: Path) -> None:
    code, out, err = run("layer", "tsunami_observation", "--format", "fgb")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "geojson gpkg parquet csv" in err
    code, _, err = run("layer", "shelter_status", "--format", "sip4d", "-o", tmp_path / "x.zip")
    assert (code, err.count("\n")) == (2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["var"]


def test_packages_of_several_incidents_go_into_a_folder(run: Run, tmp_path: Path) -> None:
    names = ("kunren_01-001-01_0900.zip", "kunren_01-007-01_power.zip", "kunren_01-007-01_water.zip")
    run("ingest", "sip4d", *(FEEDS / "sip4d" / name for name in names))
    of_drill = ("--status", "exercise", "--valid-at", "2026-11-05T10:00", "--format", "sip4d")
    code, _, err = run("layer", "shelter_status", *of_drill, "-o", tmp_path / "x.zip")
    assert (code, err) == (0, "")
    (tmp_path / "out").mkdir()
    assert run("layer", "shelter_status", *of_drill, "-o", tmp_path / "out")[0] == 0
    (one,) = (tmp_path / "out").iterdir()
    assert one.name.startswith("shelter_status.01-001-01-")
    code, out, err = run("layer", "lifeline_outage", *of_drill, "-o", tmp_path / "y.zip")
    assert code == 2
    assert (out, err.count("\n")) == ("", 1)
    assert "-o FOLDER" in err


def test_tiles_of_nothing_and_of_a_layer_that_has_none(run: Run) -> None:
    assert run("tiles", "--json")[:2] == (0, "[]\n")
    code, _, err = run("tiles", "shelter")
    assert (code, err.count("\n")) == (2, 1)
    assert "has no tiles" in err


def test_files_of_an_exercise_never_become_actual(run: Run) -> None:
    assert run("ingest", "gsi_shelter", KUNREN / "gsi_shelter", "--status", "exercise")[0] == 0
    assert json.loads(run("layer", "shelter")[1])["features"] == []
    drilled = json.loads(run("layer", "shelter", "--status", "exercise")[1])
    assert drilled["title"].startswith("【訓練】")
    assert len(drilled["features"]) == 24


def test_history_and_trace_read_like_sentences(run: Run) -> None:
    run("ingest", "gsi_shelter", KUNREN / "gsi_shelter", "--at", "2026-10-01")
    item = "E1420500001111"
    code, out, _ = run("history", "shelter", item)
    assert (code, out.count("\n")) == (0, 2)
    code, out, _ = run("trace", f"shelter/{item}#name")
    assert code == 0
    assert "訓練第1小学校（藤沢市）" in out
    assert "国土地理院" in out
    assert "line 2" in out
    code, out, _ = run("trace", f"shelter/{item}", "--json")
    assert json.loads(out)["revisions"][0]["verified"] is True
    assert run("history", "shelter", "nobody")[0] == 1


def test_feeds_shows_every_feed_with_its_state(run: Run) -> None:
    code, out, _ = run("feeds", "--json")
    states = json.loads(out)
    assert code == 0
    assert {state["reason"] for state in states if state["state"] == "dead"} == {"never read"}
    paused = {state["feed"]: state for state in states if state["state"] != "dead"}
    assert {state["state"] for state in paused.values()} == {"paused"}
    assert "terms" in paused["hokuriku_power_outage"]["reason"]
    assert paused["hokuriku_power_outage"]["next_due_at"] is None
    assert {state["feed"] for state in states} >= {"jma_quake", "gsi_shelter", "ksj_municipality"}
    assert "never read" in run("feeds")[1]


def test_a_disabled_feed_is_never_asked_and_takes_files(run: Run) -> None:
    code, _, err = run("pull", "tepco_power_outage")
    assert code == 2
    assert "disabled" in err
    assert "bousai ingest tepco_power_outage FILE" in err
    code, out, _ = run("ingest", "tepco_power_outage", FEEDS / "tepco_power_outage" / "data.202611050900.json")
    assert (code, json.loads(out)["opened"]) == (0, 3)


def test_strict_refuses_what_is_not_read_to_the_last_element(run: Run, tmp_path: Path) -> None:
    sample = (FEEDS / "water_outage" / "water_202611050900.csv").read_text(encoding="utf-8").splitlines()
    more = tmp_path / "water_202611051000.csv"
    more.write_text("\n".join([sample[0] + ",新しい列", *(line + ",x" for line in sample[1:])]), encoding="utf-8")
    code, out, err = run("ingest", "--strict", "water_outage", more)
    assert (code, json.loads(out)["outcome"]) == (1, "quarantined")
    assert "strict: nobody reads '新しい列'" in err
    code, out, _ = run("ingest", "water_outage", more)
    assert (code, json.loads(out)["outcome"], json.loads(out)["issues"]) == (0, "stored", 1)


def test_the_name_of_a_file_is_the_time_of_its_content(run: Run, tmp_path: Path) -> None:
    body = (FEEDS / "hokuriku_power_outage" / "202611050900.csv").read_bytes()
    for name in ("202611050900.csv", "outages.csv"):
        (tmp_path / name).write_bytes(body)
    code, out, _ = run("ingest", "hokuriku_power_outage", tmp_path / "202611050900.csv")
    assert (code, json.loads(out)["outcome"]) == (0, "stored")
    shown = json.loads(run("layer", "lifeline_outage", "--valid-at", "2026-11-05T09:00")[1])
    assert {one["properties"]["issued_at"] for one in shown["features"]} == {"2026-11-05T09:00:00+09:00"}
    code, out, err = run("ingest", "hokuriku_power_outage", tmp_path / "outages.csv")
    assert (code, json.loads(out)["outcome"]) == (1, "quarantined")
    assert "file name" in err


def test_publish_writes_what_changed(run: Run, tmp_path: Path) -> None:
    run("ingest", "gsi_shelter", KUNREN / "gsi_shelter", "--at", "2026-10-01")
    code, out, _ = run("publish", "shelter", "--json")
    (line,) = [one for one in json.loads(out) if one["layer"] == "shelter"]
    assert (code, line["changed"], line["features"]) == (0, True, 24)
    assert len(json.loads(Path(line["path"]).read_bytes())["features"]) == 24
    (line,) = [one for one in json.loads(run("publish", "shelter", "--json")[1]) if one["layer"] == "shelter"]
    assert line["changed"] is False


def test_a_store_that_was_not_prepared_says_what_to_do(run: Run, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "var")
    code, _, err = run("feeds")
    assert code == 1
    assert "bousai prepare" in err


def test_replay_reads_the_archive_again_day_by_day(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("ingest", "jma_quake", KUNREN / "jma_quake")
    count = len(list((KUNREN / "jma_quake").iterdir()))
    today = datetime.now(cli.JST).date()
    period = ("--from", str(today - timedelta(days=1)), "--to", str(today))
    code, out, err = run("replay", "jma_quake", *period, "--json")
    (day,) = [json.loads(line) for line in out.splitlines()]
    assert (code, err, day["day"]) == (0, "", str(today))
    assert (day["documents"], day["unchanged_documents"], day["opened"]) == (count, count, 0)
    code, out, _ = run("replay", "jma_quake", *period)
    assert (code, out.partition(",")[0]) == (0, f"{today} {count} documents")
    code, out, _ = run("replay", "jma_quake", "--from", "2026-01-01", "--to", "2026-01-01")
    assert (code, out) == (0, "no document of jma_quake was fetched in this period\n")
    assert run("replay", "jma_quake", "--from", "2026-01-02", "--to", "2026-01-01")[0] == 2


def test_pools_are_what_the_scheduler_imports(run: Run) -> None:
    code, out, _ = run("pools", "--json")
    pools = json.loads(out)
    assert (code, pools["folders"]["slots"]) == (0, 4)
    assert all({"slots", "description"} <= set(one) for one in pools.values())
    assert "source_www.data.jma.go.jp" in run("pools")[1]


def test_doctor_says_what_is_wrong_and_ends_with_1(run: Run) -> None:
    code, out, err = run("doctor", "--json")
    assert (code, err) == (0, "")
    assert {"ok", "warning"} == {one["level"] for one in json.loads(out)}
    code, out, _ = run("doctor", "--host", "0.0.0.0")  # noqa: S104
    assert code == 1
    assert "check" in out.splitlines()[0]
    assert "set BOUSAI_PUBLISHER=" in out


def test_doctor_lists_settings_without_secrets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUSAI_SMTP", "smtps://me:tops3cret@mail.example.jp:465")
    monkeypatch.setenv("BOUSAI_MQTT_KUNREN", "tops3cret")
    for more in ((), ("--json",)):
        code, out, _ = run("doctor", "--settings", *more)
        assert code == 0
        assert "tops3cret" not in out
        assert "smtps://me:***@mail.example.jp:465" in out
        assert "BOUSAI_MQTT_KUNREN" in out


def test_up_hands_over_where_to_listen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(operate, "up", lambda _, **where: asked.append(where) or 0)
    assert run("up")[0] == 0
    assert run("up", "--host", "::1", "--airflow-port", "9080", "--port", "9000")[0] == 0
    assert asked == [
        {"host": "127.0.0.1", "airflow_port": 8080, "port": 8000},
        {"host": "::1", "airflow_port": 9080, "port": 9000},
    ]


def test_up_is_refused_with_cause_and_remedy(run: Run, tmp_path: Path) -> None:
    assert run("up", "--port", "0")[0] == 2
    assert run("up", "--port", "8080")[2].startswith("bousai: port 8080 is given twice → ")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("up", "--port", str(port), "--airflow-port", str(port - 1))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"port {port}" in err or f"port {port - 1}" in err
    assert " → " in err
