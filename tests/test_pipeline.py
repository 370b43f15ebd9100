"""The corridor on real files: from bytes to answers, and what becomes of bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from bousai import archive, pipeline, settings
from bousai.errors import UsageError
from bousai.pipeline import Ingested
from bousai.settings import Settings

pytestmark = pytest.mark.store

NOTO = "jma-20240101161010"
KUNREN = Path(__file__).resolve().parents[1] / "exercises" / "kunren"
Ingest = Callable[..., list[Ingested]]


def jst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A store, an archive and a public tree of this test's own, prepared."""
    made = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(made)
    return made


@pytest.fixture
def ingest(own: Settings) -> Ingest:
    """Ingest paths or (name, bytes) pairs into a feed."""

    def run(feed: str, *files: Path | tuple[str, bytes], **options: Any) -> list[Ingested]:
        pairs = [(one.name, one.read_bytes()) if isinstance(one, Path) else one for one in files]
        return list(pipeline.ingest_files(feed, pairs, own, **options))

    return run


def features(own: Settings, layer: str, **options: Any) -> dict[str, dict[str, Any]]:
    collection = json.loads(b"".join(pipeline.layer_geojson(layer, own, **options)))
    return {feature["id"]: feature["properties"] for feature in collection["features"]}


def noto(realdata: Path) -> list[Path]:
    return sorted((realdata / "jma-xml" / "real-2024-noto").glob("*.xml"))


def alarm_of(realdata: Path) -> Path:
    """The telegram that raised the tsunami warnings to 大津波警報."""
    return realdata / "jma-xml" / "real-2024-noto" / "TsunamiAlarm.xml"


# ── the Noto peninsula earthquake, 2024-01-01 ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", ["by name", "backwards", "twice"])
def test_the_noto_earthquake_is_told_in_the_order_of_its_telegrams(
    realdata: Path, own: Settings, ingest: Ingest, order: str
) -> None:
    files = {"by name": noto(realdata), "backwards": noto(realdata)[::-1], "twice": noto(realdata) * 2}[order]
    ingest("jma_quake", *files)
    ingest("jma_tsunami", *files)

    def at(time: str) -> dict[str, Any]:
        return features(own, "earthquake", valid_at=jst(time)).get(NOTO, {})

    told = {
        time: tuple(at(f"2024-01-01T{time}").get(name) for name in ("magnitude", "depth_km", "max_intensity"))
        for time in ("16:12", "16:13", "16:22", "16:23", "16:24", "23:59")
    }
    assert told == {
        "16:12": (None, None, None),
        "16:13": (None, None, "6+"),
        "16:22": (7.6, 0.0, "6+"),
        "16:23": (7.4, 0.0, "6+"),
        "16:24": (7.6, 0.0, "7"),
        "23:59": (7.6, 0.0, "7"),
    }
    now = features(own, "earthquake")[NOTO]
    assert (now["magnitude"], now["depth_km"], now["max_intensity"]) == (7.6, 20.0, "7")
    assert {"VXSE51", "VXSE53", "VXSE62", "VTSE41"} & set(now["bulletin_types"]) >= {"VXSE53", "VXSE62", "VTSE41"}


def test_the_noto_tsunami_warnings_as_they_stood(realdata: Path, own: Settings, ingest: Ingest) -> None:
    ingest("jma_tsunami", *noto(realdata))
    raised = {
        f["coast_code"]: f for f in features(own, "tsunami_forecast", valid_at=jst("2024-01-01T16:30")).values()
    }
    said = etree.parse(realdata / "jma-xml" / "real-2024-noto" / "TsunamiAlarm.xml")
    items = list(said.iterfind(".//{*}Body//{*}Forecast/{*}Item"))
    kinds = {item.findtext("{*}Area/{*}Code"): item.findtext("{*}Category/{*}Kind/{*}Code") for item in items}
    assert kinds
    assert {code: feature["kind_code"] for code, feature in raised.items()} == kinds
    assert (raised["360"]["grade"], raised["360"]["max_height_m"], raised["360"]["coast_name"]) == (
        "major_warning",
        5.0,
        "石川県能登",
    )
    assert raised["360"]["issuer"] == "気象庁"
    assert features(own, "tsunami_forecast", valid_at=jst("2024-01-01T16:21")) == {}
    assert features(own, "tsunami_forecast", valid_at=jst("2024-01-02T10:00")) == {}
    before_we_knew = jst("2024-06-01T00:00")
    assert features(own, "tsunami_forecast", valid_at=jst("2024-01-01T16:30"), known_at=before_we_knew) == {}


def test_every_real_telegram_parses_or_says_who_would(realdata: Path, ingest: Ingest) -> None:
    handled = {
        "jma_quake": r"VXSE(51|52|53|61|62)",
        "jma_tsunami": r"VTSE(41|51|52)",
        "jma_warning": r"VPWW(53|54|55|56|57|58|59|60|61)",
    }
    files = sorted((realdata / "jma-xml").glob("*/*.xml"))
    assert len(files) > 80
    for feed, types in handled.items():
        for one in ingest(feed, *files):
            named = re.search(r"([A-Z]{4}(\d\d|ii))\.xml$|_([A-Z]{4}\d\d)_", one.name)
            if one.outcome == "quarantined":
                found = re.fullmatch(r"no parser for ([A-Za-z0-9-]+)", one.cause or "")
                assert found, (one.name, one.cause)
                assert not re.fullmatch(types, found[1])
                assert one.issues == 1
            elif named is not None:
                assert re.fullmatch(types, named[1] or named[3]), one.name


# ── one value, back to its bytes ─────────────────────────────────────────────────────────────────────────


def test_a_published_number_leads_to_its_bytes(realdata: Path, own: Settings, ingest: Ingest) -> None:
    alarm = alarm_of(realdata)
    ingest("jma_tsunami", alarm)
    (found,) = pipeline.trace("tsunami_forecast/20240101161010/360#max_height_m", own)["revisions"]
    assert Path(found["archived_at"]).read_bytes() == alarm.read_bytes()
    assert json.loads(found["props"])["max_height_m"] == 5
    assert (found["parser"], found["bulletin_type"], found["issuer"]) == ("jma_tsunami", "VTSE41", "気象庁")
    element = etree.parse(alarm).getroot()
    for step in found["position"].split("/"):
        name, number = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", step).groups()  # type: ignore[union-attr]
        element = element.findall(f"{{*}}{name}")[int(number or 1) - 1]
    assert element.findtext("{*}Area/{*}Code") == "360"


def test_damage_in_the_archive_is_found_by_a_trace(realdata: Path, own: Settings, ingest: Ingest) -> None:
    (one,) = ingest("jma_tsunami", alarm_of(realdata))
    assert one.outcome == "stored"
    path = Path(archive.path_of(own.archive, one.sha256))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Exception, match="damaged"):
        pipeline.trace("tsunami_forecast/20240101161010/360", own)


def test_a_trace_of_nothing_says_so(own: Settings) -> None:
    for reference in ("earthquake/jma-19230901115832", "earthquake/x#nothing", "999999"):
        with pytest.raises(UsageError):
            pipeline.trace(reference, own)


# ── bad input: refused, said why, nothing lost, last good untouched ──────────────────────────────────────


def bad_telegrams(good: bytes) -> dict[str, bytes]:
    text = good.decode()
    return {
        "cut in the middle": good[: len(good) // 2],
        "empty": b"",
        "an HTML page": b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>",
        "Shift_JIS": ("<?xml version='1.0' encoding='Shift_JIS'?>" + text[text.index("<Report") :]).encode(
            "cp932", "replace"
        ),
        "a byte that is no UTF-8": good.replace("気象庁".encode(), b"\xff\xfe"),
        "an external entity": b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + good[good.index(b"<Report") :],
        "no status": re.sub(rb"<Status>.*?</Status>", b"", good),
        "an unknown status": good.replace("<Status>通常</Status>".encode(), "<Status>通 常</Status>".encode()),
        "from the future": good.replace(b"<ReportDateTime>2024", b"<ReportDateTime>2124"),
        "another format": b"<feed xmlns='http://www.w3.org/2005/Atom'/>",
    }


@pytest.mark.parametrize("fault", bad_telegrams(b"<Report/>"))
def test_a_bad_telegram_is_quarantined_and_changes_nothing(
    realdata: Path, own: Settings, ingest: Ingest, fault: str
) -> None:
    good = alarm_of(realdata)
    bad = bad_telegrams(good.read_bytes())[fault]
    ingest("jma_tsunami", good)
    before = features(own, "tsunami_forecast", valid_at=jst("2024-01-01T16:30"))
    (one,) = ingest("jma_tsunami", ("bad.xml", bad))
    assert one.outcome == "quarantined"
    assert one.cause
    assert "\n" not in one.cause
    assert one.remedy
    assert features(own, "tsunami_forecast", valid_at=jst("2024-01-01T16:30")) == before != {}
    assert archive.get(own.archive, one.sha256) == bad
    (issue,) = pipeline.open_issues("jma_tsunami", own)
    assert (issue["severity"], issue["sha256"]) == ("error", one.sha256)
    assert "tsunami_forecast" in issue["stale"].split()


def shelter_lines(realdata: Path) -> tuple[bytes, list[bytes]]:
    (path,) = (realdata / "gsi-shelters" / "csv").glob("*.csv")
    header, *rows = path.read_bytes().splitlines(keepends=True)
    return header, rows


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("cut off after two thirds", "held"),
        ("90 % shorter", "held"),
        ("header only", "held"),
        ("empty", "quarantined"),
        ("HTML", "quarantined"),
    ],
)
def test_a_bad_list_does_not_replace_the_good_one(
    realdata: Path, own: Settings, ingest: Ingest, fault: str, outcome: str
) -> None:
    header, rows = shelter_lines(realdata)
    (first,) = ingest("gsi_shelter", ("list.csv", header + b"".join(rows)), dated_at=jst("2025-07-01T00:00"))
    assert (first.outcome, first.changes.opened) == ("stored", len(rows))
    bad = {
        "cut off after two thirds": header + b"".join(rows[: len(rows) * 2 // 3]),
        "90 % shorter": header + b"".join(rows[::10]),
        "header only": header,
        "empty": b"",
        "HTML": b"<html><body>maintenance</body></html>",
    }[fault]
    (one,) = ingest("gsi_shelter", ("list.csv", bad), dated_at=jst("2025-08-01T00:00"))
    assert one.outcome == outcome
    assert one.cause
    assert one.remedy
    assert len(features(own, "shelter")) == len(rows)
    states = {state.feed: (state, stale) for state, stale in pipeline.feed_states(own)}
    made_of_it = ["hazard_exposure", "municipality_situation", "people_estimate", "shelter_now", "shelter_register"]
    assert sorted(states["gsi_shelter"][1]) == sorted(["shelter", *made_of_it])
    if outcome == "held":
        (again,) = pipeline.retry(one.sha256[:12], own, accept=fault == "90 % shorter")
        assert again.outcome == ("stored" if fault == "90 % shorter" else "held")
    else:
        assert pipeline.dismiss(one.sha256[:12], own) == 1
        assert pipeline.open_issues("gsi_shelter", own) == []


def test_a_shorter_list_that_a_person_accepts_closes_what_is_gone(
    realdata: Path, own: Settings, ingest: Ingest
) -> None:
    header, rows = shelter_lines(realdata)
    nanao = [row for row in rows if b",E17202" in row]
    ingest("gsi_shelter", ("good.csv", header + b"".join(rows)), dated_at=jst("2025-07-01T00:00"))
    shorter = header + b"".join(nanao[:10])
    (held,) = ingest("gsi_shelter", ("less.csv", shorter), dated_at=jst("2025-08-01T00:00"))
    (taken,) = ingest("gsi_shelter", ("less.csv", shorter), dated_at=jst("2025-08-01T00:00"), accept=True)
    assert (held.outcome, taken.outcome) == ("held", "stored")
    assert taken.changes.closed == len(nanao) - 10
    assert len(features(own, "shelter")) == len(rows) - len(nanao) + 10
    # Only the statement of that municipality was there to be shortened.
    assert len(features(own, "shelter", muni="17201")) == sum(b",E17201" in row for row in rows)
    assert len(features(own, "shelter", valid_at=jst("2025-07-15T00:00"))) == len(rows)


def test_the_same_bytes_again_write_nothing(realdata: Path, own: Settings, ingest: Ingest) -> None:
    files = noto(realdata)
    first = ingest("jma_quake", *files)
    again = ingest("jma_quake", *files)
    assert {one.outcome for one in first} == {"stored", "quarantined"}
    assert {one.outcome for one in again} == {"unchanged", "quarantined"}
    assert not any(one.changes.any for one in again)
    assert len(pipeline.open_issues("jma_quake", own)) == sum(one.outcome == "quarantined" for one in first)


# ── exercise ─────────────────────────────────────────────────────────────────────────────────────────────


def snapshot(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: body for name, body in found.items() if not name.startswith("exercise/") and name != "index.json"}


def test_an_exercise_changes_no_byte_of_what_is_actual(realdata: Path, own: Settings, ingest: Ingest) -> None:
    ingest("jma_tsunami", *noto(realdata))
    pipeline.publish_layers(settings=own)
    before = snapshot(own.public)
    assert not (own.public / "exercise").exists()
    for feed in ("jma_quake", "jma_tsunami", "jma_warning"):
        outcomes = {one.outcome for one in ingest(feed, *sorted((KUNREN / feed).glob("*.xml")))}
        assert outcomes <= {"stored", "unchanged"}
    # The same real telegrams, all turned into an exercise: metamorphic to the ones above.
    drilled = [
        (p.name, p.read_bytes().replace("通常</Status>".encode(), "訓練</Status>".encode())) for p in noto(realdata)
    ]
    ingest("jma_tsunami", *drilled)
    pipeline.publish_layers(settings=own)
    assert snapshot(own.public) == before
    exercise = json.loads((own.public / "exercise" / "layers" / "earthquake" / "latest.geojson").read_bytes())
    assert exercise["title"].startswith("【訓練】")
    assert {feature["properties"]["status"] for feature in exercise["features"]} == {"exercise"}
    assert NOTO in {feature["id"] for feature in exercise["features"]}


def test_warnings_show_the_area_of_the_municipality(realdata: Path, own: Settings, ingest: Ingest) -> None:
    ingest("ksj_municipality", *sorted((realdata / "n03").glob("N03-*")), dated_at=jst("2021-01-01T00:00"))
    ingest("jma_warning", *sorted((realdata / "jma-xml" / "real-2026-07").glob("*.xml")))
    collection = json.loads(b"".join(pipeline.layer_geojson("weather_warning", own)))
    # 新潟市 (15100) is a designated city: N03 has only its wards.
    shown = {f["properties"]["muni_code"]: f["geometry"] for f in collection["features"]}
    assert shown
    lent = features(own, "municipality")
    for code, geometry in shown.items():
        known = code in lent or (code == "15100" and "15101" in lent)
        assert (geometry is not None) == known, code
