"""Suppressions of all tenants, and the history of every suppression, kept by the database itself."""

import sqlalchemy as sa
from alembic import op


revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "global_suppression",
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("recipient_key", "reason"),
    )
    op.create_table(
        "suppression_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("audience_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("suppression_change_of", "suppression_change", ["recipient_key", "tenant_id"])
    _remember_what_there_is()
    _note_changes("suppression", tenant="tenant_id", scope="scope", audience="audience_id", key="tenant_id, id")
    _note_changes(
        "global_suppression",
        tenant="NULL::bigint",
        scope="'global'",
        audience="NULL::bigint",
        key="recipient_key, reason",
    )


def _remember_what_there_is() -> None:
    op.execute(
        """INSERT INTO suppression_change (tenant_id, recipient_key, what, scope, audience_id, reason, source, detail,
                                           expires_at, actor, why, at)
           SELECT tenant_id, recipient_key, 'added', scope, audience_id, reason, source, detail, expires_at, source, '',
                  created_at
           FROM suppression ORDER BY tenant_id, id"""
    )


def _note_changes(table: str, *, tenant: str, scope: str, audience: str, key: str) -> None:
    """Write down each change in its own transaction, whichever statement makes it: no writer can forget to.

    Who and why are what the transaction has said of itself (`store.suppressions.acting`), else the row's own source.
    """
    columns = "tenant_id, recipient_key, what, scope, audience_id, reason, source, detail, expires_at, actor, why"
    told = f"""{tenant}, recipient_key, %s, {scope}, {audience}, reason, source, detail, expires_at,
               coalesce(nullif(current_setting('posthouse.actor', true), ''), source),
               coalesce(current_setting('posthouse.why', true), '')"""
    what = """CASE WHEN fresh.address IS NULL AND stale.address IS NOT NULL THEN 'address_erased'
                   WHEN fresh.expires_at <= now() AND (stale.expires_at IS NULL OR stale.expires_at > now()) THEN 'ended'
                   WHEN stale.expires_at <= now() AND (fresh.expires_at IS NULL OR fresh.expires_at > now()) THEN 'began_again'
                   WHEN fresh.expires_at IS DISTINCT FROM stale.expires_at THEN 'lasts_otherwise'
                   ELSE 'changed' END"""
    op.execute(
        f"""CREATE FUNCTION {table}_note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO suppression_change ({columns}) SELECT {told % "'added'"} FROM new_rows;
            ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO suppression_change ({columns}) SELECT {told % "'deleted'"} FROM old_rows;
            ELSE
                INSERT INTO suppression_change ({columns})
                SELECT {told % "what"} FROM (
                    SELECT fresh.*, {what} AS what
                    FROM new_rows AS fresh JOIN old_rows AS stale USING ({key})
                    WHERE fresh IS DISTINCT FROM stale) AS changed;
            END IF;
            RETURN NULL;
        END $$"""  # noqa: S608  # only our own names are put in
    )
    for event, rows in (
        ("INSERT", "NEW TABLE AS new_rows"),
        ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
        ("DELETE", "OLD TABLE AS old_rows"),
    ):
        op.execute(
            f"""CREATE TRIGGER {table}_{event.lower()} AFTER {event} ON {table} REFERENCING {rows}
                FOR EACH STATEMENT EXECUTE FUNCTION {table}_note()"""
        )
