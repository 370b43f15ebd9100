"""Names of facilities (施設名) taken apart, so that two spellings of one place can be told from two places.

Offices write one school as 「七尾市立山王小学校」, 「山王小」 and 「山王小学校（体育館）」, and two schools as
「東小学校」 and 「西小学校」. A name is therefore read as: who runs it (市立, 県立), what it was (旧), its own words
(山王), what it is (小学校), which part of it is meant (体育館) and what stands in brackets. Words:
data/facility_word.csv (role `head`: what a place is, `lead`: the same before the name, `part`: a part of it, `note`:
says nothing about which place); old and variant characters: data/kanji_variant.csv. What is made here is for
comparing only and never shown.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple
from unicodedata import normalize

from bousai.vocab import rows
from bousai.vocab.municipality import municipalities

_HAN = r"[一-鿿㐀-䶿々〆]"
_GA = re.compile(rf"(?<={_HAN})[ヶケがガヵ](?={_HAN})|[ヶヵ]|(?<=.)[がガケ](?=[丘原台])")
_NO = re.compile(rf"(?<={_HAN})[のノ之乃](?={_HAN})")
_LONG = re.compile(r"(?<=[ァ-ヺぁ-ゖ])[ー―‐\-−–—]")
_DASH = re.compile(r"[‐‑‒–—―−﹣]|(?<=\d)ー(?=\d)")
_KATAKANA = {ord("ぁ") + n: chr(ord("ァ") + n) for n in range(86)}
_SMALL = str.maketrans("ァィゥェォッャュョヮヴ", "アイウエオツヤユヨワブ")
_DIGIT = {digit: n for n, digit in enumerate("〇一二三四五六七八九")}
_COUNTED = re.compile(r"(?<=第)[一二三四五六七八九十]+|[一二三四五六七八九十]+(?=号|丁目|番地|組|班|階)")
_BRACKET = re.compile(r"[(\[【「『〔〈<《](?P<inner>[^()\[\]【】「」『』〔〕〈〉<>《》]*)[)\]】」』〕〉>》]")
_OPERATOR = re.compile(
    r"^(?:(?P<pref>県立|都立|府立|道立|県営)|(?P<muni>市立|町立|村立|区立|市営|町営|村営|公立|組合立)|(?P<other>国立|私立))"
)
_FORMER = re.compile(r"^旧(?=.)")  # 元 begins too many names (元町, 元八王子)
_FLOOR = r"地?下?\d+(?:階|F)(?:以上)?(?:[・、~]\d+(?:階|F))*|[A-Z]棟|\d号?棟"
_SITE = re.compile(r"(?<=.)跡地?$")
_STOREY = re.compile(r"(?<=\D)(?:地?下)?\d+(?:階|F)(?:以上)?$")
_JOIN = r"[ノ・、横前裏側等及ビト]|含ム|部分|以外|敷地内|周辺|第?\d+"
_SHORT = {"小": "小学校", "中": "中学校"}
_LEVELS = (
    ("小中", 3),
    ("小・中", 3),
    ("小学校", 1),
    ("小学部", 1),
    ("中学校", 2),
    ("義務教育", 3),
    ("高等学校", 4),
    ("高校", 4),
    ("大学", 8),
    ("高専", 8),
    ("支援学校", 16),
    ("幼稚園", 32),
    ("保育園", 64),
    ("保育所", 64),
    ("こども園", 128),
)


class PlaceName(NamedTuple):
    """A name taken apart; every text is in the form for comparing.

    `whole` is all of it without operator, municipality, 旧, parts and brackets; `stem` its own words, `head` what it
    is ("" where no known word says so), `group` the kind of thing that `head` is. `lead` is what it is by a word
    before the name, `operator` "pref", "muni", "other" or "". `numbers` stand in the name, `part_numbers` in the
    part. `inside` is what brackets say beside parts and notes. `levels` is a set of bits, one a level of school.
    """

    whole: str
    stem: str
    head: str
    group: str
    lead: str
    operator: str
    former: bool
    parts: frozenset[str]
    numbers: tuple[int, ...]
    part_numbers: tuple[int, ...]
    inside: tuple[str, ...]
    levels: int


class _Words(NamedTuple):
    head: dict[str, tuple[str, str]]
    lead: dict[str, tuple[str, str]]
    part: dict[str, str]
    note: frozenset[str]
    heading: re.Pattern[str]
    leading: re.Pattern[str]
    parts: re.Pattern[str]
    one_part: re.Pattern[str]


@cache
def _variants() -> dict[int, str]:
    return str.maketrans({row["variant"]: row["usual"] for row in rows("kanji_variant")})


def _number(written: re.Match[str]) -> str:
    """Kanji numerals up to 99 as digits."""
    tens, mark, ones = written[0].rpartition("十")
    if not mark:
        return "".join(str(_DIGIT[one]) for one in written[0])
    return str(_DIGIT.get(tens, 1) * 10 + _DIGIT.get(ones, 0))


@lru_cache(maxsize=1 << 16)
def comparable(text: str) -> str:
    """Text in one spelling: NFKC, no blanks, usual kanji, one ケ, no の between kanji, no long vowel marks, large
    katakana, numbers as digits.

    >>> comparable("南大吞地区コミュニティ－センター"), comparable("第二　錦が丘　ﾃﾞｨｻｰﾋﾞｽ")
    ('南大呑地区コミユニテイセンタ', '第2錦ケ丘デイサビス')
    """
    plain = "".join(normalize("NFKC", text).split()).translate(_variants()).upper()
    plain = _GA.sub("ケ", plain)
    plain = _NO.sub("", plain)
    plain = _LONG.sub("", plain)
    plain = _DASH.sub("-", plain)
    return _COUNTED.sub(_number, plain).translate(_KATAKANA).translate(_SMALL)


def _alternatives(words: dict[str, object] | frozenset[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


@cache
def _words() -> _Words:
    head: dict[str, tuple[str, str]] = {}
    lead: dict[str, tuple[str, str]] = {}
    part: dict[str, str] = {}
    note: set[str] = set()
    for row in rows("facility_word"):
        word = comparable(row["word"])
        if row["role"] == "head":
            head[word] = (row["means"], row["group"])
        elif row["role"] == "lead":
            lead[word] = (row["means"], row["group"])
        elif row["role"] == "part":
            part[word] = row["means"]
        else:
            note.add(word)
    tail = rf"(?:{_alternatives(dict(part))}|{_FLOOR}|{_JOIN})"
    return _Words(
        head,
        lead,
        part,
        frozenset(note),
        re.compile(rf"^(?P<stem>.*?)(?P<head>{_alternatives(dict(head))})(?P<tail>{tail}*)$"),
        re.compile(rf"^(?P<lead>{_alternatives(dict(lead))})(?=.)"),
        re.compile(rf"^{tail}+$"),
        re.compile(_alternatives(dict(part)) + rf"|{_FLOOR}"),
    )


@lru_cache(maxsize=4096)
def _prefixes(muni_code: str | None) -> tuple[tuple[str, ...], str]:
    """What may stand before a name in a municipality, longest first, and the short name of the municipality."""
    one = municipalities().get(muni_code or "")
    if one is None:
        return (), ""
    pref, name = comparable(one.pref), comparable(one.name)
    return (pref + name, name, pref), name[:-1]


def short_name(muni_code: str | None) -> str:
    """The name of a municipality without 市区町村, for comparing; "" where it is not known."""
    return _prefixes(muni_code)[1]


@lru_cache(maxsize=1 << 17)
def taken_apart(name: str, muni_code: str | None = None) -> PlaceName:
    """The parts of a name; the prefix of its municipality and prefecture is no part of it.

    >>> one = taken_apart("石川県立七尾高等学校（第２体育館・２階）", "17202")
    >>> one.stem, one.head, one.operator, sorted(one.parts), one.part_numbers
    ('七尾', '高校', 'pref', ['体育館'], (2,))
    >>> two = taken_apart("旧 第二中学校グラウンド"); two.stem, two.head, two.former, two.numbers, sorted(two.parts)
    ('2', '中学校', True, (2,), ['グラウンド'])
    """
    words = _words()
    plain = comparable(name)
    former = False
    if plain.startswith(("(旧)", "(元)")) and len(plain) > 3:
        former, plain = True, plain[3:]
    inside: list[str] = []
    parts: set[str] = set()
    part_numbers: list[int] = []

    def bracket(found: re.Match[str]) -> str:
        inner = found["inner"]
        if words.parts.match(inner):
            parts.update(words.part[word] for word in words.one_part.findall(inner) if word in words.part)
            part_numbers.extend(_numbers_of_parts(inner))
        elif inner and inner not in words.note:
            inside.append(inner)
        return ""

    outer = _BRACKET.sub(bracket, plain)
    outer = (_BRACKET.sub(bracket, outer) or plain).replace("高等学校", "高校")
    operator = ""
    for _ in range(3):  # 旧 stands before or after 市立
        cut = _FORMER.match(outer)
        if cut:
            former, outer = True, outer[cut.end() :]
        before = outer
        for prefix in _prefixes(muni_code)[0]:
            if outer.startswith(prefix) and len(outer) > len(prefix):
                rest = outer[len(prefix) :]
                if rest[0] in "立営" and len(rest) > 1:  # 七尾市立 and 石川県立 as 市立 and 県立
                    rest = prefix[-1] + rest
                outer = rest
                break
        said = _OPERATOR.match(outer)
        if said and len(outer) > said.end():
            operator = operator or (said.lastgroup or "")
            outer = outer[said.end() :]
        if outer == before:
            break
    left = _SITE.sub("", outer)
    if left != outer:
        former, outer = True, left
    leading = words.leading.match(outer)
    lead = ""
    if leading:
        lead = words.lead[leading["lead"]][0]
        outer = outer[leading.end() :]
    levels = 0
    for word, bit in _LEVELS:
        if comparable(word) in outer:
            levels |= bit
    found = words.heading.match(outer)
    if found is None and len(outer) >= 3 and outer[-1] in _SHORT and not levels:
        outer = outer[:-1] + _SHORT[outer[-1]]
        found = words.heading.match(outer)
        levels = 1 if outer.endswith("小学校") else 2
    if found is None:
        outer = _STOREY.sub("", outer) or outer
        stem, head, group, whole = outer, "", "", outer
        if lead:
            group = "介護" if lead != "こども園" else "こども園"
    else:
        stem = found["stem"]
        head, group = words.head[found["head"]]
        tail = found["tail"]
        whole = stem + comparable(head)
        parts.update(words.part[word] for word in words.one_part.findall(tail) if word in words.part)
        part_numbers.extend(_numbers_of_parts(tail))
    if stem.endswith("地区") and len(stem) > 2:
        stem = stem[:-2]
        whole = stem + comparable(head)
    stem = re.sub(r"第(?=\d)", "", stem)
    whole = re.sub(r"第(?=\d)", "", whole)
    return PlaceName(
        whole,
        stem,
        head,
        group,
        lead,
        operator,
        former,
        frozenset(parts),
        tuple(int(one) for one in re.findall(r"\d+", stem)),
        tuple(part_numbers),
        tuple(inside),
        levels,
    )


def says_what(text: str) -> bool:
    """Whether a comparable text has a word in it that says what a place is or which part of it.

    >>> says_what("ミナテラス"), says_what("デイサビスセンタ"), says_what("中島")
    (False, True, False)
    """
    words = _words()
    return any(word in text for word in (*words.head, *words.part, *words.lead))


def _numbers_of_parts(text: str) -> list[int]:
    """Numbers that tell one part from another (第2体育館, 1号館), not the floors."""
    return [int(one) for one in re.findall(r"\d+", re.sub(_FLOOR, "", text))]
