"""The ledger of what was done, and when a source says that it made what it answered.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("receipt", sa.Column("made_at", _BIG))
    op.create_table(
        "work",
        sa.Column("id", _BIG, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("verb", "subject", "reference")),
        sa.Column("started_at", _BIG, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("position", _BIG),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )
    op.create_index("work_verb", "work", ["verb", "started_at"])
    op.create_index("work_subject", "work", ["subject", "started_at"])
