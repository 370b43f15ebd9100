"""Documents that someone or something has spoilt: every parser gives statements and issues or refuses, nothing else.

Samples and real files are mutated as networks, spreadsheets, programs and attackers do: cut, flipped, re-encoded;
columns, members and elements dropped, repeated, renamed, swapped; values of another type or beyond all measure. The
mutations follow from the number of the round alone. More of them:
``BOUSAI_HOSTILE=2000 pytest tests/test_hostile.py``.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import random
import re
import signal
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import orjson
import pytest
from lxml import etree

import goldens
from bousai import catalogue, normalise, pipeline
from bousai.catalogue import Feed
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, RawDocument, Status
from bousai.normalise.text import INVISIBLE
from bousai.store.encode import content_of

KNOWN = catalogue.load(goldens.PROJECT / "config")
ROUNDS = int(os.environ.get("BOUSAI_HOSTILE", "25"))
SECONDS = 10
NOW = datetime(2027, 1, 1, tzinfo=UTC)
INT64 = 2**63

Document = tuple[str, bytes]
"""A file name and its bytes."""

# ── mutations ────────────────────────────────────────────────────────────────────────────────────────────

NASTY_TEXT = (
    "",
    " ",
    "0",
    "-1",
    "１２３",
    "9" * 30,
    "1e400",
    "NaN",
    "Infinity",
    "-0",
    "null",
    "①",
    "٣",
    "²",
    "½",
    "\u202e訓練",
    "\ufeff",
    "か\u3099",
    "a\nb",
    "=1+1",
    "調査中",
    "不明",
    "―",
    "約 10",
    "true",
    "13101",
    "99999",
    "0001-01-01T00:00:00+09:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59+09:00",
    "9999-12-31T23:59:59-12:00",
    "2024-02-30T00:00:00+09:00",
    "2024-01-01T00:00:00",
    "2024-01-01",
    "2024/13/45 25:61",
    "令和99年1月1日",
    "令和0年1月1日",
    "24時00分",
    "P1D",
    "P99999999999D",
    "PT99999999999999999999H",
    "-PT1H",
    "P1Y1M",
    "+91.0+200.0/",
    "+36.0+140.0-99999999999/",
    "+nan+nan/",
    "緊急",
    "訓練",
    "x" * 5000,
    "１" * 400,
    "字" * 3000,
    "'",
    '"',
    "<",
    "&amp;",
    "\x1f",
    "/",
    "%",
    "{}",
    "[]",
)
NASTY_JSON: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    -0.0,
    1e300,
    10**18,
    10**19,
    -(10**19),
    10**30,
    10**400,
    "",
    [],
    {},
    [[]],
    [None],
    {"a": None},
    {"": 1},
    [[[[[[1]]]]]],
    *NASTY_TEXT,
)


def _other(rng: random.Random, value: Any) -> Any:
    """Another value than `value`: nasty, or the same in another type."""
    match rng.randrange(6):
        case 0:
            return str(value)
        case 1:
            return [value]
        case 2:
            return {"value": value}
        case _:
            return rng.choice(NASTY_JSON)


def _bytes(rng: random.Random, body: bytes) -> bytes:
    """What networks, editors and converters do, whatever the format is."""
    at, to = sorted((rng.randrange(len(body) + 1), rng.randrange(len(body) + 1)))
    match rng.randrange(14):
        case 0:
            return body[:at]
        case 1:
            return body[at:]
        case 2:
            return body[:at] + body[to:]
        case 3:
            return body[:to] + body[at:]
        case 4:
            flipped = bytearray(body)
            for _ in range(rng.choice((1, 1, 3, 20))):
                if flipped:
                    flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case 5:
            return body[:at] + rng.randbytes(rng.choice((1, 4, 64))) + body[at:]
        case 6:
            return b"\xef\xbb\xbf" + body
        case 7:
            return body.replace(b"\r\n", b"\n").replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n")))
        case 8:
            return body.decode("utf-8", "ignore").encode(
                rng.choice(("cp932", "euc_jp", "utf-16", "utf-8-sig")), "ignore"
            )
        case 9:
            return body + rng.choice((b"\0", b"\n\n\n", body, b"<html>", b"{}"))
        case 10:
            return rng.choice(
                (b"", b"\xef\xbb\xbf", b"<!DOCTYPE html><html></html>", b"null", b"[]", b"{}", b"<a/>", b"PK\3\4")
            )
        case _:
            return _text(rng, body)


def _text(rng: random.Random, body: bytes) -> bytes:
    """Numbers, words and lines of a text."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body[: rng.randrange(len(body) + 1)]
    lines = text.splitlines(keepends=True)
    match rng.randrange(7):
        case 0:
            return _one(
                rng, r"\d+", text, lambda number: rng.choice((number * 20, "-" + number, "0", "99", "1e999", ""))
            )
        case 1:
            wide = str.maketrans("0123456789", "０１２３４５６７８９")
            return _one(rng, r"\d+", text, lambda number: number.translate(wide))
        case 2:
            return _one(rng, r"[^\s<>\",:{}\[\]]+", text, lambda _: rng.choice(NASTY_TEXT))
        case 3 if lines:
            lines.insert(rng.randrange(len(lines)), rng.choice(lines))
        case 4 if lines:
            del lines[rng.randrange(len(lines))]
        case 5 if lines:
            rng.shuffle(lines)
        case _:
            words = re.findall(r"[^\s<>\",:{}\[\]]+", text)
            return _one(rng, r"[^\s<>\",:{}\[\]]+", text, lambda _: rng.choice(words))
    return "".join(lines).encode()


def _one(rng: random.Random, pattern: str, text: str, other: Callable[[str], str]) -> bytes:
    found = list(re.finditer(pattern, text))
    if not found:
        return text.encode()
    match = rng.choice(found)
    return (text[: match.start()] + other(match[0]) + text[match.end() :]).encode("utf-8", "replace")


def _xml(rng: random.Random, body: bytes) -> bytes:
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, remove_comments=True))
    except etree.XMLSyntaxError:
        return _bytes(rng, body)
    every = [element for element in root.iter() if isinstance(element.tag, str)]
    one, other = rng.choice(every), rng.choice(every)
    parent = one.getparent()
    if parent is None and rng.random() < 0.95:
        return _xml(rng, body)
    match rng.randrange(15):
        case 0 if parent is not None:
            parent.remove(one)
        case 1 if parent is not None:
            parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(one))
        case 2:
            for element in (one, *(e for e in every if rng.random() < 0.05)):
                children = list(element)
                rng.shuffle(children)
                element[:] = children
        case 3:
            for child in list(one):
                one.remove(child)
            one.text = None
        case 4 | 5:
            _leaf(rng, every).text = _legal(rng.choice(NASTY_TEXT))
        case 6:
            first, second = _leaf(rng, every), _leaf(rng, every)
            first.text, second.text = second.text, first.text
        case 7:
            one.tag = rng.choice((other.tag, "Other", "{urn:other}" + etree.QName(one).localname))
        case 8 | 9:
            _attribute(rng, every)
        case 10 if parent is not None:
            other.append(copy.deepcopy(one))
        case 11:
            root = one if parent is not None else etree.Element("Other")
        case 12:
            for _ in range(rng.choice((3, 300))):
                one = etree.SubElement(one, other.tag)
        case 13:
            for child in list(one):
                one.extend(copy.deepcopy(child) for _ in range(2))
        case _:
            tag = one.tag
            for element in [e for e in every if e.tag == tag and e.getparent() is not None]:
                element.getparent().remove(element)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _leaf(rng: random.Random, every: Sequence[etree._Element]) -> etree._Element:
    return rng.choice([element for element in every if not len(element)] or list(every))


def _legal(text: str) -> str:
    """Without what XML cannot hold at all."""
    return re.sub("[\x00-\x08\x0b-\x1f]", "", text)


def _attribute(rng: random.Random, every: Sequence[etree._Element]) -> None:
    having = [element for element in every if element.attrib]
    if not having:
        return
    element = rng.choice(having)
    name = rng.choice(sorted(map(str, element.attrib)))
    match rng.randrange(3):
        case 0:
            del element.attrib[name]
        case 1:
            element.set(name, _legal(rng.choice(NASTY_TEXT)))
        case _:
            element.set(name, str(rng.choice(having).attrib.values()[0]))


def _json(rng: random.Random, body: bytes) -> bytes:
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return _bytes(rng, body)
    if rng.random() < 0.03:
        value = _other(rng, value)
    else:
        _inside(rng, value)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.2)
    if rng.random() < 0.03:
        text = _one(
            rng, r'"[^"\\]*"', text, lambda _: rng.choice(('"\\ud800"', '"\\u0000"', "[" * 3000, "{"))
        ).decode()
    return text.encode("utf-8", "replace")


def _inside(rng: random.Random, value: Any) -> None:
    """Change one container of a JSON value in place; the shallow ones as often as the many deep ones."""
    if not isinstance(value, (dict, list)) or not value:
        return
    levels: list[list[Any]] = [[value]]
    while levels[-1]:
        below = [inner for one in levels[-1] for inner in (one.values() if isinstance(one, dict) else one)]
        levels.append([one for one in below if isinstance(one, (dict, list)) and one])
    one = rng.choice(rng.choice([level for level in levels if level]))
    if isinstance(one, dict) and one:
        name, again = rng.choice(list(one)), rng.choice(list(one))
        match rng.randrange(7):
            case 0:
                del one[name]
            case 1:
                one[rng.choice(("other", name + " ", name.upper(), "", "名称"))] = one.pop(name)
            case 2:
                one[name], one[again] = one[again], one[name]
            case 3:
                one["other"] = _other(rng, one[name])
            case _:
                one[name] = _other(rng, one[name])
    elif isinstance(one, list) and one:
        at = rng.randrange(len(one))
        match rng.randrange(6):
            case 0:
                del one[at]
            case 1:
                one.insert(rng.randrange(len(one) + 1), copy.deepcopy(one[at]))
            case 2:
                rng.shuffle(one)
            case 3:
                one.clear()
            case _:
                one[at] = _other(rng, one[at])


def _csv(rng: random.Random, body: bytes) -> bytes:
    try:
        encoding = "utf-8-sig"
        text = body.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp932"
        text = body.decode(encoding, "replace")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error:
        return _bytes(rng, body)
    if not rows:
        return _bytes(rng, body)
    row = rng.choice(rows)
    column, other = rng.randrange(len(row)), rng.randrange(len(row))
    match rng.randrange(14):
        case 0:
            rows = [one[:column] + one[column + 1 :] for one in rows]
        case 1:
            rows = [one + one[column : column + 1] for one in rows]
        case 2:
            for one in rows:
                if max(column, other) < len(one):
                    one[column], one[other] = one[other], one[column]
        case 3:
            rows[0][column % len(rows[0])] = rng.choice((*NASTY_TEXT, *rows[0]))
        case 4:
            for one in rows[1:]:
                if column < len(one):
                    one[column] = ""
        case 5:
            value = rng.choice(NASTY_TEXT)
            for one in rows[1:]:
                if column < len(one):
                    one[column] = value
        case 6:
            rows.insert(rng.randrange(len(rows) + 1), list(row))
        case 7:
            rng.shuffle(rows)
        case 8:
            rows.remove(row)
        case 9:
            del row[column:]
        case 10:
            row[:] = rng.choice(rows)
        case _:
            row[column] = rng.choice(NASTY_TEXT)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=rng.choice(("\n", "\r\n"))).writerows(rows)
    return out.getvalue().encode(encoding, "replace")


def _zip(rng: random.Random, body: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError, OSError):
        return _bytes(rng, body)
    if not members:
        return _bytes(rng, body)
    at = rng.randrange(len(members))
    name, content = members[at]
    match rng.randrange(9):
        case 0:
            del members[at]
        case 1:
            members[at] = (
                rng.choice(("../x", "x", name.upper(), name + ".bak", "a/" + name, name.replace(".", ""))),
                content,
            )
        case 2:
            members[at] = (name, members[rng.randrange(len(members))][1])
        case 3:
            members[at] = (name, content[: rng.randrange(len(content) + 1)])
        case _:
            members[at] = (name, mutated(rng, name, content))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (member, inside) in enumerate(members):
            if member not in [earlier for earlier, _ in members[:number]]:
                archive.writestr(member, inside)
    return out.getvalue()


def mutated(rng: random.Random, name: str, body: bytes) -> bytes:
    """The document with one to three mutations that its format knows, one in four of them blind to it."""
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"PK"):
        knowing = _zip
    elif start.startswith(b"<"):
        knowing = _xml
    elif start.startswith((b"{", b"[")):
        knowing = _json
    elif name.lower().endswith((".csv", ".txt")) or b"," in start:
        knowing = _csv
    else:
        knowing = _bytes
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        body = (knowing if rng.random() < 0.75 else _bytes)(rng, body)
    return body


# ── the law ──────────────────────────────────────────────────────────────────────────────────────────────


class BrokenLawError(AssertionError):
    """A parser gave what no parser may give."""


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Nothing may hang: not a parser, not a regular expression in it."""

    def late(_: int, __: FrameType | None) -> None:
        raise BrokenLawError(f"not read within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def raw_of(feed: Feed, name: str, body: bytes, taint: Status = "actual") -> RawDocument:
    return RawDocument(sha256(body).hexdigest(), feed.id, f"file:{name}", name, NOW, len(body), taint)


def read(feed: Feed, name: str, body: bytes, taint: Status = "actual") -> tuple[list[Bulletin], list[Issue]]:
    """As the line reads a document, each statement checked as soon as it is there. Raises `ParseError`."""
    raw = raw_of(feed, name, body, taint)
    bulletins: list[Bulletin] = []
    issues: list[Issue] = []
    for found in pipeline.parsed(feed, name, body):
        if isinstance(found, Issue):
            issues.append(found)
            continue
        bulletin, noticed = normalise.normalise(found, raw)
        bulletins.append(bulletin)
        issues += noticed
    return bulletins, issues


def lawful(feed: Feed, name: str, body: bytes) -> tuple[list[Bulletin], list[Issue]] | ParseError:
    """What reading gives, which is checked to be what a parser may give."""
    try:
        with within(SECONDS):
            bulletins, issues = read(feed, name, body)
    except ParseError as error:
        _sentence(error.cause, "cause of refusal")
        _sentence(error.remedy, f"remedy of refusal {error.code}")
        if not re.fullmatch(r"[a-z][a-z0-9_]+", error.code):
            raise BrokenLawError(f"code {error.code!r}") from error
        return error
    scopes = set()
    for bulletin in bulletins:
        key = (bulletin.status, bulletin.kind, bulletin.scope)
        if key in scopes:
            raise BrokenLawError(f"two statements of {key}")
        scopes.add(key)
        _statement(feed, bulletin)
    for issue in issues:
        _sentence(issue.cause, f"cause of issue {issue.code}")
        _sentence(issue.remedy, f"remedy of issue {issue.code}")
        issue.position.encode()
    return bulletins, issues


def _sentence(text: str, what: str) -> None:
    if not text.strip() or len(text) > 400 or len(text.splitlines()) != 1:
        raise BrokenLawError(f"{what}: {len(text)} characters: {text[:100]!r}")
    text.encode()


def _statement(feed: Feed, bulletin: Bulletin) -> None:
    if bulletin.kind not in feed.kinds:
        raise BrokenLawError(f"kind {bulletin.kind} is not among those of the feed")
    if bulletin.status not in get_args(Status) or bulletin.msg_type not in ("issue", "correct", "withdraw"):
        raise BrokenLawError(f"{bulletin.status} {bulletin.msg_type}")
    items = bulletin.items
    if len(set(items.item_id)) != len(items):
        again = next(one for one in items.item_id if list(items.item_id).count(one) > 1)
        raise BrokenLawError(f"item id twice: {again[:200]}")
    for text in (*items.item_id, bulletin.scope):
        if not text or INVISIBLE.search(text):
            raise BrokenLawError(f"item id or scope {text[:200]!r}")
        text.encode()
    for text in (
        bulletin.issuer,
        bulletin.bulletin_type,
        bulletin.source_event_id,
        bulletin.serial or "",
        *items.position,
    ):
        if "\0" in text:
            raise BrokenLawError(f"issuer, type, event id, serial or position {text[:100]!r}")
        text.encode()
    for code in items.muni_code:
        if code is not None and not re.fullmatch(r"[0-9]{5}", code):
            raise BrokenLawError(f"municipality {code!r}")
    for name, column in items.props.items():
        for value in column:
            _value(name, value)
    content = content_of(bulletin)
    for text in content.props(None):
        orjson.loads(text)


def _value(name: str, value: Any) -> None:
    match value:
        case None | bool():
            return
        case int():
            if not -INT64 <= value < INT64:
                raise BrokenLawError(f"{name}: integer {str(value)[:40]}…")
        case float():
            if value != value or abs(value) == float("inf"):
                raise BrokenLawError(f"{name}: {value}")
        case str():
            if not value:
                raise BrokenLawError(f"{name}: an empty text")
            value.encode()
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise BrokenLawError(f"{name}: member {key!r}")
                _value(f"{name}.{key}", inner)
        case list() | tuple():
            for inner in value:
                _value(name, inner)
        case _:
            raise BrokenLawError(f"{name}: {type(value).__name__}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of GDAL's messages in pyogrio
@pytest.mark.parametrize("feed", KNOWN.feeds.values(), ids=lambda feed: feed.id)
def test_what_is_spoilt_is_read_or_refused(feed: Feed, tmp_path: Path) -> None:
    documents = [(path.name, path.read_bytes()) for path in goldens.samples(feed.id)]
    for number in range(ROUNDS):
        name, body = documents[number % len(documents)]
        spoilt = mutated(random.Random(f"{feed.id} {number}"), name, body)
        try:
            lawful(feed, name, spoilt)
        except Exception as error:
            (tmp_path / name).write_bytes(spoilt)
            error.add_note(f"round {number}: {tmp_path / name}")
            raise
