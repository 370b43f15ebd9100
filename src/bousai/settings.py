"""Settings: one frozen object made by `load`, never at import. Everything is a ``BOUSAI_*`` variable."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from bousai.errors import UsageError

PROJECT = Path(__file__).resolve().parents[2]
NOBODY = ("bousai", "not-set@example.invalid")
"""The publisher where nobody has set one: an address that reaches nobody for certain (RFC 2606)."""


LogForm = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are.

    `data`      BOUSAI_DATA, default ./var: archive/, public/ and the embedded store live below it.
    `store`     BOUSAI_STORE, an SQLAlchemy URL; default ``sqlite:///<data>/bousai.gpkg``.
    `archive`   BOUSAI_ARCHIVE, a folder or fsspec address; default <data>/archive.
    `public`    <data>/public, the published tree.
    `responders` BOUSAI_RESPONDERS, the tree for disaster organisations; a relative name is below <data>, never below
                public/. Not set: no such tree is written.
    `public_url` BOUSAI_PUBLIC_URL, the address under which the tree is served, for links.
    `publisher` BOUSAI_PUBLISHER, who runs this installation, ``name <mail address>``: SIP4D-ZIP must name somebody.
    `config`    BOUSAI_CONFIG, the folder of feeds/ and layers/; default the project's own.
    `playback`  BOUSAI_PLAYBACK, address of a local feed server that plays recorded documents
                (``http://127.0.0.1:port``); every request then goes there and nowhere else.
    `cap_key`, `cap_certificate`  BOUSAI_CAP_KEY, BOUSAI_CAP_CERTIFICATE, PEM files: alerts are signed with this key
                (mode 0600), receivers pin this certificate. Not set: alerts are not signed.
    `log`       BOUSAI_LOG, ``text`` (default) or ``json``: one JSON object a line, of `bousai serve` and of commands.

    A feed of a broker with a password has it in BOUSAI_MQTT_<FEED>, which is read when it connects and kept nowhere.
    """

    data: Path
    store: str
    archive: str
    public: Path
    responders: Path | None
    public_url: str
    config: Path
    playback: str | None = None
    publisher: tuple[str, str] = NOBODY
    cap_key: Path | None = None
    cap_certificate: Path | None = None
    log: LogForm = "text"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (default ``os.environ``)."""
    env = os.environ if environ is None else environ
    data = Path(env.get("BOUSAI_DATA", "var")).absolute()
    responders = _responders(env.get("BOUSAI_RESPONDERS", ""), data)
    cap_key, cap_certificate = _cap_signature(env)
    return Settings(
        data=data,
        store=env.get("BOUSAI_STORE", f"sqlite:///{data / 'bousai.gpkg'}"),
        archive=env.get("BOUSAI_ARCHIVE", str(data / "archive")),
        public=data / "public",
        responders=responders,
        public_url=env.get("BOUSAI_PUBLIC_URL", "http://127.0.0.1:8000/public").rstrip("/"),
        config=Path(env.get("BOUSAI_CONFIG", PROJECT / "config")).absolute(),
        playback=env.get("BOUSAI_PLAYBACK", "").rstrip("/") or None,
        publisher=_publisher(env.get("BOUSAI_PUBLISHER", "")),
        cap_key=cap_key,
        cap_certificate=cap_certificate,
        log=log_form(env),
    )


def log_form(environ: Mapping[str, str] | None = None) -> LogForm:
    """The form of the log. Raises `UsageError`."""
    named = (os.environ if environ is None else environ).get("BOUSAI_LOG") or "text"
    if named == "json":
        return "json"
    if named == "text":
        return "text"
    raise UsageError(f"BOUSAI_LOG={named}: no form of a log", remedy="text or json")


def _cap_signature(env: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    """The files of key and certificate. Raises `UsageError` where there is one without the other, a file is missing,
    or
    others can read the key."""
    names = ("BOUSAI_CAP_KEY", "BOUSAI_CAP_CERTIFICATE")
    key, certificate = (Path(env[name]) if env.get(name) else None for name in names)
    if (key is None) != (certificate is None):
        raise UsageError("alerts are signed with a key and a certificate; one is missing", remedy=f"set {names}")
    for name, path in zip(names, (key, certificate), strict=True):
        if path is not None and not path.is_file():
            raise UsageError(f"{name}={path}: there is no such file", remedy="name a PEM file")
    if key is not None and key.stat().st_mode & 0o077:
        raise UsageError(f"BOUSAI_CAP_KEY={key}: others can read the key", remedy=f"chmod 600 {key}")
    return key, certificate


def _publisher(text: str) -> tuple[str, str]:
    """Name and mail address. Raises `UsageError`."""
    if not text:
        return NOBODY
    name, mail = parseaddr(text)
    if not name or not re.fullmatch(r"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+", mail):
        raise UsageError(
            f"BOUSAI_PUBLISHER={text}: no name with a mail address",
            remedy="write it as: BOUSAI_PUBLISHER='○○県防災課 <bousai@example.jp>'",
        )
    return name, mail


def _responders(named: str, data: Path) -> Path | None:
    """The folder of the responders tree. Raises `UsageError` where a web server of the public tree would serve it, or
    where writing it would mix the two."""
    if not named:
        return None
    folder, public = (data / named).resolve(), (data / "public").resolve()
    if folder.is_relative_to(public) or public.is_relative_to(folder):
        raise UsageError(
            f"BOUSAI_RESPONDERS={named}: the tree for responders cannot lie in {public}, or above it",
            remedy="BOUSAI_RESPONDERS=responders puts it beside the public tree",
        )
    return folder
