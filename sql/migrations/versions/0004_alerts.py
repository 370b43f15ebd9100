"""Alerts: the messages, who decided on them, to whom they went, and how far the log has been read.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, _BIG, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", _BIG, primary_key=True, autoincrement=False),
        sa.Column("identifier", sa.Text, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        *(_text(name) for name in ("rule", "subject", "status", "phase", "state", "sender")),
        *(_big(name) for name in ("sent", "expires")),
        *(_text(name) for name in ("severity", "fingerprint")),
        sa.Column("entries", sa.LargeBinary, nullable=False),
        *(_big(name) for name in ("as_of", "cursor")),
        _text("author"),
        sa.Column("approvals", sa.Integer, nullable=False),
        sa.Column("bypass", sa.Boolean, nullable=False),
        *(_text(name) for name in ("munis", "headline_ja", "headline_en")),
        sa.Column("cap", sa.LargeBinary, nullable=False),
        _text("sha256"),
        *(_big(name) for name in ("issued_at", "recorded_at", "built_at")),
        *(_big(name, nullable=True) for name in ("released_at", "published_at", "not_before", "lapses_at")),
        sa.Column("went", _BIG, unique=True),
    )
    op.create_index("alert_chain", "alert", ["rule", "subject", "status"])
    op.create_index("alert_state", "alert", ["state", "expires"])
    op.create_table(
        "alert_decision",
        sa.Column("id", _BIG, primary_key=True, autoincrement=False),
        sa.Column("alert_id", _BIG, sa.ForeignKey("alert.id"), nullable=False),
        *(_text(name) for name in ("decision", "person", "sha256", "reason")),
        _big("decided_at"),
    )
    op.create_index("alert_decision_of", "alert_decision", ["alert_id"])
    op.create_table(
        "alert_delivery",
        sa.Column("alert_id", _BIG, sa.ForeignKey("alert.id"), primary_key=True),
        sa.Column("subscription", sa.Text, primary_key=True),
        _text("state"),
        sa.Column("attempts", sa.Integer, nullable=False),
        *(_big(name) for name in ("next_at", "made_at")),
        *(_big(name, nullable=True) for name in ("begun_at", "done_at")),
        *(sa.Column(name, sa.Text) for name in ("code", "cause", "remedy")),
    )
    op.create_index("alert_delivery_due", "alert_delivery", ["state", "next_at"])
    op.create_table(
        "alert_position",
        sa.Column("name", sa.Text, primary_key=True),
        _big("cursor"),
    )
