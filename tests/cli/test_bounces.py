"""`posthouse bounces`, as a person uses it who wonders why somebody was suppressed."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.bounces import app
from core import events
from core.bounces import page
from store import facts
from store.facts import Located
from store.session import Database, run
from tests.mailed import a_delivery, an_event


pytestmark = pytest.mark.usefixtures("own_process")


def posthouse(*arguments: str, given: str | None = None) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"], input=given)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_answer_is_tried_and_names_nobody() -> None:
    tried = posthouse("try", "-", given="smtp; 550 5.7.1 <anna@example.net> 192.0.2.1 is on our block list")
    assert tried == {
        "rule": "text-block-list",
        "pattern": "spamhaus|spamcop|barracuda|rbl|dnsbl|(block|black|deny).?list|blocked using",
        "class": "block",
        "effect": "block",
        "scope": "sender",
        "reason": "block_list",
        "source": "Sisimai, texts of real bounces",
        "read_on": "2026-11-24",
        "said": "smtp; 550 5.7.1 <‹address›> 192.0.2.1 is on our block list",
    }


def test_the_table_is_printed_for_a_script_and_for_the_page() -> None:
    assert posthouse("table")["codes"][0]["rule"] == "code-*.0.0"
    assert CliRunner().invoke(app, ["table"]).stdout == page()


def test_what_nobody_understood_is_counted_by_text_without_numbers_and_addresses(database: Database) -> None:
    for said in ("550 go away 17", "550 go away 18", "550 something else", "550 5.1.1 no such user"):
        with database.begin() as session:
            mailed = a_delivery(session)
            recipient = {"emailAddress": "anna@example.net", "status": "", "diagnosticCode": said}
            raw = an_event("bounce_permanent_general", mailed, bounce__bouncedRecipients=[recipient])
            event = events.parse(raw)
            assert event is not None
            facts.apply(
                session,
                tenant_id=mailed.tenant_id,
                located=[Located(delivery_id=mailed.delivery_id, event=event)],
            )
    assert posthouse("unknown", "--days", "3650") == {
        "days": 3650,
        "answers": [
            {"times": 2, "tenants": 2, "status": "", "said": "550 go away #"},
            {"times": 1, "tenants": 1, "status": "", "said": "550 something else"},
        ],
    }


def test_anomalies_are_listed_decided_and_taken_back(database: Database) -> None:
    assert posthouse("anomalies") == {"anomalies": []}
    with database.begin() as session:
        mailed = a_delivery(session)
        run(
            session,
            """INSERT INTO bounce_anomaly (place, text, said, why, began_at) VALUES ('gmail', 't', 'said', 'why', now())""",
        )
        run(
            session,
            """INSERT INTO hard_bounce (tenant_id, delivery_id, campaign_id, recipient_key, place, text, is_known, bounced_at)
               VALUES (:tenant_id, :id, :campaign_id, 'k', 'domain:corp.example', 't', true, now())""",
            tenant_id=mailed.tenant_id,
            id=mailed.delivery_id,
            campaign_id=mailed.campaign_id,
        )
    assert posthouse("confirm", "1", "--reason", "closed") == {
        "anomaly_id": 1,
        "decision": "confirmed",
        "people": 0,
    }
    done = posthouse("take-back", "corp.example", "--since", "2026-01-01", "--reason", "their incident")
    assert done == {
        "place": "corp.example",
        "taken_back": 0,
        "answers": [{"said": "", "people": 1}],
        "dry_run": False,
    }
    (_, first) = found = posthouse("anomalies")["anomalies"]
    assert [one["decision"] for one in found] == ["released", "confirmed"]
    assert (first["place"], first["said"]) == ("gmail", "said")
    refused = CliRunner().invoke(app, ["release", "1", "--reason", "again", "--json"])
    assert (refused.exit_code, json.loads(refused.stdout)["error"]["code"]) == (1, "not_found")
