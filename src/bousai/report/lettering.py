"""The one font of charts and pages, how wide its letters are, and what to do with characters that it cannot show.

The font is the IPAex Gothic that ``matplotlib_fontja`` ships (IPA Font License): a machine without Japanese fonts
gives the same pages. A character without a glyph must not vanish: 〓 (geta) stands in its place, as printers do it.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FAMILY = "IPAexGothic"
GETA = "〓"


@cache
def font_file() -> Path:
    """Where the font is. The package is found but not imported: its import changes the settings of matplotlib.

    Raises FileNotFoundError where the installation lacks it.
    """
    spec = find_spec("matplotlib_fontja")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "fonts" / "ipaexg.ttf"
        if path.is_file():
            return path
    raise FileNotFoundError("ipaexg.ttf of matplotlib-fontja")


@cache
def _glyphs() -> dict[int, float]:
    """Code point → width of its glyph in em."""
    from fontTools.ttLib import TTFont

    with TTFont(font_file(), lazy=True) as font:
        widths, em = font["hmtx"], font["head"].unitsPerEm
        return {code: widths[name][0] / em for code, name in font.getBestCmap().items()}


def width(line: str) -> float:
    """How wide a line is in em, without kerning."""
    glyphs = _glyphs()
    return sum(glyphs.get(ord(one), 1.0) for one in line)


@cache
def _unseen(character: str) -> bool:
    """Whether it only controls others (zero width, direction, variant of a kanji)."""
    return unicodedata.category(character) in {"Cc", "Cf"} or unicodedata.name(character, "").startswith("VARIATION")


@cache
def _table() -> dict[int, str | None]:
    """For ``str.translate``: what is put in the place of a character; filled as characters are met."""
    return {ord("\t"): " ", ord("\r"): "\n", 0x2028: "\n", 0x2029: "\n"}


def printable(text: str) -> tuple[str, frozenset[str]]:
    """The text as the font can show it, and the characters that it cannot. Line breaks become ``\\n``.

    >>> shown, lost = printable("𠮷野")
    >>> shown, sorted(lost)
    ('〓野', ['𠮷'])
    """
    if text.isascii() and text.isprintable():
        return text, frozenset()
    text = text.replace("\r\n", "\n")
    table = _table()
    lost = set()
    for one in set(text):
        code = ord(one)
        if one == "\n" or one in "\t\r\u2028\u2029":
            continue
        if code not in _glyphs() or _unseen(one):
            table[code] = "" if _unseen(one) else GETA
            lost.add(one)
    return text.translate(table), frozenset(lost)
