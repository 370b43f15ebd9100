"""Archive → store: documents through parse and normalise, and what becomes of those that are refused."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, TypeAlias, cast

import msgspec
import orjson

from bousai import archive, consolidate, normalise, store
from bousai.catalogue import Feed
from bousai.errors import CatalogueError, ExpectationError, ParseError, UsageError
from bousai.model import (
    Bulletin,
    Changes,
    Issue,
    Provenance,
    RawDocument,
    Status,
    Visibility,
    WorkOutcome,
)
from bousai.pipeline.book import Book, book
from bousai.pipeline.house import House, opened
from bousai.settings import Settings


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


def stale_layers(house: House, feed: Feed) -> list[str]:
    return [layer.id for layer in house.catalogue.layers_of(feed)]


def parser_of(feed: Feed) -> ModuleType:
    """The module that reads a feed's documents: ``VERSION``, ``parse`` and, where it must be told more,
    ``Options``.
    """
    return importlib.import_module(f"bousai.parse.{feed.parser}")


def dated(feed: Feed, raw: RawDocument) -> RawDocument:
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
            stale=stale_layers(house, feed),
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


def _noted(notes: Book, feed: Feed, raw: RawDocument, body: Body, **how: Any) -> Ingested:
    """`_ingest`, and a row of the ledger that says what became of the document."""
    with notes.entry("ingest", feed.id, raw.sha256) as entry:
        one = _ingest(notes.house, feed, raw, body, **how)
        entry.outcome = _OUTCOMES[one.outcome]
        entry.detail |= {"document": one.name, "outcome": one.outcome, "bulletins": one.bulletins}
        entry.detail |= asdict(one.changes) | {"issues": one.issues}
        if one.cause is not None:
            entry.detail |= {"cause": one.cause, "remedy": one.remedy}
        return one


_OUTCOMES: dict[str, WorkOutcome] = {
    "stored": "done",
    "unchanged": "unchanged",
    "quarantined": "refused",
    "held": "refused",
}


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
    with opened(settings) as house, book(house) as notes:
        feed = house.catalogue.feed(feed_id)
        documents = store.documents(house.store, feed.id, sha256s=sha256s)
        waiting = {document.raw.sha256: document for document in documents}
        for digest in sha256s:
            if digest not in waiting:
                raise UsageError(f"feed {feed_id} has no document {digest}")
            raw = waiting[digest].raw
            with _body(house, raw, report) as body:
                done.append(_noted(notes, feed, raw, body, accept=accept, report=report))
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
    with opened(settings) as house, book(house) as notes:
        feed = house.catalogue.feed(feed_id)
        for name, body in files:
            now = house.now()
            size = len(body) if isinstance(body, bytes) else body.stat().st_size
            if size <= _BIG and not isinstance(body, bytes):
                body = body.read_bytes()
            digest = archive.put(house.settings.archive, body)
            raw = RawDocument(digest, feed.id, f"file:{Path(name).name}", Path(name).name, now, size, taint, dated_at)
            raw = raw if dated_at is not None else dated(feed, raw)
            store.record_document(house.store, raw)
            with nullcontext(body) if isinstance(body, bytes) else _body(house, raw, report) as content:
                one = _noted(notes, feed, raw, content, accept=accept, strict=strict, report=report)
            yield one


def take_in(house: House, raw: RawDocument) -> Ingested:
    """One archived document, read into the store of a house."""
    feed = house.catalogue.feed(raw.feed)
    store.record_document(house.store, raw)
    with _body(house, raw, None) as content:
        return _ingest(house, feed, raw, content, accept=True)


def derive(
    house: House, name: str, version: str, body: object, bulletins: Iterable[Bulletin], status: Status, now: datetime
) -> Changes:
    """Keep what consolidation found as everything else is kept: as a document in the archive (`body` as JSON), and as
    statements in the store that come from it. `name` is the module of `consolidate` that found it."""
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    digest = archive.put(house.settings.archive, text)
    raw = RawDocument(digest, name, f"bousai:{name}", f"{name}.json", now, len(text), status)
    return store.apply(house.store, bulletins, Provenance(raw, f"consolidate.{name}", version), now)


STATUSES: tuple[Status, ...] = ("actual", "exercise", "test")


def retry(
    sha256_prefix: str, settings: Settings | None = None, *, accept: bool = False, by: str = ""
) -> list[Ingested]:
    """Ingest a quarantined or held document again from the archive (after a fix, or a person's word). `by` is the
    account of who has it done."""
    with opened(settings) as house, book(house, by) as notes:
        found = [d for d in store.find_document(house.store, sha256_prefix) if d.outcome in ("quarantined", "held")]
        if not found:
            raise UsageError(f"no quarantined or held document {sha256_prefix!r}", remedy="see: bousai issues list")
        done = []
        for document in found:
            feed = house.catalogue.feed(document.raw.feed)
            with notes.entry("retry", feed.id, document.raw.sha256) as entry:
                with _body(house, document.raw, None) as body:
                    one = _ingest(house, feed, document.raw, body, accept=accept)
                entry.outcome = _OUTCOMES[one.outcome]
                entry.detail |= {"document": one.name, "outcome": one.outcome, "accept": accept, "cause": one.cause}
            if one.outcome in ("stored", "unchanged"):
                store.resolve_issues(house.store, document.id)
            done.append(one)
        return done


def dismiss(sha256_prefix: str, settings: Settings | None = None, *, by: str = "", reason: str = "") -> int:
    """Close the issues of a quarantined or held document without ingesting it; the bytes stay archived. `by` is the
    account of who has it done."""
    with opened(settings) as house, book(house, by) as notes:
        found = [d for d in store.find_document(house.store, sha256_prefix) if d.outcome in ("quarantined", "held")]
        if not found:
            raise UsageError(f"no quarantined or held document {sha256_prefix!r}", remedy="see: bousai issues list")
        for document in found:
            with notes.entry("dismiss", document.raw.feed, document.raw.sha256) as entry:
                entry.detail |= {"document": document.raw.name, "cause": document.cause, "reason": reason}
                store.resolve_issues(house.store, document.id, dismissed=True)
        return len(found)
