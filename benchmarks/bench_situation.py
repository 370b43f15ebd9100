"""The situation of 1,900 municipalities of which 20,000 warnings, damage reports and a tsunami tell (invented, 訓練).

In ratio to ``geopandas.to_json`` of the same features: putting the picture together may not cost more than half
as much again as it costs the peer to write it down.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import geopandas
import shapely
from measure import medians, show, timed

from bousai.consolidate import municipality_situation
from bousai.model import RevisionTable, Sightings
from bousai.vocab import warning
from bousai.vocab.count import reported
from bousai.vocab.damage import damage_items
from bousai.vocab.jma import tsunami_coasts
from bousai.vocab.municipality import municipalities

AT = datetime(2026, 8, 1, tzinfo=UTC)
INCIDENT = "訓練地震"


def table(kind: str, rows: Iterable[tuple[str, str | None, dict[str, Any], bytes | None]]) -> RevisionTable:
    """Rows of item id, municipality, properties and WKB as the store gives them."""
    rows = sorted(rows)
    n = len(rows)
    return RevisionTable(
        kind=kind,
        status="actual",
        valid_at=AT,
        known_at=AT,
        revision=range(n),
        item_id=[row[0] for row in rows],
        scope=["s"] * n,
        muni_code=[row[1] for row in rows],
        props=[json.dumps(row[2], ensure_ascii=False, sort_keys=True) for row in rows],
        geometry=[row[3] for row in rows],
        source=["feed"] * n,
        issuer=["気象庁"] * n,
        issued_at=[AT - timedelta(minutes=k % 50) for k in range(n)],
        recorded_at=[AT] * n,
        bulletin_type=["X"] * n,
        serial=[None] * n,
        document=["訓練.xml"] * n,
        position=["Item[1]"] * n,
    )


def world(warnings: int) -> tuple[dict[str, RevisionTable], Sightings]:
    """What holds of each kind, and the municipalities: polygons of 500 points side by side."""
    codes = [one.code for one in municipalities().values() if one.valid_to is None and one.code[:2] != "47"]
    kinds = [kind for kind in warning.kinds() if kind.phenomenon and kind.code_space == "jma_warning_r06"]
    dice = random.Random(20260101)
    said: dict[str, tuple[str, str | None, dict[str, Any], bytes | None]] = {}
    while len(said) < warnings:
        code, kind = dice.choice(codes), dice.choice(kinds)
        area = f"{code}{dice.randrange(3):02d}"
        props = {"area_code": area, "area_name": area, "phenomenon": kind.phenomenon, "kind_code": kind.code}
        props |= {"kind_name": kind.name, "level": kind.level, "grade": kind.grade, "change": "issued"}
        said[f"{area}/{kind.phenomenon}"] = (f"{area}/{kind.phenomenon}", code, props, None)
    told = {"incident": INCIDENT, "as_of": "2026-08-01T07:30:00+09:00"}
    counts = {name: reported(n) for n, name in enumerate(list(damage_items())[:15])}
    summary = {"evacuees": reported(5), "shelters_open": reported(2), **told}
    coasts = [(f"e/{code}", None, _coast(code), None) for code in tsunami_coasts()]
    now = {
        "weather_warning": table("weather_warning", said.values()),
        "evacuation_summary": table("evacuation_summary", [(code, code, summary, None) for code in codes]),
        "damage_count": table("damage_count", [(code, code, counts | told, None) for code in codes]),
        "tsunami_forecast": table("tsunami_forecast", coasts),
    }
    areas = table("municipality", [(code, code, {"name": code}, _area(n)) for n, code in enumerate(codes)])
    return now, Sightings(areas, [AT - timedelta(days=900)] * len(areas), [None] * len(areas))


def _coast(code: str) -> dict[str, Any]:
    return {"coast_code": code, "coast_name": tsunami_coasts()[code], "grade": "warning", "event_id": "e"}


def _area(n: int) -> bytes:
    wkb: bytes = shapely.to_wkb(shapely.Point(130 + n % 50 / 10, 32 + n // 50 / 10).buffer(0.05, quad_segs=125))
    return wkb


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warnings", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    now, areas = world(options.warnings)
    seen = {"municipality": areas}
    made = municipality_situation.table(now, seen, AT)
    props = [json.loads(text) for text in made.props]
    frame = geopandas.GeoDataFrame(props, geometry=geopandas.GeoSeries.from_wkb(made.geometry), crs=4326)
    results: dict[str, list[float]] = {
        "warnings alone": [],
        "warnings, figures, tsunami": [],
        "geopandas.to_json": [],
    }
    some = {"weather_warning": now["weather_warning"]}
    for _ in range(options.rounds):
        results["warnings alone"].append(timed(lambda: municipality_situation.table(some, seen, AT)))
        results["warnings, figures, tsunami"].append(timed(lambda: municipality_situation.table(now, seen, AT)))
        results["geopandas.to_json"].append(timed(frame.to_json))
    middle = medians(results)
    peer = middle["geopandas.to_json"]
    ratios = {
        "picture / geopandas.to_json of it (at most 1.5)": middle["warnings, figures, tsunami"] / peer,
        "of warnings alone / geopandas.to_json (at most 0.8)": middle["warnings alone"] / peer,
    }
    show(results, ratios, as_json=options.json)


if __name__ == "__main__":
    main()
