"""Migrations: the way from nothing to the newest revision, and that it loses nothing on the way."""

import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg.rows import dict_row
from sqlalchemy import create_engine, pool, text
from sqlmodel import SQLModel

import models
from core import audit_chain as rule
from core.audit_chain import Verdict
from gateways.postgres import EmbeddedPostgres
from store import audit_chain, migrations, rollups, tenants
from store.session import Database, rows


FIRST = "0001"


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of an empty database."""
    administer(postgres, "CREATE DATABASE unborn")
    yield postgres.url("unborn", driver="psycopg")
    administer(postgres, "DROP DATABASE unborn WITH (FORCE)")


def administer(postgres: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(
        postgres.url("postgres", driver="psycopg").replace("+psycopg", ""), autocommit=True
    ) as server:
        server.execute(statement)


# A small life in the words of the first revision. It is never changed: databases like this one are out there.
POPULATED = """
INSERT INTO tenant (slug, name, from_name, from_address, reply_to, postal_address)
    VALUES ('acme', 'Acme', 'Acme', 'news@acme.example', 'hi@acme.example', '1 Main St');
INSERT INTO audience (tenant_id, name) SELECT id, 'readers' FROM tenant;
INSERT INTO sending_domain (tenant_id, domain, rung) SELECT id, 'acme.example', 3 FROM tenant;
INSERT INTO template_version (tenant_id, digest, name, sources) SELECT id, 'd', 'newsletter', '{"html": "x"}' FROM tenant;
INSERT INTO contact (tenant_id, address, recipient_key, attributes)
    SELECT tenant.id, 'reader' || n || '@example.net', 'key' || n, '{"first_name": "Ann"}'
    FROM tenant, generate_series(1, 8) AS n;
INSERT INTO audience_member (tenant_id, audience_id, contact_id)
    SELECT c.tenant_id, a.id, c.id FROM contact c JOIN audience a USING (tenant_id);
INSERT INTO suppression (tenant_id, recipient_key, reason) SELECT id, 'key8', 'complaint' FROM tenant;
INSERT INTO campaign (tenant_id, name, audience_id, sending_domain_id, template_digest, state, planned_at)
    SELECT t.id, 'Spring', a.id, d.id, 'd', 'sending', now()
    FROM tenant t JOIN audience a ON a.tenant_id = t.id JOIN sending_domain d ON d.tenant_id = t.id;
INSERT INTO campaign_exclusion (tenant_id, campaign_id, contact_id, reason)
    SELECT k.tenant_id, k.id, c.id, 'complained' FROM campaign k JOIN contact c USING (tenant_id)
    WHERE recipient_key = 'key8';
INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key, state, attempt_id, attempt_no, skip_reason)
    SELECT k.tenant_id, k.id, c.id, recipient_key,
        (ARRAY['pending', 'claimed', 'submitting', 'in_doubt', 'sent', 'failed', 'skipped', 'unconfirmed'])[n],
        'a' || n, 1, CASE n WHEN 7 THEN 'cancelled' END
    FROM campaign k JOIN contact c USING (tenant_id), LATERAL (SELECT right(recipient_key, 1)::int) AS x (n);
INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id) SELECT tenant_id, attempt_id, id FROM delivery;
INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
    SELECT tenant_id, id, 'delivery', now(), now() FROM delivery WHERE state = 'sent';
INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, used)
    SELECT tenant_id, id, '2026-11-24', 'all', 1600, 7 FROM sending_domain;
INSERT INTO audit_entry (tenant_id, actor, action, subject) SELECT id, 'operator', 'tenant.added', 'acme' FROM tenant;
INSERT INTO ses_account (region, max_send_rate, send_rate, max_24_hour_send, sent_last_24_hours)
    VALUES ('us-east-1', 14, 14, 50000, 7);
"""


def contents(url: str) -> dict[str, list[dict[str, object]]]:
    """Every row of every table."""
    with psycopg.connect(url.replace("+psycopg", ""), row_factory=dict_row) as connection:
        tables = connection.execute(
            "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        return {
            table["name"]: connection.execute(f"SELECT * FROM {table['name']}").fetchall() for table in tables
        }


def test_an_empty_database_has_no_revision_and_comes_to_the_newest(empty_url: str) -> None:
    assert migrations.current(empty_url) is None
    migrations.upgrade(empty_url)
    assert migrations.current(empty_url) == migrations.head()


def test_the_models_and_the_migrations_agree(database_url: str) -> None:
    """What `alembic check` asks: would a new revision have anything to do?"""
    engine = create_engine(database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert models.Tenant.metadata is SQLModel.metadata


def test_the_checks_of_the_models_stand_in_the_database(database_url: str) -> None:
    """Alembic does not compare CHECK constraints, and the enums' words live in them."""
    engine = create_engine(database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'")
        )
        defined = dict(found.all())
    for table in SQLModel.metadata.sorted_tables:
        for constraint in table.constraints:
            if constraint.__visit_name__ == "check_constraint":
                assert constraint.name in defined
                words = set(str(constraint.sqltext).split("'")[1::2])
                assert words == set(defined[constraint.name].split("'")[1::2])


def test_an_upgrade_of_a_populated_database_loses_nothing(empty_url: str) -> None:
    """From the first revision that was ever released: later ones may add columns, and never take a row or a value."""
    migrations.upgrade(empty_url, FIRST)
    with psycopg.connect(empty_url.replace("+psycopg", "")) as connection:
        connection.execute(POPULATED)
    before = contents(empty_url)
    assert sum(map(len, before.values())) == 43
    migrations.upgrade(empty_url)
    migrations.upgrade(empty_url)
    after = contents(empty_url)
    assert migrations.current(empty_url) == migrations.head()
    lost = {
        table: [row for row in found if not any(row.items() <= kept.items() for kept in plain(after[table]))]
        for table, found in plain_all(before).items()
    }
    assert lost == {table: [] for table in before}


def test_what_was_reported_before_there_were_breakers_is_counted(empty_url: str) -> None:
    migrations.upgrade(empty_url, FIRST)
    with psycopg.connect(empty_url.replace("+psycopg", "")) as connection:
        connection.execute(POPULATED)
        connection.execute(
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT tenant_id, id, fact, '2026-11-20T23:59Z', '2026-11-20T23:59Z'
               FROM delivery, unnest(ARRAY['sent', 'bounce_permanent', 'delivery']) AS fact
               WHERE state IN ('in_doubt', 'submitting')"""
        )
    migrations.upgrade(empty_url)
    after = contents(empty_url)
    counted = {
        str(row["on_day"]): (row["resolved"], row["bounced"], row["complained"])
        for row in after["breaker_count"]
    }
    assert len(counted) == 2
    assert counted.pop("2026-11-20") == (2, 2, 0)
    assert [*counted.values()] == [(1, 0, 0)]
    (first,) = after["breaker_first"]
    bounced = {row["id"] for row in after["delivery"] if row["state"] in {"in_doubt", "submitting"}}
    placed = first["messages"]
    assert isinstance(placed, list)
    assert [micros for micros, _ in placed[:2]] == [1_795_219_140_000_000] * 2
    assert {delivery for _, delivery in placed[:2]} == bounced
    assert len(placed) == 3


def test_what_was_reported_before_there_were_sums_is_counted_by_the_first_refresh(empty_url: str) -> None:
    migrations.upgrade(empty_url, FIRST)
    with psycopg.connect(empty_url.replace("+psycopg", "")) as connection:
        connection.execute(POPULATED)
    migrations.upgrade(empty_url)
    database = Database(empty_url)
    with database.begin() as session:
        (campaign,) = rows(session, "SELECT tenant_id, id AS campaign_id FROM campaign")
        assert rollups.refresh(session, tenant_id=campaign["tenant_id"]).facts == 1
        assert rollups.of_campaign(session, **campaign).totals == {"delivery": 1}
    database.dispose()


def plain(found: list[dict[str, object]]) -> list[dict[str, str]]:
    """Rows whose values can be compared as a set."""
    return [{name: repr(value) for name, value in row.items()} for row in found]


def plain_all(tables: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, str]]]:
    return {table: plain(found) for table, found in tables.items()}


def test_two_machines_may_upgrade_at_once(empty_url: str) -> None:
    upgrade = "import sys; from store import migrations; migrations.upgrade(sys.argv[1])"
    machines = [
        subprocess.Popen([sys.executable, "-c", upgrade, empty_url], stderr=subprocess.PIPE) for _ in range(2)
    ]
    said = [machine.communicate(timeout=60)[1].decode() for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    assert migrations.current(empty_url) == migrations.head()


def test_suppressions_of_before_there_was_a_history_begin_it(empty_url: str) -> None:
    migrations.upgrade(empty_url, FIRST)
    with psycopg.connect(empty_url.replace("+psycopg", "")) as connection:
        connection.execute(POPULATED)
    migrations.upgrade(empty_url)
    after = contents(empty_url)
    (change,), (suppression,) = after["suppression_change"], after["suppression"]
    told = {name: change[name] for name in ("recipient_key", "what", "reason", "scope", "at")}
    assert told == {
        "recipient_key": "key8",
        "what": "added",
        "reason": "complaint",
        "scope": "tenant",
        "at": suppression["created_at"],
    }


def test_an_audit_from_before_there_was_a_chain_is_chained_without_its_addresses(empty_url: str) -> None:
    migrations.upgrade(empty_url, FIRST)
    with psycopg.connect(empty_url.replace("+psycopg", "")) as connection:
        connection.execute(POPULATED)
        connection.execute(
            """INSERT INTO audit_entry (tenant_id, actor, action, subject, reason, detail)
               SELECT id, 'ann', 'tenant.paused', 'tenant 1', 'ann@example.com asked', '{"b": 1, "a": "ü"}' FROM tenant"""
        )
    migrations.upgrade(empty_url)
    database = Database(empty_url)
    with database.begin() as session:
        (tenant,) = tenants.everyone(session)
        assert tenant.id is not None
        found = list(audit_chain.entries(session, tenant_id=tenant.id))
        anchor, head = audit_chain.ends(session, tenant_id=tenant.id)
    database.dispose()
    assert [(entry.position, entry.reason) for entry in found] == [(1, ""), (2, "[address] asked")]
    assert rule.verify(found, anchor=anchor, head=head) == Verdict(entries=2)
