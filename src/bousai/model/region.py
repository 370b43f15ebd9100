"""A region: of where items are wanted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """`munis` are municipalities (5 digits of JIS X 0402), `box` is west, south, east, north in degrees (WGS 84 or
    JGD2011, which are the same here). None: all of them, and anywhere."""

    munis: frozenset[str] | None = None
    box: tuple[float, float, float, float] | None = None

    def has_muni(self, code: str | None) -> bool:
        """Whether a municipality is one of those that are wanted; nowhere (None) is not."""
        return self.munis is None or code in self.munis


EVERYWHERE = Region()
