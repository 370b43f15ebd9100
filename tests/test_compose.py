"""docker-compose.yml: valid, pinned, closed to the outside, without secrets. No docker engine is needed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[1]
COMPOSE = PROJECT / "docker-compose.yml"
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file as compose sees it: anchors and merge keys resolved."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return document


def test_valid_against_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values()}
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.M))
    assert bases
    for image in images | bases:
        assert re.search(r":v?\d+\.\d+|:\d+-\d+\.\d+", image), f"{image}: a tag with a version, please"


def test_airflow_image_is_the_airflow_of_the_lock() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = (dep for dep in project["optional-dependencies"]["airflow"] if dep.startswith("apache-airflow=="))
    assert f"FROM apache/airflow:{wanted.partition('==')[2]}-python3.11\n" in DOCKERFILE
    assert f"image: bousai:{project['version']}\n" in COMPOSE.read_text(encoding="utf-8")


def test_what_the_image_copies_exists_and_is_sent() -> None:
    sent = {
        line[1:]
        for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", DOCKERFILE.replace("\\\n", ""), flags=re.M)
    copied = {name for line in lines for name in line.split()}
    assert copied == sent
    assert {name for name in copied if not (PROJECT / name).exists()} == set()


def test_the_image_has_the_libraries_of_the_set_up() -> None:
    """Those that scripts/setup.sh puts where the server finds them, from the same lock."""
    setup = (PROJECT / "scripts" / "setup.sh").read_text(encoding="utf-8")
    wanted = set(re.findall(r"maplibre-gl\.(?:\{js,css\}|LICENSE)|pmtiles\.js", setup))
    assert wanted == {"maplibre-gl.{js,css}", "maplibre-gl.LICENSE", "pmtiles.js"}
    for name in ("maplibre-gl.js", "maplibre-gl.css", "pmtiles.js", "maplibre-gl.LICENSE.txt"):
        assert name in DOCKERFILE
    assert "npm ci" in DOCKERFILE


def test_profiles(compose: dict[str, Any]) -> None:
    services = compose["services"]
    of = {
        profile: {name for name, service in services.items() if profile in service["profiles"]}
        for profile in ("local", "distributed")
    }
    assert of["local"] | of["distributed"] == set(services)
    both = {"postgis", "migrate", "api", "api-server", "dag-processor", "triggerer", "nginx"}
    assert of["local"] == both | {"scheduler"}
    assert of["distributed"] == both | {"scheduler-celery", "worker", "worker-house", "redis", "archive"}
    for name, service in services.items():
        for needed in service.get("depends_on", {}):
            assert set(service["profiles"]) <= set(services[needed]["profiles"]), f"{name} starts without {needed}"


def test_executors(compose: dict[str, Any]) -> None:
    def environment(name: str) -> dict[str, str]:
        found: dict[str, str] = compose["services"][name]["environment"]
        return found

    assert environment("scheduler")["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    for name in ("scheduler-celery", "worker"):
        assert environment(name)["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environment(name)["AIRFLOW__CELERY__BROKER_URL"].startswith("redis://redis:")
    # every component signs and checks with the same keys and sees the same data
    airflow = [name for name, service in compose["services"].items() if "build" in service]
    shared = (
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API__SECRET_KEY",
        "BOUSAI_STORE",
    )
    for key in shared:
        assert len({environment(name)[key] for name in airflow}) == 1
    assert len({tuple(compose["services"][name]["volumes"]) for name in airflow}) == 1


def test_the_databases_and_the_pools_are_there_before_anything_runs(compose: dict[str, Any]) -> None:
    """A task whose pool is not there never runs."""
    services = compose["services"]
    (command,) = services["migrate"]["command"]
    steps = [step.strip() for step in command.split("&&")]
    assert steps[:2] == ["airflow db migrate", "bousai prepare"]
    written = re.fullmatch(r"bousai pools --json > (\S+)", steps[2])
    assert written is not None
    assert steps[3:] == [f"airflow pools import {written[1]}"]
    for name, service in services.items():
        if "build" in service and name != "migrate":
            assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_folders_of_dags_and_plugins_are_those_of_the_image(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        if "build" in service:
            for name in ("dags", "plugins"):
                assert service["environment"][f"AIRFLOW__CORE__{name.upper()}_FOLDER"] == f"/opt/bousai/{name}"
                assert f" {name} {name}\n" in DOCKERFILE
    assert "\nWORKDIR /opt/bousai\n" in DOCKERFILE


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    seen = set()
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD$|SECRET|FERNET|TOKEN|_KEY$", key):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), f"{key} must come from the environment"
                seen.add(key)
            elif "://" in value and "@" in value:
                assert re.search(r"://\w+:\$\{[A-Z_]+:\?[^}]+\}@", value), f"{key} carries a password"
                seen.add(key)
    assert {"POSTGRES_PASSWORD", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"} <= seen


def test_published_ports_are_on_loopback(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in compose["services"]["postgis"]
    assert "ports" not in compose["services"]["redis"]
    assert compose["networks"]["inside"]["internal"] is True
