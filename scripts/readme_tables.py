"""Write what documents repeat of config/ anew: the tables in README.md and README.ja.md, and docs/layers.md.

Part of ``make goldens``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bousai import catalogue
from bousai.catalogue import Catalogue, Feed
from bousai.model import COMMON, Layer
from bousai.publish import formats_of

PROJECT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.ja.md")


_LENT = {None: "municipality", "coast_code": "the municipalities of the coast, where all are known"}


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


def between(marker: str, made: str, text: str, name: str) -> str:
    """`text` of the file `name` with what was `made` between the two lines of a marker."""
    place = re.compile(rf"(?<=<!-- {marker} -->\n).*?(?=<!-- /{marker} -->)", flags=re.S)
    text, found = place.subn(lambda _: made, text)
    if found != 1:
        raise SystemExit(f"{name}: expected one pair of <!-- {marker} --> and <!-- /{marker} -->")
    return text


def with_tables(name: str, text: str) -> str:
    """The README `name` with its tables as the catalogue has them."""
    known = catalogue.load(PROJECT / "config")
    japanese = name.endswith(".ja.md")
    tables = {
        "feeds": feed_table(known.feeds.values(), japanese),
        "layers": layer_table(known.layers.values(), japanese),
    }
    for marker, table in tables.items():
        text = between(marker, table, text, name)
    return text


_LAYERS_PAGE = PROJECT / "docs" / "layers.md"


def sources_of(known: Catalogue, layer: Layer) -> str:
    """What a layer is made of, and for each feed behind it the licence and the line that its users must show."""
    behind = sorted({*layer.inputs, *layer.sightings, *layer.endings, *layer.derived_from})
    feeds = known.feeds_of(layer)
    made = f"Made of: {', '.join(f'`{kind}`' for kind in behind)}. " if behind else ""
    by_credit: dict[tuple[str, str, str], list[str]] = {}
    for feed in feeds:
        by_credit.setdefault((feed.credit, feed.licence, feed.licence_url), []).append(f"`{feed.id}`")
    lines = [
        f"- {credit} – [{licence}]({url}) ({', '.join(ids)})\n" for (credit, licence, url), ids in by_credit.items()
    ]
    return f"{made}出典の表示 – credit and licence:\n\n{''.join(lines)}"


def layer_sections(known: Catalogue) -> str:
    """Every layer: what it is, where it is, whom to credit, its fields."""
    common = ", ".join(f"`{field.name}` ({field.ja})" for field in COMMON)
    parts = [f"Every feature has, before its own fields: {common}.\n"]
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
        parts.append(
            f"\n### `{layer.id}` {layer.title_ja} – {layer.title_en}\n\n"
            f"{layer.description_ja}\n\n{layer.description_en}\n\n"
            f"`/public/layers/{layer.id}/latest.geojson` · `/public/layers/{layer.id}/by-muni/<code5>.geojson` · "
            f"`/collections/{layer.id}/items` · Geometry: {layer.geometry}"
            + (
                f", borrowed from `{layer.geometry_from}` by {_LENT[layer.geometry_by]}"
                if layer.geometry_from
                else ""
            )
            + f" · Formats: {formats}\n\n{sources_of(known, layer)}\n"
            + markdown(("field", "type", "unit", "日本語", "English", "EEI", "SIP4D connid", "who sees it"), rows)
        )
    return "".join(parts)


def layers_page() -> str:
    """docs/layers.md: the guide, which is written by hand, with the layers as the catalogue has them."""
    known = catalogue.load(PROJECT / "config")
    return between("layers", layer_sections(known), _LAYERS_PAGE.read_text(encoding="utf-8"), _LAYERS_PAGE.name)


def main() -> None:
    _LAYERS_PAGE.write_text(layers_page(), encoding="utf-8")
    for name in READMES:
        path = PROJECT / name
        path.write_text(with_tables(name, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
