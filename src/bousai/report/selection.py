"""Which claims belong to an incident, of those that state no municipality."""

from __future__ import annotations

from collections.abc import Sequence

from bousai.model import Claim, Incident
from bousai.report.evidence import areas_of, municipality_name, prefectures_of
from bousai.vocab.municipality import prefecture_name
from bousai.vocab.tsunami_coast import coasts_of

_SEISMIC = ("earthquake", "seismic_bulletin", "seismic_intensity")
_TSUNAMI = ("tsunami_forecast", "tsunami_arrival", "tsunami_observation")


def belonging(claims: Sequence[Claim], incident: Incident) -> list[Claim]:
    """The claims that are about an incident, in their order.

    * With a municipality of the incident: always.
    * Of an earthquake or a tsunami: of its own events, and of earthquakes that were felt in its municipalities; of a
      tsunami's coast sections those on which its municipalities lie.
    * Of a place that is named and has no code: where the name is, or begins with, a prefecture of the incident.
    * Without any place (an expressway, a headquarters of the government): where a document that speaks of the
      incident's prefectures names the same disaster.
    """
    munis = frozenset(areas_of(incident))
    prefectures = prefectures_of(incident)
    names = {municipality_name(code) for code in munis}
    others = tuple(name for name in _prefectures() if name not in prefectures)
    coasts = {coast for code in munis for coast in coasts_of(code)}
    events = set(incident.events) | {
        str(one.props.get("event_id")) for one in claims if one.kind == "seismic_intensity" and one.muni_code in munis
    }

    def here(claim: Claim) -> bool | None:
        if claim.muni_code is not None:
            return claim.muni_code in munis
        if claim.kind in _SEISMIC:
            return claim.kind != "seismic_intensity" and str(claim.props.get("event_id")) in events
        if claim.kind in _TSUNAMI:
            coast = claim.props.get("coast_code")
            return str(claim.props.get("event_id")) in events and (coast is None or coast in coasts)
        name = claim.props.get("area_name")
        if isinstance(name, str) and name:
            return name.startswith(prefectures) or (name in names and not name.startswith(others))
        return None

    told = [here(one) for one in claims]
    disasters = {one.props.get("incident") for one, yes in zip(claims, told, strict=True) if yes} - {None, ""}
    return [
        one
        for one, yes in zip(claims, told, strict=True)
        if yes or (yes is None and one.props.get("incident") in disasters)
    ]


def _prefectures() -> tuple[str, ...]:
    return tuple(prefecture_name(f"{n:02}") for n in range(1, 48))
