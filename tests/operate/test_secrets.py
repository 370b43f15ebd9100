"""Keys and passwords: made once, private at every moment, never shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bousai.errors import BousaiError, UsageError
from bousai.operate import secrets


def test_private_even_without_a_umask_kept_and_not_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = os.umask(0)
    try:
        made = secrets.keys(tmp_path, {})
        path = secrets.passwords(tmp_path, {})
    finally:
        os.umask(before)
    assert set(made) == set(secrets.NAMES)
    Fernet(made[secrets.FERNET])
    assert all(one.stat().st_mode & 0o777 == 0o600 for one in tmp_path.iterdir())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["passwords.json", "secrets.env"]
    passwords = json.loads(path.read_text())
    assert set(passwords) == {"admin", "operator", "viewer"}
    assert secrets.keys(tmp_path, {}) == made
    more = json.loads(secrets.passwords(tmp_path, {secrets.USERS: "admin:admin,night:op"}).read_text())
    assert more["admin"] == passwords["admin"]
    assert len(more["night"]) == 20
    assert capfd.readouterr() == ("", "")


def test_the_environment_wins(tmp_path: Path) -> None:
    made = secrets.keys(tmp_path, {secrets.JWT: "x" * 40, f"{secrets.FERNET}_CMD": "cat /run/key"})
    assert set(made) == {secrets.SECRET}


@pytest.mark.parametrize("name", ["secrets.env", "passwords.json"])
def test_what_others_can_read_is_refused(tmp_path: Path, name: str) -> None:
    secrets.keys(tmp_path, {})
    secrets.passwords(tmp_path, {})
    (tmp_path / name).chmod(0o640)
    make = secrets.keys if name == "secrets.env" else secrets.passwords
    with pytest.raises(BousaiError, match="can be used by others") as error:
        make(tmp_path, {})
    assert error.value.remedy.startswith(f"chmod 600 {tmp_path / name}")


def test_a_user_without_a_role_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="is no user"):
        secrets.users({secrets.USERS: "admin"})
