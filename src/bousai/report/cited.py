"""The annex of sources: numbers that stay the same for the same evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bousai.model import Claim
from bousai.report.document import Source

_FEW = 3


class Citations:
    """Gives each source a number in the order in which it is first named."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._numbers: dict[tuple[str, str], int] = {}
        self._claims: list[tuple[Claim, bool]] = []

    def of(self, claim: Claim | None) -> tuple[int, ...]:
        """The row, line or element that says it; nothing where nothing does."""
        return () if claim is None else (self._number(("revision", str(claim.revision)), claim, whole=False),)

    def each(self, claims: Iterable[Claim]) -> tuple[int, ...]:
        """The same of several."""
        return tuple(dict.fromkeys(number for claim in claims for number in self.of(claim)))

    def nearest(self, claims: Sequence[Claim]) -> tuple[int, ...]:
        """Each of a few; of more the documents that say them."""
        return self.each(claims) if len(claims) <= _FEW else self.documents(claims)

    def documents(self, claims: Iterable[Claim]) -> tuple[int, ...]:
        """The documents that say it, each once: for what is put together from many of their lines."""
        return tuple(dict.fromkeys(self._number(("document", one.stated.sha256), one, whole=True) for one in claims))

    def _number(self, key: tuple[str, str], claim: Claim, *, whole: bool) -> int:
        if key not in self._numbers:
            self._claims.append((claim, whole))
            self._numbers[key] = len(self._claims)
        return self._numbers[key]

    def sources(self) -> tuple[Source, ...]:
        """All that were named."""
        return tuple(
            Source(
                number=n,
                reference=str(claim.revision),
                title=self._titles.get(claim.kind, claim.kind) + ("" if whole else f" {claim.item_id}"),
                issuer=claim.stated.issuer,
                feed=claim.stated.feed,
                issued_at=claim.stated.issued_at,
                known_at=claim.stated.recorded_at,
                document=claim.stated.document,
                sha256=claim.stated.sha256,
                url=claim.stated.url,
                position="" if whole else claim.position,
            )
            for n, (claim, whole) in enumerate(self._claims, start=1)
        )
