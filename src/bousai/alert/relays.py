"""Items of one subject → entries, as JMA or the municipality issued them: names, grades and levels untouched.

Each function takes the tables of the rule's kinds, by kind, and gives the entries and lines that belong to no area.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from bousai.alert.entry import Entry, Geocode, muni_codes
from bousai.errors import CatalogueError
from bousai.model import AlertRule, RevisionTable
from bousai.vocab import rows
from bousai.vocab.cap_level import cap_levels
from bousai.vocab.tsunami_coast import municipalities_of


@dataclass(frozen=True, slots=True)
class Relayed:
    """Entries, and lines that belong to no area."""

    entries: tuple[Entry, ...]
    context_ja: tuple[str, ...] = ()
    context_en: tuple[str, ...] = ()


_Tables = Mapping[str, RevisionTable]


def relayed(rule: AlertRule, tables: _Tables) -> Relayed:
    """What a relay rule tells of the items of one subject. Raises `CatalogueError` where it names no function."""
    if rule.entries not in RELAYS:
        names = ", ".join(RELAYS)
        raise CatalogueError(f"alerts/{rule.id}.yml: no entries {rule.entries!r}", remedy=f"one of: {names}")
    found = RELAYS[rule.entries](tables)
    entries = tuple(entry for entry in found.entries if entry.level in rule.grades)
    return Relayed(entries, found.context_ja, found.context_en) if entries else Relayed(())


@dataclass(frozen=True, slots=True)
class _Row:
    item_id: str
    muni: str | None
    props: Mapping[str, Any]
    issuer: str
    issued_at: datetime
    revision: int


def _rows(table: RevisionTable) -> Iterator[_Row]:
    for n, item_id in enumerate(table.item_id):
        props = orjson.loads(table.props[n])
        yield _Row(item_id, table.muni_code[n], props, table.issuer[n], table.issued_at[n], table.revision[n])


def _entry(
    row: _Row,
    level: str,
    event: tuple[str, str],
    code: Geocode | None,
    munis: tuple[str, ...] | None = None,
    **more: Any,
) -> Entry:
    """The entry of a row whose area is what `code` names, or the municipalities (default: the row's own)."""
    if munis is None:
        munis = (row.muni,) if row.muni else ()
    municipal = (geocode for one in munis for geocode in muni_codes(one))
    return Entry(
        row.item_id,
        level,
        *event,
        issuer=row.issuer,
        issued_at=row.issued_at,
        geocodes=(*(() if code is None else (code,)), *municipal),
        munis=munis,
        places=munis,
        revisions=(row.revision,),
        **more,
    )


def _named(level: str) -> tuple[str, str]:
    """The names of a grade that the source gives no name of its own."""
    return cap_levels()[level].event_ja, cap_levels()[level].event_en


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _clock(text: str | None) -> str:
    """``18:20`` or, without a time, nothing; in the source's own offset."""
    return "" if text is None else datetime.fromisoformat(text).strftime("%H:%M")


def tsunami(tables: _Tables) -> Relayed:
    """津波警報・注意報: one entry a coast section, with height and arrival as JMA words them."""
    found = []
    for row in _rows(tables["tsunami_forecast"]):
        p = row.props
        level = f"tsunami/{p['grade']}"
        if level not in cap_levels():
            continue
        height = p["max_height_text"] or p["max_height_condition"]
        arrival = p["first_wave_condition"]
        at = p["first_wave_at"]
        ja = [f"予想される高さ {height}"] if height else []
        en = [f"expected height {_height_en(p)}"] if height else []
        if at:
            ja.append(f"到達予想 {_clock(at)}")
            en.append(f"expected at {_clock(at)}")
        if arrival:
            ja.append(arrival)
            en.append(_ARRIVAL_EN.get(arrival, arrival))
        near = municipalities_of(p["coast_code"])
        certain = tuple(code for code, match in near.items() if match == "municipality")
        prefs = {code[:2] for code, match in near.items() if match == "prefecture"}
        found.append(
            Entry(
                row.item_id,
                level,
                *_named(level),
                p["coast_name"],
                row.issuer,
                row.issued_at,
                tells=(p["max_height_text"], p["max_height_condition"], at, arrival),
                facts_ja="、".join(ja),
                facts_en=", ".join(en),
                geocodes=(
                    ("JMA:AreaTsunami", p["coast_code"]),
                    *(geocode for code in certain for geocode in muni_codes(code)),
                    *(("JISX0401", pref) for pref in sorted(prefs)),
                ),
                munis=tuple(near),
                places=certain if len(certain) == len(near) else (),
                onset=_time(at),
                revisions=(row.revision,),
            )
        )
    return Relayed(tuple(found))


_ARRIVAL_EN = {
    "津波到達中と推測": "estimated to be arriving now",
    "第１波の到達を確認": "first wave confirmed",
    "ただちに津波来襲と予測": "about to arrive",
}


def _height_en(p: Mapping[str, Any]) -> str:
    if p["max_height_m"] is None:
        return {"巨大": "huge (巨大)", "高い": "high (高い)"}.get(
            p["max_height_text"], p["max_height_text"] or "unknown"
        )
    bound = {"over": "over ", "at_least": "at least ", "under": "under "}.get(p["max_height_bound"] or "", "")
    return f"{bound}{p['max_height_m']:g} m"


def weather(tables: _Tables) -> Relayed:
    """気象特別警報・危険警報・警報・注意報 and 土砂災害警戒情報: one entry a municipality and phenomenon."""
    found = []
    for kind, table in tables.items():
        for row in _rows(table):
            p = row.props
            grade = p.get("grade", "danger_warning" if kind == "landslide_warning" else None)
            level = f"{'jma' if p.get('level') else 'jma_event'}/{grade}"
            if level not in cap_levels():
                continue
            condition = p.get("condition") or ""
            found.append(
                _entry(
                    row,
                    level,
                    (p["kind_name"], _warning_en(p, kind)),
                    ("JMA:AreaInformationCity", p["area_code"]),
                    area=p["area_name"],
                    tells=(p["kind_code"], p.get("condition")),
                    facts_ja=condition,
                    stated_level=p.get("level"),
                    event_code=_PHENOMENON_CODE.get(p.get("phenomenon") or "", ""),
                )
            )
    return Relayed(tuple(found))


_PHENOMENON_EN = {
    "heavy_rain": "Heavy rain",
    "landslide": "Landslide",
    "storm_surge": "Storm surge",
    "flood": "Flood",
    "gale": "Gale",
    "snow_gale": "Snow gale",
    "high_wave": "High wave",
    "heavy_snow": "Heavy snow",
    "thunder": "Thunder",
    "snow_melt": "Snow melt",
    "dense_fog": "Dense fog",
    "dry_air": "Dry air",
    "avalanche": "Avalanche",
    "low_temperature": "Low temperature",
    "frost": "Frost",
    "ice_accretion": "Ice accretion",
    "snow_accretion": "Snow accretion",
}
_PHENOMENON_CODE = {
    "heavy_rain": "OET-159",
    "landslide": "OET-119",
    "storm_surge": "OET-189",
    "flood": "OET-081",
    "gale": "OET-218",
    "snow_gale": "OET-023",
    "heavy_snow": "OET-182",
}
"""Terms of the OASIS Event Terms list 1.2; what has none is another event."""

_GRADE_EN = {
    "advisory": "advisory",
    "warning": "warning",
    "danger_warning": "danger warning",
    "emergency_warning": "emergency warning",
}


def _warning_en(p: Mapping[str, Any], kind: str) -> str:
    if kind == "landslide_warning":
        name = "Landslide alert information"
    else:
        what = _PHENOMENON_EN.get(p.get("phenomenon") or "", "River flood" if kind == "river_flood" else "Weather")
        name = f"{what} {_GRADE_EN[p['grade']]}"
    return f"{name} (level {p['level']})" if p.get("level") else name


def flood(tables: _Tables) -> Relayed:
    """指定河川洪水予報: one entry a forecast section; the municipalities that it names are whom it concerns."""
    table = tables["river_flood"]
    every = list(_rows(table))
    munis = tuple(sorted({row.muni for row in every if row.muni}))
    found = []
    for row in every:
        p = row.props
        level = f"jma/{p['grade']}"
        if p["area_type"] != "section" or level not in cap_levels() or p["kind_code"] == "10":
            continue
        found.append(
            _entry(
                row,
                level,
                (p["kind_name"], _warning_en(p, "river_flood")),
                ("JMA:FloodForecastArea", p["section_code"]),
                munis,
                area=p["section_name"] or p["river_name"],
                tells=(p["grade"],),  # the code differs between 発表 and 継続, too
                facts_ja=p.get("headline") or "",
                stated_level=p["level"],
            )
        )
    return Relayed(tuple(found))


def volcano(tables: _Tables) -> Relayed:
    """噴火警報・噴火警戒レベル: one entry a volcano, for the municipalities that the telegram names."""
    every = list(_rows(tables["volcanic_warning"]))
    munis = tuple(sorted({row.muni for row in every if row.muni}))
    found = []
    for row in every:
        p = row.props
        level = f"volcano/{p['kind_code']}"
        if p["area_level"] != "volcano" or level not in cap_levels():
            continue
        found.append(
            _entry(
                row,
                level,
                (
                    f"噴火警報（{p['kind_name']}）",
                    f"Volcanic warning ({_VOLCANO_EN.get(p['kind_code'], p['grade'])})",
                ),
                ("JMA:VolcanoCode", p["volcano_code"]),
                munis,
                area=p["volcano_name"],
                tells=(p["kind_code"],),
                facts_ja=" ".join((p.get("headline") or "").split()),
            )
        )
    return Relayed(tuple(found))


_VOLCANO_EN = {
    "12": "level 2, do not approach the crater",
    "13": "level 3, do not approach the volcano",
    "14": "level 4, evacuation of the elderly and others",
    "15": "level 5, evacuate",
    "22": "danger near the crater",
    "23": "danger on the mountain",
    "24": "high alert at the foot of the mountain",
    "25": "high alert in residential areas",
    "36": "alert at sea",
}


def earthquake(tables: _Tables) -> Relayed:
    """震度５弱以上: one entry a municipality, or a region or prefecture while only these are known (震度速報)."""
    every = [row for row in _rows(tables["seismic_intensity"]) if row.props.get("intensity")]
    strong = [row for row in every if f"earthquake/{row.props['intensity']}" in cap_levels()]
    shown = next(
        (
            some
            for name in ("city", "region", "pref")
            if (some := [r for r in strong if r.props["area_level"] == name])
        ),
        [],
    )
    names = {row["code"]: row["name_en"] for row in rows("jma_intensity")}
    facts: dict[str, Any] = {}
    for row in _rows(tables["earthquake"]):
        facts |= {name: value for name, value in row.props.items() if value is not None}
    ja, en = _hypocentre(facts)
    found = []
    for row in shown:
        p = row.props
        level = f"earthquake/{p['intensity']}"
        found.append(
            _entry(
                row,
                level,
                _named(level),
                ("JMA:AreaInformationCity" if p["area_level"] == "city" else "JMA:AreaForecast", p["area_code"]),
                area=p["area_name"],
                tells=(p["intensity"],),
                facts_en=f"intensity {names[p['intensity']]}",
                onset=_time(facts.get("origin_time")),
            )
        )
    return Relayed(tuple(found), ja, en)


def _hypocentre(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if "hypocentre_name" not in facts:
        return (), ()
    ja = [f"震源地 {facts['hypocentre_name']}"]
    en = [f"epicentre {facts['hypocentre_name']}"]
    if "magnitude_text" in facts:
        ja.append(facts["magnitude_text"])
    if "magnitude" in facts:
        en.append(f"M {facts['magnitude']:g}")
    if "depth_km" in facts:
        ja.append("深さ ごく浅い" if facts["depth_km"] == 0 else f"深さ {facts['depth_km']:g}km")
        en.append("very shallow" if facts["depth_km"] == 0 else f"depth {facts['depth_km']:g} km")
    if "origin_time" in facts:
        ja.append(f"発生 {_clock(facts['origin_time'])}")
        en.append(f"at {_clock(facts['origin_time'])}")
    lines_ja, lines_en = ["、".join(ja)], [", ".join(en)]
    if "tsunami_comment" in facts:
        lines_ja.append(facts["tsunami_comment"])
    return tuple(lines_ja), tuple(lines_en)


def evacuation(tables: _Tables) -> Relayed:
    """避難情報: one entry a district, as the municipality ordered it."""
    found = []
    for row in _rows(tables["evacuation_order"]):
        p = row.props
        level = f"evacuation/{p['order']}"
        if level not in cap_levels():
            continue
        name_ja, name_en = _named(level)
        municipality = p.get("area_name") or ""
        hazard = p.get("hazard")
        people = (p.get("people") or {}).get("value")
        at = p.get("ordered_at")
        ja = [f"対象災害 {hazard}"] if hazard else []
        if people is not None:
            ja.append(f"対象 {people}人")
        if at:
            ja.append(f"発令 {_clock(at)}")
        found.append(
            _entry(
                row,
                level,
                (p.get("order_text") or name_ja, name_en),
                None,
                area=" ".join(part for part in (municipality, p.get("district_name")) if part),
                tells=(p["order"], hazard),
                facts_ja="、".join(ja),
                facts_en=f"ordered at {_clock(at)}" if at else "",
                stated_level=p.get("level"),
                onset=_time(at),
            )
        )
    return Relayed(tuple(found))


RELAYS: dict[str, Callable[[_Tables], Relayed]] = {
    "earthquake": earthquake,
    "evacuation": evacuation,
    "flood": flood,
    "tsunami": tsunami,
    "volcano": volcano,
    "weather": weather,
}
"""What a rule's `entries` may name."""
