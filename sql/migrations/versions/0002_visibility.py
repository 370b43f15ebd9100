"""Visibility: a scope has one state for each circle of readers. What was there before is public.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    if connection.dialect.name != "sqlite":
        visibility = sa.Column(
            "visibility", sa.Text(), nullable=False, server_default="public", comment="the circle whose state this is"
        )
        since = sa.Column(
            "since", big, nullable=False, server_default="0", comment="the first bulletin of this visibility"
        )
        op.add_column("scope", visibility)
        op.add_column("scope", since)
        op.alter_column("scope", "visibility", server_default=None)
        op.alter_column("scope", "since", server_default=None)
        op.drop_constraint("scope_once", "scope")
        op.create_unique_constraint("scope_once", "scope", ["status", "kind", "scope", "visibility"])
        return
    # SQLite cannot change a constraint: the table is made anew. Views that name it would stop its renaming;
    # `prepare` makes them again right after.
    views = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'view'").scalars().all()
    for name in views:
        connection.exec_driver_sql(f'DROP VIEW "{name}"')
        connection.exec_driver_sql("DELETE FROM gpkg_geometry_columns WHERE table_name = ?", (name,))
        connection.exec_driver_sql("DELETE FROM gpkg_contents WHERE table_name = ?", (name,))
    op.create_table(
        "scope_by_circle",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=True, comment="order key of the newest bulletin"),
        sa.Column(
            "state_by",
            big,
            nullable=True,
            comment="the bulletin whose members are just what is open now, if there is one",
        ),
        sa.Column("visibility", sa.Text(), nullable=False, comment="the circle whose state this is"),
        sa.Column("since", big, nullable=False, comment="the first bulletin of this visibility"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("status", "kind", "scope", "visibility", name="scope_once"),
    )
    connection.exec_driver_sql(
        "INSERT INTO scope_by_circle SELECT id, status, kind, scope, head, state_by, 'public', 0 FROM scope"
    )
    op.drop_table("scope")
    op.rename_table("scope_by_circle", "scope")
