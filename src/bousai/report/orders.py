"""Warnings and evacuation orders of each municipality: timelines, and how long the one came after the other.

警戒レベル: 内閣府 避難情報に関するガイドライン (2021-05). JMA's level is an equivalent (相当) and never means that a
municipality ordered anything: the two are kept apart. A municipality that gave no order is censored and not 0.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bousai.model import Claim
from bousai.report.cited import Citations
from bousai.report.document import Block, Cell, Column, Heading, Paragraph, Strip, Strips, Table, cell
from bousai.report.evidence import Evidence, areas_of, municipality_name
from bousai.report.observed import clock, lasted
from bousai.vocab.map_scale import scales
from bousai.vocab.tsunami_coast import coasts_of

_LEVEL_OF_ORDER = {
    "elderly_evacuate": 3,
    "prepare": 3,
    "evacuate": 4,
    "recommend": 4,
    "evacuate_urgent": 4,
    "emergency_safety": 5,
    "disaster_occurred": 5,
}
_HAZARDS = {
    "土砂災害": ("土砂", "landslide"),
    "大雨・洪水": ("洪水", "氾濫", "flood", "heavy_rain", "大雨", "豪雨", "浸水"),
    "高潮": ("高潮", "storm_surge"),
    "津波": ("津波",),
    "地震": ("地震",),
}
_FEW = 10
"""From so many values on a median has an interval (bootstrap); of fewer it would pretend to know."""


@dataclass(frozen=True, slots=True)
class Held:
    """A level that held for a municipality: `until` None where it was not over by what is known. `what` is the name
    as issued, `hazard` one of `_HAZARDS` or '' where nobody says."""

    muni: str
    level: int
    what: str
    hazard: str
    since: datetime
    until: datetime | None
    claim: Claim


def _hazard(*texts: object) -> str:
    told = " ".join(str(one) for one in texts if one)
    return next((name for name, words in _HAZARDS.items() if any(word in told for word in words)), "")


def _live(claims: Iterable[Claim], *kinds: str) -> list[Claim]:
    """What was true, each statement once, by the time from which it was."""
    found = {
        (one.scope, one.item_id, one.valid_from): one for one in claims if one.kind in kinds and one.retired is None
    }
    return sorted(found.values(), key=lambda one: (one.valid_from, one.revision))


def orders(claims: Iterable[Claim]) -> list[Held]:
    """Evacuation orders with a level, from when they were given."""
    found = []
    for one in _live(claims, "evacuation_order"):
        level = one.props.get("level") or _LEVEL_OF_ORDER.get(str(one.props.get("order")))
        if one.muni_code is None or not isinstance(level, int):
            continue
        told = one.props.get("ordered_at")
        since = datetime.fromisoformat(told) if isinstance(told, str) else one.valid_from
        names = {step.value: step.ja for step in scales()["evacuation"]}
        what = str(one.props.get("order_text") or names.get(str(one.props.get("order")), ""))
        hazard = _hazard(one.props.get("hazard")) or _hazard(one.props.get("incident"))
        found.append(Held(one.muni_code, level, what, hazard, since, one.until, one))
    return found


def warnings(claims: Iterable[Claim]) -> list[Held]:
    """What JMA issued, alone or with others, that has a level of 2 or more or is its equivalent."""
    found = []
    for one in _live(claims, "weather_warning", "landslide_warning", "river_flood"):
        level = one.props.get("level")
        if one.muni_code is None or not isinstance(level, int) or level < 2:
            continue
        what = str(one.props.get("kind_name") or "")
        hazard = _hazard(one.props.get("phenomenon"), one.props.get("condition"), what, one.kind)
        found.append(Held(one.muni_code, level, what, hazard, one.valid_from, one.until, one))
    return found


def tsunami_warnings(claims: Iterable[Claim], munis: Iterable[str]) -> list[Held]:
    """大津波警報 and 津波警報 of the coasts of some municipalities, which call for an order to evacuate (level 4).

    `munis` whose coast is not certain count only where they are in `claims` with an order: whether the warning was
    for them is not known of the others."""
    told = list(claims)
    ordered = {one.muni for one in orders(told)}
    coasts = {muni: coasts_of(muni) for muni in munis}
    found = []
    for one in _live(told, "tsunami_forecast"):
        if one.props.get("grade") not in ("major_warning", "warning"):
            continue
        what = str(one.props.get("kind_name") or "").partition("：")[0]
        for muni, matches in coasts.items():
            match = matches.get(str(one.props.get("coast_code")))
            if match == "municipality" or (match is not None and muni in ordered):
                found.append(Held(muni, 4, what, "津波", one.valid_from, one.until, one))
    return found


@dataclass(frozen=True, slots=True)
class Lead:
    """From a warning of a level to the order of the same level, hazard by hazard. `order` None: none is known."""

    muni: str
    hazard: str
    warning: Held
    order: Held | None

    @property
    def seconds(self) -> float | None:
        """Negative where the order came first."""
        return None if self.order is None else (self.order.since - self.warning.since).total_seconds()


def leads(given: Sequence[Held], issued: Sequence[Held], level: int) -> list[Lead]:
    """First warning of the level, and first order of it for the same hazard or for none that is named; of a tsunami
    also one for the earthquake."""
    found = []
    first: dict[tuple[str, str], Held] = {}
    for one in issued:
        if one.level >= level:
            first.setdefault((one.muni, one.hazard), one)
    for (muni, hazard), warning in sorted(first.items()):
        answers = (hazard, "", *(("地震",) if hazard == "津波" else ()))
        order = next((o for o in given if o.muni == muni and o.level >= level and o.hazard in answers), None)
        found.append(Lead(muni, hazard, warning, order))
    return found


def middle(values: Sequence[float]) -> tuple[float, tuple[float, float] | None] | None:
    """The median, and where there are ten or more its interval of 95 % (percentile bootstrap, fixed seed)."""
    if not values:
        return None
    median = statistics.median(values)
    if len(values) < _FEW:
        return median, None
    dice = random.Random(0)  # noqa: S311 - the same report from the same data
    drawn = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(1000))
    return median, (drawn[24], drawn[974])


def told_middle(values: Sequence[float], of: int) -> str:
    """``中央値 12分（95%区間 8分～20分、n=14/20、打ち切り6）``; says so where there is nothing."""
    found = middle(values)
    counted = f"n={len(values)}/{of}" + (f"、打ち切り{of - len(values)}" if of > len(values) else "")
    if found is None:
        return f"値なし（{counted}）"
    median, interval = found
    between = f"95%区間 {lasted(interval[0])}～{lasted(interval[1])}、" if interval else ""
    return f"中央値 {lasted(median)}（{between}{counted}）"


def sections(evidence: Evidence, cited: Citations) -> list[Block]:
    """The part on orders and warnings."""
    claims = evidence.lasting()
    given, issued = orders(claims), warnings(claims)
    blocks: list[Block] = [Heading("orders", 1, "避難情報と警報等")]
    if not given:
        words = "この期間・地域の避難情報の発令は記録にない。発令がなかったという意味ではない。"
        blocks.append(Paragraph(cell(words), "warning"))
    blocks += _timelines(evidence, "orders", "避難情報の発令状況（市町村別）", given, _ORDERS)
    if given:
        blocks.append(_list("orders-list", "発令と解除", given, evidence, cited))
    blocks += _timelines(evidence, "warnings", "警報等の警戒レベル（相当を含む、市町村別）", issued, _WARNINGS)
    if issued:
        blocks.append(_list("warnings-list", "警報等の発表と解除（レベル2以上）", issued, evidence, cited))
    tsunami = tsunami_warnings(claims, areas_of(evidence.incident))
    for level, order in ((4, "避難指示"), (3, "高齢者等避難")):
        pairs = leads(given, [*tsunami, *issued] if level == 4 else issued, level)
        if pairs:
            blocks.append(_leads(level, order, pairs, cited))
            values = [one.seconds for one in pairs if one.seconds is not None]
            blocks.append(Paragraph(cell(f"レベル{level}相当から{order}まで: {told_middle(values, len(pairs))}")))
    return blocks


_ORDERS = {3: "高齢者等避難（レベル3）", 4: "避難指示（レベル4）", 5: "緊急安全確保（レベル5）"}
_WARNINGS = {2: "レベル2", 3: "レベル3（相当）", 4: "レベル4（相当）", 5: "レベル5（相当）"}


def _timelines(
    evidence: Evidence, key: str, title: str, held: Sequence[Held], classes: dict[int, str]
) -> list[Block]:
    if not held:
        return []
    incident = evidence.incident
    numbers = {level: n for n, level in enumerate(classes)}
    rows = []
    for muni in sorted({one.muni for one in held}):
        spans = tuple(
            (max(one.since, incident.since), min(one.until or incident.until, incident.until), numbers[one.level])
            for one in sorted(held, key=lambda one: (one.level, one.since))
            if one.muni == muni and one.level in numbers and (one.until or incident.until) > incident.since
        )
        rows.append(Strip(municipality_name(muni), tuple(span for span in spans if span[0] < span[1])))
    alt = f"{len(rows)}市町村の時系列。帯の模様と文字で区分を示す。同じ内容が次の表にある。"
    since, until = incident.since, incident.until
    return [Strips(f"{key}-strips", title, alt, tuple(classes.values()), tuple(rows), f"{key}-list", since, until)]


def _list(key: str, title: str, held: Sequence[Held], evidence: Evidence, cited: Citations) -> Table:
    rows: list[list[Cell]] = [
        [
            cell(municipality_name(one.muni)),
            cell(one.what, *cited.of(one.claim)),
            cell(one.level),
            cell(str(one.claim.props.get("district_name") or one.claim.props.get("condition") or "") or None),
            cell(clock(one.since)),
            cell(clock(one.claim.opened.recorded_at)),
            cell("継続" if one.until is None or one.until > evidence.incident.until else clock(one.until)),
        ]
        for one in sorted(held, key=lambda one: (one.muni, one.since, one.level))
    ]
    columns = (
        Column("市町村"),
        Column("種別", weight=1),
        Column("レベル", "right"),
        Column("地区・対象の災害", weight=1),
        Column("発令・発表"),
        Column("記録"),
        Column("解除"),
    )
    return Table(key, title, columns, rows)


def _unnamed(order: Held) -> str:
    return "" if order.hazard else "（災害の種別の記載なし）"


def _leads(level: int, order: str, pairs: Sequence[Lead], cited: Citations) -> Table:
    rows: list[list[Cell]] = []
    for one in pairs:
        given = one.order
        rows.append(
            [
                cell(municipality_name(one.muni)),
                cell(one.hazard or "（記載なし）"),
                cell(clock(one.warning.since), *cited.of(one.warning.claim)),
                cell("記録なし（打ち切り）")
                if given is None
                else cell(clock(given.since) + _unnamed(given), *cited.of(given.claim)),
                cell(None if one.seconds is None else lasted(one.seconds)),
            ]
        )
    columns = (
        Column("市町村"),
        Column("災害"),
        Column(f"最初のレベル{level}相当"),
        Column(f"最初の{order}"),
        Column("時間", "right"),
    )
    note = "負の値は発令が先であったことを示す。発令の記録がないものは打ち切りで、0 ではない。"
    if level == 4:
        note += (
            "津波は大津波警報・津波警報から、津波または地震の避難指示まで。"
            "海岸との対応が確かな市町村と、発令した市町村を数える。"
        )
    return Table(f"lead-{level}", f"レベル{level}相当から{order}まで", columns, rows, heads=2, note=note)
