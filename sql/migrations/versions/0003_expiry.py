"""An index of what ends by itself: publishing asks it which layers the clock has moved.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("expires_at IS NOT NULL")
    op.create_index("revision_expires", "revision", ["expires_at"], sqlite_where=where, postgresql_where=where)
