"""Canaries: a string that nobody else writes in every column that is not for the public; then the whole tree is read,
file by file, in every format. What is not to leave is in none of them, and in no line that a publication prints or
logs; that it would have been found is shown by the tree for responders."""

from __future__ import annotations

import gzip
import io
import json
import logging
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import shapely
import zstandard

from bousai import catalogue, pipeline, settings, store
from bousai.cli import main
from bousai.errors import UsageError
from bousai.model import VISIBILITIES, Bulletin, Field, Item, Layer, Provenance, RawDocument, Visibility, table_of
from bousai.settings import Settings
from bousai.vocab.count import reported
from tests.formats import sip4d_package as made

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("canary")]

PROJECT = Path(__file__).resolve().parents[1]
KNOWN = catalogue.load(PROJECT / "config")
STATED = [layer for layer in KNOWN.layers.values() if not layer.inputs]
AT = datetime(2026, 11, 5, tzinfo=UTC)
PERSONAL = ("phone", "contact_person", "e_mail", "remarks_of_the_caller")
"""Properties as formats have them, which no layer names."""
BIRD = re.compile(r"CANARY-[a-z0-9-]+-q")


def bird(*parts: str) -> str:
    return f"CANARY-{'-'.join(part.replace('_', '') for part in parts)}-q"


# ── reading a tree as its readers do ─────────────────────────────────────────────────────────────────────


def texts(path: Path) -> Iterator[str]:
    """All that can be read of a file: its name, its text, unpacked, as a database, as a table."""
    yield path.name
    yield from _texts(path.name, path.read_bytes(), path)


def _texts(name: str, body: bytes, path: Path | None) -> Iterator[str]:
    if not name.endswith(".parquet"):  # of which the packed pages are no text
        yield body.decode("utf-8", "replace")
    if name.endswith(".gz"):
        yield from _texts(name.removesuffix(".gz"), gzip.decompress(body), None)
    elif name.endswith(".zst"):
        yield from _texts(name.removesuffix(".zst"), zstandard.ZstdDecompressor().decompress(body), None)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for entry in archive.namelist():
                yield entry
                yield from _texts(entry, archive.read(entry), None)
    elif name.endswith(".gpkg"):
        assert path is not None
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                yield from (repr(row) for row in database.execute(f'SELECT * FROM "{table}"'))
    elif name.endswith(".parquet"):
        table = pyarrow.parquet.read_table(io.BytesIO(body))
        yield repr(table.schema.metadata)
        yield from (repr(row) for row in table.to_pylist())


def read(root: Path) -> dict[Path, str]:
    """Every file below a folder as text."""
    return {path: "\n".join(texts(path)) for path in sorted(root.rglob("*")) if path.is_file()}


def birds(files: dict[Path, str]) -> set[str]:
    return {found for text in files.values() for found in BIRD.findall(text)}


# ── a statement of everything, with a canary in whatever is not public ──────────────────────────────────


def counted(field: Field) -> bool:
    """It counts people or households."""
    return field.unit in ("人", "世帯") and field.name not in KNOWN.release.small_counts.exempt


def value_of(layer: Layer, field: Field, *, public: bool) -> Any:
    """Something that a column of this type can hold; a canary, where it is not public and can hold one."""
    if not public:
        hidden = bird(layer.id, field.name)
        return {"object": reported(777, "approx", hidden), "list": [hidden]}.get(field.type, hidden)
    if counted(field):
        # the wording of a small count has a canary, its value is looked for by its shape
        return reported(3, "approx", f"約3人 {bird(layer.id, field.name, mark(layer))}")
    shapes: dict[str, Any] = {"text": "公開", "boolean": True, "datetime": "2026-11-05T09:00:00+09:00"}
    return shapes.get(field.type)


def mark(layer: Layer) -> str:
    """Whether its small counts are shown: those of a municipality are, and those of the census."""
    shown = KNOWN.released(layer, "public").small is None or "area_level" in {field.name for field in layer.fields}
    return "open" if shown else "small"


def statement(layer: Layer, visibility: Visibility = "public", **more: Any) -> Bulletin:
    """One item with every column of a layer and some that none names; for a narrower circle all of it is a canary."""
    shown = {field.name for field in KNOWN.released(layer, "public").fields}
    props = {field.name: value_of(layer, field, public=field.name in shown) for field in layer.fields}
    props |= {name: bird(layer.id, name) for name in PERSONAL}
    place = {"area_level": "municipality", "district_name": "訓練町"}
    props |= {name: value for name, value in place.items() if name in props}
    item_id = f"{layer.id}/1"
    if visibility != "public":
        props |= {"name": bird(layer.id, visibility), "phone": bird(layer.id, visibility, "phone")}
        item_id = bird(layer.id, visibility, "id")
    shape = {
        "point": shapely.Point(136.97, 37.04),
        "line": shapely.LineString([(136.97, 37.04), (136.98, 37.05)]),
        "polygon": shapely.box(136.9, 37, 137, 37.1),
        "none": None,
    }[layer.geometry]
    item = Item(item_id, props, "17202", None if shape is None else shapely.to_wkb(shape), position="row 1")
    told = {"issued_at": AT, "status": "actual", "issuer": "訓練市", "complete": True, "visibility": visibility}
    return Bulletin(layer.kind, f"canary/{layer.id}/{visibility}", items=table_of([item]), **{**told, **more})


def record(own: Settings, *bulletins: Bulletin) -> None:
    handle = store.open_store(own.store)
    for bulletin in bulletins:
        feed = next(feed for feed in KNOWN.feeds.values() if bulletin.kind in feed.kinds)
        digest = sha256(repr((bulletin.scope, bulletin.visibility)).encode()).hexdigest()
        raw = RawDocument(digest, feed.id, "https://example.jp/x", "x", AT, 1, bulletin.status)
        store.apply(handle, [bulletin], Provenance(raw, "p", "1"), AT)
    handle.close()


LAYERS = tuple(
    layer.id for layer in KNOWN.layers.values() if not layer.id.startswith("hazard_zone_") or "flood" in layer.id
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    """A store that was told everything, published for the public and for responders; and what was printed and logged
    on the way."""
    own = settings.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("canary")), "BOUSAI_RESPONDERS": "responders"})
    pipeline.prepare(own)
    record(
        own,
        *(statement(layer) for layer in STATED),
        *(
            statement(layer, visibility)
            for layer in STATED
            if layer.id in ("shelter_status", "damage_count", "road_restriction", "lifeline_outage")
            for visibility in ("responders", "isut")
        ),
    )
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, entry: logging.LogRecord) -> None:
            lines.append(self.format(entry))

    handler = Lines()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        written = pipeline.publish_layers(LAYERS, own)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return own, "\n".join([*lines, json.dumps(written, default=str)])


@pytest.fixture(scope="module")
def public(told: tuple[Settings, str]) -> dict[Path, str]:
    return read(told[0].public)


@pytest.fixture(scope="module")
def responders(told: tuple[Settings, str]) -> dict[Path, str]:
    assert told[0].responders is not None
    return read(told[0].responders)


def test_no_canary_is_in_a_file_of_the_public(told: tuple[Settings, str], public: dict[Path, str]) -> None:
    assert len(public) > 5 * len(LAYERS)
    formats = {"".join(path.suffixes[-2:]) for path in public}
    assert {".geojson", ".geojson.gz", ".geojson.zst", ".gpkg", ".fgb", ".parquet", ".csv"} <= formats
    assert {path.relative_to(told[0].public).parts[0] for path in public} == {"index.json", "layers"}
    found = {path.relative_to(told[0].public): birds({path: text}) for path, text in public.items()}
    open_ = {bird(layer.id, field.name, "open") for layer in STATED for field in layer.fields}
    assert {path: names for path, names in found.items() if names - open_} == {}
    assert {bird("damage_count", "dead", "open")} <= birds(public)  # a canary in a public column is found


def test_no_canary_is_in_what_a_publication_prints_and_logs(told: tuple[Settings, str]) -> None:
    assert BIRD.findall(told[1]) == []
    logged = [json.loads(line.removeprefix("withheld ")) for line in told[1].splitlines() if "withheld {" in line]
    by = {(one["tree"], one["layer"]): one["by"] for one in logged}
    assert by[("public", "shelter_status")]["responders:note"] == 1
    assert by[("public", "shelter_status")]["unnamed:phone"] == 1
    assert by[("public", "shelter_status")]["small_count"] >= 3
    assert "responders:note" not in by[("responders", "shelter_status")]
    assert by[("responders", "shelter_status")]["unnamed:phone"] == 2


def test_the_canaries_of_responders_sing_in_their_tree(responders: dict[Path, str]) -> None:
    """The positive control: they were there to be found."""
    expected = {
        bird(layer.id, name)
        for layer in STATED
        if layer.id in LAYERS
        for name in KNOWN.release.layers[layer.id].responders
    }
    expected |= {
        bird(layer.id, field.name, mark(layer))
        for layer in STATED
        if layer.id in LAYERS
        for field in KNOWN.released(layer, "public").fields
        if counted(field)
    }
    narrow = {"shelter_status", "road_restriction"}
    found = birds(responders)
    assert expected <= found
    assert len(expected) > 30
    assert {bird(name, "responders", "id") for name in narrow} <= found
    assert bird("shelter_status", "responders") in found
    for format_ in (".csv", ".gpkg", ".parquet", ".fgb", ".geojson.gz"):
        files = {path: text for path, text in responders.items() if path.name.endswith(format_)}
        assert bird("shelter_status", "note") in birds(files), format_


def test_what_no_layer_names_and_what_is_for_isut_is_in_no_tree(
    told: tuple[Settings, str], public: dict[Path, str], responders: dict[Path, str]
) -> None:
    found = birds(public) | birds(responders)
    assert {one for one in found if any(name.replace("_", "") in one for name in PERSONAL)} == set()
    assert {one for one in found if "isut" in one} == set()
    asked = b"".join(pipeline.layer_geojson("shelter_status", told[0], tier="isut")).decode()
    assert bird("shelter_status", "isut", "id") in asked
    assert {one for one in BIRD.findall(asked) if "phone" in one} == set()
    for tier in ("public", "responders"):
        text = b"".join(pipeline.layer_geojson("shelter_status", told[0], tier=tier)).decode()  # type: ignore[arg-type]
        assert ("responders-id" in text) == (tier == "responders")
        assert "isut" not in text


def small(value: Any, path: str = "") -> Iterator[str]:
    """Where a count of one to four stands."""
    if isinstance(value, dict):
        if value.get("state") == "reported" and value.get("value") in (1, 2, 3, 4):
            yield path
        for name, one in value.items():
            yield from small(one, f"{path}.{name}")
    elif isinstance(value, list):
        for one in value:
            yield from small(one, path)


def test_no_small_count_below_a_municipality_is_in_a_collection(
    public: dict[Path, str], responders: dict[Path, str]
) -> None:
    def found(files: dict[Path, str]) -> set[str]:
        return {
            f"{path.parent.name}{where}"
            for path in files
            if path.name == "latest.geojson"
            for feature in json.loads(path.read_bytes())["features"]
            for where in small(feature["properties"])
        }

    # of a municipality, or open statistics
    own = {"municipality_situation", "people_estimate", "population_mesh", "damage_count", "evacuation_summary"}
    assert {one for one in found(public) if one.split(".")[0] not in own} == set()
    assert "shelter_status.evacuees" in found(responders)


def test_consolidated_layers_say_nothing_that_their_parts_do_not(
    public: dict[Path, str], responders: dict[Path, str]
) -> None:
    """The claims of shelter_now have what the sources say: for responders also what is theirs, and only for them."""

    def of(files: dict[Path, str]) -> str:
        return "".join(text for path, text in files.items() if "shelter_now" in path.parts)

    assert bird("shelter_status", "reason") in of(responders)
    assert bird("shelter_status", "responders") in of(responders)
    assert "place-" in of(public)
    assert BIRD.findall(of(public)) == []


def test_the_index_and_the_manifests_say_whose_they_are(
    told: tuple[Settings, str], public: dict[Path, str], responders: dict[Path, str]
) -> None:
    own = told[0]
    assert own.responders is not None
    for root, tier in ((own.public, "public"), (own.responders, "responders")):
        index = json.loads((root / "index.json").read_bytes())
        assert index["bousai:tier"] == tier
        for entry in index["layers"]:
            names = {field["name"] for field in entry["fields"]}
            assert names == {
                *KNOWN.release.common,
                *(field.name for field in KNOWN.released(KNOWN.layer(entry["id"]), tier).fields),  # type: ignore[arg-type]
            }
            assert json.loads((root / "layers" / entry["id"] / "manifest.json").read_bytes())["tier"] == tier
    assert own.responders.stat().st_mode & 0o007 == 0  # a web server of another user cannot read it


# ── from documents, as they come ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    found = settings.load({"BOUSAI_DATA": str(tmp_path / "var"), "BOUSAI_RESPONDERS": "responders"})
    pipeline.prepare(found)
    return found


def ingested(own: Settings, feed: str, name: str, body: bytes) -> str:
    (one,) = pipeline.ingest_files(feed, [(name, body)], own, dated_at=AT)
    return one.outcome


def test_sip4d_packages_are_shown_to_whom_they_are_for(own: Settings) -> None:
    columns = [*made.SHELTER, *(made.column(name) for name in ("reason", "tantou", "e_mail"))]
    columns.append(made.column("publicflg"))
    for flag, circle in (
        ("一般公開可能", "public"),
        ("災害対応機関のみ公開可能", "responders"),
        ("ＩＳＵＴ－ＳＩＴＥのみ公開可能", "isut"),
        ("公開", "nobody"),
    ):
        hidden = {name: bird("sip4d", circle, name) for name in ("phoneno", "note", "reason", "tantou", "e_mail")}
        name = "訓練の小学校" if circle == "public" else bird("sip4d", circle, "name")
        rows = [made.shelter(1, "2", name=name, evacueeno=3, **hidden)]
        if circle == "public":
            rows.append(made.shelter(2, "2", name=bird("sip4d", "flag"), publicflg="非公開"))
        told = {"openflg": flag, "testflg": "通常", "disaster": {"name": "大雨"}, "title": circle}
        body = made.package(columns, rows, code="01-001-01", **told, information_date="2026-11-05T08:00:00")
        assert ingested(own, "sip4d", f"{circle}.zip", body) == ("quarantined" if circle == "nobody" else "stored")
    drill = made.package(columns, [made.shelter(3, "2", evacueeno=4, note=bird("drill"))], code="01-001-01")
    assert ingested(own, "sip4d", "drill.zip", drill) == "stored"
    pipeline.publish_layers(["shelter_status", "shelter_now", "shelter_register"], own)
    shown = read(own.public)
    assert birds(shown) == set()
    assert any("訓練第3小学校" in text for path, text in shown.items() if "exercise" in path.parts)
    assert own.responders is not None
    found = birds(read(own.responders))
    assert {bird("sip4d", "flag"), bird("drill")} <= found
    assert {bird("sip4d", "responders", name) for name in ("name", "note", "reason")} <= found
    assert {bird("sip4d", "public", name) for name in ("note", "reason")} <= found
    assert not {one for one in found if "isut" in one or "nobody" in one or "phoneno" in one or "tantou" in one}
    latest = own.public / "layers" / "shelter_status" / "latest.geojson"
    (one,) = json.loads(latest.read_bytes())["features"]
    assert one["properties"]["evacuees"]["state"] == "suppressed"


def test_what_is_not_public_changes_no_byte_of_the_public_tree(own: Settings) -> None:
    """In the scopes of public statements: superseding, closing, of later time; the consolidated layers too."""
    kinds = [KNOWN.layer(name) for name in ("shelter_status", "damage_count", "road_restriction", "lifeline_outage")]
    layers = [layer.id for layer in kinds] + ["shelter_now", "shelter_register", "municipality_situation"]
    record(own, *(statement(layer) for layer in kinds))

    def tree() -> dict[str, bytes]:
        pipeline.publish_layers(layers, own)
        return {
            path.relative_to(own.public).as_posix(): path.read_bytes()
            for path in own.public.rglob("*")
            if path.is_file() and path.name != "index.json"
        }

    before = tree()
    record(
        own,
        *(
            replace(statement(layer, circle), scope=f"canary/{layer.id}/public", issued_at=AT + timedelta(hours=n))
            for layer in kinds
            for n, circle in enumerate(VISIBILITIES[1:], 1)
        ),
    )
    assert len(before) > 50
    assert tree() == before
    assert own.responders is not None
    found = birds(read(own.responders / "layers" / "shelter_status"))
    assert bird("shelter_status", "responders", "id") in found


def test_a_data_set_that_becomes_narrower_is_told_to_a_person(own: Settings) -> None:
    def given(hour: int, flag: str, *numbers: int) -> str:
        told = {"openflg": flag, "testflg": "通常", "disaster": {"name": "大雨"}, "title": "避難所"}
        rows = [made.shelter(n, "2", name=f"第{n}小学校") for n in numbers]
        body = made.package(
            made.SHELTER, rows, code="01-001-01", **told, information_date=f"2026-11-05T0{hour}:00:00"
        )
        return ingested(own, "sip4d", f"{hour}.zip", body)

    def seen(tier: Visibility) -> int:
        return len(json.loads(b"".join(pipeline.layer_geojson("shelter_status", own, tier=tier)))["features"])

    assert given(6, "一般公開可能", 1, 2) == "stored"
    assert pipeline.open_issues("sip4d", own) == []
    assert given(7, "災害対応機関のみ公開可能", 1) == "stored"
    (issue,) = pipeline.open_issues("sip4d", own)
    assert (issue["code"], "2 items" in issue["cause"]) == ("narrowed", True)
    assert [seen(tier) for tier in VISIBILITIES] == [2, 1, 1]
    assert given(8, "一般公開可能", 1, 2, 3) == "stored"
    assert [seen(tier) for tier in VISIBILITIES] == [3, 3, 3]
    assert len(pipeline.open_issues("sip4d", own)) == 1


def test_why_a_document_was_refused_is_not_told_to_the_public(own: Settings) -> None:
    """The cause may quote it, and its name may say what it is."""
    body = made.package(
        [made.column("attr0")], [], code="99-999-99", title=bird("title"), openflg="災害対応機関のみ公開可能"
    )
    inbox = own.data / "inbox" / "sip4d"
    inbox.mkdir(parents=True)
    (inbox / f"{bird('file')}.zip").write_bytes(body)
    assert pipeline.ingest_documents("sip4d", pipeline.fetch_feed("sip4d", own), own)["quarantined"] == 1
    pipeline.publish_layers(["shelter_status"], own)
    index = json.loads((own.public / "index.json").read_bytes())
    (state,) = (one for one in index["layers"][0]["freshness"] if one["feed"] == "sip4d")
    assert (state["state"], state["reason"]) == ("held", "its newest document was refused")
    assert birds(read(own.public)) == set()
    (told,) = (state for state, _ in pipeline.feed_states(own) if state.feed == "sip4d")
    assert bird("title") in told.reason


HEAD = (
    "全国地方公共団体コード,ID,名称,名称_カナ,名称_英字,所在地_全国地方公共団体コード,町字ID,所在地_連結表記,所在地_都道府県,"
    "所在地_市区町村,所在地_町字,所在地_番地以下,建物名等(方書),緯度,経度,標高,電話番号,内線番号,連絡先メールアドレス,"
    "連絡先FormURL,連絡先備考（その他、SNSなど）,郵便番号,市区町村コード,地方公共団体名,災害種別_洪水,"
    "災害種別_崖崩れ、土石流及び地滑り,災害種別_高潮,災害種別_地震,災害種別_津波,災害種別_大規模な火事,災害種別_内水氾濫,"
    "災害種別_火山現象,指定避難所との重複,想定収容人数,対象となる町会・自治会,URL,画像,画像_ライセンス,備考"
)
CONTACTS = ("電話番号", "内線番号", "連絡先メールアドレス", "連絡先FormURL", "連絡先備考（その他、SNSなど）", "備考")


def test_contacts_of_a_municipal_list_are_not_public(own: Settings) -> None:
    head = HEAD.split(",")
    rows = []
    for n in range(30):
        row = dict.fromkeys(head, "")
        row |= {"全国地方公共団体コード": "170003", "ID": f"{n:010}", "名称": f"訓練第{n}公民館"}
        row |= {"所在地_連結表記": f"石川県七尾市訓練町{n}", "所在地_都道府県": "石川県", "所在地_市区町村": "七尾市"}
        row |= {"緯度": f"37.{n:02}", "経度": "136.9", "災害種別_洪水": "1", "想定収容人数": "3"}
        rows.append(row | {name: bird("list", str(n), str(k)) for k, name in enumerate(CONTACTS)})
    text = "\r\n".join([",".join(head), *(",".join(row[name] for name in head) for row in rows)])
    (feed,) = (f for f in KNOWN.feeds.values() if f.id == "ishikawa_evacuation_site")
    assert ingested(own, feed.id, "170003_evacuation_space.csv", f"﻿{text}\r\n".encode()) == "stored"
    pipeline.publish_layers(["municipal_site", "shelter_register"], own)
    shown = read(own.public)
    assert sum("訓練第7公民館" in text for text in shown.values()) > 5
    assert birds(shown) == set()
    assert own.responders is not None
    assert birds(read(own.responders)) <= {bird("list", str(n), "5") for n in range(30)}  # the remarks alone


# ── the doors ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_tree_for_responders_is_written_only_where_it_is_named(tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    assert own.responders is None
    pipeline.prepare(own)
    pipeline.publish_layers(["shelter_status"], own)
    assert {path.name for path in own.data.iterdir() if path.is_dir()} == {"public"}


@pytest.mark.parametrize("named", ["public", "public/responders", "public/../public/x", ".", "/"])
def test_it_never_lies_where_the_public_tree_is_served(tmp_path: Path, named: str) -> None:
    with pytest.raises(UsageError, match="BOUSAI_RESPONDERS"):
        settings.load({"BOUSAI_DATA": str(tmp_path / "var"), "BOUSAI_RESPONDERS": named})


def test_the_command_asks_for_a_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("BOUSAI_DATA", str(tmp_path / "var"))
    own = settings.load()
    pipeline.prepare(own)
    record(own, statement(KNOWN.layer("shelter_status"), "responders"))

    def said(*arguments: str) -> str:
        main(arguments)
        return capfdbinary.readouterr().out.decode()

    mark = bird("shelter_status", "responders", "id")
    assert mark not in said("layer", "shelter_status")
    assert mark in said("layer", "shelter_status", "--tier", "responders")
    assert mark in said("layer", "shelter_status", "--tier", "isut")
    assert mark not in said("history", "shelter_status", mark)
    assert mark in said("history", "shelter_status", mark, "--tier", "responders", "--json")
    assert main(["layer", "shelter_status", "--tier", "everybody"]) == 2
