"""Small counts (秘匿処理): a figure that may point at single households is not shown to the public.

Below a municipality, a count of people or households from 1 to just below the threshold of config/release.yml becomes
``{"value": null, "state": "suppressed", "qualifier": "exact", "text": null}``, wherever in the feature it stands: its
own column, a claim in a list, an object within an object. 0 stays 0, and what is not known (調査中) stays what it is.
A plain number in a column of such a unit becomes null. A count of something nobody has decided about is taken for
people.

What this does not prevent. It is primary suppression only. Where a municipality's total is published and all of its
shelters but one show their figures, the difference is the one that is held back; two suppressed figures give away
their sum. That a source has said something new shows in the times of a feature, also where what changed is held
back. From the fact of suppression anybody knows that there is somebody, and how few at most. A figure that was
above the threshold before stays in the older versions below ``v/``. Totals are not held back for it: that the sum of
a municipality is right is worth more in a disaster than that nobody can subtract. Whoever must not be found is not to
be in a count that is published at all: that is for the source, and for the visibility of its statement.
"""

from __future__ import annotations

from typing import Any

from bousai.model import SmallRule
from bousai.vocab.count import without


def suppressed(props: dict[str, Any], rule: SmallRule) -> tuple[dict[str, Any], int]:
    """The properties of one feature below a municipality as the public may see them, and how many figures were held
    back."""
    total = 0
    shown = dict(props)
    small: set[str] = set()
    for name, value in props.items():
        if type(value) in _NO_COUNT:
            continue
        held = [0]
        shown[name] = _shown(name, value, rule, held)
        if held[0]:
            small.add(name)
            total += held[0]
    return shown | {name: None for name, of in rule.follows.items() if of in small and name in shown}, total


_NO_COUNT = frozenset((str, bool, type(None)))
_FIGURES = ("value", "min", "max", "lowest", "highest")


def _shown(name: str, value: Any, rule: SmallRule, held: list[int]) -> Any:
    """`name` is the nearest one above the value that says what is counted."""
    if isinstance(value, list):
        return [_shown(name, one, rule, held) for one in value]
    if isinstance(value, dict):
        return _object(name, value, rule, held)
    if name in rule.people and _small(value, rule):
        held[0] += 1
        return None
    return value


def _object(name: str, value: dict[str, Any], rule: SmallRule, held: list[int]) -> dict[str, Any]:
    said = value.get("attribute")
    name = said if isinstance(said, str) else name
    if "value" in value and "state" in value:
        if name not in rule.other and _small(value["value"], rule):
            held[0] += 1
            return {**value, **without("suppressed")}
        return value
    before = held[0]
    shown = dict(value)
    for key, one in value.items():
        if type(one) in _NO_COUNT:
            continue
        known = key in rule.people or key in rule.other
        number = isinstance(one, (int, float)) and key not in _FIGURES  # beside a figure stand ages and revisions
        shown[key] = one if number and not known else _shown(key if known else name, one, rule, held)
    if held[0] > before and isinstance(shown.get("text"), str):
        shown["text"] = None  # the wording of what stands beside it has the figure
    return shown


def _small(value: Any, rule: SmallRule) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < rule.below
