"""Edits of JMA telegrams, and a store of a test's own to see what they mean in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from lxml import etree

from bousai import pipeline, settings
from bousai.model import Bulletin, Issue, Item
from bousai.pipeline import Ingested
from bousai.settings import Settings

HEAD = "{http://xml.kishou.go.jp/jmaxml1/informationBasis1/}"
BODY = "{http://xml.kishou.go.jp/jmaxml1/body/meteorology1/}"
JMX = "{http://xml.kishou.go.jp/jmaxml1/}"
EB = "{http://xml.kishou.go.jp/jmaxml1/elementBasis1/}"


def path_of(*names: str) -> str:
    """An XPath by local names: the tests do not read telegrams the way the parsers do."""
    return "".join(f"/*[local-name()='{name}']" for name in names)


def texts(body: bytes, *names: str) -> list[str]:
    """The texts at a path below Report."""
    return [(e.text or "").strip() for e in etree.fromstring(body).xpath(path_of("Report", *names))]


def edited(body: bytes, edit: Callable[[etree._Element], None]) -> bytes:
    root = etree.fromstring(body)
    edit(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def put(body: bytes, value: str, *names: str) -> bytes:
    """The telegram with another text at one path below Report."""

    def edit(root: etree._Element) -> None:
        (element,) = root.xpath(path_of("Report", *names))
        element.text = value

    return edited(body, edit)


def at(body: bytes, time: str) -> bytes:
    """The telegram issued, and sent, at another time (JST)."""
    stated = put(body, f"{time}+09:00", "Head", "ReportDateTime")
    sent = datetime.fromisoformat(f"{time}+09:00").astimezone(UTC)
    return put(stated, sent.strftime("%Y-%m-%dT%H:%M:%SZ"), "Control", "DateTime")


def without(body: bytes, path: str) -> bytes:
    def edit(root: etree._Element) -> None:
        found = root.xpath(path)
        assert found
        for element in found:
            element.getparent().remove(element)

    return edited(body, edit)


def withdrawn(body: bytes, time: str) -> bytes:
    """取消 as the official samples of other telegrams show it: a Body with Text alone, the headline without areas."""

    def edit(root: etree._Element) -> None:
        (node,) = root.xpath(path_of("Report", "Body"))
        for element in list(node):
            node.remove(element)
        etree.SubElement(node, f"{BODY}Text").text = "先ほどの電文を取り消します。"
        for information in root.xpath(path_of("Report", "Head", "Headline", "Information")):
            information.getparent().remove(information)

    return at(put(edited(body, edit), "取消", "Head", "InfoType"), time)


def answers(parser: ModuleType, body: bytes) -> tuple[list[Bulletin], list[Issue]]:
    results = list(parser.parse(body))
    return [r for r in results if isinstance(r, Bulletin)], [r for r in results if isinstance(r, Issue)]


def rows(bulletin: Bulletin) -> list[Item]:
    return list(bulletin.items.rows())


def facts(bulletins: list[Bulletin]) -> list[dict[str, Any]]:
    """Everything that is said, to compare."""
    return [
        {**{name: getattr(one, name) for name in one.__slots__ if name != "items"}, "items": rows(one)}
        for one in bulletins
    ]


class Desk:
    """A store, an archive and a public tree of one test, and what they answer."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = settings.load({"BOUSAI_DATA": str(folder / "var")})
        pipeline.prepare(self.settings)
        self._number = 0

    def take(self, feed: str, *bodies: bytes, **options: Any) -> list[Ingested]:
        pairs = []
        for body in bodies:
            self._number += 1
            pairs.append((f"{self._number}.xml", body))
        return list(pipeline.ingest_files(feed, pairs, self.settings, **{"strict": True, **options}))

    def features(self, layer: str, time: str | None = None, status: str = "actual") -> dict[str, dict[str, Any]]:
        told = b"".join(
            pipeline.layer_geojson(
                layer,
                self.settings,
                status=status,  # type: ignore[arg-type]
                valid_at=datetime.fromisoformat(f"{time}+09:00") if time else None,
            )
        )
        return {feature["id"]: feature["properties"] for feature in json.loads(told)["features"]}
