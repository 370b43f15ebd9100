"""`AlertRule` (config/alerts/*.yml): of what we send messages, and `Subscription` (config/subscriptions/*.yml): to
whom."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from pydantic import Field as Key

from bousai.model.alert import CapSeverity


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AlertRule(_Strict):
    """When a message is sent, and what may send it.

    `type`: ``relay`` passes on what JMA or a municipality has issued, with issuer and level untouched; ``notice`` is
    a situation notice of our own (never a warning). `entries` names the function of `bousai.alert` that makes entries
    (area, grade, facts) of the items. A relay reads the `kinds` of one subject; `subject` is a regular expression
    over the scope whose group 1 names it. A notice reads `layers` as they are published.
    `grades`: the grades (vocab/data/cap_level.csv) that are told, the gravest first; `starts` those of them with
    which an area comes into a message (default all), in the others it stays in it: from warning to advisory is
    lowered, not over. `ends`: how a chain ends when nothing is in force; ``cancel`` where what happened cannot end,
    only be taken back. `lifetime` seconds until a message expires; `renew`: a message of which so little is left is
    sent again while what it tells goes on. `event_code` is of the OASIS Event Terms list 1.2. `category` of CAP
    3.2.2. `approvals`: how many people must approve (a relay: none). `dwell` seconds that a notice must hold before
    it is sent, and be gone before it is ended. `lapse` seconds after which an approval comes too late.
    `layer`: the layer that the message links.
    """

    id: str
    type: Literal["relay", "notice"]
    title_ja: str
    title_en: str
    entries: str
    kinds: tuple[str, ...] = ()
    subject: str | None = None
    layers: tuple[str, ...] = ()
    layer: str
    grades: tuple[str, ...] = Key(min_length=1)
    starts: tuple[str, ...] = ()
    ends: Literal["all_clear", "cancel"] = "all_clear"
    category: Literal["Geo", "Met", "Safety", "Rescue", "Infra", "Other"]
    event_code: str
    lifetime: int = Key(ge=600)
    renew: int = Key(default=0, ge=0)
    approvals: int = Key(default=0, ge=0, le=2)
    dwell: int = Key(default=0, ge=0)
    lapse: int = Key(default=7200, ge=60)
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.type == "relay":
            if not self.kinds or self.subject is None or self.layers:
                raise ValueError("a relay has kinds and a subject, and no layers")
            if self.approvals or self.dwell:
                raise ValueError("what JMA or a municipality issued is passed on at once: no approvals, no dwell")
            if re.compile(self.subject).groups != 1:
                raise ValueError("subject needs one group, which names the subject")
        elif not self.layers or self.kinds or self.subject is not None:
            raise ValueError("a notice has layers, and neither kinds nor subject")
        elif not self.approvals:
            raise ValueError("what we compose ourselves needs somebody's approval: approvals is 1 or 2")
        if not set(self.starts) <= set(self.grades):
            raise ValueError("starts are some of the grades")
        if self.renew >= self.lifetime:
            raise ValueError("renew is shorter than lifetime")
        return self

    @property
    def life(self) -> timedelta:
        """How long a message holds."""
        return timedelta(seconds=self.lifetime)


class WebhookChannel(_Strict):
    """A POST to an https address, signed after Standard Webhooks with the secrets (``whsec_…``, separated by spaces
    while a key is changed) in ``BOUSAI_WEBHOOK_<ID>``."""

    type: Literal["webhook"]
    url: str

    @field_validator("url")
    @classmethod
    def _https(cls, url: str) -> str:
        if not url.startswith("https://"):
            raise ValueError("an https address")
        return url


class EmailChannel(_Strict):
    """A mail to each of `to` through the server in ``BOUSAI_SMTP`` (``smtps://user:password@host:465`` or
    ``smtp://host:587``, which must offer STARTTLS unless it is this machine)."""

    type: Literal["email"]
    to: tuple[str, ...] = Key(min_length=1)


class MqttChannel(_Strict):
    """An MQTT 5 broker: each message on ``<topic>/messages/<identifier>`` and, retained, what is in force for each
    municipality on ``<topic>/state/<code5>/<chain>``, QoS 1. User and password are in ``BOUSAI_MQTT_<ID>``."""

    type: Literal["mqtt"]
    host: str = Key(min_length=1)
    port: int = Key(default=8883, ge=1, le=65535)
    tls: bool = True
    topic: str = Key(pattern=r"^[^+#\s]+$")


class Subscription(_Strict):
    """Who gets which messages, and how.

    `exercise`: it gets exercises and tests, and those alone; without it what is actual, and that alone. `munis` are
    5-digit codes or 2-digit prefectures, `rules` names of rules, empty: all. `least` is the lowest CAP severity;
    `language` that of mails. `per_hour`: no more messages than that, but for levels 4 and 5, tsunami and ends of
    what was sent, which nothing holds.
    """

    id: str = Key(pattern=r"^[a-z][a-z0-9_]*$")  # it is part of the names of variables
    title: str
    channel: Annotated[WebhookChannel | EmailChannel | MqttChannel, Key(discriminator="type")]
    exercise: bool = False
    munis: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    least: CapSeverity = "Minor"
    language: Literal["ja", "en", "easy"] = "ja"
    per_hour: int = Key(default=60, ge=1)

    def wants(self, rule: str, munis: tuple[str, ...]) -> bool:
        """Whether a message of this rule and for these municipalities (none: for no certain place, so for all) is
        for it."""
        if self.rules and rule not in self.rules:
            return False
        if not self.munis or not munis:
            return True
        return any(code.startswith(wanted) for code in munis for wanted in self.munis)
