"""What a source's grade is in CAP: urgency, severity, certainty, response types, and what to do in plain words.

Table: data/cap_level.csv; one row a grade of one `source` of grades. Where a row has no names, the issuer's own stand
in the message. Levels (警戒レベル): 内閣府 避難情報に関するガイドライン (2021-05). The choice of urgency, severity
and certainty is this project's: no CAP profile for Japan has been published (the profiles of AU, CA and US are for
theirs).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from bousai.model import CapCertainty, CapSeverity, CapUrgency
from bousai.vocab import rows


class CapLevel(NamedTuple):
    """One grade. `level` is the 警戒レベル that it has or corresponds to, None where it has none."""

    grade: str
    level: int | None
    severity: CapSeverity
    urgency: CapUrgency
    certainty: CapCertainty
    response_types: tuple[str, ...]
    event_ja: str
    event_en: str
    instruction_ja: str
    instruction_en: str
    instruction_easy: str


@cache
def cap_levels() -> dict[str, CapLevel]:
    """``<source>/<grade>`` → its values.

    >>> cap_levels()["tsunami/major_warning"].severity, cap_levels()["evacuation/evacuate"].level
    ('Extreme', 4)
    """
    return {
        f"{row['source']}/{row['grade']}": CapLevel(
            row["grade"],
            int(row["level"]) if row["level"] else None,
            row["severity"],  # type: ignore[arg-type]  # tests/vocab holds them against the schema
            row["urgency"],  # type: ignore[arg-type]
            row["certainty"],  # type: ignore[arg-type]
            tuple(row["response_types"].split()),
            row["event_ja"],
            row["event_en"],
            row["instruction_ja"],
            row["instruction_en"],
            row["instruction_easy"],
        )
        for row in rows("cap_level")
    }
