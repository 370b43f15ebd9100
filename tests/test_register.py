"""The shelter register through the corridor: lists come in, people decide, and all of it can be asked for again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bousai import archive, cli, pipeline, settings, store
from bousai.consolidate import register_statements, shelter_match
from bousai.consolidate.shelter_places import Decision, mint
from bousai.errors import UsageError
from bousai.model import Bulletin, Item, Provenance, RawDocument, Status
from bousai.model.bulletin import table_of
from bousai.settings import Settings

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("postgis")]

KUNREN = Path(__file__).resolve().parents[1] / "exercises" / "kunren"
LISTED = datetime.fromisoformat("2026-10-01T00:00:00+09:00")
SCHOOL, GROUND = "shelter/E1420500001111", "evacuation_site/E1420500001201"
OPEN = "shelter_status/lalert/kunren-fujisawa-sh/訓練第１小"
HALL = "shelter_status/lalert/kunren-fujisawa-sh/【訓練】浜辺町内会館"
OTHER = "shelter/E1420500003111"


@pytest.fixture(params=["sqlite", "postgis"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """An empty store of each kind."""
    variables = {"BOUSAI_DATA": str(tmp_path / "var")}
    if request.param == "postgis":
        server = request.getfixturevalue("postgis_server")
        name = f"register_{tmp_path.name}".replace("-", "_").lower()
        engine = sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        variables["BOUSAI_STORE"] = f"{server}/{name}"
    made = settings.load(variables)
    pipeline.prepare(made)
    return made


embedded = pytest.mark.parametrize("own", ["sqlite"], indirect=True)


def take(own: Settings, feed: str, pattern: str = "*", taint: Status = "exercise") -> None:
    files = [(path.name, path.read_bytes()) for path in sorted((KUNREN / feed).glob(pattern))]
    dated = None if feed == "lalert" else LISTED
    done = list(pipeline.ingest_files(feed, files, own, dated_at=dated, taint=taint))
    assert {one.outcome for one in done} == {"stored"}


def told(own: Settings, **options: Any) -> dict[str, dict[str, Any]]:
    options = {"status": "exercise", "tier": "responders", **options}
    features = json.loads(b"".join(pipeline.layer_geojson("shelter_register", own, **options)))["features"]
    return {feature["id"]: {**feature["properties"], "geometry": feature["geometry"]} for feature in features}


def places(own: Settings, **options: Any) -> dict[str, str]:
    """The place of every entry."""
    return {member["key"]: place_id for place_id, one in told(own, **options).items() for member in one["members"]}


def archived(own: Settings) -> set[str]:
    return {path.name for path in Path(own.archive).rglob("*") if path.is_file()}


def timeless(feature: dict[str, Any]) -> dict[str, Any]:
    """Without what says by which revision it is told, and when."""
    members = [{k: v for k, v in one.items() if k != "decided_at"} for one in feature["members"]]
    dropped = ("sources", "recorded_at", "members")
    return {**{k: v for k, v in feature.items() if k not in dropped}, "members": members}


def test_the_life_of_the_register(own: Settings) -> None:
    take(own, "gsi_shelter")
    take(own, "gsi_evacuation_site")
    assert pipeline.update_register(own)["opened"] > 0
    lists = places(own)
    assert lists[SCHOOL] == lists[GROUND]
    before = datetime.now(UTC)
    take(own, "lalert", "shelter_*_1.xml")
    opened = places(own)
    assert {key: opened[key] for key in lists} == lists
    assert opened[OPEN] == lists[SCHOOL]
    assert opened[HALL] == mint(HALL)
    assert told(own)[mint(HALL)]["unlisted"] is True
    assert places(own, known_at=before) == lists
    assert places(own, status="actual") == {}

    documents = archived(own)
    assert pipeline.update_register(own) == {"opened": 0, "changed": 0, "closed": 0, "issues": 0}
    assert archived(own) == documents

    take(own, "lalert", "shelter_*_2.xml")
    assert opened.items() < places(own).items()
    opened, kept = places(own), told(own)

    answer = {"by": "防災課", "reason": "体育館だけが開いた", "status": "exercise"}
    known = datetime.now(UTC)
    pipeline.register_split(opened[OPEN], [OPEN], own, **answer)
    parted = told(own)
    assert places(own)[OPEN] == mint(OPEN)
    assert {one["verdict"] for one in parted[mint(OPEN)]["decisions"]} == {"different"}
    assert [one["decided_by"] for one in parted[mint(OPEN)]["members"]] == ["防災課"]
    pipeline.register_merge(mint(HALL), opened[OTHER], own, **answer)
    merged = told(own)
    (older, younger) = sorted([mint(HALL), opened[OTHER]], key=lambda one: one == mint(HALL))
    assert (merged[younger]["state"], merged[younger]["redirect_to"]) == ("redirect", older)
    assert merged[younger]["geometry"] is None
    assert {member["key"] for member in merged[older]["members"]} >= {HALL, OTHER}
    assert {place_id: timeless(one) for place_id, one in told(own, known_at=known).items()} == {
        place_id: timeless(one) for place_id, one in kept.items()
    }

    pipeline.register_undo(HALL, OTHER, own, status="exercise")
    for member in merged[opened[SCHOOL]]["members"]:
        pipeline.register_undo(OPEN, member["key"], own, status="exercise")
    restored = told(own)
    assert restored[mint(OPEN)]["redirect_to"] == opened[SCHOOL]
    del restored[mint(OPEN)]
    left = {  # that the others were called one place is not taken back
        place_id: {**timeless(one), "decisions": [], "members": [m["key"] for m in one["members"]]}
        for place_id, one in restored.items()
    }
    assert left == {
        place_id: {**timeless(one), "members": [m["key"] for m in one["members"]]} for place_id, one in kept.items()
    }


def test_the_newest_reading_stands_whichever_is_written_first(own: Settings) -> None:
    at = datetime.now(UTC)
    pair = ("shelter/a", "shelter/b")
    words = [
        (at, Decision(*pair, "same", "一課", "x", register_statements.moment(at))),
        (at - timedelta(seconds=5), Decision(*pair, "different", "二課", "x", "2026")),
    ]
    with pipeline.opened(own) as house:
        for when, word in words:
            spoken = register_statements.decided([word], [], "actual", when)
            pipeline.register._keep(house, "register_decision", spoken, "actual", when)
        table = store.items(house.store, "register_decision", valid_at=at)
        assert [json.loads(text)["by"] for text in table.props] == ["一課"]
        later = at + timedelta(seconds=5)
        spoken = register_statements.decided([], [pair], "actual", later)
        pipeline.register._keep(house, "register_decision", spoken, "actual", later)
        assert len(store.items(house.store, "register_decision", valid_at=at)) == 0
        early = store.items(house.store, "register_decision", valid_at=at - timedelta(days=9000), known_at=at)
        assert len(early) == 1


def state(
    own: Settings, key: str, *, at: datetime, withdraw: bool = False, name: str = "訓練集会所", people: int = 0
) -> None:
    """A statement on one shelter that is in use, or the word that it should never have been made."""
    kind, _, item_id = key.partition("/")
    text = json.dumps([key, at.isoformat(), withdraw, name, people]).encode()
    digest = archive.put(own.archive, text)
    bulletin = Bulletin(
        kind=kind,
        scope=f"kunren/{item_id}",
        issued_at=at,
        status="exercise",
        items=table_of([] if withdraw else [Item(item_id, {"name": name, "people": people}, "14205")]),
        issuer="藤沢市",
        complete=not withdraw,
        msg_type="withdraw" if withdraw else "issue",
        source_event_id="kunren",
    )
    with pipeline.opened(own) as house:
        raw = RawDocument(digest, "lalert", "file:x", "x", at, len(text), "exercise")
        store.apply(house.store, [bulletin], Provenance(raw, "lalert", "1"), datetime.now(UTC))


@embedded
def test_other_head_counts_are_no_news_to_the_register(own: Settings) -> None:
    key = "shelter_status/kunren/x"
    state(own, key, at=LISTED)
    first = pipeline.update_register(own)
    published = {one["status"]: one for one in pipeline.publish_layers(["shelter_register"], own)}["exercise"]
    documents = archived(own)
    state(own, key, at=LISTED + timedelta(hours=1), people=12)
    again = pipeline.update_register(own)
    assert (first["opened"], again["opened"], again["changed"]) == (2, 0, 0)
    assert len(archived(own)) == len(documents) + 1  # the statement itself
    after = {one["status"]: one for one in pipeline.publish_layers(["shelter_register"], own)}["exercise"]
    assert (published["changed"], after["changed"]) == (True, False)
    assert told(own)[mint(key)]["sources"][0]["issued_at"] == "2026-10-01T01:00:00+09:00"


@embedded
def test_what_is_taken_back_is_a_tombstone(own: Settings) -> None:
    key = "shelter_status/kunren/x"
    state(own, key, at=LISTED)
    assert places(own) == {key: mint(key)}
    state(own, key, at=LISTED + timedelta(hours=1), withdraw=True)
    (stone,) = told(own).values()
    assert (stone["id"], stone["state"], stone["geometry"], stone["members"]) == (mint(key), "tombstone", None, [])
    state(own, key, at=LISTED + timedelta(hours=2), name="訓練集会所（再開）")
    assert places(own) == {key: mint(key)}


@embedded
def test_a_decision_outlives_new_lists_and_another_matching(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    take(own, "gsi_shelter")
    take(own, "lalert", "shelter_*_1.xml")
    answer = {"by": "防災課", "reason": "同じ建物", "status": "exercise"}
    pipeline.register_decide(HALL, OTHER, "same", own, **answer)
    decided = told(own)[places(own)[HALL]]
    take(own, "gsi_evacuation_site")
    assert places(own)[HALL] == places(own)[OTHER]
    monkeypatch.setattr(register_statements, "METHOD", "another 2")
    monkeypatch.setattr(shelter_match, "links", lambda _: [])
    others = places(own)
    assert others[HALL] == others[OTHER]
    assert others[SCHOOL] != others[GROUND]
    kept = {member["key"]: member for member in told(own)[others[HALL]]["members"]}
    for member in decided["members"]:
        if member["key"] in (HALL, OTHER):
            assert kept[member["key"]] == member
    assert {(one["by"], one["reason"]) for one in told(own)[others[HALL]]["decisions"]} == {("防災課", "同じ建物")}


@embedded
def test_an_answer_that_an_earlier_one_stands_against_is_refused(own: Settings) -> None:
    take(own, "gsi_shelter")
    take(own, "lalert", "shelter_*_1.xml")
    answer = {"by": "防災課", "reason": "現地で確認", "status": "exercise"}
    pipeline.register_decide(HALL, OTHER, "same", own, **answer)
    pipeline.register_decide(SCHOOL, OTHER, "same", own, **answer)
    with pytest.raises(UsageError, match="are same: 現地で確認") as raised:
        pipeline.register_decide(HALL, SCHOOL, "different", own, **answer)
    assert raised.value.remedy.startswith("if that is wrong: bousai register undo ")
    pipeline.register_undo(HALL, OTHER, own, status="exercise")
    pipeline.register_decide(HALL, SCHOOL, "different", own, **answer)
    now = places(own)
    assert now[HALL] != now[SCHOOL] == now[OTHER]
    with pytest.raises(UsageError, match="are different: 現地で確認"):
        pipeline.register_decide(HALL, OTHER, "same", own, **answer)
    with pytest.raises(UsageError, match="are different: 現地で確認"):
        pipeline.register_merge(now[HALL], now[OTHER], own, **answer)


@embedded
def test_decisions_that_contradict_each_other_are_an_issue_and_no_crash(own: Settings) -> None:
    keys = [f"shelter_status/kunren/{name}" for name in "abc"]
    for key in keys:
        state(own, key, at=LISTED, name=f"訓練集会所{key[-1]}")
    a, b, c = keys
    words = [
        Decision(a, b, "same", "一課", "x", "2026-01-01T00:00:00.000+09:00"),
        Decision(b, c, "same", "二課", "x", "2026-01-02T00:00:00.000+09:00"),
        Decision(a, c, "different", "三課", "x", "2026-01-03T00:00:00.000+09:00"),
    ]
    with pipeline.opened(own) as house:
        spoken = register_statements.decided(words, [], "exercise", datetime.now(UTC))
        pipeline.register._keep(house, "register_decision", spoken, "exercise", datetime.now(UTC))
    assert pipeline.update_register(own)["issues"] == 1
    (issue,) = pipeline.open_issues(settings=own)
    assert (issue["feed"], issue["code"]) == ("shelter_register/exercise", "register_contradiction")
    assert "一課" in issue["cause"]
    now = places(own)
    assert now[a] != now[b] == now[c]
    pipeline.register_undo(a, b, own, status="exercise")
    assert pipeline.open_issues(settings=own) == []


@embedded
def test_unchanged_content_is_no_new_version(own: Settings) -> None:
    take(own, "gsi_shelter")
    take(own, "lalert", "shelter_*_1.xml")
    first = {one["status"]: one for one in pipeline.publish_layers(["shelter_register"], own)}
    assert first["exercise"]["features"] == len(told(own, tier="public"))
    assert first["actual"]["features"] == 0
    again = {one["status"]: one for one in pipeline.publish_layers(["shelter_register"], own)}
    assert [one["changed"] for one in again.values()] == [False, False]
    text = Path(first["exercise"]["path"]).read_text(encoding="utf-8")
    assert '"decisions"' not in text


@embedded
def test_trace_leads_to_the_list_and_to_the_decision(own: Settings) -> None:
    take(own, "gsi_shelter", taint="actual")
    take(own, "gsi_evacuation_site", taint="actual")
    place = places(own, status="actual")[SCHOOL]
    (name,) = pipeline.trace(f"shelter_register/{place}#display_name", own)["revisions"]
    assert (name["feed"], name["position"]) == ("gsi_shelter", "line 2")
    behind = pipeline.trace(f"shelter_register/{place}#members", own)["revisions"]
    assert {one["feed"] for one in behind} == {"gsi_shelter", "gsi_evacuation_site", "shelter_register"}
    assert all(one["verified"] for one in behind)


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def by_hand(own: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`bousai register …` on the exercise; gives exit code, standard output and standard error."""
    monkeypatch.setenv("BOUSAI_DATA", str(own.data))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["register", *arguments])
        return code, *capsys.readouterr()

    return run


@embedded
def test_the_queue_is_worked_by_hand(own: Settings, by_hand: Any) -> None:
    take(own, "gsi_shelter")
    a, b = (f"shelter_status/kunren/{name}" for name in "ab")
    state(own, a, at=LISTED, name="訓練第1小学校（藤沢市）")
    state(own, b, at=LISTED, name="訓練第9小学校（藤沢市）")
    code, out, _ = by_hand("update")
    assert (code, out.endswith("0 issues\n")) == (0, True)
    code, out, _ = by_hand("candidates", "--status", "exercise", "--json")
    for question in json.loads(out):
        assert {"key", "name", "address", "source", "place_id"} <= question["left"].keys()
        assert question["left"]["place_id"] != question["right"]["place_id"]
    said = ("--status", "exercise", "--by", "防災課", "--reason", "現地で確認")
    code, out, _ = by_hand("decide", b, OTHER, "same", *said)
    assert code == 0
    assert f"to take it back: bousai register undo {OTHER} {b}" in out
    code, out, _ = by_hand("undo", b, OTHER, "--status", "exercise", "--json")
    assert json.loads(out)["places"][b] == mint(b)
    code, _, err = by_hand("undo", b, OTHER, "--status", "exercise")
    assert (code, err.startswith("bousai: nothing was decided on ")) == (2, True)


@embedded
def test_wrong_usage_says_cause_and_remedy(by_hand: Any) -> None:
    for arguments, cause in (
        (("decide", "shelter/x", "shelter/y", "same"), "no entry 'shelter/x' is known"),
        (("merge", "place-x", "place-y"), "no place 'place-x' is known"),
        (("split", "place-x", "shelter/y"), "no place 'place-x' is known"),
        (("undo", "shelter/x", "shelter/y"), "nothing was decided on shelter/x and shelter/y"),
    ):
        said = () if arguments[0] == "undo" else ("--by", "防災課", "--reason", "x")
        code, _, err = by_hand(*arguments, *said)
        assert code == 2
        assert err.startswith(f"bousai: {cause} → ")


# ── real lists ───────────────────────────────────────────────────────────────────────────────────────────


@embedded
def test_no_shelter_of_nanao_is_lost(realdata: Path, own: Settings) -> None:
    files = sorted((realdata / "shelter-status-nanao").glob("*.csv"))[:4]
    assert len(files) > 3
    ids: dict[str, str] = {}
    for path in files:
        list(pipeline.ingest_files("nanao_shelter_status", [(path.name, path.read_bytes())], own))
        now = places(own, status="actual")
        assert ids.items() <= now.items()
        ids = now
    with pipeline.opened(own) as house:
        entries = store.sightings(house.store, "shelter_status", valid_at=datetime.now(UTC)).table.item_id
    assert sorted(ids) == sorted(f"shelter_status/{item_id}" for item_id in entries)


@embedded
def test_the_store_shows_no_empty_view_of_the_register(own: Settings) -> None:
    with pipeline.opened(own) as house:
        views = set(sa.inspect(house.store.engine).get_view_names())
    assert "shelter" in views
    assert "shelter_register" not in views
