"""Keys and passwords of Airflow on one machine, made once, in files that one account can read.

Airflow would make them itself, and print the passwords (`SimpleAuthManager.init` of apache-airflow-core 3.3.2, for
every configured user who is not in its file). Here nothing is printed, logged or put on a command line.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from bousai.errors import BousaiError, UsageError

JWT, SECRET, FERNET = "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__FERNET_KEY"
NAMES = (JWT, SECRET, FERNET)
USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"
PASSWORDS_FILE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
DEFAULT_USERS = "admin:admin,operator:op,viewer:viewer"
ROLES = ("viewer", "user", "op", "admin")
_LETTERS = "abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789"  # none that look alike on paper
_PASSWORD_LENGTH = 20


def stated(name: str, environ: Mapping[str, str]) -> bool:
    """Whether a person has given this setting of Airflow, as a value, a command or a secret's name."""
    return any(environ.get(f"{name}{ending}") for ending in ("", "_CMD", "_SECRET"))


def users(environ: Mapping[str, str]) -> dict[str, str]:
    """Name → role of everyone who may log in. Raises `UsageError`."""
    text = environ.get(USERS) or DEFAULT_USERS
    found = {}
    for entry in text.split(","):
        name, _, rest = entry.strip().partition(":")
        role = rest.partition(":")[0].lower()
        if not re.fullmatch(r"[A-Za-z0-9_.@-]+", name) or role not in ROLES or name in found:
            raise UsageError(f"{USERS}: {entry.strip()!r} is no user", remedy=f"write it as: {DEFAULT_USERS}")
        found[name] = role
    return found


def keys(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The three keys as environment variables: the ones of `folder`/secrets.env, made where they are missing. What
    the environment states is not made and not given. Raises `BousaiError`."""
    wanted = [name for name in NAMES if not stated(name, environ)]
    if not wanted:
        return {}
    path = folder / "secrets.env"
    found = _parsed(path)
    missing = [name for name in wanted if name not in found]
    if missing:
        found |= {name: _key(name) for name in missing}
        lines = [
            "# Keys of Airflow on this machine. Whoever reads them can do anything in it: keep this file private.",
            *(f"{name}={value}" for name, value in found.items()),
        ]
        _write(path, "\n".join(lines) + "\n")
    return {name: found[name] for name in wanted}


def passwords(folder: Path, environ: Mapping[str, str]) -> Path:
    """The file with a password for every user: new users are added, passwords that are there stay. Raises
    `BousaiError`."""
    path = passwords_path(folder, environ)
    found = read_passwords(path)
    missing = [name for name in users(environ) if name not in found]
    if missing or not path.exists():
        found |= {name: "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH)) for name in missing}
        _write(path, json.dumps(found) + "\n")
    return path


def passwords_path(folder: Path, environ: Mapping[str, str]) -> Path:
    """Where the passwords are: a file that the person named, or ours."""
    named = environ.get(PASSWORDS_FILE)
    return Path(named).absolute() if named else folder / "passwords.json"


def read_passwords(path: Path) -> dict[str, str]:
    """User → password; empty where there is no file. Raises `BousaiError`."""
    text = _read(path)
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise BousaiError(f"{path} is not a list of passwords", remedy=f"move {path} away: a new one is made")
    return found


def why_exposed(path: Path) -> str | None:
    """Why others could read or replace a secret file; None where they cannot, or there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return "is not a plain file"
    if found.st_uid != os.geteuid():
        return "belongs to somebody else"
    if found.st_mode & 0o077:
        return f"can be used by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return None


def exposed_remedy(path: Path) -> str:
    """What to do about it."""
    return f"chmod 600 {path}; if others were on this machine, delete it instead: a new one is made"


def _read(path: Path) -> str:
    why = why_exposed(path)
    if why is not None:
        raise BousaiError(f"{path} holds secrets and {why}", remedy=exposed_remedy(path))
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BousaiError(f"{path} cannot be read: {type(error).__name__}", remedy="see who owns it: ls -l") from None


def _parsed(path: Path) -> dict[str, str]:
    found = {}
    for line in _read(path).splitlines():
        name, equals, value = line.partition("=")
        if line.startswith("#") or not line.strip():
            continue
        if not equals or not value or not re.fullmatch(r"[A-Z0-9_]+", name):
            raise BousaiError(
                f"{path} holds a line that is not NAME=VALUE",
                remedy=f"correct it, or move {path} away: all are new then",
            )
        found[name] = value
    return found


def _key(name: str) -> str:
    from cryptography.fernet import Fernet  # 10 MB that the supervisor, which imports this package too, never needs

    return Fernet.generate_key().decode() if name == FERNET else secrets.token_hex(48)


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and at no moment readable by others."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise BousaiError(
            f"{path} cannot be written: {error.strerror}", remedy="give this account the folder, and room on the disk"
        ) from None
