"""Every unsafe setting is found, with a remedy; what is harmless on a desk is an error where others can reach it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bousai import settings
from bousai.operate import doctor
from bousai.operate.doctor import Finding

LIVE = {"BOUSAI_PUBLIC_URL": "https://bousai.example.jp/public", "BOUSAI_PUBLISHER": "県 <a@example.jp>"}


def found(data: Path, environ: dict[str, str], **more: tuple[str, ...]) -> dict[str, Finding]:
    env = {"BOUSAI_DATA": str(data), **environ}
    held = doctor.examine(settings.load(env), env, ports=(), **more)
    assert all(one.remedy for one in held if one.level != "ok")
    return {one.check: one for one in held}


@pytest.mark.parametrize(
    ("check", "environ"),
    [
        ("publisher", {"BOUSAI_PUBLISHER": ""}),
        ("public address", {"BOUSAI_PUBLIC_URL": "http://bousai.example.jp/public"}),
        ("playback", {"BOUSAI_PLAYBACK": "http://127.0.0.1:9"}),
        ("login", {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}),
        ("login", {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": " "}),
        ("debugging", {"AIRFLOW__API__EXPOSE_STACKTRACE": "True"}),
        ("secrets", {"AIRFLOW__API__SECRET_KEY": "short"}),
        ("secrets", {"AIRFLOW__API__SECRET_KEY": ""}),
        ("executor", {"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}),
        ("database password", {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://a:airflow@db/a"}),
    ],
)
def test_errors_in_production(tmp_path: Path, check: str, environ: dict[str, str]) -> None:
    assert found(tmp_path, LIVE)[check].level == "ok"
    one = found(tmp_path, LIVE | environ)[check]
    assert one.level == "error"
    assert "airflow@" not in one.cause + one.remedy


def test_a_desk_is_warned_and_a_bound_address_is_production(tmp_path: Path) -> None:
    assert found(tmp_path, {})["publisher"].level == "warning"
    assert found(tmp_path, {}, hosts=("0.0.0.0",))["publisher"].level == "error"  # noqa: S104


def test_files_of_secrets_and_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    path = tmp_path / "airflow" / "secrets.env"
    path.write_text("A=b\n")
    path.chmod(0o644)
    tmp_path.chmod(0o777)
    held = found(tmp_path, {})
    assert held["file secrets.env"].remedy.startswith("chmod 600")
    assert held["data folder"].level == "error"
    assert held["store"].level == "warning"
    assert not (tmp_path / "bousai.gpkg").exists()


def test_the_table_of_settings_hides_passwords_and_is_complete() -> None:
    rows = doctor.settings_table(
        {"BOUSAI_STORE": "postgresql+psycopg://me:topsecret@db/b", "BOUSAI_MQTT_X": "topsecret"}
    )
    assert "topsecret" not in str(rows)
    assert rows[1][:2] == ("BOUSAI_STORE", "postgresql+psycopg://me:***@db/b")
    text = Path(settings.__file__).read_text(encoding="utf-8")
    assert all(name in text or name == "BOUSAI_SMTP" for name, *_ in rows[:-1])
