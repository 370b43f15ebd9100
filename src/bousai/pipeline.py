"""The corridor: the verbs. Opens the rooms, hands things from one to the next, reads the clock.

Rooms do not know each other; every path a value takes is in this file, in the order of the line:
`fetch_feed` → `ingest_documents` (or `ingest_files`) → `publish_layers`; questions follow below.
All functions take `settings` (default: from the environment).
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import msgspec
import orjson

from bousai import archive, catalogue, consolidate, fetch, normalise, publish, store
from bousai import settings as settings_module
from bousai.catalogue import Catalogue, Feed
from bousai.consolidate import hazard_exposure, register_review, register_statements, shelter_match, shelter_places
from bousai.errors import CatalogueError, ExpectationError, ParseError, UsageError
from bousai.model import (
    Bulletin,
    Changes,
    Issue,
    Layer,
    Provenance,
    RawDocument,
    Receipt,
    RevisionTable,
    Sightings,
    SourceFreshness,
    Status,
    Visibility,
    freshness,
)
from bousai.settings import Settings
from bousai.vocab import municipality

_log = logging.getLogger(__name__)

FORMATS = publish.FORMATS
"""The formats of a layer beside GeoJSON."""


@dataclass(frozen=True, slots=True)
class House:
    """The opened rooms of one call."""

    settings: Settings
    catalogue: Catalogue
    store: store.Store
    now: Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[House]:
    """Open catalogue and store for one verb; the connections are given back at the end."""
    settings = settings_module.load() if settings is None else settings
    handle = store.open_store(settings.store)
    try:
        yield House(settings, catalogue.load(settings.config), handle, _now)
    finally:
        handle.close()


def prepare(settings: Settings | None = None) -> None:
    """Create folders, tables and views, or bring them to this program's version."""
    settings = settings_module.load() if settings is None else settings
    settings.public.mkdir(parents=True, exist_ok=True)
    store.prepare(settings.store, catalogue.load(settings.config).layers.values())


# ── fetch ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What `fetch` may ask of store and archive."""

    house: House

    def last_good(self, url: str, feed: str | None = None) -> Receipt | None:
        return store.last_receipt(self.house.store, url=url, feed=feed, spared=feed is not None)

    def good_times(self, url: str, feed: str, since: datetime) -> list[datetime]:
        return store.good_times(self.house.store, url, feed, since)

    def failed(self, feed: str, since: datetime) -> list[Receipt]:
        return store.failed_receipts(self.house.store, feed, since)

    def body(self, digest: str) -> bytes:
        return archive.get(self.house.settings.archive, digest)

    def has_document(self, url: str) -> bool:
        return store.has_document(self.house.store, url)

    def claimed(self, url: str) -> dict[str, str]:
        return self.house.catalogue.claimed_types(url)


def fetch_feed(feed_id: str, settings: Settings | None = None) -> list[str]:
    """Read a feed's source once and archive what is new.

    Returns the SHA-256 of every document of the feed that waits to be ingested, oldest first. Raises
    `FetchError` when the source could not be read at all; one telegram that fails stops no other.
    """
    with opened(settings) as house:
        feed = house.catalogue.feed(feed_id)
        if feed.disabled is not None and house.settings.playback is None:
            raise UsageError(
                f"feed {feed_id} is disabled: {feed.disabled}",
                remedy=f"files that you have the right to use: bousai ingest {feed_id} FILE…",
            )
        where = house.settings
        pulled = fetch.pull(feed, _Ledger(house), now=house.now, playback=where.playback, data=where.data)
        for found in pulled:
            if isinstance(found, Issue):
                store.add_issues(house.store, feed.id, [found], house.now())
                continue
            if found.body is not None:
                archive.put(house.settings.archive, found.body)
            # The document first: a crash in between asks once more, the other way round it would be lost.
            if found.document is not None:
                store.record_document(house.store, _dated(feed, found.document))
            store.record_receipt(house.store, found.receipt)
        return [document.raw.sha256 for document in store.pending_documents(house.store, feed.id)]


# ── ingest ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one document. `outcome`: stored, unchanged, quarantined or held."""

    feed: str
    name: str
    sha256: str
    outcome: str
    bulletins: int = 0
    changes: Changes = field(default_factory=Changes)
    issues: int = 0
    cause: str | None = None
    remedy: str | None = None


def _stale_layers(house: House, feed: Feed) -> list[str]:
    return [layer.id for layer in house.catalogue.layers_of(feed)]


def parser_of(feed: Feed) -> ModuleType:
    """The module that reads a feed's documents: ``VERSION``, ``parse`` and, where it must be told more,
    ``Options``.
    """
    return importlib.import_module(f"bousai.parse.{feed.parser}")


def _dated(feed: Feed, raw: RawDocument) -> RawDocument:
    """With the time that the document's name states; a name that is not as expected is refused when it is read."""
    try:
        at = feed.dated_by(raw.name)
    except ParseError:
        return raw
    return raw if at is None else replace(raw, dated_at=at)


Body: TypeAlias = bytes | BinaryIO
"""The bytes of a document, or the file that has them where there are very many."""


def parsed(feed: Feed, name: str, body: Body) -> Iterator[Bulletin | Issue]:
    """What a feed's parser reads from a document called `name`. Raises `ParseError`, `CatalogueError`.

    A parser that has ``Options`` is told what the feed's YAML and the document's name say beside the bytes. One that
    says ``STREAMS`` is given a file, whatever the size of the document, and reads it bit by bit.
    """
    parser = parser_of(feed)
    if getattr(parser, "STREAMS", False):
        body = io.BytesIO(body) if isinstance(body, bytes) else body
    elif not isinstance(body, bytes):
        body = body.read()
    told = {**feed.options, **{k: v for k, v in feed.told_by(name).items() if k != "at"}}
    if not hasattr(parser, "Options"):
        if told:
            raise CatalogueError(f"feeds/{feed.id}.yml: {feed.parser} takes no options, got {', '.join(told)}")
        yield from parser.parse(body)
        return
    try:
        options = msgspec.convert(told, parser.Options, strict=False)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"feeds/{feed.id}.yml: options of {feed.parser}: {error}") from error
    yield from parser.parse(body, options)


def _read(feed: Feed, raw: RawDocument, body: Body, statements: store.Statements) -> list[Issue]:
    issues: list[Issue] = []
    for found in parsed(feed, raw.name, body):
        if isinstance(found, Issue):
            issues.append(found)
        else:
            bulletin, noticed = normalise.normalise(found, raw)
            statements.add(bulletin)
            issues += noticed
    return issues


def _check_expectations(house: House, feed: Feed, raw: RawDocument, statements: store.Statements) -> None:
    if len(statements) and len(statements) == statements.withdrawals:
        return  # 取消 takes something back and lists nothing
    whole = statements.complete
    before = store.current_counts(house.store, list(whole)) if feed.expect.max_scope_drop is not None else {}
    why = feed.expect.violation(
        statements.items,
        store.last_item_count(house.store, raw) if feed.expect.max_drop is not None else None,
        ((key[2], n, whole[key]) for key, n in before.items()),
    )
    if why is not None:
        raise ExpectationError(
            why, remedy="compare with the source; if it is right: bousai issues retry <sha256> --accept"
        )


Report: TypeAlias = Callable[[str, str, float], None]
"""Told of a long document as it is worked on: its name, ``reading`` or ``storing``, and how much of that is done
(0 to 1)."""


class _Watched:
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, told: Callable[[float], None], size: int) -> None:
        self._file = file
        self._told = told
        self._size = max(size, 1)
        self._read = 0

    def read(self, size: int = -1, /) -> bytes:
        found = self._file.read(size)
        self._read += len(found)
        self._told(min(1.0, self._read / self._size))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


_BIG = 64 * 1024**2


@contextmanager
def _body(house: House, raw: RawDocument, report: Report | None) -> Iterator[Body]:
    """The archived bytes of a document; of a big one a file, so that no more of it is in memory than need be."""
    if raw.size <= _BIG:
        yield archive.get(house.settings.archive, raw.sha256)
        return
    with archive.opened(house.settings.archive, raw.sha256) as file:
        told = partial(report, raw.name, "reading") if report is not None else None
        yield file if told is None else cast("BinaryIO", _Watched(file, told, raw.size))


def _told(statements: store.Statements, told: Callable[[float], None]) -> Iterator[Bulletin]:
    for n, bulletin in enumerate(statements, start=1):
        yield bulletin
        told(n / len(statements))


def _ingest(
    house: House,
    feed: Feed,
    raw: RawDocument,
    body: Body,
    *,
    accept: bool,
    strict: bool = False,
    report: Report | None = None,
) -> Ingested:
    """One document through parse, normalise and store. Data faults become outcomes, bugs are raised.

    `strict`: a document of which the parser left anything unread is quarantined. Nothing is written, and no other
    writer waits, until all of it has been read and its totals are as expected.
    """
    with store.Statements(house.settings.data) as statements:
        return _ingested(house, feed, raw, body, statements, accept, strict, report if raw.size > _BIG else None)


def _ingested(
    house: House,
    feed: Feed,
    raw: RawDocument,
    body: Body,
    statements: store.Statements,
    accept: bool,
    strict: bool,
    report: Report | None,
) -> Ingested:

    def refuse(outcome: str, cause: str, remedy: str, issues: list[Issue]) -> Ingested:
        store.set_outcome(
            house.store,
            raw,
            outcome,
            house.now(),
            cause=cause,
            remedy=remedy,
            issues=issues,
            stale=_stale_layers(house, feed),
        )
        return Ingested(feed.id, raw.name, raw.sha256, outcome, 0, Changes(), len(issues), cause, remedy)

    try:
        issues = _read(feed, raw, body, statements)
        unread = [issue for issue in issues if issue.code == "unread"]
        if strict and unread:
            raise ParseError(
                f"strict: {unread[0].cause}" + (f" (and {len(unread) - 1} more)" if len(unread) > 1 else ""),
                code="unread",
                remedy=unread[0].remedy,
                position=unread[0].position,
            )
        if not accept:
            _check_expectations(house, feed, raw, statements)
    except ParseError as error:
        issue = Issue(error.code, error.cause, error.remedy, "error", error.position)
        return refuse("quarantined", error.cause, error.remedy, [issue])
    except ExpectationError as error:
        return refuse("held", error.cause, error.remedy, [Issue("held", error.cause, error.remedy, "error")])
    fatal = next((issue for issue in issues if issue.severity == "error"), None)
    if fatal is not None and not len(statements):
        return refuse("quarantined", fatal.cause, fatal.remedy, issues)
    provenance = Provenance(raw, feed.parser, parser_of(feed).VERSION)
    said = statements if report is None else _told(statements, partial(report, raw.name, "storing"))
    changes = store.apply(house.store, said, provenance, house.now(), issues)
    if _ROLL_UP in feed.kinds:
        _compare(house, feed, statements)
    store.add_issues(house.store, feed.id, _narrowed(house, statements), house.now(), raw)
    outcome = "stored" if changes.any else "unchanged"
    return Ingested(feed.id, raw.name, raw.sha256, outcome, len(statements), changes, len(issues))


def _narrowed(house: House, statements: store.Statements) -> list[Issue]:
    """What a source told everybody before and now tells fewer people. The public still sees the statement of before,
    with its age: a statement that is not for it neither shows nor hides it anything. A person must know."""
    narrow = {key[:3]: key[3] for key in statements.complete if key[3] != "public"}
    wide: list[tuple[Status, str, str, Visibility]] = [(*key, "public") for key in narrow]
    still = store.current_counts(house.store, [key for key in wide if key not in statements.complete])
    return [
        Issue(
            "narrowed",
            f"{scope}: this statement is for {narrow[(status, kind, scope)]} alone, and {count} items of an"
            " earlier one are public",
            "ask the source for a withdrawal (取消) of the earlier one if the public must no longer see it",
        )
        for (status, kind, scope, _), count in still.items()
        if count
    ]


_ROLL_UP = "weather_warning_summary"


def _compare(house: House, feed: Feed, statements: store.Statements) -> None:
    """What JMA's roll-up of the warnings says otherwise than the telegrams that we gathered, of the same moment."""
    moments = {
        (one.status, one.issued_at)
        for one in statements
        if one.kind == _ROLL_UP and one.issued_at and one.msg_type != "withdraw"
    }
    found: list[Issue] = []
    for status, at in sorted(moments):
        summary, state, before = (
            store.items(house.store, kind, valid_at=when, known_at=None, status=status)
            for kind, when in (
                (_ROLL_UP, at),
                ("weather_warning", at),
                ("weather_warning", at - consolidate.SETTLED),
            )
        )
        found += consolidate.differences(summary, state, before)
    if moments:
        store.restate_issues(house.store, feed.id, consolidate.CODES, found, house.now())


def ingest_documents(
    feed_id: str,
    sha256s: Sequence[str],
    settings: Settings | None = None,
    *,
    accept: bool = False,
    report: Report | None = None,
) -> dict[str, int]:
    """Ingest archived documents of a feed in the given order; returns counts (for XCom and tables).

    A quarantined or held document stops no other. `accept`: a person has judged the totals to be right. `report` is
    told of long documents as they are worked on.
    """
    done = []
    with opened(settings) as house:
        feed = house.catalogue.feed(feed_id)
        documents = store.documents(house.store, feed.id, sha256s=sha256s)
        waiting = {document.raw.sha256: document for document in documents}
        for digest in sha256s:
            if digest not in waiting:
                raise UsageError(f"feed {feed_id} has no document {digest}")
            raw = waiting[digest].raw
            with _body(house, raw, report) as body:
                done.append(_ingest(house, feed, raw, body, accept=accept, report=report))
    return counts(done)


def counts(done: Iterable[Ingested]) -> dict[str, int]:
    """Totals over documents."""
    everything = list(done)
    total = sum((one.changes for one in everything), Changes())
    return {
        "documents": len(everything),
        "bulletins": sum(one.bulletins for one in everything),
        "opened": total.opened,
        "changed": total.changed,
        "closed": total.closed,
        "unchanged": total.unchanged,
        "issues": sum(one.issues for one in everything),
        "stored": sum(one.outcome == "stored" for one in everything),
        "unchanged_documents": sum(one.outcome == "unchanged" for one in everything),
        "quarantined": sum(one.outcome == "quarantined" for one in everything),
        "held": sum(one.outcome == "held" for one in everything),
    }


def ingest_files(
    feed_id: str,
    files: Iterable[tuple[str, bytes | Path]],
    settings: Settings | None = None,
    *,
    dated_at: datetime | None = None,
    taint: Status = "actual",
    accept: bool = False,
    strict: bool = False,
    report: Report | None = None,
) -> Iterator[Ingested]:
    """The same from (name, bytes or file) pairs, as if fetched now: archived first, then ingested, one by one.

    `dated_at` is the time of the content for formats that carry none (default: what the file's name says, else now).
    `taint` makes all of it an exercise or a test, whatever it says of itself. `strict`: see `_ingest`.
    """
    with opened(settings) as house:
        feed = house.catalogue.feed(feed_id)
        for name, body in files:
            now = house.now()
            size = len(body) if isinstance(body, bytes) else body.stat().st_size
            if size <= _BIG and not isinstance(body, bytes):
                body = body.read_bytes()
            digest = archive.put(house.settings.archive, body)
            raw = RawDocument(digest, feed.id, f"file:{Path(name).name}", Path(name).name, now, size, taint, dated_at)
            raw = raw if dated_at is not None else _dated(feed, raw)
            store.record_document(house.store, raw)
            with nullcontext(body) if isinstance(body, bytes) else _body(house, raw, report) as content:
                one = _ingest(house, feed, raw, content, accept=accept, strict=strict, report=report)
            yield one


# ── consolidate ──────────────────────────────────────────────────────────────────────────────────────────


def _derive(
    house: House, name: str, version: str, body: object, bulletins: Iterable[Bulletin], status: Status, now: datetime
) -> Changes:
    """Keep what consolidation found as everything else is kept: as a document in the archive (`body` as JSON), and as
    statements in the store that come from it. `name` is the module of `consolidate` that found it."""
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    digest = archive.put(house.settings.archive, text)
    raw = RawDocument(digest, name, f"bousai:{name}", f"{name}.json", now, len(text), status)
    return store.apply(house.store, bulletins, Provenance(raw, f"consolidate.{name}", version), now)


_STATUSES: tuple[Status, ...] = ("actual", "exercise", "test")
_EXPOSURE = (*hazard_exposure.HAZARDS, *hazard_exposure.SUBJECTS, "municipality")


def prefectures_to_expose(settings: Settings | None = None) -> list[str]:
    """The prefectures (JIS X 0401) in which a place, a hazard map or a municipality has changed since `expose`."""
    with opened(settings) as house:
        found = set()
        for status in _STATUSES:
            if not store.has_status(house.store, status):
                continue
            now = house.now()
            position, _ = store.log_position(house.store)
            due = store.published(house.store, f"exposure due/{status}")
            after, _, since = due.get("", (0, "", None))
            news = store.news(house.store, _EXPOSURE, after=after, since=since, until=now, status=status)
            for pref in hazard_exposure.prefectures_of((one.kind, one.pref, one.bbox) for one in news):
                store.mark_published(house.store, f"exposure due/{status}", pref, position, "", now)
                due[pref] = (position, "", now)
            if position != after:  # last: what was not marked before a crash is found again
                store.mark_published(house.store, f"exposure due/{status}", "", position, "", now)
            done = store.published(house.store, f"exposure/{status}")
            found |= {pref for pref, (*_, at) in due.items() if pref and (pref not in done or done[pref][2] <= at)}
            found |= {pref for pref, (_, version, _) in done.items() if not hazard_exposure.is_current(version)}
        return sorted(found)


def prefecture_name(pref: str) -> str:
    """石川県 for 17: what a prefecture is called where its work is shown."""
    return municipality.prefecture_name(pref)


def expose(pref: str, settings: Settings | None = None) -> dict[str, int]:
    """Work out which hazard zones every place of a prefecture lies in, and keep it. Returns counts: places, maps
    (kinds of hazard maps that were worked out), statements inside and outside, what they opened, changed, closed.

    Exercise and test are kept apart, as everywhere. Where nothing has changed since the last time nothing is done.
    """
    with opened(settings) as house:
        total: Counter[str] = Counter(
            places=0, maps=0, inside=0, outside=0, opened=0, changed=0, closed=0, unchanged=0
        )
        for status in _STATUSES:
            if store.has_status(house.store, status):
                total.update(_expose(house, pref, status))
        return dict(total)


def _expose(house: House, pref: str, status: Status) -> dict[str, int]:
    now = house.now()
    position, _ = store.log_position(house.store)
    box = hazard_exposure.box_of(pref)
    areas = hazard_exposure.areas(store.items(house.store, "municipality", valid_at=now, bbox=box, status=status))
    codes = hazard_exposure.codes_of(pref)
    seen = (
        store.sightings(house.store, kind, valid_at=now, muni=codes, uncoded_in=box, status=status).table
        for kind in hazard_exposure.SUBJECTS
    )
    places = hazard_exposure.places(seen, areas, pref)
    maps = {
        kind: stated
        for kind in hazard_exposure.HAZARDS
        if places.box is not None
        and (stated := store.last_statement(house.store, kind, places.box, until=now, status=status)) is not None
    }
    version = hazard_exposure.digest(places, areas, maps)
    before = store.published(house.store, f"exposure/{status}").get(pref)
    counted: Counter[str] = Counter(places=len(places))
    if before is None or before[1] != version:
        for kind, (stated_at, _) in maps.items():
            assert places.box is not None
            scope = f"exposure/{kind}/{pref}"
            # Never before the last time: where the places have come closer together, fewer maps may be asked.
            last = store.last_of_scope(house.store, "hazard_exposure", scope, status)
            issued_at = stated_at if last is None else max(stated_at, last)
            zones = store.portions(house.store, kind, valid_at=now, bbox=places.box, status=status)
            found = hazard_exposure.survey(places, areas, zones)
            items = hazard_exposure.statements(hazard_exposure.HAZARDS[kind], places, found)
            statement = Bulletin(
                kind="hazard_exposure",
                scope=scope,
                issued_at=issued_at,
                status=status,
                items=items,
                issuer=consolidate.ISSUER,
                complete=True,
                sent_at=now,
                bulletin_type="hazard_exposure",
            )
            body = hazard_exposure.document(kind, pref, issued_at, places, found)
            changes = _derive(house, "hazard_exposure", hazard_exposure.VERSION, body, [statement], status, now)
            counted.update(hazard_exposure.states(items), maps=1, **dataclasses.asdict(changes))
    store.mark_published(house.store, f"exposure/{status}", pref, position, version, now)
    return dict(counted)


_REGISTER = "shelter_register"
_KEPT = ("shelter_member", "shelter_place", "register_decision")


def update_register(settings: Settings | None = None) -> dict[str, int]:
    """Bring the shelter register up to date with all that is known, each status by itself.

    Where nothing new was said of shelters since the last time, nothing is read. Returns counts: opened, changed,
    closed (of entries and ids), issues.
    """
    with opened(settings) as house:
        return _update_register(house)


def _update_register(house: House) -> dict[str, int]:
    changes = Changes()
    issues = 0
    for status in _STATUSES:
        newest = store.newest(house.store, (*shelter_places.KINDS, "register_decision"), status)
        cursor, version, _ = store.published(house.store, _REGISTER).get(status, (0, "", None))
        if newest > cursor or (newest and not version.startswith(f"{register_statements.METHOD}/")):
            done, noticed = _register(house, status, newest, version)
            changes += done
            issues += len(noticed)
    counted = {"opened": changes.opened, "changed": changes.changed, "closed": changes.closed}
    return {**counted, "issues": issues}


def _register(house: House, status: Status, newest: int, version: str) -> tuple[Changes, Sequence[Issue]]:
    """The register of one status, from what is known at least up to the position `newest` in the log; `version` is
    what it was made of the last time."""
    at = _after_all(house)
    now, seen = _register_tables(house, status, at)
    records = shelter_match.records(seen)
    made_of = f"{register_statements.METHOD}/{register_statements.fingerprint(records, now['register_decision'])}"
    changes = Changes()
    issues: Sequence[Issue] = ()
    if made_of != version:
        update = register_statements.update(records, now, status, at)
        if update.spoken is not None:
            changes = _keep(house, _REGISTER, update.spoken, status, at)
        feed = _REGISTER if status == "actual" else f"{_REGISTER}/{status}"
        issues = update.issues
        store.restate_issues(house.store, feed, (register_statements.CONTRADICTION,), issues, at)
    store.mark_published(house.store, _REGISTER, status, newest, made_of, at)
    return changes, issues


def _keep(house: House, name: str, spoken: register_statements.Spoken, status: Status, at: datetime) -> Changes:
    return _derive(house, name, register_statements.METHOD, spoken.body, spoken.bulletins, status, at)


def _register_tables(
    house: House, status: Status, at: datetime, muni: set[str] | None = None
) -> tuple[dict[str, RevisionTable], dict[str, Sightings]]:
    """The register as it is kept, and the entries of all lists (of some municipalities)."""
    now = _kept(house, status, at)
    seen = {
        kind: store.sightings(house.store, kind, valid_at=at, status=status, muni=muni)
        for kind in shelter_places.KINDS
    }
    return now, seen


def _current(house: House, layers: Iterable[Layer], known_at: datetime | None) -> None:
    """A question about now is answered with all that is known: the register first, where a layer is made of it."""
    if known_at is None and any("shelter_member" in layer.inputs for layer in layers):
        _update_register(house)


def register_candidates(
    settings: Settings | None = None, *, muni: str | None = None, status: Status = "actual"
) -> list[dict[str, Any]]:
    """The questions on shelters that wait for a person (of a municipality): see `register_review.candidates`."""
    with opened(settings) as house:
        _update_register(house)
        linked = store.items(house.store, "shelter_member", valid_at=house.now(), status=status)
        codes = set(register_review.asked_about(linked).values())
        now, seen = _register_tables(
            house, status, house.now(), None if None in codes else {code for code in codes if code is not None}
        )
        return register_review.candidates(now, seen, muni)


def register_decide(
    left: str,
    right: str,
    verdict: Literal["same", "different"],
    settings: Settings | None = None,
    *,
    by: str,
    reason: str,
    status: Status = "actual",
) -> dict[str, Any]:
    """A person's word on two entries (member keys). Returns the decisions kept and the places of the entries now.
    Raises `UsageError`, as the verbs below do."""
    return _answer(settings, status, by, reason, lambda now: [register_review.decide(now, left, right, verdict)])


def register_merge(
    one: str, two: str, settings: Settings | None = None, *, by: str, reason: str, status: Status = "actual"
) -> dict[str, Any]:
    """Two places (ids) are one: the older id stays."""
    return _answer(settings, status, by, reason, lambda now: register_review.merge(now, one, two))


def register_split(
    place: str,
    members: Sequence[str],
    settings: Settings | None = None,
    *,
    by: str,
    reason: str,
    status: Status = "actual",
) -> dict[str, Any]:
    """Some members (keys) of a place are another place."""
    return _answer(settings, status, by, reason, lambda now: register_review.split(now, place, members))


def register_undo(
    left: str, right: str, settings: Settings | None = None, *, status: Status = "actual"
) -> dict[str, Any]:
    """Nothing is decided on two entries any more."""
    with opened(settings) as house:
        _update_register(house)
        at = _after_all(house)
        pair = register_review.undo(_kept(house, status, at), left, right)
        _keep(house, "register_decision", register_statements.decided([], [pair], status, at), status, at)
        return _answered(house, status, [], pair)


def _answer(
    settings: Settings | None,
    status: Status,
    by: str,
    reason: str,
    answers: Callable[[Mapping[str, RevisionTable]], list[register_review.Answer]],
) -> dict[str, Any]:
    by, reason = register_review.checked("role", by), register_review.checked("reason", reason)
    with opened(settings) as house:
        _update_register(house)
        at = _after_all(house)
        told = register_statements.moment(at)
        decisions = [shelter_places.Decision(*one, by, reason, told) for one in answers(_kept(house, status, at))]
        _keep(house, "register_decision", register_statements.decided(decisions, [], status, at), status, at)
        return _answered(house, status, decisions, {key for one in decisions for key in one.pair})


def _answered(
    house: House, status: Status, decisions: Sequence[shelter_places.Decision], keys: Iterable[str]
) -> dict[str, Any]:
    counted = _update_register(house)
    return {
        "decisions": [dataclasses.asdict(one) for one in decisions],
        "places": register_review.whereabouts(_kept(house, status, house.now()), set(keys)),
        **counted,
    }


def _after_all(house: House) -> datetime:
    """Now, and not before anything that is recorded: what is said later stands, also where a clock was set back."""
    now = house.now()
    _, recorded = store.log_position(house.store)
    return now if recorded is None else max(now, recorded)


def _kept(house: House, status: Status, at: datetime) -> dict[str, RevisionTable]:
    return {kind: store.items(house.store, kind, valid_at=at, status=status) for kind in _KEPT}


# ── publish ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Tree:
    """One tree of files: where it is, what it shows to whom, its name in the store and its address."""

    name: str
    root: Path
    status: Status
    tier: Visibility
    url: str


def _trees(own: Settings) -> Iterator[_Tree]:
    """The public tree; where the settings name one, the tree for responders, in a folder of its own; below each the
    exercise tree. What is for ISUT alone is in no tree."""
    tops: list[tuple[str, Path, Visibility, str]] = [("public", own.public, "public", own.public_url)]
    if own.responders is not None:
        tops.append(("responders", own.responders, "responders", ""))
    for name, root, tier, url in tops:
        yield _Tree(name, root, "actual", tier, url)
        below = f"{url}/exercise" if url else ""
        yield _Tree(
            "exercise" if tier == "public" else f"{name}/exercise", root / "exercise", "exercise", tier, below
        )


def publish_layers(
    layer_ids: Sequence[str] | None = None, settings: Settings | None = None, *, register: bool = True
) -> list[dict[str, Any]]:
    """Write what changed of the given layers (default all) into the public tree and the exercise tree; where the
    settings name a tree for responders, into that too, each layer then being made twice.

    `register`: bring the shelter register up to date first, where a layer is made of it.

    The exercise tree appears with the first exercise item. Returns one dict a layer and tree: layer,
    status, tier, version, changed, features, withheld, path, url.
    """
    written: list[dict[str, Any]] = []
    with opened(settings) as house:
        chosen = [house.catalogue.layer(i) for i in (layer_ids or house.catalogue.layers)]
        if register:
            _current(house, chosen, None)
        at = house.now()
        for tree in _trees(house.settings):
            if tree.status == "exercise" and not store.has_status(house.store, tree.status, tree.tier):
                continue
            states = {state.feed: state for state in _feed_states(house, tree.tier)}
            cursor, known_at = store.log_position(house.store, tree.tier)
            if tree.tier != "public" and not tree.root.exists():
                tree.root.mkdir(parents=True, mode=0o750)
            every = house.catalogue.layers.values()
            sources = {layer.id: _sources(house, layer, states) for layer in every}
            released = {layer.id: house.catalogue.released(layer, tree.tier) for layer in every}
            last = store.published(house.store, tree.name)
            for layer in chosen:
                stands = publish.standing(tree.root, released[layer.id], tree.status, sources[layer.id])
                if stands is not None and _unmoved(house, layer, tree.status, last.get(layer.id), at):
                    done = stands
                else:
                    features = _features(house, layer, tree.status, at, None, tier=tree.tier, lasting=True)
                    done = publish.write_layer(
                        tree.root,
                        features,
                        status=tree.status,
                        valid_at=at,
                        known_at=known_at or at,
                        published_at=at,
                        freshness=sources[layer.id],
                        publisher=house.settings.publisher,
                    )
                    store.mark_published(house.store, tree.name, layer.id, cursor, done.version, at)
                if done.changed and done.withheld:
                    told = {"layer": layer.id, "tree": tree.name, "version": done.version, "by": done.withheld}
                    _log.info("withheld %s", orjson.dumps(told).decode())
                address = "/".join(part for part in (tree.url, "layers", layer.id) if part)
                written.append(
                    {
                        "layer": layer.id,
                        "status": tree.status,
                        "tier": tree.tier,
                        "version": done.version,
                        "changed": done.changed,
                        "features": done.count,
                        "withheld": dict(done.withheld),
                        "path": str(tree.root / "layers" / layer.id / "latest.geojson"),
                        "url": f"{address}/latest.geojson",
                    }
                )
            publish.write_index(
                tree.root,
                released.values(),
                sources,
                status=tree.status,
                public_url=tree.url,
                published_at=at,
            )
    return written


_MADE_AGAIN = timedelta(minutes=10)
"""A consolidated layer may change by the clock alone (an earthquake of a week ago): so long may it be behind."""


def _unmoved(
    house: House, layer: Layer, status: Status, last: tuple[int, str, datetime] | None, at: datetime
) -> bool:
    """Nothing that a layer is made of has changed since it was last made."""
    if last is None or (layer.inputs and at - last[2] > _MADE_AGAIN):
        return False
    cursor, _, since = last
    kinds = house.catalogue.kinds_behind(layer) | {*filter(None, [layer.geometry_from])}
    return kinds.isdisjoint(store.stirred(house.store, status, after=cursor, since=since, until=at))


def _sources(house: House, layer: Layer, states: Mapping[str, SourceFreshness]) -> list[SourceFreshness]:
    """The state of each source of a layer.

    A consolidated layer draws on many kinds: a feed that is never asked, or a drop folder that nobody uses, has no
    part in it as long as nothing came of it. One that is asked and never answered has: the picture lacks it.
    """
    feeds = house.catalogue.feeds_of(layer)
    found = [states[feed.id] for feed in feeds]
    if not layer.inputs:
        return found
    asked = {feed.id for feed in feeds if feed.disabled is None and feed.source.type != "folder"}
    return [state for state in found if state.feed in asked or state.last_content_at is not None]


_ENDED = "/ended"


def _items(
    house: House,
    layer: Layer,
    status: Status,
    valid_at: datetime,
    known_at: datetime | None,
    muni: str | None,
    bbox: tuple[float, float, float, float] | None,
    tier: Visibility = "public",
) -> RevisionTable:
    """The items of a layer as a tier may see them: what the sources stated, or what follows from several kinds
    together. The latter is made of statements and of columns that the tier may see, and so tells of no others."""
    known = partial(store.items, house.store, valid_at=valid_at, known_at=known_at, status=status, visibility=tier)
    if not layer.inputs:
        return known(layer.kind, muni=muni, bbox=bbox)

    def shown(table: RevisionTable) -> RevisionTable:
        names = house.catalogue.columns_of(table.kind, tier)
        return table if names is None else consolidate.shown_only(table, names)

    made = {
        # of a kind that is among its own inputs the store has what was found, and its layer is a view of it
        kind: one
        for kind in layer.inputs
        if (one := house.catalogue.layers.get(kind)) is not None and one.inputs and kind not in one.inputs
    }

    def held(kind: str) -> RevisionTable:
        if kind in made:
            return _items(house, made[kind], status, valid_at, known_at, None, None, tier)
        if kind.endswith(_ENDED):
            kind = kind.removesuffix(_ENDED)
            return shown(
                store.endings(house.store, kind, valid_at=valid_at, known_at=known_at, status=status, visibility=tier)
            )
        return shown(known(kind))

    now = consolidate.AsAsked((*layer.inputs, *(kind + _ENDED for kind in layer.endings)), held)

    def sighted(kind: str, box: consolidate.Box | None = None) -> Sightings:
        every = store.sightings(
            house.store,
            kind,
            valid_at=valid_at,
            known_at=known_at,
            muni=None if box is None else (),
            uncoded_in=box,
            status=status,
            visibility=tier,
        )
        return replace(every, table=shown(every.table))

    seen = consolidate.AsAsked(layer.sightings, sighted, sighted)
    return consolidate.within(consolidate.table(layer.kind, now, seen, valid_at), muni, bbox)


def _features(
    house: House,
    layer: Layer,
    status: Status,
    valid_at: datetime,
    known_at: datetime | None,
    *,
    tier: Visibility = "public",
    muni: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    lasting: bool = False,
) -> publish.FeatureTable:
    table = _items(house, layer, status, valid_at, known_at, muni, bbox, tier)
    borrowed: dict[str, bytes] = {}
    if layer.geometry_from is not None:
        codes = publish.areas_wanted(table)
        borrowed = store.borrowed_geometry(house.store, layer.geometry_from, valid_at, known_at, status, codes, tier)
    return publish.features(house.catalogue.released(layer, tier), [table], borrowed, lasting=lasting)


def tile_layers(layer_ids: Sequence[str] | None = None, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Make vector tiles of the published layers that have such (default all) and whose version has none yet; the next
    index links them. Takes minutes for a large layer. Returns one dict a layer and tree: layer, status, tier,
    version, changed, path.
    """
    with opened(settings) as house:
        chosen = [house.catalogue.layer(i) for i in (layer_ids or house.catalogue.layers)]
        without = [layer.id for layer in chosen if layer_ids and not layer.tiles]
        if without:
            raise UsageError(f"layer {without[0]} has no tiles", remedy="config/layers/<layer>.yml: tiles: true")
        return [
            {
                "layer": layer.id,
                "status": tree.status,
                "tier": tree.tier,
                "version": done.version,
                "changed": done.changed,
                "path": str(tree.root / "layers" / layer.id / "tiles" / "latest.pmtiles"),
            }
            for tree in _trees(house.settings)
            for layer in chosen
            if layer.tiles and (done := publish.write_tiles(tree.root, house.catalogue.released(layer, tree.tier)))
        ]


def layer_geojson(
    layer_id: str,
    settings: Settings | None = None,
    *,
    valid_at: datetime | None = None,
    known_at: datetime | None = None,
    muni: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    status: Status = "actual",
    tier: Visibility = "public",
) -> Iterator[bytes]:
    """One layer as GeoJSON in pieces, as it was true at `valid_at` and known at `known_at` (both default now), as
    far as a reader of `tier` may see it."""
    with opened(settings) as house:
        layer = house.catalogue.layer(layer_id)
        _current(house, [layer], known_at)
        now = house.now()
        features = _features(house, layer, status, valid_at or now, known_at, tier=tier, muni=muni, bbox=bbox)
        states = {state.feed: state for state in _feed_states(house, tier)}
        return publish.layer_chunks(
            features,
            valid_at=valid_at or now,
            known_at=known_at or now,
            published_at=now,
            freshness=_sources(house, layer, states),
        )


def layer_files(
    layer_id: str,
    folder: Path,
    formats: Sequence[str],
    settings: Settings | None = None,
    *,
    valid_at: datetime | None = None,
    known_at: datetime | None = None,
    muni: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    status: Status = "actual",
    tier: Visibility = "public",
) -> list[Path]:
    """The same in other formats (csv, gpkg, fgb, parquet, sip4d, evacuation_space.csv), as files in `folder`. Raises
    `UsageError` where the layer has no such format, or nothing to put into it."""
    with opened(settings) as house:
        layer = house.catalogue.layer(layer_id)
        for one in formats:
            if one not in publish.formats_of(layer):
                raise UsageError(
                    f"layer {layer_id} has no {one}",
                    remedy=f"one of: geojson {' '.join(publish.formats_of(layer))}",
                )
        _current(house, [layer], known_at)
        now = house.now()
        features = _features(house, layer, status, valid_at or now, known_at, tier=tier, muni=muni, bbox=bbox)
        states = {state.feed: state for state in _feed_states(house)}
        found = publish.write_files(
            folder,
            features,
            formats,
            valid_at=valid_at or now,
            known_at=known_at or now,
            published_at=now,
            freshness=_sources(house, layer, states),
            publisher=house.settings.publisher,
        )
        if not found:
            raise UsageError(
                f"layer {layer_id} has nothing that {' or '.join(formats)} can hold: {len(features)} features",
                remedy="see the layer as geojson",
            )
        return found


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────


def _waiting(refused: Sequence[store.Document]) -> str | None:
    """Why a feed is held, in one line: the newest of the documents that wait for a person."""
    return _several([f"{one.raw.name}: {one.cause}" for one in reversed(refused)])


def _feed_states(house: House, tier: Visibility = "public") -> list[SourceFreshness]:
    now = house.now()
    states = []
    for feed in house.catalogue.feeds.values():
        contact = store.last_receipt(house.store, feed=feed.id, spared=True)
        attempt = store.last_receipt(house.store, feed=feed.id, good=False)
        refused = store.refused_documents(house.store, feed.id)
        states.append(
            freshness(
                feed.id,
                now=now,
                every=feed.every,
                late_after=feed.late_after,
                dead_after=feed.dead_after,
                last_contact_at=None if contact is None else contact.requested_at,
                last_content_at=store.last_bulletin_at(house.store, feed.id, visibility=tier),
                last_error=None if attempt is None or attempt.error is None else attempt.error,
                # why a document was refused may have words of it: that is for those who run this installation
                held=_waiting(refused) if tier == "isut" or not refused else "its newest document was refused",
                credit=feed.credit,
                licence=feed.licence,
                licence_url=feed.licence_url,
                disabled=feed.disabled,
            )
        )
    return states


def feed_states(settings: Settings | None = None) -> list[tuple[SourceFreshness, list[str]]]:
    """Every feed's state, and the layers that are not fresh because of it."""
    with opened(settings) as house:
        return [
            (
                state,
                _stale_layers(house, house.catalogue.feeds[state.feed])
                if state.state in ("late", "dead", "held")
                else [],
            )
            for state in _feed_states(house, "isut")  # for whoever runs this installation
        ]


def history(
    kind: str, item_id: str, settings: Settings | None = None, *, tier: Visibility = "public"
) -> list[dict[str, Any]]:
    """Every revision of one thing that a reader of `tier` may see, in the order in which we learned of them."""
    with opened(settings) as house:
        return store.history(house.store, kind, item_id, tier)


def trace(
    reference: str,
    settings: Settings | None = None,
    *,
    valid_at: datetime | None = None,
    known_at: datetime | None = None,
    status: Status = "actual",
    tier: Visibility = "public",
) -> dict[str, Any]:
    """From a value that a reader of `tier` may see to the archived bytes.

    `reference` is ``<layer>/<feature id>``, optionally ``#<field>``, or the number of a revision. The answer
    holds each revision that makes the value at `valid_at` as known at `known_at` (both default now), its document,
    the address it came from, the position in it, the path of the bytes and that their SHA-256 was checked just now.
    """
    with opened(settings) as house:
        path, _, name = reference.partition("#")
        if path.isascii() and path.isdigit():
            one = store.trace(house.store, int(path), tier)
            found = [] if one is None else [one]
        else:
            layer_id, _, item_id = path.partition("/")
            layer = house.catalogue.layer(layer_id)
            _current(house, [layer], known_at)
            if name and name not in {f.name for f in layer.fields}:
                raise UsageError(f"layer {layer_id} has no field {name!r}")
            at = valid_at or house.now()
            if layer.inputs:
                found = _behind(house, layer, item_id, name, status, at, known_at, tier)
            else:
                every = [
                    revision
                    for revision in store.history(house.store, layer.kind, item_id, tier)
                    if known_at is None or revision["known_from"] <= known_at
                ]
                found = [
                    revision for revision in every if _held(revision, at, known_at) and name in revision["props"]
                ]
                # What has ended is still traceable: the last thing that was true.
                found = found or (every[-1:] if valid_at is None else [])
        if not found:
            raise UsageError(f"nothing is known as {reference!r}", remedy="see: bousai history KIND ITEM")
        revisions = []
        for revision in found:
            size = archive.verify(house.settings.archive, revision["sha256"])
            path_of = archive.path_of(house.settings.archive, revision["sha256"])
            revisions.append({**revision, "bytes": size, "archived_at": path_of, "verified": True})
        return {"reference": reference, "field": name or None, "revisions": revisions}


def _held(revision: Mapping[str, Any], at: datetime, known_at: datetime | None) -> bool:
    """Whether a revision (`store.history`) held at a time, by what was known then (None: now)."""

    def known(when: datetime | None) -> bool:
        return when is not None and (known_at is None or when <= known_at)

    ended = revision["valid_to"] if revision["end_known_from"] is None or known(revision["end_known_from"]) else None
    return not known(revision["known_to"]) and revision["valid_from"] <= at and (ended is None or ended > at)


def _behind(
    house: House,
    layer: Layer,
    item_id: str,
    field: str,
    status: Status,
    valid_at: datetime,
    known_at: datetime | None,
    tier: Visibility,
) -> list[dict[str, Any]]:
    """The revisions that an item of a consolidated layer rests upon: all, or those of one field."""
    table = _items(house, layer, status, valid_at, known_at, None, None, tier)
    said = (table.props[n] for n, one in enumerate(table.item_id) if one == item_id)
    sources = [source for props in said for source in orjson.loads(props).get("sources", [])]
    wanted = [source["revision"] for source in sources if not field or field in source.get("attributes", [])]
    found = (store.trace(house.store, revision, tier) for revision in dict.fromkeys(wanted))
    return [one for one in found if one is not None]


def outcomes(settings: Settings | None = None) -> list[dict[str, str | None]]:
    """What became of every document of every feed, in the order in which they came: feed, name, url, sha256, outcome,
    and why (the cause of a refusal, else the open issues in one line)."""
    with opened(settings) as house:
        noticed: dict[tuple[str, str], list[str]] = {}
        for issue in store.open_issues(house.store):
            if issue["sha256"] is not None:
                noticed.setdefault((issue["feed"], issue["sha256"]), []).append(issue["cause"])
        return [
            {
                "feed": feed_id,
                "name": document.raw.name,
                "url": document.raw.url,
                "sha256": document.raw.sha256,
                "outcome": document.outcome,
                "why": document.cause or _several(noticed.get((feed_id, document.raw.sha256), [])),
            }
            for feed_id in house.catalogue.feeds
            for document in store.documents(house.store, feed_id)
        ]


def _several(causes: Sequence[str]) -> str | None:
    """The first of several causes, and how many more there are."""
    if not causes:
        return None
    return causes[0] if len(causes) == 1 else f"{causes[0]} (and {len(causes) - 1} more)"


def open_issues(feed: str | None = None, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Open issues with cause, remedy and the layers that are stale because of them."""
    with opened(settings) as house:
        if feed is not None:
            house.catalogue.feed(feed)
        return store.open_issues(house.store, feed)


def retry(sha256_prefix: str, settings: Settings | None = None, *, accept: bool = False) -> list[Ingested]:
    """Ingest a quarantined or held document again from the archive (after a fix, or a person's word)."""
    with opened(settings) as house:
        found = [d for d in store.find_document(house.store, sha256_prefix) if d.outcome in ("quarantined", "held")]
        if not found:
            raise UsageError(f"no quarantined or held document {sha256_prefix!r}", remedy="see: bousai issues list")
        done = []
        for document in found:
            feed = house.catalogue.feed(document.raw.feed)
            with _body(house, document.raw, None) as body:
                one = _ingest(house, feed, document.raw, body, accept=accept)
            if one.outcome in ("stored", "unchanged"):
                store.resolve_issues(house.store, document.id)
            done.append(one)
        return done


def dismiss(sha256_prefix: str, settings: Settings | None = None) -> int:
    """Close the issues of a quarantined or held document without ingesting it; the bytes stay archived."""
    with opened(settings) as house:
        found = [d for d in store.find_document(house.store, sha256_prefix) if d.outcome in ("quarantined", "held")]
        if not found:
            raise UsageError(f"no quarantined or held document {sha256_prefix!r}", remedy="see: bousai issues list")
        for document in found:
            store.resolve_issues(house.store, document.id, dismissed=True)
        return len(found)
