"""What the store means, as pure functions: the order of bulletins, withdrawals, and state as runs in time.

The meaning in one line (docs/decisions/0002-store.md):

    state(scope, valid T, known K) = fold over the bulletins of the scope that are recorded by K, issued by
    T and not withdrawn by any withdrawal recorded by K, in order: complete → the state becomes its items;
    partial → the state is updated by its items; then what has ended or expired at T is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MSG_RANK = {"issue": "0", "correct": "1", "withdraw": "2"}
_SIGN = 1 << 62  # times before 1970 must sort before times after it


def order_key(
    issued_at: int, sent_at: int | None, serial: str | None, msg_type: str, digest: bytes, narrowness: int = 0
) -> str:
    """The total order of bulletins of one scope, as text that sorts: (issued, sent, serial, type, narrowness, hash).

    `narrowness` is 0 for a public bulletin, more for a narrower circle: of two that are issued together, the one that
    fewer may see says more.
    """
    number = (serial or "").strip()
    numbered = f"{int(number):010d}" if number.isascii() and number.isdigit() else f"{0:010d}{number}"
    sent = issued_at if sent_at is None else sent_at
    rank = _MSG_RANK[msg_type] + (f"~{narrowness}" if narrowness else "")  # "~" sorts behind "."
    return f"{issued_at + _SIGN:020d}.{sent + _SIGN:020d}.{numbered}.{rank}.{digest.hex()}"


@dataclass(frozen=True, slots=True)
class Said:
    """One recorded bulletin as the fold needs it: `items` are (item id, content hash, row, ended).

    `row` is a revision row that holds the content.
    """

    id: int
    order_key: str
    issued_at: int
    msg_type: str
    complete: bool
    source_event_id: str
    bulletin_type: str
    serial: str | None
    items: Sequence[tuple[str, bytes, int, bool]]


@dataclass(frozen=True, slots=True)
class Run:
    """One item holding one content from `valid_from` until `valid_to` (None: still), said by `stated_by`."""

    item_id: str
    digest: bytes
    row: int
    valid_from: int
    valid_to: int | None
    stated_by: int


def withdrawn(said: Iterable[Said]) -> set[int]:
    """Ids of bulletins that a later withdrawal (取消) of the scope takes out of valid time.

    A withdrawal targets what stands before it in the order with the same bulletin type and the same source
    event and, where it carries one, the same serial. Where the source gives no event id (JMA's weather
    warnings), it targets only the newest such bulletin that is not withdrawn yet: without an event there
    is nothing that would bind the earlier statements together. Times of arrival do not matter.
    """
    order = sorted(said, key=lambda b: b.order_key)
    out: set[int] = set()
    for n, w in enumerate(order):
        if w.msg_type != "withdraw":
            continue
        targets = [
            b.id
            for b in order[:n]
            if b.msg_type != "withdraw"
            and b.id not in out
            and b.bulletin_type == w.bulletin_type
            and b.source_event_id == w.source_event_id
            and (w.serial is None or w.serial == b.serial)
        ]
        out.update(targets if w.source_event_id else targets[-1:])
    return out


def runs(said: Iterable[Said]) -> list[Run]:
    """The whole valid-time history of a scope as it follows from all these bulletins."""
    everything = list(said)
    out_of_force = withdrawn(everything)
    effective = sorted(
        (b for b in everything if b.msg_type != "withdraw" and b.id not in out_of_force),
        key=lambda b: b.order_key,
    )
    state: dict[str, Run] = {}
    finished: list[Run] = []

    def end(item_id: str, at: int) -> None:
        run = state.pop(item_id, None)
        if run is not None and run.valid_from < at:
            finished.append(Run(run.item_id, run.digest, run.row, run.valid_from, at, run.stated_by))

    for b in effective:
        if b.complete:
            listed = {item_id for item_id, _, _, _ in b.items}
            for item_id in [i for i in state if i not in listed]:
                end(item_id, b.issued_at)
        for item_id, digest, row, ended in b.items:
            running = state.get(item_id)
            if running is not None and running.digest == digest and not ended:
                continue
            end(item_id, b.issued_at)
            if not ended:
                state[item_id] = Run(item_id, digest, row, b.issued_at, None, b.id)
    return finished + list(state.values())
