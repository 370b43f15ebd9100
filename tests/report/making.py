"""Claims made by hand, all of an exercise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bousai.model import Claim, Incident, MsgType, Telling
from bousai.report import Evidence
from bousai.vocab import count

BEGAN = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
"""10:00 in Japan."""


def after(**spans: float) -> datetime:
    """A time so long after the exercise began."""
    return BEGAN + timedelta(**spans)


def telling(
    number: int, at: datetime, *, recorded: datetime | None = None, msg_type: MsgType = "issue", document: str = ""
) -> Telling:
    """A bulletin of 訓練市, recorded a minute after its issue unless told otherwise."""
    name = document or f"kunren_{number}.xml"
    return Telling(
        number=number,
        msg_type=msg_type,
        bulletin_type="kunren",
        serial=None,
        issuer="【訓練】訓練市",
        feed="kunren",
        issued_at=at,
        recorded_at=recorded or at + timedelta(minutes=1),
        fetched_at=recorded or at + timedelta(seconds=50),
        document=name,
        sha256=f"{name:_<64}",
        url=f"file:{name}",
    )


def claim(
    kind: str,
    item: str,
    told: Telling,
    *,
    muni: str | None = "14201",
    since: datetime | None = None,
    until: datetime | None = None,
    closed: Telling | None = None,
    retired: Telling | None = None,
    **props: Any,
) -> Claim:
    """A claim that `told` makes; from its issue on unless told otherwise."""
    return Claim(
        revision=1000 + told.number,
        kind=kind,
        item_id=item,
        scope=f"kunren/{kind}",
        muni_code=muni,
        props=props,
        position="1",
        valid_from=since or told.issued_at,
        valid_to=until,
        expires_at=None,
        stated=told,
        opened=told,
        closed=closed,
        retired=retired,
    )


def number(value: int) -> dict[str, Any]:
    """A count that is reported."""
    return dict(count.reported(value))


def evidence(*claims: Claim, **given: Any) -> Evidence:
    """The evidence of an exercise in 神奈川県."""
    return Evidence(
        incident=Incident(
            id="kunren",
            title_ja="【訓練】訓練地震",
            title_en="EXERCISE",
            since=BEGAN - timedelta(hours=1),
            until=BEGAN + timedelta(days=2),
            areas=("14",),
            begins_at=BEGAN,
            status="exercise",
        ),
        known_at=given.pop("known_at", BEGAN + timedelta(days=3)),
        claims=claims,
        before=given.pop("before", ()),
        small_below=given.pop("small_below", 5),
        titles={},
        fields={},
        outlines={},
        feeds=given.pop("feeds", ()),
        sent=given.pop("sent", ()),
        works=given.pop("works", ()),
    )
