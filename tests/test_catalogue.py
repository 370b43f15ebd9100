"""The catalogue: config/ as it is shipped, and what is said about a wrong file."""

from __future__ import annotations

import importlib
import inspect
import shutil
from pathlib import Path

import pytest
import yaml

from bousai import catalogue
from bousai.catalogue import AtomSource, CkanSource, Expect, FileSource, FolderSource, LinksSource, MqttSource, Source
from bousai.errors import CatalogueError, ParseError
from bousai.model import COMMON, VISIBILITIES, Layer
from bousai.vocab import jma
from bousai.vocab.kind import kinds

PROJECT = Path(__file__).resolve().parents[1]
KNOWN = catalogue.load(PROJECT / "config")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of config/ to break."""
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    return tmp_path / "config"


def addresses(source: Source) -> tuple[str, ...]:
    """Every address that a source names."""
    if isinstance(source, AtomSource):
        return (source.url, source.long_url)
    if isinstance(source, FileSource):
        return source.urls
    return (source.url,) if isinstance(source, (LinksSource, CkanSource)) else ()


def test_what_is_shipped_holds_together() -> None:
    for feed in KNOWN.feeds.values():
        assert set(feed.kinds) <= set(kinds()), feed.id
        assert feed.every <= feed.late_after < feed.dead_after, feed.id
        assert feed.credit, feed.id
        assert feed.licence_url.startswith("https://"), feed.id
        urls = addresses(feed.source)
        assert {url.split("/")[2] for url in urls} <= set(feed.hosts), feed.id
        assert all(url.startswith("https://") for url in urls), feed.id
        assert urls or isinstance(feed.source, (FolderSource, MqttSource)), feed.id
        if isinstance(feed.source, FolderSource):
            assert feed.source.path.rpartition("/")[2].strip("."), feed.id
    for layer in KNOWN.layers.values():
        assert layer.kind in kinds(), layer.id
        assert KNOWN.feeds_of(layer), layer.id
        names = [field.name for field in layer.fields]
        assert len(set(names)) == len(names), layer.id
    assert {kind for feed in KNOWN.feeds.values() for kind in feed.kinds} == {
        layer.kind for layer in KNOWN.layers.values() if not (layer.inputs or layer.derived_from)
    }


@pytest.mark.parametrize("layer", [one for one in KNOWN.layers.values() if one.inputs], ids=lambda one: one.id)
def test_a_consolidated_layer_is_made_of_kinds_by_its_module(layer: Layer) -> None:
    assert {*layer.inputs, *layer.sightings} <= set(kinds())
    made = importlib.import_module(f"bousai.consolidate.{layer.kind}")
    taken = list(inspect.signature(made.table).parameters)
    assert taken[3:] in ([], ["region"])  # where the items of a region can be made alone
    assert len(taken[:3]) == len(("now", "seen", "valid_at"))


def test_a_telegram_type_is_taken_by_the_feed_that_the_code_list_names() -> None:
    for feed in KNOWN.feeds.values():
        if isinstance(feed.source, AtomSource):
            for code in feed.source.types:
                assert KNOWN.claimed_types(feed.source.url)[code] == feed.id
    claims = [
        (code, f.id) for f in KNOWN.feeds.values() if isinstance(f.source, AtomSource) for code in f.source.types
    ]
    listed = {(row.telegram_type, row.feed) for row in jma._telegrams().values() if row.feed}
    assert listed <= set(claims)
    assert len({code for code, _ in claims}) == len(claims)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"every": 59}, "every"),
        ({"id": "other"}, "without 'id'"),
        ({"source": {"type": "carrier pigeon"}}, "source"),
        ({"expect": {"max_drop": 1.5}}, "max_drop"),
        ({"publisher": None}, "publisher"),
    ],
)
def test_a_wrong_feed_names_file_and_key(config: Path, change: dict[str, object], said: str) -> None:
    path = config / "feeds" / "gsi_shelter.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(CatalogueError) as error:
        catalogue.load(config)
    assert "gsi_shelter.yml" in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_layer_names_file_and_key(config: Path) -> None:
    (config / "layers" / "shelter.yml").write_text("kind: shelter\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"layers/shelter\.yml: title_ja"):
        catalogue.load(config)


def test_every_column_is_decided() -> None:
    """What is not named leaves to nobody; whoever adds a layer or a column decides, in config/release.yml."""
    undecided = {layer.id: KNOWN.release.undecided(layer) for layer in KNOWN.layers.values()}
    assert {layer_id: names for layer_id, names in undecided.items() if names} == {}
    assert {field.name for field in COMMON} == set(KNOWN.release.common)


def test_free_text_of_people_who_report_is_not_public() -> None:
    """The columns in which a person writes what he likes: a name, a telephone, where somebody lies."""
    free = {"note", "reporter", "detail", "measures", "remarks", "special_notes"}
    published = {"evacuation_site", "shelter", "road_restriction", "cap_alert"}  # by those who may, as it stands
    shown = {
        (layer.id, field.name)
        for layer in KNOWN.layers.values()
        if layer.id not in published and not layer.id.startswith("hazard_")
        for field in KNOWN.released(layer, "public").fields
    }
    assert {one for one in shown if one[1] in free} == set()


@pytest.mark.parametrize(
    ("stands", "instead", "said"),
    [
        ("layers:\n", "layers:\n  shelters: {public: [name]}\n", "shelters: there is no such layer"),
        ("    public: [incident, name,", "    public: [incident, nam,", "there is no column 'nam'"),
        ("    responders: [reporter, note]", "    responders: [reporter, note, as_of]", "named twice: as_of"),
        ("    responders: [reporter, note]", "    responder: [reporter, note]", "layers.damage_count.responder"),
        ("{district_name: [null]}", "sometimes", "municipal is 'always'"),
        ("common: [id,", "common: [identifier,", "there is no column 'identifier'"),
        ("  below: 5", "  below: few", "small_counts.below"),
        ("    staff: those", "    staffs: those", "there is no column 'staffs'"),
    ],
)
def test_a_wrong_release_names_the_place(config: Path, stands: str, instead: str, said: str) -> None:
    path = config / "release.yml"
    text = path.read_text(encoding="utf-8")
    assert stands in text
    path.write_text(text.replace(stands, instead, 1), encoding="utf-8")
    with pytest.raises(CatalogueError) as error:
        catalogue.load(config)
    assert "release.yml" in str(error.value)
    assert said in str(error.value)


def test_without_a_release_nothing_is_loaded(config: Path) -> None:
    (config / "release.yml").unlink()
    with pytest.raises(CatalogueError, match=r"release\.yml"):
        catalogue.load(config)


def test_a_layer_that_nobody_decided_about_shows_no_column_of_its_own(config: Path) -> None:
    own = yaml.safe_load((config / "layers" / "shelter.yml").read_text(encoding="utf-8"))
    (config / "layers" / "new.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    known = catalogue.load(config)
    for tier in VISIBILITIES:
        shown = known.released(known.layer("new"), tier)
        assert (shown.fields, set(shown.held.values())) == ((), {"undecided"})
        assert shown.common == COMMON


def test_a_consolidated_layer_says_without_what_it_is_made(config: Path) -> None:
    now = KNOWN.released(KNOWN.layer("shelter_now"), "public")
    assert {"shelter_status.note", "shelter_status.reason", "municipal_site.note"} <= set(now.parts_held)
    assert KNOWN.released(KNOWN.layer("shelter_now"), "responders").parts_held == ()
    path = config / "release.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    responders: [reason, note]", "    public_: [reason]", 1), encoding="utf-8")
    with pytest.raises(CatalogueError, match="public_"):
        catalogue.load(config)
    path.write_text(text.replace("    responders: [reason, note]", "    responders: [note]", 1), encoding="utf-8")
    undecided = catalogue.load(config)
    assert undecided.release.undecided(undecided.layer("shelter_status")) == ["reason"]
    assert undecided.columns_of("shelter_status", "responders") == frozenset(
        field.name for field in KNOWN.layer("shelter_status").fields if field.name != "reason"
    )


def test_no_yaml_and_no_feeds_are_said(config: Path, tmp_path: Path) -> None:
    (config / "feeds" / "gsi_shelter.yml").write_text("a: [1", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"gsi_shelter\.yml: not YAML"):
        catalogue.load(config)
    with pytest.raises(CatalogueError, match="no feeds below"):
        catalogue.load(tmp_path)


def test_unknown_names_come_with_the_known_ones() -> None:
    with pytest.raises(CatalogueError) as error:
        KNOWN.feed("jma_quak")
    assert "jma_quake" in error.value.remedy
    with pytest.raises(CatalogueError) as error:
        KNOWN.layer("shelters")
    assert "shelter" in error.value.remedy


@pytest.mark.parametrize(
    ("total", "last", "scopes", "said"),
    [
        (0, None, [], "lists nothing"),
        (4, None, [], "at least 5"),
        (80, 100, [], None),
        (79, 100, [], "the document would shrink from 100 to 79 items (by 21%"),
        (79, None, [], None),
        (79, 0, [], None),
        (100, 100, [("a", 20, 10)], None),
        (100, 100, [("a", 20, 9)], "a would shrink from 20 to 9"),
        (100, 100, [("a", 9, 0)], None),  # fewer than ten: a village
        (100, 100, [("a", 10, 0), ("b", 500, 100)], "a would shrink from 10 to 0"),
        (500, 100, [("a", 0, 400)], None),
    ],
)
def test_what_holds_a_document(
    total: int, last: int | None, scopes: list[tuple[str, int, int]], said: str | None
) -> None:
    why = Expect(min_items=5, max_drop=0.2, max_scope_drop=0.5).violation(total, last, scopes)
    assert (why is None) if said is None else (why is not None and said in why)
    assert Expect(may_be_empty=True).violation(0, 1000, [("a", 1000, 0)]) is None


def named(tmp: Path, **change: object) -> catalogue.Feed:
    """A feed whose file name tells something."""
    own = yaml.safe_load((tmp / "feeds" / "gsi_shelter.yml").read_text(encoding="utf-8"))
    told = {"file_name": r"list_(?P<part>[a-z]+)_(?P<at>\d{8}-\d{4})\.csv", "file_time": "%Y%m%d-%H%M", **change}
    (tmp / "feeds" / "named.yml").write_text(yaml.safe_dump({**own, **told}), encoding="utf-8")
    return catalogue.load(tmp).feed("named")


def test_the_name_of_a_file_tells_options_and_the_time(config: Path) -> None:
    feed = named(config)
    assert feed.told_by("list_tokyo_20260729-1500.csv") == {"part": "tokyo", "at": "20260729-1500"}
    at = feed.dated_by("list_tokyo_20260729-1500.csv")
    assert at is not None
    assert at.isoformat() == "2026-07-29T15:00:00+09:00"
    assert catalogue.load(config).feed("gsi_shelter").dated_by("anything") is None


@pytest.mark.parametrize("name", ["list_tokyo.csv", "list_tokyo_20260729-2500.csv", "xlist_tokyo_20260729-1500.csv"])
def test_a_name_that_is_not_as_expected_is_refused(config: Path, name: str) -> None:
    with pytest.raises(ParseError) as refused:
        named(config).dated_by(name)
    assert refused.value.code == "unexpected_name"


@pytest.mark.parametrize(
    "change",
    [
        {"file_name": "("},
        {"file_time": None},
        {"file_name": "(?P<part>x)"},
        {"options": {"part": "y"}},
    ],
)
def test_a_pattern_that_cannot_be_is_a_wrong_feed(config: Path, change: dict[str, object]) -> None:
    with pytest.raises(CatalogueError, match=r"feeds/named\.yml"):
        named(config, **change)


def test_an_exercise_has_no_topic_of_what_is_actual(config: Path) -> None:
    channel = "channel: {type: mqtt, host: broker.example.jp, topic: bousai}\n"
    (config / "subscriptions" / "city.yml").write_text(f"title: 市\n{channel}", encoding="utf-8")
    assert set(catalogue.load(config).subscriptions) == {"city"}
    (config / "subscriptions" / "drill.yml").write_text(f"title: 訓練\nexercise: true\n{channel}", encoding="utf-8")
    with pytest.raises(CatalogueError, match="topic of city"):
        catalogue.load(config)
    (config / "subscriptions" / "drill.yml").write_text("title: 訓練\nchannel: {type: pigeon}\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"subscriptions/drill\.yml"):
        catalogue.load(config)
