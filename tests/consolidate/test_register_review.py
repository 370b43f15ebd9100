"""What a person may say of two shelters, and what is refused."""

from __future__ import annotations

import pytest

from bousai.consolidate.register_review import checked
from bousai.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "kunren@example.jp",
        "ｋｕｎｒｅｎ＠ｅｘａｍｐｌｅ．ｊｐ",
        "0000-00-0000",
        "000(000)0000",
        "０００ー００００ー００００",
        "00000000000",
        "+81 00 0000 0000",
    ],
)
@pytest.mark.parametrize("what", ["role", "reason"])
def test_what_looks_like_personal_data_is_refused(what: str, text: str) -> None:
    with pytest.raises(UsageError, match="e-mail address or a telephone number") as raised:
        checked(what, f"防災課 {text}")  # type: ignore[arg-type]
    assert raised.value.remedy == "name a role (防災課) and a reason; no personal data is kept"


@pytest.mark.parametrize(
    "text",
    [
        "防災課",
        "共通ID E1720200012111 と kumamoto_portal/00001956 は同じ建物",
        "2026-11-05 18:00 に現地で確認、北緯37.041850度",
        "150 m 離れた 0201 番地",
    ],
)
def test_reasons_with_numbers_are_kept(text: str) -> None:
    assert checked("reason", f" {text}\n") == text


@pytest.mark.parametrize(
    ("what", "text"), [("role", " \n"), ("reason", ""), ("role", "課" * 61), ("reason", "a\x1bb")]
)
def test_a_role_and_a_reason_are_one_line(what: str, text: str) -> None:
    with pytest.raises(UsageError):
        checked(what, text)  # type: ignore[arg-type]
