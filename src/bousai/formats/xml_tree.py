"""XML from strangers as an element tree, and `Node`: elements whose children are popped as they are read.

Safety (OWASP XXE cheat sheet): no entity is resolved, no DTD is loaded, nothing is fetched, any DOCTYPE is
refused, libxml2's own limits on depth and amplification stay on, comments and processing instructions are
dropped. Only UTF-8 is accepted unless a format says otherwise: JMA, Atom and most others are so by specification.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from lxml import etree

from bousai.errors import ParseError
from bousai.formats import refusal
from bousai.model import Issue

_INDEX = re.compile(r"\[\d+\]")


def read(body: bytes, *, encodings: Collection[str] = ("UTF-8",)) -> etree._Element:
    """The root element of an XML document in UTF-8, or in one of `encodings` (upper case) that it declares.

    Raises `ParseError` with code ``empty``, ``html_instead_of_xml``, ``wrong_encoding``, ``doctype`` or
    ``not_xml`` (which includes a document that was cut off on the way).
    """
    start = body[:1024].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if not start and not body.removeprefix(codecs.BOM_UTF8).strip():
        raise refusal.empty()
    if start.startswith((b"<!doctype html", b"<html")):
        raise _html()
    try:
        root = etree.fromstring(body, _parser())
    except etree.XMLSyntaxError as error:
        raise _unreadable(body, start, error) from error
    docinfo = root.getroottree().docinfo
    if etree.QName(root).localname.lower() == "html":
        raise _html()
    if docinfo.internalDTD is not None:
        raise _doctype()
    if (docinfo.encoding or "UTF-8").upper() not in (*encodings, "UTF-8", "ASCII", "US-ASCII"):
        raise ParseError(f"encoding {docinfo.encoding} instead of UTF-8", code="wrong_encoding", remedy=refusal.AGAIN)
    return root


def _parser() -> etree.XMLParser:
    # One per document: a parser is not to be shared between threads, and making one costs microseconds.
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _html() -> ParseError:
    return refusal.page("an HTML page", "XML", "html_instead_of_xml")


def _doctype() -> ParseError:
    return ParseError(
        "the document has a DOCTYPE",
        code="doctype",
        remedy="ask the publisher: none of these formats uses one, and it can carry an attack",
    )


def _unreadable(body: bytes, start: bytes, error: etree.XMLSyntaxError) -> ParseError:
    if b"<html" in start:
        return _html()
    # An undefined entity is reported before the tree exists, so the DOCTYPE is looked for in the bytes.
    if b"<!doctype" in start:
        return _doctype()
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)  # not final: a cut within a letter is a cut
    except UnicodeDecodeError as wrong:
        return ParseError(f"not UTF-8 at byte {wrong.start}", code="wrong_encoding", remedy=refusal.AGAIN)
    declared = re.match(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w.:-]+)", start)
    if declared and declared[1] not in (b"utf-8", b"us-ascii"):
        return ParseError(
            f"declared as {declared[1].decode()}, not UTF-8", code="wrong_encoding", remedy=refusal.AGAIN
        )
    return ParseError(f"not well-formed XML: {' '.join(str(error).split())}", code="not_xml", remedy=refusal.AGAIN)


class Names(dict[str, str]):
    """Clark name → local name for elements of known namespaces; any other element keeps its Clark name.

    Prefixes therefore do not matter, and an element of a foreign namespace can never be taken for ours.

    >>> names = Names(["urn:a"])
    >>> names["{urn:a}Name"], names["{urn:b}Name"]
    ('Name', '{urn:b}Name')
    """

    def __init__(self, namespaces: Iterable[str], beginnings: Iterable[str] = ()) -> None:
        """`beginnings` are those of namespaces that end in a version (``…/evacuation3``)."""
        super().__init__()
        self._prefixes = (
            *(f"{{{namespace}}}" for namespace in namespaces),
            *(f"{{{beginning}" for beginning in beginnings),
        )

    def __missing__(self, tag: str) -> str:
        local = tag.rpartition("}")[2] if tag.startswith(self._prefixes) else tag
        if len(self) < 4096:  # a hostile document must not fill the memory with invented names
            self[tag] = local
        return local


class Node:
    """One element and those of its children that nobody has read yet.

    Reading pops: `text`, `one`, `all` and `drop` take children out, and `nothing_left` tells which ones
    stayed. Children are addressed by local name (see `Names`). `position` is the path from the document's
    root with 1-based indexes where an element repeats, e.g. ``Body/Tsunami/Forecast/Item[3]``.
    """

    __slots__ = ("_children", "_made", "_names", "element", "position")

    def __init__(self, element: etree._Element, position: str, names: Names, made: list[Node] | None = None) -> None:
        self.element = element
        self.position = position
        self._names = names
        self._made: list[Node] = [] if made is None else made
        self._made.append(self)
        children: dict[str, list[etree._Element]] = {}
        for child in element:
            name = names[child.tag]
            if name in children:
                children[name].append(child)
            else:
                children[name] = [child]
        self._children = children

    def __contains__(self, name: str) -> bool:
        return name in self._children

    def names(self) -> list[str]:
        """The names of the children that nobody has read yet, each once, in document order."""
        return list(self._children)

    def attribute(self, name: str) -> str | None:
        """An attribute of this element, stripped; None where it is absent or empty."""
        return (self.element.get(name) or "").strip() or None

    def own_text(self) -> str | None:
        """The text of this element itself, stripped; None where it is empty."""
        return (self.element.text or "").strip() or None

    def text(self, name: str) -> str | None:
        """Pop the first child `name`: its text, stripped; None where it is absent or empty."""
        found = self._children.get(name)
        if found is None:
            return None
        child = found[0]
        if len(child):  # an element where text was expected: leave it to be reported
            return None
        if len(found) == 1:
            del self._children[name]
        else:
            del found[0]
        text = child.text
        return (text.strip() or None) if text else None

    def one(self, name: str) -> Node | None:
        """Pop the first child `name` as a node; None where it is absent. Further ones stay to be reported."""
        found = self._children.get(name)
        if found is None:
            return None
        if len(found) == 1:
            del self._children[name]
            return Node(found[0], f"{self.position}/{name}", self._names, self._made)
        return Node(found.pop(0), f"{self.position}/{name}[1]", self._names, self._made)

    def all(self, name: str) -> Iterator[Node]:
        """Pop every child `name`, in document order."""
        for number, child in enumerate(self._children.pop(name, ()), start=1):
            yield Node(child, f"{self.position}/{name}[{number}]", self._names, self._made)

    def drop(self, *names: str) -> None:
        """Children that are deliberately not used."""
        for name in names:
            self._children.pop(name, None)

    def nothing_left(self) -> Iterator[Issue]:
        """What nobody read in this node and in every node made from it: one issue a distinct path, with a count."""
        left: Counter[str] = Counter()
        for node in self._made:
            for name, elements in node._children.items():
                left[_INDEX.sub("", f"{node.position}/{name}")] += len(elements)
        for path, count in sorted(left.items()):
            yield Issue(
                code="unread",
                cause=f"{path} was not read ({count} time{'s' if count > 1 else ''})",
                remedy="see whether the source has a new element and teach the parser to read or drop it",
                severity="info",
                position=path,
            )
