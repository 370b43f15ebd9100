"""SIP4D-ZIP 1.1 (JSA-S1016:2023): what SOBO-WEB, ISUT and the prefectures exchange.

A package is of one code, one type of geometry, one incident and one source (that of a consolidated layer of all): of
a layer there may be several. Sources that say things side by side would be counted twice in one package.
Attributes of the standard bear its names (connid), words of a List are those of the standard. What it has no
attribute for stands beside them under our names: the state of each count, source, issuer and times of each record.

Nothing is said that is not known: a count is a number only where the source gives one, exactly or about (概数); what
is 未満 or 以上 a number stays empty and `<connid>_state` says why. A word that the standard does not have is left out
(不明 where there must be one). Records that a package cannot hold, because they have no place or speak of no
municipality, are counted in its remark.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import orjson
import shapely

from bousai.errors import ParseError
from bousai.formats import sip4d_zip
from bousai.model import Field, ReleasedLayer, Sip4d
from bousai.publish import geojson
from bousai.publish.features import FeatureTable
from bousai.publish.sheet import multiple, rounded
from bousai.vocab import sip4d
from bousai.vocab.japanese_time import JST
from bousai.vocab.municipality import municipalities

SUFFIX = ".sip4d.zip"
_KINDS = {"point": (0,), "line": (1, 5), "polygon": (3, 6)}
_OPEN = {"public": "一般公開可能", "responders": "災害対応機関のみ公開可能", "isut": "ＩＳＵＴ－ＳＩＴＥのみ公開可"}
_TEST = {"actual": "通常", "exercise": "訓練", "test": "試験"}
_STRICTER = ("cc-zero", "cc-by", "cc-by-sa", "other-closed")
_TYPES = {"integer": "Integer", "number": "Double", "datetime": "Datetime"}
_FEED = "feed:"
_NO_INCIDENT = "（災害名の記載なし）"
_MUST = ("eststts", "estab", "status", "passstts")  # 必須 in the standard: 不明 where nothing is known


@dataclass(frozen=True, slots=True)
class Package:
    """One file: its name (after the layer's), bytes, and how many records it has."""

    name: str
    body: bytes
    count: int


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the package, and how its value is got from the properties of a feature."""

    described: dict[str, Any]
    value: Callable[[Mapping[str, Any]], Any]


def packages(
    features: FeatureTable, members: Mapping[str, Any], publisher: tuple[str, str], before: Sequence[Path] = ()
) -> list[Package]:
    """All packages of a layer, by name. `publisher` is who maintains them: name and mail address.

    `before` are packages that stand: one of which no record is left is written empty, for whoever takes it must see
    that there is nothing.
    """
    layer = features.layer
    rows = [orjson.loads(properties) for properties in features.properties]
    kinds = shapely.get_type_id(features.geometry)
    found: dict[str, Package] = {}
    for kept in before:
        name = kept.name.removeprefix("latest.").removesuffix(SUFFIX)
        about = _about(kept)
        rule = next((one for one in layer.sip4d if about is not None and _name(one, about) == name), None)
        if about is not None and rule is not None:
            found[name] = _package(name, rule, about, features, members, publisher, [], [], 0)
    for rule in layer.sip4d:
        chosen: dict[_About, list[int]] = {}
        missing: Counter[_About] = Counter()
        for n, row in enumerate(rows):
            if all(row.get(name) == value for name, value in rule.where.items()):
                # What sources say side by side would be counted twice in one package.
                about = _About(row.get("incident"), None if layer.inputs else row.get("source"))
                if kinds[n] in _KINDS[rule.geometry]:
                    chosen.setdefault(about, []).append(n)
                elif kinds[n] == -1:
                    missing[about] += 1
        for about in dict.fromkeys((*chosen, *missing)):
            name, numbers = _name(rule, about), chosen.get(about, [])
            found[name] = _package(
                name, rule, about, features, members, publisher, [rows[n] for n in numbers], numbers, missing[about]
            )
    return [found[name] for name in sorted(found)]


class _About(NamedTuple):
    """What a package is of: incident and source (a feed), None where its layer has no such."""

    incident: str | None
    source: str | None


def _about(kept: Path) -> _About | None:
    """What a package that we wrote is of; None for a file that is no such package."""
    try:
        package = sip4d_zip.read(kept.read_bytes())
    except ParseError:
        return None
    source = next((word.removeprefix(_FEED) for word in package.words if word.startswith(_FEED)), None)
    return _About(None if package.disaster == _NO_INCIDENT else package.disaster, source)


def _name(rule: Sip4d, about: _About) -> str:
    stem = rule.code if rule.name is None else f"{rule.code}-{rule.name}"
    if about == _About(None, None):
        return stem
    return f"{stem}-{sha256(orjson.dumps([*about])).hexdigest()[:8]}"


def _package(
    name: str,
    rule: Sip4d,
    about: _About,
    features: FeatureTable,
    members: Mapping[str, Any],
    publisher: tuple[str, str],
    mine: Sequence[Mapping[str, Any]],
    numbers: Sequence[int],
    missing: int,
) -> Package:
    layer = features.layer
    columns = list(_columns(layer, rule.code))
    shapes = multiple(rounded(features.geometry[np.array(numbers, dtype=int)]))
    texts = geojson.geometry_texts(shapes)
    lines = [
        b'{"type":"Feature","geometry":%s,"properties":%s}'
        % (text, orjson.dumps({one.described["name"]: one.value(row) for one in columns}))
        for row, text in zip(mine, texts, strict=True)
    ]
    issuers = {row["issuer"] for row in mine if row.get("issuer")}
    shown = [
        (source["feed"], credit, licence["name"])
        for source, credit, licence in zip(
            members["bousai:freshness"], members["bousai:credits"], members["bousai:licences"], strict=True
        )
        if about.source in (None, source["feed"])
    ]
    title = members["title"] if rule.title is None else f"{members['title']}（{rule.title}）"
    said = max((row["issued_at"] for row in mine if row.get("issued_at")), default=members["bousai:valid_at"])
    identity = "\n".join((layer.id, name, members["timeStamp"], sha256(b"\n".join(lines)).hexdigest()))
    meta = {
        "title": title,
        "ttid": str(uuid5(NAMESPACE_URL, identity)),
        "code": rule.code,
        "category": rule.category,
        "tags": [layer.title_ja, *filter(None, [rule.title]), *([f"{_FEED}{about.source}"] if about.source else [])],
        "updated": _jst(members["timeStamp"]),
        "information_date": _jst(said),
        "author": {"name": issuers.pop()} if len(issuers) == 1 else {"name": publisher[0], "e-mail": publisher[1]},
        "maintainer": {"name": publisher[0], "e-mail": publisher[1]},
        "disaster": {"name": about.incident or _NO_INCIDENT},
        "lgcode": sorted({f"{row['muni_code'][:2]}000" for row in mine if row.get("muni_code")}),
        "openflg": _OPEN[members["bousai:tier"]],
        "testflg": _TEST[members["bousai:status"]],
        "license_id": _licence(mine, {feed: licence for feed, _, licence in shown}),
        "license_note": "、".join(dict.fromkeys(licence for _, _, licence in shown)),
        "credit": list(dict.fromkeys(credit for _, credit, _ in shown)),
        "note": layer.description_ja,
        "remark": f"位置が不明のため含まれない記録：{missing}件" if missing else "",
    }
    return Package(
        name, sip4d_zip.write(meta, f"{layer.id}_{name}".replace("-", "_"), _described(columns), lines), len(numbers)
    )


def _described(columns: Sequence[_Column]) -> list[dict[str, Any]]:
    return [one.described for one in columns]


def _columns(layer: ReleasedLayer, code: str) -> Iterator[_Column]:
    """Those of the standard first; under our own names what it does not have."""
    yield _Column(_describe("id", "ID", "id", "String"), lambda row: row.get("id"))
    yield _Column(_describe("citycode", "市区町村コード", "citycode", "String"), lambda row: row.get("muni_code"))
    fields = {field.connid: field for field in reversed(layer.fields) if field.connid and not field.volatile}
    fields = {connid: field for connid, field in fields.items() if connid not in ("id", "citycode", "license_id")}
    own = fields.pop("cityname", None)
    yield _Column(
        _describe("cityname", "市区町村名", "cityname", "String"),
        lambda row: (row.get(own.name) if own else None) or _city(row.get("muni_code")),
    )
    taken = {"id", "citycode", "cityname"}
    for field in layer.fields:
        connid = field.connid
        if connid is None or fields.get(connid) is not field:
            continue
        taken.add(connid)
        yield from _standard(field, connid, code)
    for field in (*layer.common, *layer.fields):
        if (field.connid and fields.get(field.connid) is field) or field.volatile or field.type in ("object", "list"):
            continue
        if field.name in ("id", "kind", "muni_code") or field is own:
            continue
        name = f"x_{field.name}" if field.name in taken else field.name
        yield _Column(_describe(name, field.ja, None, _TYPES.get(field.type, "String")), _plain(field))


def _standard(field: Field, connid: str, code: str) -> Iterator[_Column]:
    words = sip4d.words(code, connid)
    if words:
        unknown = words["unknown"][0] if connid in _MUST and "unknown" in words else None
        listed = [word for word, _ in words.values()]
        yield _Column(
            {
                **_describe(connid, field.ja, connid, "List"),
                "num_key": len(listed),
                "key_list": listed,
                "value_list": listed,
                "conn_attr_list": [name for _, name in words.values()],
            },
            lambda row: words[row[field.name]][0] if row.get(field.name) in words else unknown,
        )
    elif field.is_count:
        yield _Column(_describe(connid, field.ja, connid, "Integer"), lambda row: _number(row.get(field.name)))
        yield _Column(
            _describe(f"{connid}_state", f"{field.ja}（値の状態）", None, "String"),
            lambda row: _state(row.get(field.name)),
        )
        yield _Column(
            _describe(f"{connid}_text", f"{field.ja}（原文）", None, "String"),
            lambda row: (row.get(field.name) or {}).get("text"),
        )
    else:
        yield _Column(_describe(connid, field.ja, connid, _TYPES.get(field.type, "String")), _plain(field))


def _describe(name: str, ja: str, connid: str | None, kind: str) -> dict[str, Any]:
    return {"name": name, "jname": ja, **({"connid": connid} if connid else {}), "show": True, "type": kind}


def _plain(field: Field) -> Callable[[Mapping[str, Any]], Any]:
    if field.type == "datetime":
        return lambda row: None if row.get(field.name) is None else _jst(row[field.name])
    if field.type == "number":
        return lambda row: None if row.get(field.name) is None else float(row[field.name])
    if field.type == "boolean":
        return lambda row: None if row.get(field.name) is None else str(row[field.name]).lower()
    return lambda row: row.get(field.name)


def _number(count: Mapping[str, Any] | None) -> int | None:
    return count["value"] if count is not None and count["qualifier"] in ("exact", "approx") else None


def _state(count: Mapping[str, Any] | None) -> str | None:
    if count is None:
        return None
    return str(count["state"] if count["qualifier"] == "exact" else count["qualifier"])


def _city(code: str | None) -> str | None:
    found = municipalities().get(code) if code else None
    return None if found is None else found.name


def _jst(stamp: str) -> str:
    return datetime.fromisoformat(stamp).astimezone(JST).strftime("%Y-%m-%dT%H:%M:%S")


def _licence(rows: Sequence[Mapping[str, Any]], of: Mapping[str, str]) -> str:
    """The strictest of the licences of the sources of these records, and of those that records state themselves;
    other-closed where a licence has no word in the standard, for nobody may take it for open."""
    found = set()
    for row in rows:
        stated = row.get("licence")
        names = [stated] if stated in _STRICTER else [of.get(feed, "") for feed in str(row.get("source")).split()]
        found |= {name if name in _STRICTER else _word(name) for name in names}
    return max(found, key=_STRICTER.index, default="cc-by")


def _word(licence: str) -> str:
    """PDL1.0 says of itself that its content may be used as under CC BY 4.0."""
    plain = re.fullmatch(r"CC BY 4\.0|公共データ利用規約（第1\.0版）[（(]PDL1\.0[）)]", licence)
    return "cc-by" if plain else "other-closed"
