"""What is right and what is wrong with an installation: looked at, never changed. No secret is shown.

Production is an installation that others reach: BOUSAI_PUBLIC_URL is no loopback address, or a server is bound to one
that is none. What is a warning on a desk is an error there.
"""

from __future__ import annotations

import codecs
import ctypes
import ipaddress
import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from bousai import catalogue, pipeline
from bousai import settings as settings_module
from bousai.errors import BousaiError
from bousai.operate import secrets, status
from bousai.settings import NOBODY, PROJECT, Settings

Level = Literal["ok", "warning", "error"]
Looked = tuple[Level, str, str]

_SHORTEST_SECRET = 32
_SHORTEST_PASSWORD = 12
_GB = 1_000_000_000
_TIME_ERROR = 5  # adjtimex(2): the kernel's clock is not synchronised
_WEAK = ("airflow", "bousai", "postgres", "password", "changeme", "admin", "secret")
_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):([^/@\s]*)@")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `cause` and `remedy` are one line each; an "ok" has no remedy."""

    check: str
    level: Level
    cause: str
    remedy: str = ""


def examine(
    settings: Settings,
    environ: Mapping[str, str] | None = None,
    *,
    hosts: Sequence[str] = ("127.0.0.1",),
    ports: Sequence[int] = (8080, 8000),
) -> list[Finding]:
    """Everything that can be seen from here. `hosts` are the addresses that servers are bound to, `ports` the ones
    that `bousai up` would take. Raises nothing: a check that fails is a finding."""
    env = os.environ if environ is None else environ
    home = settings.data / "airflow"
    bound = [*hosts, *([env["AIRFLOW__API__HOST"]] if env.get("AIRFLOW__API__HOST") else [])]
    live = not (_loopback(urlsplit(settings.public_url).hostname or "") and all(map(_loopback, bound)))
    risk: Level = "error" if live else "warning"
    checks: list[tuple[str, Callable[[], Looked]]] = [
        ("settings", lambda: _settings(env)),
        ("catalogue", lambda: _catalogue(settings)),
        ("store", lambda: _store(settings)),
        ("data folder", lambda: _data(settings.data)),
        ("archive", lambda: _archive(settings)),
        ("disk", lambda: _disk(settings.data)),
        ("clock", _clock),
        *((f"file {path.name}", lambda path=path: _secret_file(path)) for path in _secret_files(settings, env)),
        ("login", lambda: _login(env, risk)),
        ("secrets", lambda: _secrets(env, risk)),
        ("publisher", lambda: _publisher(settings, risk)),
        ("public address", lambda: _public_url(settings, live)),
        ("playback", lambda: _playback(settings, risk)),
        ("debugging", lambda: _debugging(env, risk)),
        ("executor", lambda: _executor(settings, env)),
        ("database password", lambda: _database_passwords(settings, env, risk)),
        ("signature of alerts", lambda: _signature(settings)),
        ("parts", lambda: _parts(home)),
        *((f"port {port}", lambda port=port: _port(port, home)) for port in ports),
        ("versions", _versions),
        ("text encoding", _encoding),
    ]
    return [_found(name, look) for name, look in checks]


def settings_table(environ: Mapping[str, str] | None = None) -> list[tuple[str, str, str, str]]:
    """Every setting: name, value as it may be shown ("" where it is not set), default, what it is for."""
    env = os.environ if environ is None else environ
    rows = [(name, masked(env.get(name, "")), default, what) for name, default, what in _SETTINGS]
    more = sorted(name for name in env if name.startswith(("BOUSAI_MQTT_", "BOUSAI_WEBHOOK_")))
    return rows + [(name, "***", "", "secret of a broker or a receiver") for name in more]


def masked(text: str) -> str:
    """A value without the password of an address in it."""
    return _PASSWORD.sub(r"\1:***@", text)


_SETTINGS = (
    ("BOUSAI_DATA", "./var", "folder of archive, public tree, store and logs"),
    ("BOUSAI_STORE", "sqlite:///<data>/bousai.gpkg", "the store: sqlite:///… or postgresql+psycopg://…"),
    ("BOUSAI_ARCHIVE", "<data>/archive", "folder or fsspec address of every byte that was fetched"),
    ("BOUSAI_RESPONDERS", "", "folder of the tree for disaster organisations; not set: none is written"),
    ("BOUSAI_PUBLIC_URL", "http://127.0.0.1:8000/public", "address of the public tree, for links"),
    ("BOUSAI_PUBLISHER", "", "who runs this installation: name <mail address>"),
    ("BOUSAI_CONFIG", "<project>/config", "folder of feeds, layers, rules and subscriptions"),
    ("BOUSAI_PLAYBACK", "", "address of a local server that plays recorded documents instead of the sources"),
    ("BOUSAI_CAP_KEY", "", "PEM file of the key that signs alerts (mode 0600)"),
    ("BOUSAI_CAP_CERTIFICATE", "", "PEM file of its certificate"),
    ("BOUSAI_LOG", "text", "form of the log of bousai serve and of commands: text, or json (an object a line)"),
    ("BOUSAI_SMTP", "", "mail server: smtps://user:password@host:465"),
)


def _found(name: str, look: Callable[[], Looked]) -> Finding:
    try:
        level, cause, remedy = look()
    except BousaiError as error:
        level, cause, remedy = "error", error.cause, error.remedy or "see the cause"
    except Exception as error:  # noqa: BLE001  (a check that cannot be made is a finding, not an end)
        level, cause, remedy = "error", f"cannot be checked: {type(error).__name__}", "report this with the command"
    return Finding(name, level, " ".join(masked(cause).split()), " ".join(masked(remedy).split()))


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _settings(env: Mapping[str, str]) -> Looked:
    settings_module.load(env)
    return "ok", "every setting can be read", ""


def _catalogue(settings: Settings) -> Looked:
    held = catalogue.load(settings.config)
    return "ok", f"{len(held.feeds)} feeds, {len(held.layers)} layers", ""


def _store(settings: Settings) -> Looked:
    try:
        at = pipeline.check_store(settings)
    except BousaiError as error:
        if error.remedy == "run: bousai prepare":
            return "warning", error.cause, "run: bousai prepare (bousai up does it)"
        raise
    return "ok", f"last statement recorded {at.isoformat()}" if at else "nothing has been recorded yet", ""


def _data(data: Path) -> Looked:
    there = next(path for path in (data, *data.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return (
            "error",
            f"{there} cannot be written by this account",
            "set BOUSAI_DATA, or give it the folder",
        )
    if there != data:
        return "ok", f"{data} is made at the first start", ""
    if data.stat().st_mode & stat.S_IWOTH:
        return "error", f"everybody may write to {data}", f"chmod o-w {data}"
    return "ok", f"{data} can be written by this account", ""


def _archive(settings: Settings) -> Looked:
    if "://" in settings.archive:
        import fsspec

        files, path = fsspec.core.url_to_fs(settings.archive)
        files.exists(path)
        return "ok", f"{masked(settings.archive)} answers", ""
    path = Path(settings.archive)
    there = next(one for one in (path, *path.parents) if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return "error", f"{there} cannot be written by this account", "set BOUSAI_ARCHIVE, or give it the folder"
    return "ok", f"{path} {'is there' if there == path else 'is made with the first document'}", ""


def _disk(data: Path) -> Looked:
    there = next(path for path in (data, *data.parents) if path.exists())
    total, _, free = shutil.disk_usage(there)
    said = f"{free / _GB:.1f} GB free of {total / _GB:.0f} GB at {there}"
    remedy = "make room, or set BOUSAI_DATA to a larger disk"
    if free < _GB:
        return "error", said, remedy
    return ("warning", said, remedy) if free < 10 * _GB or free < total / 10 else ("ok", said, "")


def _clock() -> Looked:
    """The kernel's own answer (adjtimex(2)); reading it changes nothing."""
    unknown = ("warning", "whether the clock is right is not known", "run chrony or systemd-timesyncd")
    if sys.platform != "linux":
        return unknown  # type: ignore[return-value]
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    if state == _TIME_ERROR:
        return "warning", "the kernel does not know that its clock is right", "run chrony or systemd-timesyncd"
    return unknown if state < 0 else ("ok", "the clock is kept in step", "")  # type: ignore[return-value]


def _secret_files(settings: Settings, env: Mapping[str, str]) -> list[Path]:
    home = settings.data / "airflow"
    found = [home / "secrets.env", secrets.passwords_path(home, env), PROJECT / ".env"]
    return found + ([settings.cap_key] if settings.cap_key else [])


def _secret_file(path: Path) -> Looked:
    why = secrets.why_exposed(path)
    if why is not None:
        return "error", f"{path} holds secrets and {why}", secrets.exposed_remedy(path)
    return "ok", f"{path} {'is private' if path.exists() else 'is not there'}", ""


def _yes(text: str | None) -> bool:
    return (text or "").strip().lower() in ("t", "true", "1", "yes", "on")


def _login(env: Mapping[str, str], risk: Level) -> Looked:
    name = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"
    if _yes(env.get(name)):
        return risk, "Airflow lets everybody in as administrator", f"unset {name}"
    if secrets.USERS in env and not env[secrets.USERS].strip():
        return "error", "Airflow has no user", f"unset {secrets.USERS}, or name users in it"
    return "ok", f"users {', '.join(secrets.users(env))}", ""


def _secrets(env: Mapping[str, str], risk: Level) -> Looked:
    for name in secrets.NAMES:
        if name in env and not env[name] and not secrets.stated(name, env):
            return risk, f"{name} is set and empty", f"unset it: bousai up makes one, or give it {_SHORTEST_SECRET}"
        value = env.get(name, "")
        if value and (len(value) < _SHORTEST_SECRET or len(set(value)) < 8):
            return risk, f"{name} is short or easy to guess", f"openssl rand -hex {_SHORTEST_SECRET} makes a good one"
    return "ok", "no key is short; what is not set is made by bousai up", ""


def _publisher(settings: Settings, risk: Level) -> Looked:
    if settings.publisher == NOBODY:
        return risk, "nobody is named as publisher", "set BOUSAI_PUBLISHER='○○県防災課 <bousai@example.jp>'"
    return "ok", settings.publisher[0], ""


def _public_url(settings: Settings, live: bool) -> Looked:
    parts = urlsplit(settings.public_url)
    if live and parts.scheme != "https":
        return "error", f"{settings.public_url} is not https", "put a proxy with TLS in front; set BOUSAI_PUBLIC_URL"
    return "ok", f"{settings.public_url}{'' if live else ' (this machine only)'}", ""


def _playback(settings: Settings, risk: Level) -> Looked:
    if settings.playback:
        return risk, "recorded documents are played instead of the sources", "unset BOUSAI_PLAYBACK"
    return "ok", "the sources themselves are asked", ""


def _debugging(env: Mapping[str, str], risk: Level) -> Looked:
    names = ("AIRFLOW__API__EXPOSE_STACKTRACE", "AIRFLOW__API__EXPOSE_CONFIG", "AIRFLOW__CORE__UNIT_TEST_MODE")
    found = [name for name in names if _yes(env.get(name))]
    found += [name for name in env if name.endswith("LOGGING_LEVEL") and env[name].upper() == "DEBUG"]
    if found:
        return risk, f"{', '.join(found)} shows what should not be seen", f"unset {' '.join(found)}"
    return "ok", "off", ""


def _executor(settings: Settings, env: Mapping[str, str]) -> Looked:
    executor = env.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    if "Local" not in executor and settings.store.startswith("sqlite"):
        return (
            "error",
            f"{executor} with an SQLite store: other machines do not see it",
            "set BOUSAI_STORE=postgresql+…",
        )
    return "ok", executor, ""


def _database_passwords(settings: Settings, env: Mapping[str, str], risk: Level) -> Looked:
    stated = {"BOUSAI_STORE": settings.store, **{name: env.get(name, "") for name in _DATABASES}}
    for name, address in stated.items():
        try:
            user, password = urlsplit(address).username, urlsplit(address).password
        except ValueError:
            continue
        if password is None:
            continue
        plain = unquote(password)
        if len(plain) < _SHORTEST_PASSWORD or plain.lower() in (*_WEAK, (user or "").lower()):
            return risk, f"the password in {name} is short or easy to guess", "openssl rand -hex 32 makes a good one"
    return "ok", "no weak one is in an address", ""


_DATABASES = (
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CELERY__BROKER_URL",
)


def _signature(settings: Settings) -> Looked:
    if settings.cap_key is None:
        return "warning", "alerts are not signed", "set BOUSAI_CAP_KEY and BOUSAI_CAP_CERTIFICATE"
    return "ok", f"alerts are signed with {settings.cap_key}", ""


def _parts(home: Path) -> Looked:
    found = status.read(home / "parts.json")
    if found is None or not status.running(found):
        return "ok", "the system is not running (bousai up starts it)", ""
    said = ", ".join(f"{part.name} {part.state}" for part in found.parts)
    if all(part.state == "running" for part in found.parts):
        return "ok", said, ""
    return "warning", said, "see the logs of those that are not running; they are started again by themselves"


def _port(port: int, home: Path) -> Looked:
    with socket.socket() as one:
        one.settimeout(1)
        answers = one.connect_ex(("127.0.0.1", port)) == 0
    if not answers:
        return "ok", "free", ""
    found = status.read(home / "parts.json")
    if found is not None and status.running(found):
        return "ok", "answers", ""
    return "warning", f"somebody else listens on port {port}", f"who: ss -ltnp 'sport = :{port}'"


def _versions() -> Looked:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return "error", f"Python {sys.version_info[0]}.{sys.version_info[1]}", "use Python 3.11, 3.12 or 3.13"
    try:
        installed = version("apache-airflow-core")
    except PackageNotFoundError:
        return "warning", "Airflow is not installed: bousai up cannot run", "run: make setup"
    lock = PROJECT / "requirements.lock"
    pinned = re.search(r"^apache-airflow-core==([^\s;]+)", lock.read_text("utf-8") if lock.exists() else "", re.M)
    if pinned and pinned[1] != installed:
        return "warning", f"Airflow {installed} is installed, {pinned[1]} is locked", "run: make setup"
    return "ok", f"Python {sys.version.split()[0]}, Airflow {installed}", ""


def _encoding() -> Looked:
    used = {codecs.lookup(name).name for name in (sys.getfilesystemencoding(), sys.stdout.encoding or "utf-8")}
    if used != {"utf-8"}:
        return "warning", f"text is written as {', '.join(sorted(used))}", "set LANG=C.UTF-8"
    return "ok", "UTF-8", ""
