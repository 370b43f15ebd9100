"""Prose without whom to ring: notices end in names and telephone numbers of staff, which are never kept."""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import normalize

_HEADING = re.compile(r"\s*.{0,20}?(?:問い?合わ?せ先?|連絡先|照会先)\s*:")
_PHONE = re.compile(r"(?<!\d)0\d{1,4}\s?[-()]\s?\d{1,4}\s?[-()]\s?\d{3,4}(?!\d)")
_EXTENSION = re.compile(r"内線\s*[:()]?\s*\d")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ー－", "-"))


class Prose(NamedTuple):
    """Text, and how many lines were left out of it."""

    text: str | None
    left_out: int


def without_contacts(text: str | None) -> Prose:
    """Drop the paragraph that a line like 「本件問い合わせ先：」 begins, and any line with a telephone number or an
    e-mail address. Everything else stays as it is.

    >>> without_contacts("停電します。\\n本件問い合わせ先：管理課　訓練太郎\\n　03-0000-0000\\n\\n以上")
    Prose(text='停電します。\\n\\n以上', left_out=2)
    >>> without_contacts("2026-01-02 から 09-12 時\\n問い合わせが増えています")
    Prose(text='2026-01-02 から 09-12 時\\n問い合わせが増えています', left_out=0)
    """
    if text is None:
        return Prose(None, 0)
    kept: list[str] = []
    left_out = 0
    in_contacts = False
    for line in text.splitlines():
        plain = normalize("NFKC", line).translate(_DASHES)
        in_contacts = bool(plain.strip()) and (in_contacts or bool(_HEADING.match(plain)))
        if in_contacts or _is_number(plain):
            left_out += 1
        else:
            kept.append(line)
    return Prose("\n".join(kept).strip() or None, left_out) if left_out else Prose(text.strip() or None, 0)


def _is_number(plain: str) -> bool:
    match = _PHONE.search(plain)
    is_phone = match is not None and len(re.sub(r"\D", "", match[0])) in (10, 11)
    return is_phone or bool(_EXTENSION.search(plain)) or bool(_MAIL.search(plain))
