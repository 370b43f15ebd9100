"""What every format says of a document that is not even of its kind: nothing came, or a page for people did."""

from __future__ import annotations

from bousai.errors import ParseError

AGAIN = "fetch the original bytes again from the publisher"


def empty() -> ParseError:
    """Nothing came."""
    return ParseError("the document is empty", code="empty", remedy="fetch it again")


def page(found: str, promised: str, code: str) -> ParseError:
    """`found` (an HTML page) came instead of what was `promised` (XML, a table, JSON)."""
    return ParseError(
        f"{found} came instead of {promised}",
        code=code,
        remedy="the publisher shows an error or maintenance page: try again later",
    )
