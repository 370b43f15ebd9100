"""Features of layers → entries of situation notices: what we noticed ourselves, in words that claim no more.

A situation notice (状況通知) is never a warning: forecasts and warnings are JMA's, orders are the municipality's.
Each function takes the features of the rule's layers as they are published to everybody, those of some time before,
the rule's options, and gives entries by subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bousai.alert.entry import Entry, muni_codes
from bousai.errors import CatalogueError
from bousai.model import AlertRule
from bousai.vocab.cap_level import cap_levels
from bousai.vocab.municipality import municipalities

Features = Sequence[Mapping[str, Any]]
"""Properties of each feature, with ``id`` and ``muni_code``."""


def noticed(
    rule: AlertRule, now: Mapping[str, Features], before: Mapping[str, Features], at: datetime
) -> dict[str, tuple[Entry, ...]]:
    """Subject → entries of a notice rule. `before` are the features an hour (option ``window``) earlier."""
    if rule.entries not in NOTICES:
        names = ", ".join(NOTICES)
        raise CatalogueError(f"alerts/{rule.id}.yml: no entries {rule.entries!r}", remedy=f"one of: {names}")
    by: dict[str, list[Entry]] = {}
    for subject, entry in NOTICES[rule.entries](now, before, rule.options, at):
        by.setdefault(subject, []).append(entry)
    return {subject: tuple(entries) for subject, entries in by.items()}


_Found = Iterable[tuple[str, Entry]]


def _entry(name: str, item_id: str, muni: str | None, area: str, issuer: str, at: datetime, **more: Any) -> Entry:
    level = cap_levels()[f"notice/{name}"]
    return Entry(
        item_id,
        f"notice/{name}",
        level.event_ja,
        level.event_en,
        area,
        issuer,
        at,
        geocodes=muni_codes(muni),
        munis=(muni,) if muni else (),
        places=(muni,) if muni else (),
        **more,
    )


def _place(code: str | None, fallback: str = "") -> str:
    one = municipalities().get(code or "")
    return f"{one.pref}{one.name}" if one is not None else fallback


_NO_DEPTH: Mapping[str, Any] = {"class_text": None, "depth_min_m": None, "depth_max_m": None}


def shelter_in_tsunami_zone(
    now: Mapping[str, Features], _before: Mapping[str, Features], _options: Mapping[str, Any], at: datetime
) -> _Found:
    """An open shelter lies in a tsunami inundation zone while a tsunami warning may hold for its municipality."""
    grades = {"warning", "major_warning"}
    for p in now["shelter_now"]:
        warned = [w for w in p["warnings"] or () if w.get("kind") == "tsunami_forecast" and w["grade"] in grades]
        if p["state"] != "open" or (p["hazards"] or {}).get("tsunami") != "inside" or not warned:
            continue
        zones = [z for z in p["hazard_zones"] or () if z["hazard"] == "tsunami"] or [_NO_DEPTH]
        deepest = max(zones, key=lambda z: (z["depth_max_m"] or z["depth_min_m"] or 0.0, z["depth_min_m"] or 0.0))
        depth = deepest["class_text"]
        name = p["name"] or p["id"]
        yield (
            p["muni_code"] or "",
            _entry(
                "shelter_in_tsunami_zone",
                p["id"],
                p["muni_code"],
                f"{_place(p['muni_code'])} {name}".strip(),
                "bousai",
                at,
                tells=("open",),
                facts_ja="、".join(
                    (f"開設中（{p['as_of']} 現在）", f"浸水想定 {depth}" if depth else "津波浸水想定区域内")
                ),
                facts_en=f"open as of {p['as_of']}, inside a tsunami inundation zone",
            ),
        )


def order_without_shelter(
    now: Mapping[str, Features], _before: Mapping[str, Features], options: Mapping[str, Any], at: datetime
) -> _Found:
    """An evacuation order holds in a municipality of which no open shelter is known."""
    orders = set(options["orders"])
    for p in now["municipality_situation"]:
        out = sorted({o.get("order_text") or o["order"] for o in p["orders"] or () if o.get("order") in orders})
        opened = p["shelters_open"]
        if not out or (opened is not None and (opened.get("value") or opened.get("state") != "reported")):
            continue
        said = "開設中の避難所は0か所との発表" if opened is not None else "開設中の避難所の情報なし"
        yield (
            p["muni_code"],
            _entry(
                "order_without_shelter",
                p["id"],
                p["muni_code"],
                _place(p["muni_code"], p["name"]),
                "bousai",
                at,
                tells=("none" if opened is None else "zero", *out),
                facts_ja=f"{'、'.join(out)}が発令中、{said}",
                facts_en=(
                    "an evacuation order is in force; "
                    + ("no shelter is reported open" if opened is not None else "nothing is known of open shelters")
                ),
            ),
        )


def count_jumped(
    now: Mapping[str, Features], before: Mapping[str, Features], options: Mapping[str, Any], at: datetime
) -> _Found:
    """A count of a damage report has grown by more than `factor` and by at least `least` since the window began."""
    for layer, features in now.items():
        old = {p["id"]: p for p in before[layer]}
        for p in features:
            jumps_ja, jumps_en, tells = [], [], []
            for column, words in options["columns"].items():
                value, last = _number(p.get(column)), _number(old.get(p["id"], {}).get(column))
                if value is None or last is None or value - last < options["least"]:
                    continue
                if value > last * options["factor"]:
                    jumps_ja.append(f"{words['ja']} {last}→{value}")
                    jumps_en.append(f"{words['en']} {last} → {value}")
                    tells.append(f"{column}={value}")
            if not tells:
                continue
            area = _place(p["muni_code"], p.get("area_name") or p["id"])
            yield (
                p["id"],
                _entry(
                    "count_jumped",
                    p["id"],
                    p["muni_code"],
                    area,
                    p["issuer"],
                    at,
                    tells=tuple(tells),
                    facts_ja="、".join((*jumps_ja, f"{p['issuer']} {p.get('as_of') or ''} 現在")),
                    facts_en=", ".join(jumps_en),
                ),
            )


def _number(count: Any) -> int | None:
    return count["value"] if isinstance(count, Mapping) else None


def feed_dead(
    now: Mapping[str, Features], _before: Mapping[str, Features], options: Mapping[str, Any], at: datetime
) -> _Found:
    """A source that warnings come from does not answer."""
    watched = set(options["feeds"])
    for p in now["feed_status"]:
        if p["id"] not in watched or p["state"] != "dead":
            continue
        yield (
            p["id"],
            _entry(
                "feed_dead",
                p["id"],
                None,
                p["title_ja"],
                "bousai",
                at,
                tells=("dead",),
                facts_ja=f"応答なし（{p['reason']}）。古くなる層：{'、'.join(p['stale_layers'])}",
                facts_en=f"{p['title_en']}: {p['reason']}; stale: {', '.join(p['stale_layers'])}",
            ),
        )


_Notice = Callable[[Mapping[str, Features], Mapping[str, Features], Mapping[str, Any], datetime], _Found]
NOTICES: Mapping[str, _Notice] = {
    "count_jumped": count_jumped,
    "feed_dead": feed_dead,
    "order_without_shelter": order_without_shelter,
    "shelter_in_tsunami_zone": shelter_in_tsunami_zone,
}
"""What a rule's `entries` may name."""
