"""Fixtures of the ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deliver.parcels import Authority


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process trusts, and no other."""
    folder = tmp_path / "authority"
    folder.mkdir()
    one = Authority(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(one.pem))
    return one
