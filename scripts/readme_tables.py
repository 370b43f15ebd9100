"""Write what documents repeat of config/ anew: the tables in README.md and README.ja.md, and docs/layers.md.

Part of ``make goldens``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bousai import catalogue
from bousai.catalogue import Feed
from bousai.model import COMMON, Layer
from bousai.publish import formats_of

PROJECT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.ja.md")


def interval(seconds: int, japanese: bool) -> str:
    """A poll interval in the largest unit that divides it: ``every minute``, ``every 6 hours``, ``6時間ごと``."""
    units = ((86400, "day", "日"), (3600, "hour", "時間"), (60, "minute", "分"), (1, "second", "秒"))
    size, name, name_ja = next(unit for unit in units if seconds % unit[0] == 0)
    count = seconds // size
    if japanese:
        return f"{count}{name_ja}ごと"
    return f"every {name}" if count == 1 else f"every {count} {name}s"


def markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; a bar inside a cell is escaped."""
    lines = [head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def feed_table(feeds: Iterable[Feed], japanese: bool) -> str:
    head = ("feed", "what", "publisher", "asked", "licence", "credit line")
    head_ja = ("フィード", "内容", "提供元", "取得間隔", "ライセンス", "出典表記")
    return markdown(
        head_ja if japanese else head,
        (
            (
                f"`{feed.id}`",
                feed.title_ja if japanese else feed.title_en,
                feed.publisher,
                interval(feed.every, japanese),
                f"[{feed.licence}]({feed.licence_url})",
                feed.credit,
            )
            for feed in feeds
        ),
    )


def first_sentence(text: str) -> str:
    """What a layer is; what else one must know of it stands in docs/layers.md and in the layer itself."""
    return re.match(r".*?(?:。|(?<![A-Z])\.(?= [A-Z])|$)", text.strip()).group()  # type: ignore[union-attr]


def layer_table(layers: Iterable[Layer], japanese: bool) -> str:
    head = ("layer", "what", "geometry")
    head_ja = ("レイヤ", "内容", "形状")
    shapes = {"point": "点", "line": "線", "polygon": "面", "none": "なし"}
    return markdown(
        head_ja if japanese else head,
        (
            (
                f"`{layer.id}`",
                first_sentence(layer.description_ja if japanese else layer.description_en),
                shapes[layer.geometry] if japanese else layer.geometry,
            )
            for layer in layers
        ),
    )


def with_tables(name: str, text: str) -> str:
    """The README `name` with its tables as the catalogue has them."""
    known = catalogue.load(PROJECT / "config")
    japanese = name.endswith(".ja.md")
    tables = {
        "feeds": feed_table(known.feeds.values(), japanese),
        "layers": layer_table(known.layers.values(), japanese),
    }
    for marker, table in tables.items():
        between = re.compile(rf"(?<=<!-- {marker} -->\n).*?(?=<!-- /{marker} -->)", flags=re.S)
        text, found = between.subn(lambda _, table=table: table, text)
        if found != 1:
            raise SystemExit(f"{name}: expected one pair of <!-- {marker} --> and <!-- /{marker} -->")
    return text


_LAYERS_HEAD = """# Layers: the public contract

Written from config/layers/ and config/release.yml by `make goldens`. Below the public tree each layer has:

```
layers/<layer>/latest.<format>            a stable address for each of its formats (geojson also as .gz and .zst)
layers/<layer>/by-muni/<code5>.geojson    the same, cut by municipality (+ .gz)
layers/<layer>/schema.json                JSON Schema (2020-12) of its GeoJSON
layers/<layer>/manifest.json              version, SHA-256 and size of each file, counts, times, sources, withheld
layers/<layer>/changes.json               the versions, newest last, with the ids that each added, modified, removed
layers/<layer>/v/<version>/delta.json     the features that the version added or modified, and the ids it removed
```

To pull only what changed: keep the version you have, find it in `changes.json`, and apply the `delta.json` of every
version after it in order; the result is `latest.geojson`, feature by feature, to the byte. Where `changes.json` no
longer has your version, take `latest.geojson`.

Codes are text, times ISO 8601 with offset, what is absent is `null`. A count is an object `{value, state, qualifier,
text}`: blank, 0, 調査中, 未確認 and suppressed are told apart (suppressed: 1 to 4 people below a municipality, in the
public tree). In GeoPackage, FlatGeobuf, GeoParquet and CSV objects are JSON text, and a count has its number in a
column of its own. Fields marked "answers only" change by the minute (ages): they stand in what `bousai layer` says;
published files have the times instead. "who sees it" is decided in config/release.yml; a field that is not named
there leaves to nobody.

Every feature has, before its own fields: """


def layers_page() -> str:
    """docs/layers.md: every layer with its fields."""
    known = catalogue.load(PROJECT / "config")
    parts = [_LAYERS_HEAD + ", ".join(f"`{field.name}` ({field.ja})" for field in COMMON) + ".\n"]
    for layer in known.layers.values():
        decided = known.release.layers[layer.id]
        rows = [
            (
                f"`{field.name}`",
                field.type,
                field.unit or "",
                field.ja,
                field.en,
                field.eei_item or "",
                field.connid or "",
                " ".join(
                    [
                        "public"
                        if field.name in decided.public
                        else "responders"
                        if field.name in decided.responders
                        else "nobody",
                        *(["(answers only)"] if field.volatile else []),
                    ]
                ),
            )
            for field in layer.fields
        ]
        formats = " ".join(["geojson", *formats_of(layer), *(["pmtiles"] if layer.tiles else [])])
        behind = (*layer.inputs, *layer.sightings, *layer.endings, *layer.derived_from)
        if behind:
            source = f"Made of: {', '.join(f'`{kind}`' for kind in sorted(set(behind)))}"
        else:
            source = f"Feeds: {', '.join(f'`{feed.id}`' for feed in known.feeds_of(layer))}"
        parts.append(
            f"\n## `{layer.id}` {layer.title_ja} – {layer.title_en}\n\n"
            f"{layer.description_ja}\n\n{layer.description_en}\n\n"
            f"Geometry: {layer.geometry}"
            + (f", borrowed from `{layer.geometry_from}` by municipality" if layer.geometry_from else "")
            + f". Formats: {formats}. {source}.\n\n"
            + markdown(("field", "type", "unit", "日本語", "English", "EEI", "SIP4D connid", "who sees it"), rows)
        )
    return "".join(parts)


def main() -> None:
    (PROJECT / "docs" / "layers.md").write_text(layers_page(), encoding="utf-8")
    for name in READMES:
        path = PROJECT / name
        path.write_text(with_tables(name, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
