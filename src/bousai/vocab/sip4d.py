"""SIP4D-ZIP: what the words of its List attributes mean.

Source: JSA-S1016:2023 災害情報共有のための共通データフレームワーク, as far as the checker of 防災科学技術研究所
states it (NIED-DIR/SIP4D-ZIP_Checker, templates 1, 1.1 and 2.0). Table: data/sip4d_value.csv; `code` may leave off
the last part where points, lines and areas share their words; `ja` is the word of the standard, `conn_attr` its name
in conn_attr_list, `also` a misspelling of that which the checker's own templates have (permanect, unknwon).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple
from unicodedata import normalize

from bousai.model import Visibility
from bousai.vocab import rows

VISIBILITY: dict[str, Visibility] = {
    "一般公開可能": "public",
    "災害対応機関のみ公開可能": "responders",
    "ＩＳＵＴ－ＳＩＴＥのみ公開可能": "isut",
}
"""openflg, as the standard writes it → whom a package is for."""


class Meaning(NamedTuple):
    """`value` is ours; `misspelt` says that the source wrote a known misspelling of the word."""

    value: str
    misspelt: bool = False


@cache
def _words() -> tuple[dict[tuple[str, str, str], str], dict[tuple[str, str, str], Meaning]]:
    words: dict[tuple[str, str, str], str] = {}
    names: dict[tuple[str, str, str], Meaning] = {}
    for row in rows("sip4d_value"):
        where = (row["code"], row["connid"])
        words[(*where, _plain(row["ja"]))] = row["value"]
        names[(*where, row["conn_attr"])] = Meaning(row["value"])
        if row["also"]:
            names[(*where, row["also"])] = Meaning(row["value"], misspelt=True)
    return words, names


def _plain(word: str) -> str:
    return "".join(normalize("NFKC", word).split())


def by_word(code: str, connid: str, word: str) -> str | None:
    """What a Japanese word of an attribute means, None where the standard has no such word. Width does not count.

    >>> by_word("01-001-01", "eststts", "開設"), by_word("01-005-02", "passstts", "通行止め・閉鎖")
    ('open', 'closed')
    >>> by_word("01-001-01", "trucksize", "２ｔトラック"), by_word("01-001-01", "eststts", "満員")
    ('2t', None)
    """
    words, _ = _words()
    return words.get((code, connid, _plain(word))) or words.get((code[:6], connid, _plain(word)))


def by_name(code: str, connid: str, name: str) -> Meaning | None:
    """What a name of conn_attr_list means, None where the standard has no such name.

    >>> by_name("01-006-01", "josetu", "permanect"), by_name("01-005-01", "passstts", "road_close")
    (Meaning(value='permanent', misspelt=True), Meaning(value='closed', misspelt=False))
    """
    _, names = _words()
    return names.get((code, connid, name)) or names.get((code[:6], connid, name))


@cache
def words(code: str, connid: str) -> dict[str, tuple[str, str]]:
    """What a List attribute can say: our value → its word and the word's name in conn_attr_list, in the order of the
    standard; empty where the attribute is no List.

    >>> words("01-001-01", "eststts")["open"], words("01-005-01", "passstts")["closed"], words("01-001-01", "name")
    (('開設', 'open'), ('通行止め・閉鎖', 'road_close'), {})
    """
    found: dict[str, tuple[str, str]] = {}
    for row in rows("sip4d_value"):
        if row["connid"] == connid and row["code"] in (code, code[:6]):
            found.setdefault(row["value"], (row["ja"], row["conn_attr"]))
    return found
