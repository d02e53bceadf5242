"""A history for a world: the settled deliveries of campaigns that were sent before, one a day to the same people."""

from benchmarks.world import World
from core.campaigns import CampaignState
from store.session import run


def fill(world: World, audience_id: int, people: int, *, rows: int) -> None:
    """Fill the ledger with `rows` settled deliveries to an audience of `people`, and do what autovacuum then does.

    One in a hundred was refused. Each has the attempt that it was called with, as every delivery has.
    """
    campaigns = -(-rows // people)
    for number in range(campaigns):
        campaign_id = world.campaign(audience_id, state=CampaignState.DONE)
        with world.resources.database.begin() as session:
            # A foreign key is looked up for each row, and all of these are right: it is half of the time.
            run(session, "SET LOCAL session_replication_role = replica")
            run(
                session,
                _SENT,
                tenant_id=world.tenant_id,
                campaign_id=campaign_id,
                audience_id=audience_id,
                people=min(people, rows - number * people),
                days=campaigns - number,
            )
    world.vacuum("delivery", "delivery_attempt")
    world.settle()


_SENT = """
    WITH message AS MATERIALIZED (
        SELECT nextval(pg_get_serial_sequence('delivery', 'id')) AS id, tenant_id, contact_id, recipient_key,
               now() - make_interval(days => :days) AS at
        FROM (SELECT c.tenant_id, c.id AS contact_id, c.recipient_key
              FROM audience_member m JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
              WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id ORDER BY c.id LIMIT :people) AS person
    ), call AS (
        SELECT *, lpad(to_hex(id), 12, '0') || '-' || substr(md5(id::text), 1, 20) AS attempt_id,
               id % 100 = 0 AS is_refused
        FROM message
    ), settled AS (
        INSERT INTO delivery (tenant_id, id, campaign_id, contact_id, recipient_key, state, attempt_no, attempt_id,
                              submitted_at, ses_message_id, outcome_code, resolved_by, resolved_at)
        SELECT tenant_id, id, :campaign_id, contact_id, recipient_key,
               CASE WHEN is_refused THEN 'failed' ELSE 'sent' END, 1, attempt_id, at,
               CASE WHEN NOT is_refused
                    THEN '0100019af3c4d2e1-' || lpad(to_hex(id), 8, '0') || '-1234-5678-9abc-' || substr(md5(id::text), 1, 19)
               END,
               CASE WHEN is_refused THEN 'MessageRejected' END, 'api', at
        FROM call ORDER BY id
    )
    INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id, started_at, outcome, error_code, http_status)
    SELECT tenant_id, attempt_id, id, at, CASE WHEN is_refused THEN 'refused' END,
           CASE WHEN is_refused THEN 'MessageRejected' END, CASE WHEN is_refused THEN 400 END
    FROM call ORDER BY id
"""
