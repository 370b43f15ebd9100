"""What a report is made of, as the corridor gathers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bousai.model import Claim, Incident, Message, Receipt, Work
from bousai.vocab.municipality import municipalities, prefecture_name


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """How a feed was read: the interval in seconds at which it is due, and its readings in the time of the
    incident, in order. `disabled`: it is never asked."""

    feed: str
    title: str
    credit: str
    every: int
    disabled: bool
    receipts: Sequence[Receipt]


@dataclass(frozen=True, slots=True)
class Sent:
    """A message with when people decided on it and when it was handed over (subscription, when, state)."""

    message: Message
    decisions: Sequence[tuple[str, str, datetime]]
    deliveries: Sequence[tuple[str, datetime | None, str]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the store knows of an incident as known at `known_at`.

    `claims` were stated in the time of the incident, in order of recording; `before` are those of earlier statements
    that held when it began, or later, by what was known at any time since. `titles` are kind → its Japanese title,
    `fields` kind → name of a property → its Japanese title. Of people in less than a municipality, no single figure
    from 1 to just below `small_below` is shown (秘匿処理); sums have them. `outlines` are WKB by municipality.
    """

    incident: Incident
    known_at: datetime
    claims: Sequence[Claim]
    before: Sequence[Claim]
    small_below: int
    titles: Mapping[str, str]
    fields: Mapping[str, Mapping[str, str]]
    outlines: Mapping[str, bytes]
    feeds: Sequence[FeedRecord]
    sent: Sequence[Sent]
    works: Sequence[Work]

    def lasting(self) -> list[Claim]:
        """`claims`, and before them what was so already when the incident began, by all that is known."""
        began = self.incident.since
        held = [one for one in self.before if one.retired is None and (one.until is None or one.until > began)]
        return [*held, *self.claims]

    def feed_title(self, feed: str) -> str:
        """The Japanese name of a feed; its id where it is unknown."""
        return next((one.title for one in self.feeds if one.feed == feed), feed)


def outline_credit(incident: Incident) -> str:
    """Whose the outlines of municipalities are: those of an exercise are made up."""
    if incident.status != "actual":
        return "市町村の形は訓練用の図形で、実際の区域ではない"
    return "行政区域: 国土数値情報（国土交通省）"


def municipality_name(code: str) -> str:
    """The name without its prefecture; the code where it is in no list."""
    known = municipalities().get(code)
    return code if known is None else known.name


def areas_of(incident: Incident) -> tuple[str, ...]:
    """The 5-digit codes of an incident, in the order of codes: of a prefecture all that are in force then, with wards
    of designated cities."""
    chosen = {code for code in incident.areas if len(code) == 5}
    prefectures = {code for code in incident.areas if len(code) == 2}
    on = incident.since.date()
    for code, one in municipalities().items():
        valid = (one.valid_from is None or one.valid_from <= on) and (one.valid_to is None or on <= one.valid_to)
        if code[:2] in prefectures and valid:
            chosen.add(code)
    return tuple(sorted(chosen))


def prefectures_of(incident: Incident) -> tuple[str, ...]:
    """The names of the prefectures that an incident lies in."""
    return tuple(prefecture_name(code) for code in sorted({code[:2] for code in incident.areas}))
