"""What must hold of every JMA telegram: one of each type, through the whole corridor, edited and in any order.

The telegrams are real ones, official samples, and ours where there is no other; the smallest of each type that states
something. The feeds come from the catalogue: a new telegram type is here as soon as a feed takes it and has a sample.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from bousai import catalogue, pipeline, settings, store
from bousai.catalogue import AtomSource, Feed
from bousai.errors import ParseError
from bousai.model import Bulletin, Status
from bousai.pipeline import House, Ingested
from bousai.vocab import jma

pytestmark = pytest.mark.store

PROJECT = Path(__file__).resolve().parents[1]
REALDATA = Path(os.environ.get("BOUSAI_REALDATA", PROJECT.parent / "shared" / "realdata"))
KNOWN = catalogue.load(PROJECT / "config")
TYPES = {
    telegram_type: feed
    for feed in KNOWN.feeds.values()
    if isinstance(feed.source, AtomSource) and "/developer/xml/feed/" in feed.source.url
    for telegram_type in feed.source.types
}
ENDED_TYPES = {"VPTW40-45", "VPTW50-55"}
"""Types that JMA no longer issues and of which there is no sample: they are of the form of their successors."""
MINUTE = timedelta(minutes=1)

State = dict[tuple[str, str, str], str]
"""(kind, scope, item id) → properties, as JSON text."""


# --- telegrams and their edits ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One telegram that states something."""

    telegram_type: str
    feed: Feed
    path: Path

    @property
    def body(self) -> bytes:
        """As an actual one, whatever the sample says of itself."""
        return put(self.path.read_bytes(), "Control/Status", "通常")

    @property
    def issued_at(self) -> datetime:
        return datetime.fromisoformat(str(etree.fromstring(self.body).findtext("{*}Head/{*}ReportDateTime")))


def telegrams() -> list[Path]:
    """Every telegram there is, the real ones first, small ones before large ones."""
    real = REALDATA.glob("jma-xml/*/*.xml") if REALDATA.is_dir() else ()
    ours = [*PROJECT.glob("exercises/kunren/jma_*/*.xml"), *PROJECT.glob("tests/feeds/jma_*/*.xml")]
    return [path for some in (real, ours) for path in sorted(some, key=lambda one: (one.stat().st_size, one.name))]


def type_of(body: bytes) -> str | None:
    row = jma.telegram(etree.fromstring(body).findtext("{*}Control/{*}Title") or "")
    return row.telegram_type if row else None


def feed_of(body: bytes) -> Feed | None:
    return TYPES.get(type_of(body) or "")


def cases() -> Iterator[Case]:
    found: dict[str, Case] = {}
    for path in telegrams():
        body = path.read_bytes()
        telegram_type, feed = type_of(body), feed_of(body)
        if telegram_type is None or feed is None or telegram_type in found:
            continue
        states = any(not item.ended for one in bulletins(feed, body) for item in one.items.rows())
        if states and etree.fromstring(body).findtext("{*}Head/{*}InfoType") in ("発表", "遅延"):
            found[telegram_type] = Case(telegram_type, feed, path)
    yield from (found[key] for key in sorted(found))


def bulletins(feed: Feed, body: bytes) -> list[Bulletin]:
    try:
        return [one for one in pipeline.parsed(feed, "telegram.xml", body) if isinstance(one, Bulletin)]
    except ParseError:
        return []


def edited(body: bytes, *edits: Callable[[etree._Element], None]) -> bytes:
    root = etree.fromstring(body)
    for edit in edits:
        edit(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def setter(path: str, text: str) -> Callable[[etree._Element], None]:
    """Another text at a path below Report."""

    def edit(root: etree._Element) -> None:
        element = root.find("/".join(f"{{*}}{step}" for step in path.split("/")))
        assert element is not None, path
        element.text = text

    return edit


def put(body: bytes, path: str, text: str) -> bytes:
    return edited(body, setter(path, text))


def later(by: timedelta) -> Callable[[etree._Element], None]:
    """Issued and sent at another time; with a serial that says so, where the type has serials."""

    def edit(root: etree._Element) -> None:
        for path in ("{*}Head/{*}ReportDateTime", "{*}Control/{*}DateTime"):
            element = root.find(path)
            assert element is not None
            stamp = (datetime.fromisoformat(str(element.text)) + by).isoformat()
            element.text = stamp.replace("+00:00", "Z") if str(element.text).endswith("Z") else stamp
        serial = root.find("{*}Head/{*}Serial")
        if serial is not None and (serial.text or "").strip().isdigit():
            step = (by > timedelta(0)) - (by < timedelta(0))
            serial.text = str(max(int(str(serial.text)) + step, 0))

    return edit


_WORDS = ("FreeFormComment", "VolcanoActivity", "TyphoonClass")


def reworded(root: etree._Element) -> None:
    """Other words wherever a telegram has words of its own: names of areas, comments, headlines."""
    for element in root.iter(*(f"{{*}}{name}" for name in ("Text", "Name", *_WORDS))):
        name = etree.QName(element).localname
        around = [etree.QName(one).localname for one in element.iterancestors()]
        own = (
            (name == "Name" and "Body" in around and around[0] in ("Area", "Hypocenter", "Station", "City"))
            or (name == "Text" and ("Body" in around or around[0] == "Headline"))
            or name in _WORDS
        )
        if own and (element.text or "").strip():
            element.text = f"{element.text}改"


def bare(root: etree._Element) -> None:
    """The Body of a 取消 as JMA sends it: one text, nothing else."""
    (body,) = root.iterfind("{*}Body")
    for child in list(body):
        body.remove(child)
    etree.SubElement(body, body.tag.replace("Body", "Text")).text = "先ほどの電文を取り消します。"


def taking_back(body: bytes, *, empty: bool) -> bytes:
    return edited(body, setter("Head/InfoType", "取消"), later(3 * MINUTE), *([bare] if empty else []))


CASES = list(cases())
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.telegram_type)


# --- a store of a test's own ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    pipeline.prepare(settings.load({"BOUSAI_DATA": str(folder / "var")}))
    return folder


class Desk:
    """An archive and a store, and what they answer about the kinds of one feed."""

    def __init__(self, house: House, case: Case) -> None:
        self.house = house
        self.case = case

    def take(self, *bodies: bytes) -> list[Ingested]:
        pairs = [(f"{n}.xml", body) for n, body in enumerate(bodies)]
        return list(pipeline.ingest_files(self.case.feed.id, pairs, self.house.settings))

    def state(self, after: timedelta = MINUTE, status: Status = "actual", known_at: datetime | None = None) -> State:
        """What holds some time after the telegram was issued."""
        found: State = {}
        at = self.case.issued_at + after
        for kind in self.case.feed.kinds:
            table = store.items(self.house.store, kind, valid_at=at, known_at=known_at, status=status)
            for scope, item_id, props in zip(table.scope, table.item_id, table.props, strict=True):
                found[kind, scope, item_id] = props
        return found

    def log(self) -> tuple[int, datetime | None]:
        return store.log_position(self.house.store)


@pytest.fixture
def desks(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Case], Desk]]:
    """Desks of one test. Catalogue and store are opened once for each, not anew for each of its documents."""
    monkeypatch.setattr(catalogue, "load", lambda _: KNOWN)
    really_opened = pipeline.opened
    houses: dict[str, House] = {}
    monkeypatch.setattr(pipeline.ingesting, "opened", lambda own: nullcontext(houses[own.store]))
    with ExitStack() as stack:

        def desk(case: Case) -> Desk:
            folder = tmp_path / str(len(houses))
            shutil.copytree(prepared, folder)
            own = settings.load({"BOUSAI_DATA": str(folder / "var")})
            house = stack.enter_context(really_opened(own))
            houses[own.store] = house
            return Desk(house, case)

        yield desk


Desks = Callable[[Case], Desk]


def plain(state: State) -> State:
    """A state without the serials, which tell two reports of the same content apart."""
    found = {}
    for key, props in state.items():
        said = json.loads(props)
        said.pop("serial", None)
        found[key] = json.dumps(said, ensure_ascii=False, sort_keys=True)
    return found


# --- the laws -----------------------------------------------------------------------------------------------


def test_there_is_a_telegram_of_every_type_that_a_feed_takes() -> None:
    there = {case.telegram_type for case in CASES}
    missing = set(TYPES) - there - ENDED_TYPES
    if not REALDATA.is_dir():
        pytest.skip(f"real feed files not found at {REALDATA}; without them {len(missing)} types are not tested")
    assert missing == set()
    assert not there & ENDED_TYPES, "there is a sample now: test it"
    assert {case.feed.id for case in CASES} == {feed.id for feed in TYPES.values()}


@pytest.mark.parametrize(("word", "status"), [("通常", "actual"), ("訓練", "exercise"), ("試験", "test")])
def test_status_is_all_that_another_status_changes_in_any_telegram(word: str, status: str) -> None:
    """Of every telegram that there is, not one a type."""
    read = 0
    for path in telegrams():
        feed, body = feed_of(path.read_bytes()), path.read_bytes()
        said = bulletins(feed, body) if feed else []
        other = bulletins(feed, put(body, "Control/Status", word)) if feed else []
        assert {one.status for one in other} <= {status}, path.name
        assert [_facts(one) for one in other] == [_facts(one) for one in said], path.name
        read += len(said)
    assert read >= len(CASES) > 50


def test_a_delayed_telegram_says_what_it_would_have_said_in_time() -> None:
    for case in CASES:
        delayed = bulletins(case.feed, put(case.body, "Head/InfoType", "遅延"))
        in_time = bulletins(case.feed, put(case.body, "Head/InfoType", "発表"))
        assert delayed, case.path.name
        assert [_facts(one) for one in delayed] == [_facts(one) for one in in_time], case.path.name


def _facts(bulletin: Bulletin) -> dict[str, object]:
    """Everything but the status."""
    own = {name: getattr(bulletin, name) for name in bulletin.__slots__ if name not in ("items", "status")}
    return {**own, "items": list(bulletin.items.rows())}


@EACH
def test_a_drill_says_the_same_and_changes_nothing_that_is_actual(case: Case, desks: Desks) -> None:
    desk = desks(case)
    drill, trial = (put(case.body, "Control/Status", word) for word in ("訓練", "試験"))
    assert {one.outcome for one in desk.take(drill, trial)} == {"stored"}
    ages = [timedelta(0), MINUTE, timedelta(hours=1), timedelta(days=30)]
    assert [desk.state(after) for after in ages] == [{}] * len(ages)
    exercise, test = desk.state(status="exercise"), desk.state(status="test")
    assert exercise == test != {}
    desk.take(case.body)
    assert desk.state() == exercise
    assert desk.state(status="exercise") == exercise


@EACH
def test_a_withdrawal_leaves_nothing_in_either_order_and_keeps_what_was_known(case: Case, desks: Desks) -> None:
    first, second = desks(case), desks(case)
    assert [one.outcome for one in first.take(case.body)] == ["stored"]
    before, (_, then) = first.state(), first.log()
    assert before != {}
    assert [one.outcome for one in first.take(taking_back(case.body, empty=True))] == ["stored"]
    second.take(taking_back(case.body, empty=False), case.body)
    for desk in (first, second):
        for after in (timedelta(0), MINUTE, 5 * MINUTE):
            assert desk.state(after) == {}
    assert first.state(known_at=then) == before


@EACH
def test_a_correction_replaces_in_either_order(case: Case, desks: Desks) -> None:
    # It keeps the time of what it corrects; only its sending is later.
    correction = edited(
        case.body,
        setter("Head/InfoType", "訂正"),
        later(MINUTE),
        setter("Head/ReportDateTime", case.issued_at.isoformat()),
        reworded,
    )
    one, other = desks(case), desks(case)
    other.take(correction)
    corrected = other.state()
    one.take(case.body)
    assert plain(one.state()) != plain(corrected), "the edit must show"
    one.take(correction)
    other.take(case.body)
    assert one.state() == other.state() == corrected


@EACH
def test_an_older_telegram_that_comes_late_changes_nothing_now(case: Case, desks: Desks) -> None:
    older = edited(case.body, later(-10 * MINUTE), reworded)
    desk = desks(case)
    desk.take(case.body)
    before = desk.state()
    assert before != {}
    assert [one.outcome for one in desk.take(older)] == ["stored"]
    assert desk.state() == before
    earlier = desk.state(-5 * MINUTE)
    assert earlier.keys() == before.keys()
    assert plain(earlier) != plain(before)


@EACH
def test_the_same_again_changes_nothing(case: Case, desks: Desks) -> None:
    desk = desks(case)
    desk.take(case.body)
    before, log = desk.state(), desk.log()
    (again,) = desk.take(case.body)
    assert (again.outcome, again.changes.any, desk.log()) == ("unchanged", False, log)
    issued = setter("Head/ReportDateTime", case.issued_at.isoformat())
    (again,) = desk.take(edited(case.body, later(MINUTE), issued, _unnumbered(case)))
    assert not again.changes.any
    assert desk.state() == before


def _unnumbered(case: Case) -> Callable[[etree._Element], None]:
    """Sent once more under the same number."""
    serial = etree.fromstring(case.body).findtext("{*}Head/{*}Serial")
    return setter("Head/Serial", serial or "")


@EACH
def test_a_telegram_without_a_known_status_or_form_is_quarantined(case: Case, desks: Desks) -> None:
    def missing(path: str) -> Callable[[etree._Element], None]:
        parent, child = path.split("/")

        def edit(root: etree._Element) -> None:
            for element in root.iterfind(f"{{*}}{parent}"):
                for gone in element.findall(f"{{*}}{child}"):
                    element.remove(gone)

        return edit

    desk = desks(case)
    log = desk.log()
    wrong = [
        edited(case.body, edit)
        for path in ("Control/Status", "Head/InfoType")
        for edit in (setter(path, "実演"), setter(path, ""), missing(path))
    ]
    done = desk.take(*wrong)
    assert [(one.outcome, one.changes.any) for one in done] == [("quarantined", False)] * len(wrong)
    assert desk.log() == log
