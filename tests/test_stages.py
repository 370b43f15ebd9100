"""How long documents take from stage to stage, against what the words say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bousai import store
from bousai.model import Bulletin, Item, Provenance, RawDocument, Receipt, Work, WorkOutcome, table_of
from bousai.pipeline import House, facts
from bousai.pipeline.facts import Passage, stage_times
from tests.store.conftest import empty

pytestmark = pytest.mark.store

T0 = datetime(2026, 11, 5, tzinfo=UTC)
FEEDS = {"quake": ("earthquake",), "tsunami": ("tsunami", "earthquake"), "shelter": ("shelter",)}
LAYERS = {"earthquake": {"earthquake"}, "coast": {"tsunami"}, "picture": {"shelter", "earthquake"}, "tide": {"tide"}}
_SETTINGS = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Catalogue:
    """Feeds of some kinds, and layers that are made of some kinds."""

    def __init__(self) -> None:
        self.feeds = {feed: SimpleNamespace(id=feed, kinds=kinds) for feed, kinds in FEEDS.items()}
        self.layers = {layer: SimpleNamespace(id=layer) for layer in LAYERS}

    def kinds_behind(self, layer: SimpleNamespace) -> set[str]:
        return LAYERS[layer.id]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'bousai.gpkg'}"
    store.prepare(url, [])
    handle = store.open_store(url)
    yield handle
    handle.close()


@pytest.fixture
def house(opened: store.Store) -> House:
    empty(opened)
    made = SimpleNamespace(settings=None, catalogue=Catalogue(), store=opened, now=lambda: T0)
    return cast(House, made)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def way(feed: str = "quake", position: int = 1, issued: float = 0, seen: float = 0, fetched: float = 0) -> store.Way:
    digest = sha256(f"{feed}{position}".encode()).hexdigest()
    return store.Way(feed, digest, f"{position}.xml", at(issued), at(seen), at(fetched), at(fetched), position)


_publish = st.builds(
    Work,
    verb=st.sampled_from(["publish", "publish", "publish", "tile"]),
    subject=st.builds(
        "{}{}".format,
        st.sampled_from(["public/", "exercise/", "public/", "responders/", "responders/exercise/", ""]),
        st.sampled_from([*LAYERS, "gone", "public"]),
    ),
    started_at=st.integers(-3, 20).map(at),
    seconds=st.sampled_from([0.0, 0.25, 6.0]),
    outcome=st.sampled_from(["done", "done", "unchanged", "failed"]),
    position=st.none() | st.integers(1, 8),
)


def first_published(rows: list[Work], one: store.Way) -> datetime | None:
    """The definition: the end of the first run that put a layer with kinds of its feed, up to its place in the log or
    further, into a tree that all may see."""
    ends = [
        row.started_at + timedelta(seconds=row.seconds)
        for row in rows
        if row.verb == "publish"
        and row.started_at >= T0
        and row.outcome != "failed"
        and row.position is not None
        and row.position >= one.position
        and row.subject.split("/")[0] in ("public", "exercise")
        and row.subject.count("/") == 1
        and LAYERS.get(row.subject.split("/")[1], set()) & set(FEEDS.get(one.feed, ()))
    ]
    return min(ends, default=None)


@_SETTINGS
@given(
    rows=st.lists(_publish, max_size=14),
    asked=st.lists(
        st.builds(way, feed=st.sampled_from([*FEEDS, "gone"]), position=st.integers(1, 9)), min_size=1, max_size=6
    ),
)
def test_first_published_is_what_its_words_say(house: House, rows: list[Work], asked: list[store.Way]) -> None:
    empty(house.store)
    store.record_works(house.store, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "ways", lambda *_: asked)
        found = stage_times(house, T0)
    told = {feed: [one.published_at for one in those] for feed, those in found.ways.items()}
    wanted: dict[str, list[datetime | None]] = {}
    for one in asked:
        wanted.setdefault(one.feed, []).append(first_published(rows, one))
    assert told == wanted
    assert {feed: [one.way for one in those] for feed, those in found.ways.items()} == {
        feed: [one for one in asked if one.feed == feed] for feed in wanted
    }


# ── from stage to stage ──────────────────────────────────────────────────────────────────────────────────


@st.composite
def _passage(draw: st.DrawFn) -> Passage:
    issued, seen, fetched, stored = (at(draw(st.integers(-5, 50))) for _ in range(4))
    digest = f"{draw(st.integers(0, 9)):064x}"
    one = store.Way(draw(st.sampled_from(["quake", "tsunami"])), digest, "a.xml", issued, seen, fetched, stored, 1)
    return Passage(one, draw(st.none() | st.integers(-5, 50).map(at)))


@given(those=st.lists(_passage(), max_size=12))
def test_each_stage_is_as_long_as_its_moments_are_apart_and_never_less_than_nothing(those: list[Passage]) -> None:
    wanted: dict[str, list[float]] = {}
    for one in those:
        w = one.way
        moments = [w.issued_at, w.seen_at, w.fetched_at, w.stored_at, one.published_at]
        for n, stage in enumerate(("issued_seen", "seen_fetched", "fetched_stored", "stored_published")):
            before, after = moments[n], moments[n + 1]
            if before is not None and after is not None:
                wanted.setdefault(stage, []).append(max(0.0, (after - before).total_seconds()))
    found = facts._times(those)
    assert found == {stage: sorted(values) for stage, values in wanted.items()}
    assert all(values and values[0] >= 0 for values in found.values())


@given(
    times=st.dictionaries(
        st.sampled_from(facts.STAGES),
        st.lists(st.integers(0, 10**6).map(lambda n: n / 1000), max_size=60).map(sorted),
    )
)
def test_percentiles_are_values_that_so_many_documents_do_not_exceed(times: dict[str, list[float]]) -> None:
    told = facts.told_stages(times)
    assert set(told) == {stage for stage, values in times.items() if values}
    assert list(told) == [stage for stage in facts.STAGES if stage in told]
    for stage, one in told.items():
        values = times[stage]
        assert one["n"] == len(values)
        for name, percent in (("p50", 50), ("p95", 95)):
            enough = [x for x in values if 100 * sum(y <= x for y in values) >= percent * len(values)]
            assert one[name] == min(enough), name


@pytest.mark.parametrize(
    ("number", "p50", "p95"),
    [(1, 1, 1), (2, 1, 2), (3, 2, 3), (19, 10, 19), (20, 10, 19), (21, 11, 20), (100, 50, 95)],
)
def test_the_nearest_rank(number: int, p50: float, p95: float) -> None:
    told = facts.told_stages({"issued_seen": [float(n) for n in range(1, number + 1)]})
    assert told == {"issued_seen": {"n": number, "p50": p50, "p95": p95}}


# ── over a store ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def come(house: House) -> Callable[..., None]:
    """A document asked for, there a quarter of a second later, and recorded."""

    def run(feed: str, n: int, asked: float, stored: float, issued: float = 0.0) -> None:
        digest = sha256(f"{feed}{n}".encode()).hexdigest()
        raw = RawDocument(digest, feed, f"https://example.org/{feed}/{n}", f"{n}.xml", at(asked), 10)
        store.record_document(house.store, raw)
        store.record_receipt(house.store, Receipt(feed, raw.url, at(asked), 0.25, "new", 200, 10, digest))
        said = Bulletin(
            kind=FEEDS[feed][0],
            scope=f"{feed}{n}",
            issued_at=at(issued),
            status="actual",
            items=table_of([Item("a", {"n": n})]),
            issuer="g",
            complete=True,
        )
        store.apply(house.store, [said], Provenance(raw, "p", "1"), at(stored))

    return run


def published(
    house: House, subject: str, started: float, position: int | None, outcome: WorkOutcome = "done"
) -> None:
    row = Work("publish", subject, at(started), 0.5, outcome, "v", position)
    store.record_works(house.store, [row])


def test_a_document_on_its_way_through_the_stages(house: House, come: Callable[..., None]) -> None:
    come("quake", 1, asked=10, stored=12)
    come("shelter", 1, asked=20, stored=21, issued=25)  # the clock of its source is ahead of ours
    found = stage_times(house, T0)
    assert found.by_feed["quake"] == {"issued_seen": [10.0], "seen_fetched": [0.25], "fetched_stored": [1.75]}
    assert found.by_feed["shelter"]["issued_seen"] == [0.0]
    assert "stored_published" not in found.everywhere
    assert set(facts.told_stages(found.everywhere)) == {"issued_seen", "seen_fetched", "fetched_stored"}

    (position,) = {one.way.position for one in found.ways["shelter"]}
    published(house, "public/earthquake", 30, position)
    published(house, "public/tide", 31, position)
    published(house, "responders/picture", 32, position)
    published(house, "public", 33, None)
    published(house, "public/picture", 34, position, "failed")
    published(house, "exercise/picture", 40, position, "unchanged")
    found = stage_times(house, T0)
    assert found.by_feed["quake"]["stored_published"] == [18.5]
    assert found.by_feed["shelter"]["stored_published"] == [19.5]
    assert found.everywhere["stored_published"] == [18.5, 19.5]
    assert found.everywhere["issued_seen"] == [0.0, 10.0]


def test_what_a_layer_does_not_reach_yet_is_not_published(house: House, come: Callable[..., None]) -> None:
    come("quake", 1, asked=10, stored=12)
    published(house, "public/earthquake", 13, store.log_position(house.store)[0])
    come("quake", 2, asked=20, stored=22)
    first, second = stage_times(house, T0).ways["quake"]
    assert first.published_at == at(13.5)
    assert second.published_at is None
    told = [facts.told_way(one) for one in (first, second)]
    assert orjson.loads(orjson.dumps(told)) == told
    assert told[1] == {
        "name": "2.xml",
        "sha256": second.way.sha256,
        "issued_at": T0.isoformat(),
        "seen_at": at(20).isoformat(),
        "fetched_at": at(20.25).isoformat(),
        "stored_at": at(22).isoformat(),
        "published_at": None,
    }


def test_who_comes_later_with_more_may_have_been_there_first(house: House, come: Callable[..., None]) -> None:
    """A layer that is made slowly ends after one that began later and reaches further."""
    come("quake", 1, asked=10, stored=12)
    position = store.log_position(house.store)[0]
    published(house, "public/earthquake", 40, position)
    published(house, "exercise/earthquake", 30, position + 1)
    published(house, "public/picture", 35, position + 2)
    assert [one.published_at for one in stage_times(house, T0).ways["quake"]] == [at(30.5)]


def test_nothing_came_and_nothing_is_told(house: House) -> None:
    found = stage_times(house, T0)
    empty_times: dict[str, Any] = facts.told_stages(found.everywhere)
    assert (empty_times, found.by_feed, found.ways) == ({}, {}, {})


def test_the_house_of_these_tests_is_like_the_real_one(tmp_path: Path) -> None:
    """What the stand-in of the catalogue answers, the real one does too."""
    from bousai import catalogue
    from bousai.settings import PROJECT

    real = catalogue.load(PROJECT / "config")
    layer = next(iter(real.layers.values()))
    assert set(real.kinds_behind(layer)) <= {kind for feed in real.feeds.values() for kind in feed.kinds} | {
        one.kind for one in real.layers.values()
    }
