"""What a table, an object or an archive has that nobody read: one issue a name. No value is lost in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bousai.model import Issue


def columns(present: Iterable[str], read: Iterable[str], where: str = "the table") -> Iterator[Issue]:
    """An issue ``unread`` for each of the `present` names (columns, members, files) that is not among those `read`.

    What is left out on purpose counts as read: a parser names it in its list, with the reason beside it.

    >>> [issue.cause for issue in columns(["名称", "新しい列"], ["名称"])]
    ["nobody reads '新しい列' of the table"]
    """
    known = set(read)
    for name in dict.fromkeys(present):
        if name not in known:
            yield Issue(
                "unread",
                f"nobody reads {name[:80]!r} of {where}",
                "see whether the source has something new and teach the parser to read or to drop it",
                "info",
                name[:80],
            )
