"""Sources that name their documents in something made for people or for search: web pages and CKAN portals.

Both may point anywhere. What they name is asked for through `Client`, whose rules of hosts and addresses hold for
every document and every redirect; a refused address is an issue, never a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import msgspec

from bousai.catalogue import CkanSource, LinksSource
from bousai.errors import FetchError, ParseError
from bousai.fetch.visit import ASK_AGAIN, PASSING, Fetched, Visit, by_number, name_of
from bousai.formats import html_page
from bousai.model import Issue

_REFUSED_FOR = timedelta(hours=1)  # a dead link may stand on a page for years: it is not asked for at every poll
_ROWS = 100
_PAGES = 10


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────


def linked(visit: Visit, source: LinksSource) -> Iterator[Fetched | Issue]:
    """The documents that a page links to, each fetched once, in the order of their names."""
    page = yield from visit.read(source.url, _is_page)
    at = visit.now()
    wanted = [url for url in html_page.links(page, source.url) if re.fullmatch(source.pattern, name_of(url))]
    wanted.sort(key=lambda url: (by_number(name_of(url)), url))
    if not wanted:
        yield _nothing(source.url, f"the page links to no file whose name matches {source.pattern}")
    failed = {receipt.url: receipt for receipt in visit.ledger.failed(visit.feed.id, at - ASK_AGAIN)}
    # A link that has left the page is asked for again as long as it may have been the network's fault.
    missed = [url for url, receipt in failed.items() if url != source.url and receipt.error_code in PASSING]
    for url in dict.fromkeys([*missed, *wanted]):
        before = failed.get(url)
        given_up = before is not None and before.error_code not in PASSING
        if visit.ledger.has_document(url) or (
            before is not None and given_up and at - before.requested_at < _REFUSED_FOR
        ):
            continue
        yield from visit.once(url, "link_failed")


def _is_page(url: str, body: bytes) -> None:  # a page does not say when it was made
    try:
        html_page.links(body, url)
    except ParseError as error:
        raise FetchError(
            f"{url}: {error.cause}",
            code="not_a_page",
            remedy="it is asked again; if it stays so, look at the page and correct the feed",
        ) from error


def _nothing(url: str, cause: str) -> Issue:
    return Issue(
        "no_links",
        f"{url}: {cause}",
        "look at the page: if it has been rebuilt, correct the feed; if there is nothing to list, none needed",
        "warning",
        url,
    )


# ── CKAN ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Resource(msgspec.Struct):
    url: str | None = None
    name: str | None = None


class _Package(msgspec.Struct):
    resources: list[_Resource] = []


class _Result(msgspec.Struct):
    count: int
    results: list[_Package]


class _Answer(msgspec.Struct):
    success: bool
    result: _Result


def found(visit: Visit, source: CkanSource) -> Iterator[Fetched | Issue]:
    """The resources that a search names, read as files: on condition, and again when they have changed."""
    packages: list[_Package] = []
    count = 0
    for _ in range(_PAGES):
        query = {"q": source.query, "rows": _ROWS, "start": len(packages), "sort": "name asc"}
        url = f"{source.url.rstrip('/')}/api/3/action/package_search?{urlencode(query)}"
        result = _result(url, (yield from visit.read(url, _is_result)))
        packages += result.results
        count = result.count
        if len(packages) >= count or not result.results:
            break
    if len(packages) < count:
        yield Issue(
            "not_all_packages",
            f"{source.url}: {count} packages are found by {source.query!r}, {len(packages)} were read",
            "narrow the query of the feed",
            "warning",
            source.url,
        )
    resources = [resource for package in packages for resource in package.resources if resource.url]
    urls = sorted({str(one.url) for one in resources if _matches(one, source.pattern)}, key=_order)
    if not urls:
        what = f"no resource of {len(packages)} packages has a file name or title that matches {source.pattern}"
        yield _nothing(source.url, what)
    for error in (yield from visit.files(urls)):
        if not error.transient:
            yield Issue("link_failed", error.cause, error.remedy, "warning", source.url)


def _is_result(url: str, body: bytes) -> None:
    _result(url, body)


def _result(url: str, body: bytes) -> _Result:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _no_search(url, f"not the answer of a package_search: {' '.join(str(error).split())[:200]}") from error
    if not answer.success:
        raise _no_search(url, "the portal says that the search has failed")
    return answer.result


def _no_search(url: str, cause: str) -> FetchError:
    return FetchError(
        f"{url}: {cause}",
        code="not_an_index",
        remedy="it is asked again; if it stays so, look at the portal and correct the feed",
    )


def _matches(resource: _Resource, pattern: str) -> bool:
    names = [resource.name or "", _name(resource.url or "")]
    return any(re.fullmatch(pattern, name) for name in names)


def _name(url: str) -> str:
    try:
        return name_of(url)
    except ValueError:  # not an address: the client refuses it with a reason
        return url


def _order(url: str) -> tuple[list[tuple[int, str]], str]:
    return by_number(_name(url)), url
