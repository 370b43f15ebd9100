"""The warnings that we gathered, telegram by telegram, against JMA's national roll-up of the same moment (VPWS50).

A telegram that was missed on the way leaves a hole that nobody sees: the last statement seems to stand. The roll-up
shows it. It is only compared: nothing of it ever becomes a warning, or each would be there twice.

    at = bulletin.issued_at  # of the roll-up
    summary = store.items(house.store, "weather_warning_summary", valid_at=at)
    state = store.items(house.store, "weather_warning", valid_at=at)
    before = store.items(house.store, "weather_warning", valid_at=at - consolidate.SETTLED)
    issues = consolidate.differences(summary, state, before)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from bousai.model import Issue, RevisionTable
from bousai.vocab import warning

SETTLED = timedelta(minutes=2)
"""What was issued or lifted within this time may or may not be in a roll-up yet; a real difference is in the next."""

CODES = ("warning_missing", "warning_grade", "warning_extra")
"""The codes of the issues that `differences` makes."""

_EXAMPLES = 5
_REMEDY = (
    "read the long index of feed jma_warning again; if the next roll-up says the same, compare with www.jma.go.jp"
    " and tell whoever uses the layer weather_warning"
)


class _Warning(NamedTuple):
    """What one table says of one municipality and phenomenon."""

    area: str
    kind_code: str | None
    kind_name: str
    severity: int

    def __str__(self) -> str:
        return f"{self.area} {self.kind_name}"


def differences(summary: RevisionTable, state: RevisionTable, before: RevisionTable) -> list[Issue]:
    """Where the roll-up (`summary`) says neither what we hold for its moment (`state`) nor for `SETTLED` earlier.

    All are of one status; `summary` and `state` are valid at the ReportDateTime of the roll-up. A summary without
    rows says that nothing is in force anywhere, so ask only where there is a roll-up. At most one issue of each kind,
    with a count and the gravest examples: ``warning_missing`` (in the roll-up alone), ``warning_grade`` (in both, of
    different kinds) and ``warning_extra`` (here alone, as after a 解除 that was missed). The causes name no time, so
    that a difference that lasts is one issue and not one every ten minutes.
    """
    if len({summary.status, state.status, before.status}) > 1:
        raise ValueError("tables of different status")
    if summary.valid_at != state.valid_at or before.valid_at > state.valid_at:
        raise ValueError("the roll-up and the warnings are not of the same moment")
    said, now, then = _warnings(summary), _warnings(state), _warnings(before)
    missing, grade = [], []
    for item_id, one in said.items():
        ours = [table[item_id] for table in (now, then) if item_id in table]
        if not ours:
            missing.append((one, str(one)))
        elif all(other.kind_code != one.kind_code for other in ours):
            grade.append((one, f"{ours[0]} instead of {one.kind_name}"))
    extra = [(one, str(one)) for item_id, one in now.items() if item_id in then and item_id not in said]
    return [
        *_issue("warning_missing", "in force by JMA's roll-up and not here", missing),
        *_issue("warning_grade", "of another kind than JMA's roll-up says", grade),
        *_issue("warning_extra", "in force here and not in JMA's roll-up", extra),
    ]


def _warnings(table: RevisionTable) -> dict[str, _Warning]:
    """By item id (area and phenomenon); where scopes overlap, the gravest that is said."""
    found: dict[str, _Warning] = {}
    for item_id, props in zip(table.item_id, table.props, strict=True):
        said: Mapping[str, Any] = json.loads(props)
        one = _Warning(
            area=said["area_name"] or said["area_code"],
            kind_code=said["kind_code"],
            kind_name=said["kind_name"] or said["phenomenon"],
            severity=warning.severity(said["grade"]),
        )
        if item_id not in found or one.severity > found[item_id].severity:
            found[item_id] = one
    return found


def _issue(code: str, what: str, found: Iterable[tuple[_Warning, str]]) -> list[Issue]:
    """One issue for all of a kind, the gravest first; none where there is none."""
    examples = [words for _, words in sorted(found, key=lambda pair: (-pair[0].severity, pair[1]))]
    if not examples:
        return []
    more = f" and {len(examples) - _EXAMPLES} more" if len(examples) > _EXAMPLES else ""
    number = "1 warning" if len(examples) == 1 else f"{len(examples)} warnings"
    return [Issue(code, f"{number} {what}: {', '.join(examples[:_EXAMPLES])}{more}", _REMEDY)]
