"""Content codings: which of them a client prefers, and which media types are worth packing (RFC 9110, 12.5.3)."""

from __future__ import annotations

import re

CODINGS = {"zstd": ".zst", "gzip": ".gz"}
"""The codings that are made here, the better one first, and the suffix of a file that has it."""

_TEXTS = re.compile(
    r"text/|[a-z]+/[a-z0-9.-]+\+(?:json|xml)\b|application/(?:json|xml|javascript|vnd\.oai\.openapi|geo\+json-seq)\b"
)


def compressible(media_type: str) -> bool:
    """Whether a media type is text; not a stream of events, each of which must leave at once."""
    return not media_type.startswith("text/event-stream") and _TEXTS.match(media_type.lower()) is not None


def preferred(accept: str | None) -> list[str]:
    """The codings that a client takes and likes no less than the plain bytes, the best first."""
    if not accept:
        return []
    weights: dict[str, float] = {}
    for one in accept.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        weights[{"x-gzip": "gzip"}.get(name, name)] = _weight(parameters)
    others = weights.get("*", 0.0)
    plain = weights.get("identity", 0.0)
    liked = [(weights.get(coding, others), coding) for coding in CODINGS]
    return [coding for weight, coding in sorted(liked, key=lambda one: -one[0]) if weight > 0 and weight >= plain]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
