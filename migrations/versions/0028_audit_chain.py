"""Chain the audit: each entry carries the hash of the one before it, and none may be changed any more.

The hash is that of `core.audit_chain`. It is computed when a transaction commits, which is when a deferred trigger runs:
so the head of a tenant's chain is the last thing that a transaction locks, and it is held for the commit alone.
"""

import sqlalchemy as sa
from alembic import op


revision = "0028"
down_revision = "0027"

_GENESIS = "0" * 64

_DIGEST = """
CREATE FUNCTION audit_entry_digest(entry audit_entry, place bigint, previous text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(string_agg(
        convert_to(octet_length(convert_to(part, 'UTF8')) || ':' || part || ',', 'UTF8'), ''::bytea ORDER BY n)), 'hex')
    FROM unnest(ARRAY[previous, place::text, entry.tenant_id::text, entry.id::text,
                      (extract(epoch FROM entry.created_at) * 1000000)::bigint::text,
                      entry.actor, entry.action, entry.subject, entry.reason, entry.detail::text])
         WITH ORDINALITY AS said (part, n)
$$"""

_LINK = """
CREATE FUNCTION audit_entry_link() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    chain audit_chain;
    linked text;
BEGIN
    INSERT INTO audit_chain (tenant_id) VALUES (NEW.tenant_id) ON CONFLICT DO NOTHING;
    SELECT * INTO chain FROM audit_chain WHERE tenant_id = NEW.tenant_id FOR UPDATE;
    linked := audit_entry_digest(NEW, chain.length + 1, chain.head);
    UPDATE audit_entry SET position = chain.length + 1, hash = linked
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    UPDATE audit_chain SET length = chain.length + 1, head = linked WHERE tenant_id = NEW.tenant_id;
    RETURN NULL;
END $$"""

_REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only';
END $$"""

# The one change is the link itself, of an entry that has none. To be taken away an entry must stand behind the anchor.
_GUARD_ENTRY = """
CREATE FUNCTION audit_entry_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.hash IS NULL AND OLD.position IS NULL
           AND (NEW.tenant_id, NEW.id, NEW.created_at, NEW.actor, NEW.action, NEW.subject, NEW.reason, NEW.detail)
             = (OLD.tenant_id, OLD.id, OLD.created_at, OLD.actor, OLD.action, OLD.subject, OLD.reason, OLD.detail)
        THEN
            RETURN NEW;
        END IF;
    ELSIF EXISTS (SELECT FROM audit_chain
                  WHERE tenant_id = OLD.tenant_id AND OLD.position <= anchor_position) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit is append-only';
END $$"""

_GUARD_CHAIN = """
CREATE FUNCTION audit_chain_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.tenant_id = OLD.tenant_id AND NEW.length >= OLD.length
       AND NEW.anchor_position >= OLD.anchor_position AND NEW.anchor_position <= NEW.length THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit is append-only';
END $$"""

_TRIGGERS = (
    """CREATE CONSTRAINT TRIGGER audit_entry_link AFTER INSERT ON audit_entry
       DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_entry_link()""",
    """CREATE TRIGGER audit_entry_guard BEFORE UPDATE OR DELETE ON audit_entry
       FOR EACH ROW EXECUTE FUNCTION audit_entry_guard()""",
    """CREATE TRIGGER audit_entry_keep BEFORE TRUNCATE ON audit_entry
       FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_chain_guard BEFORE UPDATE ON audit_chain
       FOR EACH ROW EXECUTE FUNCTION audit_chain_guard()""",
    """CREATE TRIGGER audit_chain_keep BEFORE DELETE OR TRUNCATE ON audit_chain
       FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
)

# What people wrote before addresses were left out of reasons. Afterwards it could not be taken out any more.
_WITHOUT_ADDRESSES = r"""
UPDATE audit_entry SET reason = regexp_replace(
    reason, '[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+', '[address]', 'g')
WHERE position('@' IN reason) > 0"""

_CHAIN = """
DO $$
DECLARE
    entry audit_entry;
    tenant bigint := NULL;
    place bigint;
    previous text;
BEGIN
    FOR entry IN SELECT * FROM audit_entry ORDER BY tenant_id, id LOOP
        IF tenant IS DISTINCT FROM entry.tenant_id THEN
            tenant := entry.tenant_id;
            place := 0;
            previous := repeat('0', 64);
            INSERT INTO audit_chain (tenant_id) VALUES (tenant);
        END IF;
        place := place + 1;
        previous := audit_entry_digest(entry, place, previous);
        UPDATE audit_entry SET position = place, hash = previous WHERE tenant_id = tenant AND id = entry.id;
        UPDATE audit_chain SET length = place, head = previous WHERE tenant_id = tenant;
    END LOOP;
END $$"""


def upgrade() -> None:
    op.add_column("audit_entry", sa.Column("position", sa.BigInteger(), nullable=True))
    op.add_column("audit_entry", sa.Column("hash", sa.Text(), nullable=True))
    op.create_index("audit_entry_position", "audit_entry", ["tenant_id", "position"], unique=True)
    op.create_table(
        "audit_chain",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("length", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("head", sa.Text(), server_default=sa.text(f"'{_GENESIS}'"), nullable=False),
        sa.Column("anchor_position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("anchor_hash", sa.Text(), server_default=sa.text(f"'{_GENESIS}'"), nullable=False),
        sa.Column("anchored_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
    op.execute(_WITHOUT_ADDRESSES)
    for function in (_DIGEST, _CHAIN, _LINK, _REFUSE, _GUARD_ENTRY, _GUARD_CHAIN):
        op.get_bind().exec_driver_sql(function.replace("%", "%%"))
    for trigger in _TRIGGERS:
        op.execute(trigger)
