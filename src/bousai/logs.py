"""The log as lines for a person or, with BOUSAI_LOG=json, one JSON object a line for machines.

``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``; ``work`` of a piece of work (`pipeline.book.told`),
``access`` of a request (client, request, status, bytes, seconds), ``exception`` of an error. In either form no line
shows a password in an address, or what an environment variable of a secret holds. Tasks of the scheduler are not
concerned: their lines go into its log of the task, with the level that it has.
"""

from __future__ import annotations

import logging
import logging.config
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from bousai.settings import LogForm

_PASSWORD = re.compile(r"(://[^/@\s:]*):[^/@\s]+@")
_SECRET = re.compile(r"BOUSAI_(MQTT|WEBHOOK)_.+|.*(SECRET|PASSWORD|FERNET|TOKEN|ACCESS)(_KEY)?$")
_SHORTEST = 8  # shorter than this a secret is a word that stands anywhere
_MORE = ("work", "access")
_JSON = {"()": "bousai.logs.JsonLines"}


class Masked(logging.Formatter):
    """Lines for a person, without secrets. Those of the environment are looked up once, when logging is set up."""

    def __init__(self, fmt: str | None = None) -> None:
        super().__init__(fmt)
        self._secrets = _secrets(os.environ)

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return self.hide(super().format(record))

    def hide(self, text: str) -> str:
        """A text with *** for every secret in it."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _PASSWORD.sub(r"\1:***@", text)


class JsonLines(Masked):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.hide(record.getMessage()),
        }
        line |= {name: self._hidden(getattr(record, name)) for name in _MORE if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.hide(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {name: self._hidden(one) for name, one in value.items()}
        return [self._hidden(one) for one in value] if isinstance(value, (list, tuple)) else value


def _secrets(environ: Mapping[str, str]) -> list[str]:
    """What must not be shown, longest first: the values of secret variables, and passwords in addresses."""
    found = set()
    for name, value in environ.items():
        if _SECRET.fullmatch(name):
            # of a broker it is user:password, of a webhook there may be two with a blank between them
            found |= {value, value.partition(":")[2], *value.split()}
        if "://" in value:
            try:
                password = urlsplit(value).password or ""
            except ValueError:
                continue
            found |= {password, unquote(password)}
    return sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)


def configuration(form: LogForm) -> dict[str, Any]:
    """For `logging.config.dictConfig`: the log of `bousai serve`. Requests go to standard output, all else to
    standard error."""
    json = form == "json"
    plain = _JSON if json else _text("%(asctime)s %(levelname)s %(name)s: %(message)s")
    access = _JSON if json else _text("%(asctime)s %(message)s")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": plain, "access": access},
        "handlers": {
            "plain": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"},
            "access": {"class": "logging.StreamHandler", "formatter": "access", "stream": "ext://sys.stdout"},
        },
        "loggers": {
            "bousai": {"handlers": ["plain"], "level": "WARNING"},
            "bousai.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
            "uvicorn": {"handlers": ["plain"], "level": "WARNING", "propagate": False},
        },
    }


def _text(form: str) -> dict[str, str]:
    return {"()": "bousai.logs.Masked", "fmt": form}


def set_up(form: LogForm) -> None:
    """The log of a command, on standard error. As text it has warnings and errors, as JSON every piece of work."""
    if form == "text":
        if logging.lastResort is not None:  # what the library itself writes warnings with
            logging.lastResort.setFormatter(Masked())
        return
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": _JSON},
            "handlers": {
                "line": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}
            },
            "loggers": {"bousai": {"handlers": ["line"], "level": "INFO"}},
        }
    )


def said(form: LogForm, message: str, level: int = logging.INFO) -> str:
    """What a command says of itself to whoever started it, as a line of the log in its form."""
    formatter = JsonLines() if form == "json" else Masked()
    return formatter.format(logging.LogRecord("bousai", level, "", 0, message, None, None))
