"""Messages → ``alerts/`` of a tree: one CAP file each, for ever; ``feed.atom``, the index; ``active.geojson``, what
is in force.

Atom after OASIS "Example Practices: CAP Feeds 1.0" (2013): an entry for a message, which links its file. A message
stays in the index as long as one of its chain has not expired, so that who looks late still learns that it is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

from bousai.formats import cap_read
from bousai.model import Message
from bousai.publish.tree import alone, read_json, write_file, write_files_whole
from bousai.vocab.japanese_time import local

_LANGUAGES: Mapping[str, str] = {"ja": "ja-JP", "easy": "ja-JP", "en": "en-US"}
_EASY = "【やさしい日本語】"


def write_alerts(
    root: Path,
    new: Sequence[Message],
    listed: Sequence[Message],
    *,
    url: str,
    exercise: bool,
    publisher: tuple[str, str],
    at: datetime,
) -> Path:
    """Write the files of `new` messages, then the index and what is in force of the `listed` ones (newest first).
    Returns the folder. Written again, it is the same; the index stands last, so it names no file that is not there.

    Raises `ValueError` where a message is not for this tree: that is a fault of this program.
    """
    wrong = [one for one in (*new, *listed) if (one.status != "actual") != exercise]
    if wrong:
        raise ValueError(f"{wrong[0].identifier} is {wrong[0].status} and would stand among the others")
    folder = root / "alerts"
    with alone(folder):
        (folder / "cap").mkdir(exist_ok=True)
        if new:
            write_files_whole(folder / "cap", [(f"{one.identifier}.xml", one.cap) for one in new])
        features = _in_force(listed, at, url)
        _renewed(folder / "active.geojson", "timeStamp", features, local(at))
        feed = _atom(listed, url, exercise=exercise, publisher=publisher, at=at)
        path = folder / "feed.atom"
        if not path.exists() or _undated(path.read_bytes()) != _undated(feed):
            write_file(path, feed)
    return folder


def _renewed(path: Path, dated: str, members: dict[str, Any], at: str) -> None:
    """Write only what differs in more than its time."""
    stands = read_json(path)
    stands.pop(dated, None)
    if orjson.dumps(stands) != orjson.dumps(members):
        first = {"type": members["type"], dated: at}
        write_file(path, orjson.dumps(first | members, option=orjson.OPT_APPEND_NEWLINE))


def _in_force(listed: Sequence[Message], at: datetime, url: str) -> dict[str, Any]:
    """The newest message of every chain, if it has not ended and not expired: a feature an area and grade."""
    seen: set[tuple[str, str, str]] = set()
    features = []
    for message in listed:
        chain = (message.rule, message.subject, message.status)
        if chain in seen:
            continue
        seen.add(chain)
        if message.ended or message.expires <= at:
            continue
        features += _features(message, at, url)
    return {"type": "FeatureCollection", "features": features}


def _features(message: Message, at: datetime, url: str) -> list[dict[str, Any]]:
    read = cap_read.read(message.cap)
    ja = [info for info in read.infos if info.language == "ja-JP"]
    en = [info for info in read.infos if info.language == "en-US"]
    found: list[dict[str, Any]] = []
    for first, second in zip(ja, en, strict=True):
        if first.urgency == "Past" or first.expires <= at:
            continue
        for area in first.areas:
            codes = dict(reversed(area.geocodes))
            munis = [value for name, value in area.geocodes if name == "JISX0402"]
            found.append(
                {
                    "type": "Feature",
                    "id": f"{message.identifier}/{len(found)}",
                    "geometry": _geometry(area.polygons),
                    "properties": {
                        "identifier": message.identifier,
                        "status": message.status,
                        "rule": message.rule,
                        "event": first.event,
                        "event_en": second.event,
                        "headline": first.headline,
                        "headline_en": second.headline,
                        "area": area.description,
                        "issuer": read.source,
                        "severity": first.severity,
                        "urgency": first.urgency,
                        "certainty": first.certainty,
                        "instruction": first.instruction,
                        "instruction_en": second.instruction,
                        "sent": local(read.sent),
                        "expires": local(first.expires),
                        "muni_code": munis[0] if len(munis) == 1 else None,
                        "muni_codes": munis,
                        "geocodes": codes,
                        "cap": f"{url}/alerts/cap/{message.identifier}.xml",
                    },
                }
            )
    return found


def _geometry(rings: Sequence[Sequence[tuple[float, float]]]) -> dict[str, Any] | None:
    drawn = [[[_right_handed(ring)]] for ring in rings]
    if not drawn:
        return None
    if len(drawn) == 1:
        return {"type": "Polygon", "coordinates": drawn[0][0]}
    return {"type": "MultiPolygon", "coordinates": [one[0] for one in drawn]}


def _right_handed(ring: Sequence[tuple[float, float]]) -> list[list[float]]:
    """(latitude, longitude) → longitude, latitude, counter-clockwise (RFC 7946, 3.1.6)."""
    points = [[lon, lat] for lat, lon in ring]
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(points))
    return points if twice > 0 else points[::-1]


def _atom(listed: Sequence[Message], url: str, *, exercise: bool, publisher: tuple[str, str], at: datetime) -> bytes:
    mark = "【訓練・試験】" if exercise else ""
    name, mail = publisher
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ja">',
        f"<id>{escape(url)}/alerts/feed.atom</id>",
        f"<title>{mark}警報等・避難情報・状況通知</title>",
        f"<updated>{local(max((one.sent for one in listed), default=at))}</updated>",
        f"<author><name>{escape(name)}</name><email>{escape(mail)}</email></author>",
        f'<link rel="self" type="application/atom+xml" href={quoteattr(url + "/alerts/feed.atom")}/>',
        "<rights>警報等は気象庁、避難情報は市区町村が発表・発令したものです。出典を示して利用してください。</rights>",
    ]
    for one in listed:
        href = quoteattr(f"{url}/alerts/cap/{one.identifier}.xml")
        lines += [
            "<entry>",
            f"<id>{escape(one.identifier)}</id>",
            f"<title>{escape(one.headline_ja)}</title>",
            f"<updated>{local(one.sent)}</updated>",
            f"<published>{local(one.sent)}</published>",
            f"<category term={quoteattr(one.rule)}/>",
            f"<summary>{escape(one.headline_en)}</summary>",
            f'<link rel="alternate" type="application/cap+xml" href={href}/>',
            "</entry>",
        ]
    return "\n".join([*lines, "</feed>\n"]).encode()


def _undated(feed: bytes) -> bytes:
    """Without the time of an index that lists nothing."""
    return feed if b"<entry>" in feed else feed[: feed.find(b"<updated>")]


def alert_summary(message: Message, url: str) -> dict[str, Any]:
    """A message as JSON for receivers: what it is, how grave, where, and where its CAP is."""
    return {
        "identifier": message.identifier,
        "status": message.status,
        "phase": message.phase,
        "rule": message.rule,
        "subject": message.subject,
        "severity": message.severity,
        "headline": message.headline_ja,
        "headline_en": message.headline_en,
        "munis": list(message.munis),
        "sent": local(message.sent),
        "expires": local(message.expires),
        "ended": message.ended,
        "url": url,
    }


def plain_text(cap: bytes, language: str, url: str) -> str:
    """A message for people: headlines, areas, what to do; `language` ja, en or easy (やさしい日本語)."""
    read = cap_read.read(cap)
    parts = []
    for info in read.infos:
        if info.language != _LANGUAGES[language]:
            continue
        plain, _, easy = info.instruction.partition(f"\n{_EASY}")
        parts.append(
            "\n".join(
                line for line in (info.headline, info.description, easy if language == "easy" else plain) if line
            )
        )
    return "\n\n".join([*([read.note] if read.status != "Actual" else []), *parts, url, read.sender])
