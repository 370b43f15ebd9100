"""`Incident`: a named selection of what happened: a span of time, municipalities, events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bousai.model.bulletin import Status

LONGEST = timedelta(days=366)
"""Of this much a report is made at most; what goes on for years is several incidents."""


def _digits(code: str) -> str:
    if len(code) not in (2, 5) or not code.isascii() or not code.isdigit():
        raise ValueError(f"{code!r} is neither a prefecture (2 digits) nor a municipality (5 digits)")
    return code


class Incident(BaseModel):
    """What a report is about.

    `since` and `until` are aware, both included: what was issued in this time, and what holds in it. `areas` are
    codes of prefectures (2 digits, JIS X 0401) and municipalities (5 digits, JIS X 0402). `events` are the sources'
    own ids of events (JMA: EventID); those that have no municipality of their own, as earthquakes and tsunami, are in
    the report by them alone. `begins_at` is the moment from which delays are counted (an earthquake), where there
    is one;
    `moments` are those at which true and known are compared and maps are drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title_ja: str = Field(min_length=1)
    title_en: str = Field(min_length=1)
    since: datetime
    until: datetime
    areas: tuple[Annotated[str, AfterValidator(_digits)], ...] = Field(min_length=1)
    events: tuple[str, ...] = ()
    begins_at: datetime | None = None
    moments: tuple[datetime, ...] = ()
    status: Status = "actual"

    @model_validator(mode="after")
    def _span(self) -> Self:
        if any(
            one is not None and one.tzinfo is None for one in (self.since, self.until, self.begins_at, *self.moments)
        ):
            raise ValueError("times need an offset, such as 2024-01-01T16:10:00+09:00")
        if not timedelta(0) < self.until - self.since <= LONGEST:
            raise ValueError(f"until must be after since, by at most {LONGEST.days} days")
        return self
