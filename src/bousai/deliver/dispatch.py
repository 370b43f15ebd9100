"""The wall between what is actual and what is not, then the fork to the ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from bousai.deliver import mail, mqtt, webhook
from bousai.deliver.parcel import Parcel
from bousai.errors import DeliveryError
from bousai.model import Subscription


def hand_over(
    subscription: Subscription,
    parcel: Parcel,
    *,
    environ: Mapping[str, str],
    sender: tuple[str, str],
    now: datetime,
) -> None:
    """Give a parcel to a subscriber; back when the receiver has taken it.

    Secrets and servers are in `environ` (see the channels in `model.alert_rule`). `sender` is (name, mail address),
    `now` aware. Raises `DeliveryError`: those of the ways, and two of its own that are not transient:
    ``wrong_status`` (an exercise for whom the actual is for, or the other way round), ``bad_identifier`` (CAP 1.2
    section 3.2.1: no spaces, commas, ``<``, ``&``; here also ASCII, as it stands in headers and topics).
    """
    gets = ("exercise", "test") if subscription.exercise else ("actual",)
    if parcel.status not in gets:
        raise DeliveryError(
            f"{subscription.id}: refused: {parcel.identifier} is {parcel.status!r}, and it gets {gets} alone",
            code="wrong_status",
            remedy="nothing was sent; whoever chose this subscriber for this message is wrong",
            transient=False,
        )
    if re.fullmatch(r"[!-~]+", parcel.identifier) is None or re.search('[,<>&"]', parcel.identifier):
        raise DeliveryError(
            f"{subscription.id}: {parcel.identifier!r} is no identifier of a CAP message",
            code="bad_identifier",
            remedy="nothing was sent; make the message anew with an identifier of letters, digits and .:-_",
            transient=False,
        )
    channel = subscription.channel
    match channel.type:
        case "webhook":
            webhook.send(subscription.id, channel, parcel, environ=environ, now=now)
        case "email":
            mail.send(subscription.id, channel, parcel, environ=environ, sender=sender, now=now)
        case "mqtt":
            mqtt.send(subscription.id, channel, parcel, environ=environ, now=now)
