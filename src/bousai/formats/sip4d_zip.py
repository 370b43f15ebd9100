"""SIP4D-ZIP 1.0 and 1.1 (JSA-S1016:2023): a ZIP of metadata, GeoJSON and a description of its attributes. Read here,
and written as 1.1.

Source: JSA-S1016:2023 災害情報共有のための共通データフレームワーク, and its checker (NIED-DIR/SIP4D-ZIP_Checker).
Layout: ``sip4d_zip_meta.json``; for each entry ``X.geojson``, ``X_columns.json`` and perhaps ``X_style.json``.
Attributes have names of the sender's own; ``columns.json`` maps them to the standard's (connid), and the keys of a
List to words (key_list → value_list → conn_attr_list): **values in the GeoJSON are keys**. Times have no zone: JST.

What is wrong in practice is judged by whether a value is at stake. Taken, with an issue: a byte order mark, a style
that does not fit, an empty or odd ttid, entries in a folder, several geometry types in one file, a num_column or
num_key that is wrong. Refused: lists of unequal length, a key of two meanings, a code that columns.json contradicts,
fewer entries than entry_num.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import numpy as np
import orjson
import shapely

from bousai.errors import ParseError
from bousai.formats import geojson, json_rows, refusal, unread, zip_archive
from bousai.model import Issue, Status
from bousai.vocab.japanese_time import JST

META = "sip4d_zip_meta.json"
VERSIONS = ("1", "1.0", "1.1")
_STATUS: dict[str, Status] = {"通常": "actual", "訓練": "exercise", "試験": "test"}
_DRILL = re.compile("訓練|演習|テスト")
_TTID = re.compile(r"[0-9A-Za-z]{8}(-[0-9A-Za-z]{4}){3}-[0-9A-Za-z]{12}")
_CODE = re.compile(r"\d{2}-\d{3}-\d{2}|\d{4}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")
_BOM = b"\xef\xbb\xbf"
_PUBLISHER = "tell the publisher (the checker of NIED shows it); nothing is lost"
_META_READ = frozenset(
    (
        *("version", "title", "ttid", "code", "format", "payload_type", "updated", "information_date", "author"),
        *("disaster", "lgcode", "openflg", "testflg", "license_id", "entry_num", "entry"),
        "maintainer",  # dropped: often a person, with an address (of the author only the name is read)
        "category",  # dropped: follows from the code
        "character",  # dropped: always UTF-8, which the bytes show
        "tags",
        *("note", "remark", "license_note", "credit"),  # dropped: words about the package, not in it
    )
)
_COLUMN_READ = frozenset(
    (
        *("name", "jname", "connid", "type", "num_key", "key_list", "value_list", "conn_attr_list"),
        *("show", "description", "option"),  # dropped: how a map shows it, and prose
    )
)
_SYMBOLS = (".png", ".jpg", ".jpeg", ".gif", ".svg")  # dropped: icons that a style names


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute. `connid` is the standard's name where one is given, `label` the Japanese one; `words` maps a key
    of a List to its word and, where stated, to its name in conn_attr_list."""

    name: str
    connid: str
    label: str
    words: Mapping[str, tuple[str, str | None]] | None


@dataclass(frozen=True, slots=True)
class Package:
    """What the metadata say. `information_date` is None where it is no time; `information_text` is what it says.

    `report` and `updated` are None where there is none. `incident` is the disaster's id, else its name. `words` are
    what else names the content: titles of the entries and tags.
    """

    body: bytes
    code: str
    title: str
    status: Status
    openflg: str
    licence: str
    author: str
    disaster: str
    incident: str
    report: str | None
    lgcodes: tuple[str, ...]
    information_date: datetime | None
    information_text: str
    updated: datetime | None
    files: tuple[str, ...]
    words: tuple[str, ...]
    issues: list[Issue] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """One GeoJSON with its columns by the name that its properties use."""

    file: str
    columns: dict[str, Column]
    features: geojson.Features


def read(body: bytes) -> Package:
    """The metadata of a package. Raises `ParseError`: those of `zip_archive.read`, ``not_sip4d_zip``, ``not_json``,
    ``unknown_version``, ``unknown_payload``, ``unknown_status``, ``entries_missing``."""
    issues: list[Issue] = []
    found, _ = zip_archive.read(body, lambda path: zip_archive.base_name(path) == META and not _litter(path))
    if len(found) != 1:
        raise _wrong("not_sip4d_zip", f"{len(found)} files {META} in the archive", "check that it is a SIP4D-ZIP")
    [(path, content)] = found.items()
    if "/" in path:
        issues.append(Issue("not_flat", f"the files are in a folder: {path[:80]!r}", _PUBLISHER, "info", path[:80]))
    meta = _object(META, content, issues)
    version = _text(meta.get("version"))
    if _text(meta.get("format")) != "SIP4D-ZIP" or version not in VERSIONS:
        raise _wrong(
            "unknown_version",
            f"format {_shown(meta.get('format'))} version {_shown(meta.get('version'))}, not SIP4D-ZIP 1 or 1.1",
            "ask the publisher for version 1.1, or teach the parser the new one",
        )
    if "payload_type" in meta and meta["payload_type"] != "VECTOR":
        raise _wrong("unknown_payload", f"payload_type {_shown(meta['payload_type'])}", "only VECTOR is read")
    title, disaster = _required(meta, "title"), _member(meta, "disaster")
    name = _required(disaster, "name", "disaster.name")
    status = _status(meta, (title, name))
    ttid = _text(meta.get("ttid"))
    if not _TTID.fullmatch(ttid):
        issues.append(Issue("bad_ttid", f"ttid is {_shown(meta.get('ttid'))}, no UUID", _PUBLISHER, "info", META))
    updated = moment(_text(meta.get("updated")))
    if updated is None:
        cause = f"updated is {_shown(meta.get('updated'))}, no time"
        issues.append(Issue("bad_time", cause, _PUBLISHER, "info", META))
    code = _required(meta, "code")
    if not _CODE.fullmatch(code):
        raise _wrong("not_sip4d_zip", f"code {_shown(code)} is none of SIP4D-ZIP", refusal.AGAIN)
    issues += unread.columns(meta, _META_READ, META)
    issues += unread.columns(disaster, ("name", "id", "report"), f"disaster of {META}")
    report = disaster.get("report")
    information = _text(meta.get("information_date"))
    return Package(
        body=body,
        code=code,
        title=title,
        status=status,
        openflg=_text(meta.get("openflg")),
        licence=_text(meta.get("license_id")),
        author=_required(_member(meta, "author"), "name", "author.name"),
        disaster=name,
        incident=_text(disaster.get("id")) or name,
        report=str(report) if isinstance(report, (int, str)) and str(report).isdecimal() else None,
        lgcodes=_lgcodes(meta.get("lgcode")),
        information_date=moment(information),
        information_text=information,
        updated=updated,
        files=_entry_files(meta),
        words=_said(meta),
        issues=issues,
    )


def entries(package: Package) -> tuple[list[Entry], list[Issue]]:
    """The GeoJSON files with their columns. Raises `ParseError`: those of `geojson.read`, ``entries_missing``,
    ``no_columns``, ``bad_columns``, ``conflicting_code``, ``duplicate_file``."""
    issues: list[Issue] = []
    contents, paths = zip_archive.read(
        package.body, lambda path: path.lower().endswith((".json", ".geojson")) and not _litter(path)
    )
    names = Counter(zip_archive.base_name(path) for path in contents)
    if again := [name for name, times in names.items() if times > 1]:
        raise _wrong(
            "duplicate_file", f"{again[0][:80]!r} is in several folders", "ask the publisher which one counts"
        )
    files = {zip_archive.base_name(path): content for path, content in contents.items()}
    found = []
    used = {META}
    for name in package.files:
        stem = name.removesuffix(".geojson").removesuffix(".json")
        if name not in files:
            raise _wrong("entries_missing", f"the metadata name {name[:80]!r}, which is not in it", refusal.AGAIN)
        if f"{stem}_columns.json" not in files:
            raise _wrong("no_columns", f"{name[:80]!r} has no {stem[:80]}_columns.json", "ask the publisher for it")
        columns = _columns(f"{stem}_columns.json", files[f"{stem}_columns.json"], package, issues)
        if files[name].startswith(_BOM):
            issues.append(_bom(name))
        features = geojson.read(files[name])
        _one_type(name, features, issues)
        _style(f"{stem}_style.json", files.get(f"{stem}_style.json"), issues)
        used |= {name, f"{stem}_columns.json", f"{stem}_style.json"}
        found.append(Entry(name, columns, features))
    others = [path for path in paths if not _litter(path) and not path.lower().endswith(_SYMBOLS)]
    issues += unread.columns(map(zip_archive.base_name, others), used, "the archive")
    return found, issues


def moment(text: str) -> datetime | None:
    """A time of the metadata: ``YYYY-MM-DDTHH:MM:SS`` and nothing else, in JST.

    >>> moment("2026-05-20T10:05:02").isoformat(), moment("2026-05-20T010:05:02"), moment("2026-02-30T00:00:00")
    ('2026-05-20T10:05:02+09:00', None, None)
    """
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=JST)
    except ValueError:
        return None


def _status(meta: Mapping[str, Any], names: tuple[str, ...]) -> Status:
    stated = meta.get("testflg")
    status = _STATUS.get(stated) if isinstance(stated, str) else None
    if status is None:
        raise _wrong(
            "unknown_status",
            f"testflg is {_shown(stated)}, not 通常, 訓練 or 試験",
            "ask the publisher whether it is real; nothing without a status is taken",
        )
    if status == "actual" and (drill := next((name for name in names if _DRILL.search(name)), None)):
        raise _wrong(
            "unknown_status",
            f"testflg is 通常 and the name is {drill[:80]!r}",
            "ask the publisher whether it is real: a drill must never look real",
        )
    return status


def _entry_files(meta: Mapping[str, Any]) -> tuple[str, ...]:
    listed = meta.get("entry")
    files = [_text(one.get("file")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    stated = meta.get("entry_num")
    if not files or "" in files or str(stated) != str(len(files)) or len(set(files)) != len(files):
        raise _wrong(
            "entries_missing",
            f"entry_num is {_shown(stated)} and {len(files)} entries name a file",
            "ask the publisher for the whole package",
        )
    return tuple(zip_archive.base_name(file) for file in files)


def _said(meta: Mapping[str, Any]) -> tuple[str, ...]:
    listed, tags = meta.get("entry"), meta.get("tags")
    titles = [one.get("title") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return tuple(_text(word) for word in (*titles, *(tags if isinstance(tags, list) else ())) if _text(word))


def _columns(file: str, content: bytes, package: Package, issues: list[Issue]) -> dict[str, Column]:
    described = _object(file, content, issues)
    if (code := described.get("code")) not in (None, package.code):
        raise _wrong(
            "conflicting_code",
            f"{file[:80]!r} is for code {_shown(code)}, the package says {package.code}",
            "ask the publisher which of the two it is: the meaning of the columns depends on it",
        )
    listed = described.get("columns")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise _wrong("bad_columns", f"{file[:80]!r} has no list of columns", refusal.AGAIN)
    if str(described.get("num_column")) != str(len(listed)):
        cause = f"num_column is {_shown(described.get('num_column'))}, there are {len(listed)}"
        issues.append(Issue("bad_number", cause, _PUBLISHER, "info", file[:80]))
    columns: dict[str, Column] = {}
    for one in listed:
        name = _required(one, "name", f"columns of {file[:80]!r}")
        if name in columns:
            raise _wrong("bad_columns", f"{file[:80]!r} describes {name[:80]!r} twice", refusal.AGAIN)
        columns[name] = Column(name, _text(one.get("connid")), _text(one.get("jname")), _words(file, one, issues))
    members = dict.fromkeys(member for one in listed for member in one)
    issues += unread.columns(members, _COLUMN_READ, f"columns of {file[:80]!r}")
    issues += unread.columns(described, ("version", "code", "num_column", "columns"), repr(file[:80]))
    return columns


def _words(file: str, column: Mapping[str, Any], issues: list[Issue]) -> dict[str, tuple[str, str | None]] | None:
    if column.get("type") != "List" and "key_list" not in column:
        return None
    name = _text(column.get("name"))
    keys, values, names = (column.get(member) for member in ("key_list", "value_list", "conn_attr_list"))
    if not isinstance(keys, list) or not isinstance(values, list) or len(keys) != len(values):
        raise _wrong(
            "bad_columns",
            f"{file[:80]!r}: key_list and value_list of {name[:80]!r} are not of one length",
            "ask the publisher: what the values mean cannot be known",
        )
    if str(column.get("num_key")) != str(len(keys)):
        cause = f"{name[:80]}: num_key is {_shown(column.get('num_key'))}, there are {len(keys)}"
        issues.append(Issue("bad_number", cause, _PUBLISHER, "info", file[:80]))
    if names is not None and (not isinstance(names, list) or len(names) != len(keys)):
        cause = f"{name[:80]}: conn_attr_list is not as long as key_list; the words of value_list are used"
        issues.append(Issue("bad_number", cause, _PUBLISHER, "info", file[:80]))
        names = None
    words: dict[str, tuple[str, str | None]] = {}
    for index, (key, value) in enumerate(zip(keys, values, strict=True)):
        meaning = (str(value), str(names[index]) if names else None)
        if words.setdefault(str(key), meaning) != meaning:
            raise _wrong(
                "bad_columns",
                f"{file[:80]!r}: the key {_shown(key)} of {name[:80]!r} has two meanings",
                "ask the publisher: what the values mean cannot be known",
            )
    return words


def _one_type(name: str, features: geojson.Features, issues: list[Issue]) -> None:
    kinds = shapely.get_type_id(shapely.from_wkb(np.array([one for one in features.geometry if one], dtype=object)))
    if len(set(kinds.tolist())) > 1:
        cause = f"{len(set(kinds.tolist()))} types of geometry in one file"
        issues.append(Issue("mixed_geometry", cause, _PUBLISHER, "info", name[:80]))


def _style(name: str, content: bytes | None, issues: list[Issue]) -> None:
    """A style says how a map draws it, which is not used here; one that does not fit is worth telling and no more."""
    if content is None:
        return
    try:
        style = json_rows.load(content)
        classes = style.get("classes") if isinstance(style, dict) else None
        wrong = not isinstance(classes, list) or str(style.get("num_class")) != str(len(classes))
    except ParseError:
        wrong = True
    if wrong:
        issues.append(Issue("bad_style", "the style is not as the format has it", _PUBLISHER, "info", name[:80]))


def _object(name: str, content: bytes, issues: list[Issue]) -> dict[str, Any]:
    if content.startswith(_BOM):
        issues.append(_bom(name))
    value = json_rows.load(content)
    if not isinstance(value, dict):
        raise _wrong("not_sip4d_zip", f"{name[:80]!r} is no JSON object", refusal.AGAIN)
    return value


def _bom(name: str) -> Issue:
    return Issue("byte_order_mark", "a byte order mark, which the format forbids", _PUBLISHER, "info", name[:80])


def _litter(path: str) -> bool:
    """What the archive programs of some systems add."""
    return path.startswith("__MACOSX/") or zip_archive.base_name(path) in (".DS_Store", "Thumbs.db")


def _lgcodes(value: Any) -> tuple[str, ...]:
    codes = value if isinstance(value, list) else [value]
    return tuple(sorted({_text(code) for code in codes} - {""}))


def _member(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    member = value.get(name)
    return member if isinstance(member, dict) else _missing(name)


def _required(value: Mapping[str, Any], name: str, shown: str | None = None) -> str:
    return _text(value.get(name)) or _missing(shown or name)


def _missing(name: str) -> NoReturn:
    raise _wrong("not_sip4d_zip", f"{META} or its columns have no {name}", "ask the publisher for a complete package")


def _text(value: Any) -> str:
    """A text or whole number as text; "" for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _wrong(code: str, cause: str, remedy: str) -> ParseError:
    return ParseError(cause, code=code, remedy=remedy, position=META)


def positions(entry: Entry) -> Iterator[str]:
    """Where each feature stands, for `bousai trace`."""
    return (f"{entry.file}/features[{index}]" for index in range(len(entry.features)))


def write(
    meta: Mapping[str, Any], name: str, columns: Sequence[Mapping[str, Any]], features: Iterable[bytes]
) -> bytes:
    """A package of version 1.1 with one GeoJSON, `features` being JSON objects. The same in gives the same bytes.

    `meta` says what is of this package: title, ttid, code, category, tags, updated, information_date, author,
    maintainer, disaster, openflg, testflg, license_id, note, and perhaps lgcode, license_note, credit, remark.
    """
    whole = {
        "version": "1.1",
        "format": "SIP4D-ZIP",
        "payload_type": "VECTOR",
        "character": "UTF-8",
        **meta,
        "entry_num": 1,
        "entry": [{"type": "GeoJSON", "title": meta["title"], "file": f"{name}.geojson", "updated": meta["updated"]}],
    }
    described = {"version": "1", "code": meta["code"], "num_column": len(columns), "columns": columns}
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in (
            (META, orjson.dumps(whole, option=orjson.OPT_INDENT_2)),
            (f"{name}_columns.json", orjson.dumps(described, option=orjson.OPT_INDENT_2)),
            (f"{name}.geojson", b'{"type":"FeatureCollection","features":[\n' + b",\n".join(features) + b"\n]}\n"),
        ):
            entry = zipfile.ZipInfo(file, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return body.getvalue()
