"""Lists of shelters and the register of them made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely

from bousai.consolidate.shelter_places import KINDS
from bousai.model import RevisionTable, Sightings

AT = datetime(2026, 11, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(key: str, **said: Any) -> dict[str, Any]:
    """One entry; `_at`, `_until`, `_point`, `_muni` are those of its row."""
    own = {name: said.pop(f"_{name}", None) for name in ("at", "until", "point", "muni")}
    return {"key": key, "props": {"name": "訓練会館", "address": "七尾市訓練町1", **said}, **own}


def lists(entries: Sequence[Mapping[str, Any]]) -> dict[str, Sightings]:
    found = {}
    for kind in KINDS:
        rows = sorted((one for one in entries if one["key"].startswith(f"{kind}/")), key=lambda one: one["key"])
        made = stated(
            kind,
            {one["key"].removeprefix(f"{kind}/"): one["props"] for one in rows},
            points=[one["point"] for one in rows],
            issued=[one["at"] or AT for one in rows],
            munis=[one["muni"] or "17202" for one in rows],
        )
        found[kind] = Sightings(made, list(made.issued_at), [one["until"] for one in rows])
    return found


def stated(
    kind: str,
    items: Mapping[str, Mapping[str, Any]],
    points: Sequence[shapely.Point | None] | None = None,
    issued: Sequence[datetime] | None = None,
    munis: Sequence[str | None] | None = None,
) -> RevisionTable:
    n = len(items)
    return RevisionTable(
        kind=kind,
        status="actual",
        valid_at=AT,
        known_at=AT,
        revision=list(range(1, n + 1)),
        item_id=list(items),
        scope=["s"] * n,
        muni_code=list(munis or ["17202"] * n),
        props=[json.dumps(one) for one in items.values()],
        geometry=[None if one is None else shapely.to_wkb(one) for one in points or [None] * n],
        source=[f"{kind}_feed"] * n,
        issuer=["七尾市"] * n,
        issued_at=list(issued or [AT] * n),
        recorded_at=[AT] * n,
        bulletin_type=[kind] * n,
        serial=[None] * n,
        document=["list.csv"] * n,
        position=[f"line {row}" for row in range(n)],
    )


def kept(
    places: Mapping[str, Sequence[str]], ids: Mapping[str, tuple[str, str | None]] | None = None
) -> dict[str, RevisionTable]:
    """The register that puts these entries at these places; `ids` are further ids with state and target."""
    linked = {
        key: {
            "place_id": place_id,
            "verdict": "same" if len(keys) > 1 else "alone",
            "score": 0.9,
            "reasons": ["name=1.00"],
            "method": "m1",
            "decided_by": "rule",
            "decided_at": "2026-11-05T00:00:00.000+09:00",
            "against": None,
            "questions": [],
        }
        for place_id, keys in places.items()
        for key in keys
    }
    states = dict.fromkeys(places, ("active", None)) | dict(ids or {})
    said = {
        place_id: {"state": state, "redirect_to": target, "founder": "x", "since": "2026"}
        for place_id, (state, target) in sorted(states.items())
    }
    return {
        "shelter_member": stated("shelter_member", dict(sorted(linked.items()))),
        "shelter_place": stated("shelter_place", said),
        "register_decision": stated("register_decision", {}),
    }
