"""The preference page: what a person chooses holds, nothing else changes, and a page tells of nobody else."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.unsubscribe import NOBODY, Claim, Purpose, sign
from models import Audience, AudienceMember, Contact
from store.session import Database, one, rows, run
from tests.mailed import Mailed, a_contact, another_campaign, suppressions_of
from tests.web.conftest import KEY
from tests.web.console import words_of


Link = Callable[[Mailed], str]
USUAL = {"mail": "some", "frequency": "all", "pause": "none"}


@pytest.fixture
def page_of() -> Link:
    """The link to a person's preferences."""
    return lambda mailed: "/p/" + sign(Claim(mailed.tenant_id, mailed.delivery_id, Purpose.PREFERENCES), KEY)


@pytest.fixture
def letters(database: Database, mailed: Mailed) -> int:
    """A second list of the person's, with a title for readers."""
    return a_list(database, mailed, "internal-letters", "Letters from the road")


def a_list(database: Database, mailed: Mailed, name: str, title: str, *, member: bool = True) -> int:
    with database.begin() as session:
        audience = Audience(tenant_id=mailed.tenant_id, name=name, title=title)
        session.add(audience)
        session.flush()
        assert audience.id is not None
        if member:
            session.add(
                AudienceMember(
                    tenant_id=mailed.tenant_id, audience_id=audience.id, contact_id=mailed.contact_id
                )
            )
        return audience.id


def stored(database: Database) -> list[tuple[str, date | None]]:
    with database.begin() as session:
        found = rows(
            session,
            "SELECT frequency, CAST(paused_until AT TIME ZONE 'UTC' AS date) AS until FROM preference",
        )
        return [(row["frequency"], row["until"]) for row in found]


def held_for(database: Database, mailed: Mailed) -> list[tuple[str, str, int | None]]:
    """The suppressions that hold: reason, source and list."""
    with database.begin() as session:
        found = rows(
            session,
            """SELECT reason, source, audience_id FROM suppression
               WHERE recipient_key = :key AND (expires_at IS NULL OR expires_at > now()) ORDER BY audience_id, reason""",
            key=mailed.recipient_key,
        )
        return [(row["reason"], row["source"], row["audience_id"]) for row in found]


def answers(mailed: Mailed, *others: int, topic: list[int] | None = None, **changes: Any) -> dict[str, Any]:
    """A form as the page has it, with these answers."""
    shown = [mailed.audience_id, *others]
    return USUAL | {"shown": shown, "topic": shown if topic is None else topic} | changes


def everything(database: Database) -> list[tuple[object, ...]]:
    """Whatever a page could have changed."""
    with database.begin() as session:
        found = run(
            session,
            """SELECT 'p', to_jsonb(preference)::text FROM preference UNION ALL SELECT 's', to_jsonb(suppression)::text FROM suppression
               UNION ALL SELECT 'a', to_jsonb(audit_entry)::text FROM audit_entry UNION ALL SELECT 'f', to_jsonb(delivery_fact)::text FROM delivery_fact
               UNION ALL SELECT 'c', to_jsonb(suppression_change)::text FROM suppression_change
               UNION ALL SELECT 'm', to_jsonb(audience_member)::text FROM audience_member ORDER BY 1, 2""",
        )
        return [tuple(row) for row in found]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_following_the_link_changes_nothing(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, method: str
) -> None:
    """P01"""
    before = everything(database)
    assert client.request(method, page_of(mailed)).status_code == 200
    assert everything(database) == before


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(client: TestClient, mailed: Mailed, page_of: Link, method: str) -> None:
    assert client.request(method, page_of(mailed)).status_code == 405


def test_the_page_shows_what_holds(client: TestClient, mailed: Mailed, page_of: Link, letters: int) -> None:
    text = client.get(page_of(mailed)).text
    words = words_of(text)
    assert "Your mail from Acme Travel" in words
    assert re.search(r"These choices are for r\*\*\*@e\*\*\*\.net\.", words)
    assert "Letters from the road" in words
    assert "The newsletter that this link came with" in words
    assert len(re.findall(r'type="checkbox"[^>]* checked', text)) == 2


def test_a_page_tells_of_nobody_and_nothing_else(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    """Not of lists that the person is not on, of such as have no title for readers, and of other tenants' lists."""
    a_list(database, mailed, "vip", "The rich", member=False)
    a_list(database, mailed, "churn-risk-2026", "")
    with database.begin() as session:
        run(
            session,
            """WITH other AS (INSERT INTO tenant (slug, name, from_name, from_address, reply_to, postal_address)
                   VALUES ('bolt', 'Bolt', 'Bolt', 'a@bolt.example', 'a@bolt.example', 'x') RETURNING id)
               INSERT INTO audience (tenant_id, name, title) SELECT id, 'tyres', 'Tyres' FROM other""",
        )
        address = suppressions_of(session, mailed)
    text = client.get(page_of(mailed)).text
    for secret in (
        "rich",
        "churn",
        "Tyres",
        "Bolt",
        "readers",
        mailed.slug,
        "example.net",
        mailed.recipient_key,
    ):
        assert secret not in text
    assert address == []


def test_a_list_is_left_and_joined_again(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, letters: int
) -> None:
    url = page_of(mailed)
    saved = client.post(url, data=answers(mailed, letters, topic=[mailed.audience_id]))
    assert (saved.status_code, "Saved." in saved.text) == (200, True)
    assert held_for(database, mailed) == [("unsubscribe", "preferences", letters)]
    client.post(url, data=answers(mailed, letters))
    assert held_for(database, mailed) == []
    client.post(url, data=answers(mailed, letters, topic=[]))
    assert [(reason, audience) for reason, _, audience in held_for(database, mailed)] == [
        ("unsubscribe", mailed.audience_id),
        ("unsubscribe", letters),
    ]


def test_the_same_form_twice_changes_nothing(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, letters: int
) -> None:
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    form = answers(mailed, letters, topic=[letters], frequency="weekly", pause=until)
    first = client.post(page_of(mailed), data=form)
    after = everything(database)
    second = client.post(page_of(mailed), data=form)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text
    assert everything(database) == after
    with database.begin() as session:
        audit = rows(session, "SELECT actor, action, detail FROM audit_entry")
    assert [tuple(row.values()) for row in audit] == [
        (
            "recipient",
            "preferences.changed",
            {
                "nothing": False,
                "frequency": "weekly",
                "paused_until": until,
                "wanted": [letters],
                "left": [mailed.audience_id],
            },
        )
    ]


def test_both_encodings_of_a_form_are_read(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    parts = [(name, (None, str(value))) for name, value in (USUAL | {"frequency": "monthly"}).items()]
    assert client.post(page_of(mailed), files=parts).status_code == 200
    assert stored(database) == [("monthly", None)]


def test_a_break_is_kept_shown_and_ended(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    until = (datetime.now(UTC) + timedelta(days=60)).date()
    answer = client.post(page_of(mailed), data=answers(mailed, pause=until.isoformat()))
    assert f"Mail from Acme Travel begins again on {until:%B} {until.day}, {until.year}." in words_of(
        answer.text
    )
    assert stored(database) == [("all", until)]
    again = client.get(page_of(mailed)).text
    assert re.search(rf'name="pause" value="{until}" checked', again)
    assert "as now" in again
    client.post(page_of(mailed), data=answers(mailed))
    assert stored(database) == [("all", None)]


def test_a_break_ends_at_midnight_by_the_tenants_clock(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    with database.begin() as session:
        run(session, "UPDATE tenant SET time_zone = 'Pacific/Auckland'")
        found = one(session, "SELECT CAST(now() AT TIME ZONE 'Pacific/Auckland' AS date) + 30 AS until")
    assert found is not None
    client.post(page_of(mailed), data=answers(mailed, pause=found["until"].isoformat()))
    with database.begin() as session:
        kept = one(session, "SELECT paused_until AT TIME ZONE 'Pacific/Auckland' AS wall FROM preference")
    assert kept is not None
    assert kept["wall"] == datetime.combine(found["until"], datetime.min.time())


def test_who_wants_nothing_gets_nothing_and_may_come_back(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    answer = client.post(page_of(mailed), data=answers(mailed, mail="none"))
    assert "Acme Travel will send you no more mail." in words_of(answer.text)
    assert held_for(database, mailed) == [("unsubscribe", "preferences", None)]
    assert re.search(r'name="mail" value="none" checked', client.get(page_of(mailed)).text)
    client.post(page_of(mailed), data=answers(mailed))
    assert held_for(database, mailed) == []


def test_what_one_click_has_stopped_the_person_may_begin_again(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, link: Link
) -> None:
    client.post(link(mailed), data={"List-Unsubscribe": "One-Click"})
    assert not re.search(r'type="checkbox"[^>]* checked', client.get(page_of(mailed)).text)
    client.post(page_of(mailed), data=answers(mailed))
    assert held_for(database, mailed) == []


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        ("complaint", "ses"),
        ("hard_bounce", "ses"),
        ("soft_bounce", "hygiene"),
        ("manual", "cli"),
        ("import", "import"),
        pytest.param("unsubscribe", "import", id="an unsubscribe from another system"),
        pytest.param("unsubscribe", "cli", id="an unsubscribe that an operator has entered"),
    ],
)
@pytest.mark.parametrize("of_the_list", [False, True], ids=["tenant", "list"])
def test_what_the_person_has_not_stopped_the_page_does_not_begin_again(
    client: TestClient,
    database: Database,
    mailed: Mailed,
    page_of: Link,
    reason: str,
    source: str,
    *,
    of_the_list: bool,
) -> None:
    with database.begin() as session:
        run(
            session,
            """INSERT INTO suppression (tenant_id, recipient_key, scope, audience_id, reason, source)
               VALUES (:tenant_id, :key, :scope, :audience_id, :reason, :source)""",
            tenant_id=mailed.tenant_id,
            key=mailed.recipient_key,
            scope="audience" if of_the_list else "tenant",
            audience_id=mailed.audience_id if of_the_list else None,
            reason=reason,
            source=source,
        )
    before = held_for(database, mailed)
    answer = client.post(page_of(mailed), data=answers(mailed))
    assert answer.status_code == 200
    assert "stopped for another reason, which this page cannot change" in answer.text
    assert held_for(database, mailed) == before


def test_who_is_suppressed_everywhere_is_told_that_something_else_stops_the_mail(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    with database.begin() as session:
        run(
            session,
            "INSERT INTO global_suppression (recipient_key, reason) VALUES (:key, 'manual')",
            key=mailed.recipient_key,
        )
    assert "stopped for another reason" in client.post(page_of(mailed), data=answers(mailed)).text
    with database.begin() as session:
        assert rows(session, "SELECT FROM global_suppression WHERE expires_at IS NOT NULL") == []


def test_the_history_tells_that_the_person_has_chosen(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, link: Link
) -> None:
    client.post(link(mailed), data={"List-Unsubscribe": "One-Click"})
    client.post(page_of(mailed), data=answers(mailed))
    with database.begin() as session:
        told = rows(session, "SELECT what, actor, why FROM suppression_change ORDER BY id")
    assert [tuple(row.values()) for row in told] == [
        ("added", "link", ""),
        ("ended", "recipient", "chosen on the preference page"),
    ]


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        pytest.param({}, ["mail", "frequency", "pause"], id="nothing"),
        pytest.param({"List-Unsubscribe": "One-Click"}, ["mail", "frequency", "pause"], id="one-click"),
        pytest.param(USUAL | {"pause": "2020-01-01"}, ["pause"], id="a date long gone"),
        pytest.param(USUAL | {"frequency": "hourly"}, ["frequency"], id="not offered"),
    ],
)
def test_a_form_that_lacks_an_answer_comes_back_with_what_is_wrong(
    client: TestClient,
    database: Database,
    mailed: Mailed,
    page_of: Link,
    form: dict[str, str],
    wrong: list[str],
) -> None:
    before = everything(database)
    answer = client.post(page_of(mailed), data=form)
    assert answer.status_code == 422
    assert re.findall(r'<li><a href="#(\w+)">', answer.text) == wrong
    assert all(f'id="{field}"' in answer.text and f'id="{field}-problem"' in answer.text for field in wrong)
    assert "<title>Error: Your mail from Acme Travel</title>" in answer.text
    assert everything(database) == before


def test_the_answers_that_were_right_are_kept_in_a_form_that_comes_back(
    client: TestClient, mailed: Mailed, page_of: Link
) -> None:
    text = client.post(page_of(mailed), data=answers(mailed, topic=[], frequency="weekly", pause="x")).text
    assert re.search(r'value="weekly" checked', text)
    assert not re.search(r'type="checkbox"[^>]* checked', text)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"json": {"mail": "none"}}, id="JSON"),
        pytest.param({"content": b"junk", "headers": {"content-type": "multipart/form-data; boundary=x"}}, id="broken"),
        pytest.param({"content": b"\xff\xfe=%ff&mail=%00", "headers": {"content-type": "application/x-www-form-urlencoded"}}, id="bytes"),
        pytest.param({"files": {"mail": ("a.txt", b"none")}, "data": {"frequency": "all"}}, id="a file for an answer"),
        pytest.param({"data": {f"f{n}": "x" for n in range(2_000)}}, id="two thousand fields"),
    ],
)  # fmt: skip
def test_what_is_no_form_changes_nothing(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, body: dict[str, Any]
) -> None:
    before = everything(database)
    assert client.post(page_of(mailed), **body).status_code == 422
    assert everything(database) == before


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_not_ours_has_one_answer(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, link: Link, method: str
) -> None:
    """P03: also a link to unsubscribe, which is for something else."""
    good = page_of(mailed)
    other = sign(Claim(mailed.tenant_id + 1, mailed.delivery_id, Purpose.PREFERENCES), KEY)
    bad = [
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        "/p/x",
        link(mailed).replace("/u/", "/p/"),
        f"/p/{other}",
    ]
    found = [client.request(method, url, data=USUAL if method == "POST" else None) for url in bad]
    assert {answer.status_code for answer in found} == {404}
    assert len({answer.text for answer in found}) == 1
    assert everything(database) == everything(database)
    assert stored(database) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_link_of_a_test_mail_works_and_shows_nobody(
    client: TestClient, mailed: Mailed, method: str
) -> None:
    token = sign(Claim(mailed.tenant_id, NOBODY, Purpose.PREFERENCES), KEY)
    answer = client.request(method, f"/p/{token}")
    assert (answer.status_code, "This is a test" in answer.text, "@" in words_of(answer.text)) == (
        200,
        True,
        False,
    )


def test_the_page_to_unsubscribe_leads_to_the_choices(client: TestClient, mailed: Mailed, link: Link) -> None:
    found = re.search(r'href="(/p/[\w.-]+)"', client.get(link(mailed)).text)
    assert found is not None
    assert "Your mail from Acme Travel" in client.get(found[1]).text


def test_one_choice_holds_for_every_spelling_of_an_address(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    with database.begin() as session:
        again = another_campaign(session, mailed)
        a_contact(session, again, "READER.two@example.net")
        run(
            session,
            "UPDATE contact SET recipient_key = :key WHERE address = 'READER.two@example.net'",
            key=mailed.recipient_key,
        )
    client.post(page_of(mailed), data=answers(mailed, frequency="weekly"))
    assert stored(database) == [("weekly", None)]


def test_leaving_another_list_is_not_counted_against_the_campaign(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link, letters: int
) -> None:
    client.post(page_of(mailed), data=answers(mailed, letters, topic=[mailed.audience_id]))
    with database.begin() as session:
        assert rows(session, "SELECT fact FROM delivery_fact") == []
    client.post(page_of(mailed), data=answers(mailed, letters, topic=[letters]))
    with database.begin() as session:
        assert [row["fact"] for row in rows(session, "SELECT fact FROM delivery_fact")] == ["unsubscribe"]


def test_an_erased_contacts_page_still_works(
    client: TestClient, database: Database, mailed: Mailed, page_of: Link
) -> None:
    with database.begin() as session:
        contact = session.get(Contact, (mailed.tenant_id, mailed.contact_id))
        assert contact is not None
        contact.address = "erased"
    assert client.get(page_of(mailed)).status_code == 200
    assert client.post(page_of(mailed), data=answers(mailed, mail="none")).status_code == 200
