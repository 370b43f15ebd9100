"""What may not be in the repository: addresses of package registries, secrets, machine paths, big or binary files."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]

# Written so that this file does not match itself.
REGISTRIES = r"p[y]pi[.]org|python[h]osted|n[p]mjs[.]org|deb[.]de[b]ian|[/]opt[/]p[y]pi"
MACHINE_PATHS = r"/w[o]rk/|/h[o]me/[a-z]|/f[a]rm/|/r[o]ot/"
SECRETS = (
    r"-----BEGIN [A-Z ]*PRIVATE K[E]Y|AK[I]A[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}"
    r"|(?i:passw(or)?d|secret|token)\s*[=:]\s*['\"][^'\"$\s{}<>]{8,}['\"]"
)


@cache
def tracked() -> list[Path]:
    """Files of the repository, committed or about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    return [path for name in listed.split("\0") if name and (path := PROJECT / name).is_file()]


def lines_with(pattern: str) -> list[str]:
    found = []
    for path in tracked():
        text = path.read_bytes()
        if b"\0" in text[:8192]:
            continue
        for number, line in enumerate(text.decode("utf-8", errors="replace").splitlines(), start=1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(PROJECT)}:{number}: {line.strip()[:100]}")
    return found


def test_no_package_registry_is_named() -> None:
    assert lines_with(REGISTRIES) == []


def test_no_path_of_a_machine() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_no_secret() -> None:
    assert lines_with(SECRETS) == []


def test_no_big_file() -> None:
    assert [str(path.relative_to(PROJECT)) for path in tracked() if path.stat().st_size > 1024 * 1024] == []


def test_binary_files_are_documents_of_exercises_or_tests() -> None:
    binary = [path.relative_to(PROJECT) for path in tracked() if b"\0" in path.read_bytes()[:8192]]
    assert [str(path) for path in binary if path.parts[0] not in {"exercises", "tests"}] == []


def test_one_yaml_suffix() -> None:
    assert [str(path.relative_to(PROJECT)) for path in tracked() if path.suffix == ".yaml"] == []


def test_nothing_is_left_for_later() -> None:
    code = [
        line
        for line in lines_with(r"NotImplementedE[r]ror|\bT[O]DO\b|\bF[I]XME\b")
        if line.split(":")[0].endswith(".py")
    ]
    assert code == []
