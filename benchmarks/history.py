"""A history for a world: the settled deliveries of campaigns that were sent before, one a day to the same people.

Rows come into the table as in life: planned while they are small, then changed by windows until they are twice as long, with
vacuums in between. It matters. Rows that are inserted as they end leave a gap on every second page into which the reserve
for updates does not reach, and a planned delivery is small enough for it. The next campaign then lies on as many pages as it
has messages, and each message pays for a full page image (measured: 9.0 KB of WAL a message in place of 3.1).
"""

import psycopg
from psycopg import Connection

from benchmarks.world import World
from core.campaigns import CampaignState


# As autovacuum: after this share of the table has died.
_SCALE_FACTOR = 0.2


def fill(world: World, audience_id: int, people: int, *, rows: int) -> None:
    """Fill the ledger with `rows` settled deliveries to an audience of `people`, and do what autovacuum then does.

    One in a hundred was refused. Each has the attempt that it was called with, as every delivery has.
    """
    campaigns = -(-rows // people)
    dead = 0
    with psycopg.connect(world.resources.database.url.replace("+psycopg", ""), autocommit=True) as connection:
        # A foreign key is looked up for each row, and all of these are right. Nobody waits for these commits.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute(_SEND)
        for number in range(campaigns):
            planned = min(people, rows - number * people)
            _send(connection, world, audience_id, planned, days=campaigns - number)
            dead += 2 * planned
            if dead > _SCALE_FACTOR * number * people:
                world.vacuum("delivery")
                dead = 0
    world.vacuum("delivery", "delivery_attempt")
    world.settle()


def _send(connection: Connection, world: World, audience_id: int, people: int, *, days: int) -> None:
    campaign_id = world.campaign(audience_id, state=CampaignState.DONE)
    of_campaign = {"tenant_id": world.tenant_id, "campaign_id": campaign_id}
    connection.execute(_PLAN, of_campaign | {"audience_id": audience_id, "people": people})
    connection.execute(
        "CALL send_history(%(tenant_id)s, %(campaign_id)s, %(days)s)", of_campaign | {"days": days}
    )
    connection.execute(_CALLED, of_campaign)


_PLAN = """
    INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key)
    SELECT c.tenant_id, %(campaign_id)s, c.id, c.recipient_key
    FROM audience_member m JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
    WHERE m.tenant_id = %(tenant_id)s AND m.audience_id = %(audience_id)s ORDER BY c.recipient_key LIMIT %(people)s
"""

# Of the three changes of a delivery the claim and the intent are made as one. A procedure, because each window commits.
_SEND = """
    CREATE OR REPLACE PROCEDURE send_history(of_tenant bigint, of_campaign bigint, days int) LANGUAGE plpgsql AS $$
    DECLARE
        at timestamptz := now() - make_interval(days => days);
        first bigint;
        last bigint;
    BEGIN
        SELECT min(id), max(id) INTO first, last FROM delivery WHERE tenant_id = of_tenant AND campaign_id = of_campaign;
        WHILE first <= last LOOP
            UPDATE delivery SET state = 'submitting', attempt_no = 1, submitted_at = at, lease_until = at,
                claim_token = '.0123456789abcdef', attempt_id = lpad(to_hex(id), 12, '0') || '-' || substr(md5(id::text), 1, 20)
            WHERE tenant_id = of_tenant AND id >= first AND id < first + 100 AND campaign_id = of_campaign;
            COMMIT;
            UPDATE delivery SET lease_until = NULL, claim_token = NULL, resolved_by = 'api', resolved_at = at,
                state = CASE WHEN id % 100 = 0 THEN 'failed' ELSE 'sent' END,
                outcome_code = CASE WHEN id % 100 = 0 THEN 'MessageRejected' END,
                ses_message_id = CASE WHEN id % 100 > 0 THEN
                    '0100019af3c4d2e1-' || lpad(to_hex(id), 8, '0') || '-1234-5678-9abc-' || substr(md5(id::text), 1, 19) END
            WHERE tenant_id = of_tenant AND id >= first AND id < first + 100 AND campaign_id = of_campaign;
            COMMIT;
            first := first + 100;
        END LOOP;
    END $$
"""

_CALLED = """
    INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id, started_at, outcome, error_code, http_status)
    SELECT tenant_id, attempt_id, id, submitted_at, CASE WHEN state = 'failed' THEN 'refused' END, outcome_code,
           CASE WHEN state = 'failed' THEN 400 END
    FROM delivery WHERE tenant_id = %(tenant_id)s AND campaign_id = %(campaign_id)s ORDER BY id
"""
