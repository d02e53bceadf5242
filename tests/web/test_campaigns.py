"""The operator's pages about campaigns: what they show, what they do, and what they refuse."""

from datetime import UTC, datetime

import pytest

from core.campaigns import CampaignState
from core.suppression import Reason
from core.tenants import TenantState
from store import campaigns, tenants
from store.session import Database, rows, run
from tests.builders import Scene, a_campaign, a_contact, a_scene, allow_today, an_account, plan, suppress
from tests.web.console import Console, words_of


@pytest.fixture
def scene(database: Database) -> Scene:
    """A campaign of eight people that is being sent: nobody was called yet, and one is suppressed."""
    with database.begin() as session:
        scene = a_scene(session, contacts=7)
        a_contact(session, scene, "gone@example.net")
        suppress(session, scene, "gone@example.net", Reason.HARD_BOUNCE)
        plan(session, scene)
    return scene


def set_state(database: Database, scene: Scene, state: str) -> None:
    with database.begin() as session:
        run(session, "UPDATE campaign SET state = :state WHERE id = :id", state=state, id=scene.campaign_id)


def state_of(database: Database, scene: Scene) -> tuple[str, str]:
    with database.begin() as session:
        campaign = campaigns.find(session, **scene.campaign)
        return str(campaign.state), campaign.state_reason


def audited(database: Database) -> list[tuple[str, str, str]]:
    with database.begin() as session:
        found = rows(session, "SELECT actor, action, reason FROM audit_entry ORDER BY id")
    return [(row["actor"], row["action"], row["reason"]) for row in found]


def end(database: Database, scene: Scene, *deliveries: str) -> None:
    """Put the first deliveries of a campaign into these states."""
    with database.begin() as session:
        for number, state in enumerate(deliveries):
            run(
                session,
                """UPDATE delivery SET state = :state, attempt_id = 'a' || id, submitted_at = now(), attempt_no = 1
                   WHERE id = (SELECT id FROM delivery WHERE campaign_id = :campaign_id ORDER BY id OFFSET :n LIMIT 1)""",
                state=state,
                campaign_id=scene.campaign_id,
                n=number,
            )


# The list


def test_an_empty_house_says_so(ada: Console) -> None:
    assert "There are no campaigns." in ada.get().text


def test_the_list_shows_the_newest_first(ada: Console, database: Database, scene: Scene) -> None:
    with database.begin() as session:
        second = a_campaign(session, scene, state=CampaignState.DRAFT)
        third = a_campaign(
            session, scene, state=CampaignState.SCHEDULED, start_at=datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
        )
    said = words_of(ada.get().text)
    ours = [said.index(f"#{one.campaign_id} ·") for one in (third, second, scene)]
    assert ours == sorted(ours)
    assert f"Spring scheduled Acme Travel · #{third.campaign_id} · starts 1 Dec 2026, 08:00 UTC" in said
    assert f"Spring draft Acme Travel · #{second.campaign_id} · created" in said


def test_the_list_can_be_one_tenants(ada: Console, database: Database, scene: Scene) -> None:
    with database.begin() as session:
        other = a_scene(session, name="Bolt Bikes")
    text = ada.get(f"?tenant={other.slug}").text
    assert f'href="/campaigns/{other.campaign_id}"' in text
    assert f'href="/campaigns/{scene.campaign_id}"' not in text
    assert f'<option value="{other.slug}" selected>Bolt Bikes</option>' in text


def test_older_campaigns_are_on_further_pages(ada: Console, database: Database, scene: Scene) -> None:
    with database.begin() as session:
        ids = [scene.campaign_id, *(a_campaign(session, scene).campaign_id for _ in range(60))]
    seen: list[int] = []
    path, pages = f"?tenant={scene.slug}", 0
    while path:
        text = ada.get(path).text
        seen += [number for number in reversed(ids) if f'href="/campaigns/{number}"' in text]
        older = text.partition(">Older</a>")[0].rpartition('href="/campaigns')[2] if "Older" in text else ""
        path, pages = older.rstrip('"').replace("&amp;", "&"), pages + 1
    assert seen == sorted(ids, reverse=True)
    assert pages == 3
    assert "Newest" in text


@pytest.mark.parametrize(
    "query", ["tenant=nobody", "tenant='--", "below=x", "below=-1", "below=9999999999999999999"]
)
def test_a_list_that_cannot_be_is_not_there(ada: Console, query: str) -> None:
    answer = ada.get(f"?{query}")
    assert (answer.status_code, words_of(answer.text)) == (
        404,
        "Nothing here There is no such page. All campaigns",
    )


# One campaign


def test_the_numbers_add_up_to_the_audience(ada: Console, database: Database, scene: Scene) -> None:
    end(database, scene, "sent", "sent", "in_doubt", "unconfirmed", "failed", "submitting")
    said = words_of(ada.see(scene))
    for line in (
        "8 people",
        "Sent Amazon SES took the message 2",
        "Waiting not called yet 1",
        "Being called SES has not answered yet 1",
        "settle it 1 Unconfirmed",
        "what became of it 1 Failed",
        "could not be rendered 1 Skipped",
        "left out by our own decision 1 hard bounced 1 Audience 8",
    ):
        assert line in said


def test_doubt_that_nothing_settled_is_told_plainly(ada: Console, database: Database, scene: Scene) -> None:
    """F03"""
    assert "unconfirmed." not in words_of(ada.see(scene))
    end(database, scene, "unconfirmed", "unconfirmed")
    assert "2 unconfirmed. They were called, and nothing ever told whether their mail left." in words_of(
        ada.see(scene)
    )


def test_why_it_stands_where_it_does_is_told(ada: Console, scene: Scene) -> None:
    ada.press("pause", scene, "the offer ended")
    said = words_of(ada.see(scene))
    assert "Why paused: the offer ended" in said
    assert "Paused by web:Ada: the offer ended" in said
    ada.press("resume", scene, "a new one has begun")
    assert "Reason: a new one has begun" in words_of(ada.see(scene))


def test_what_holds_it_today_is_told(ada: Console, database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=30, rung=0)
        plan(session, scene)
        allow_today(session, scene, 20)
    assert "the quota of SES was never read here" in words_of(ada.see(scene))
    with database.begin() as session:
        an_account(session)
    said = words_of(ada.see(scene))
    assert "Today's allowance still admits 20 rung 0 of the warm-up Still fit in today 20 of 30" in said
    assert "What binds the warm-up's cap for all, until about" in said
    assert "What is expected on each day, and of which mailbox provider Day Messages Of these" in said
    ada.press("pause", scene)
    assert "Done, if resumed now about" in words_of(ada.see(scene))


def test_a_warm_domain_has_no_allowance(ada: Console, database: Database, scene: Scene) -> None:
    with database.begin() as session:
        an_account(session)
    said = words_of(ada.see(scene))
    assert (
        "no limit: the domain is warm Still fit in today 7 of 7 What binds SES's sending rate Done today"
        in said
    )


def test_a_tenant_that_is_paused_is_told(ada: Console, database: Database, scene: Scene) -> None:
    with database.begin() as session:
        tenants.set_state(
            session, tenant_id=scene.tenant_id, state=TenantState.PAUSED, reason="complaints", actor="bob"
        )
    said = words_of(ada.see(scene))
    assert "The tenant is paused , and so is everything that it sends: complaints." in said
    assert f"posthouse tenant resume {scene.slug}" in said


def test_a_campaign_that_is_not_planned_has_no_numbers_yet(ada: Console, database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=3, state=CampaignState.DRAFT)
    said = words_of(ada.see(scene))
    assert "People Who gets it is not known before it starts" in said
    assert "Audience" not in said


def test_no_page_shows_an_address(ada: Console, database: Database) -> None:
    """Whoever wrote one: into a name, a reason, or an actor."""
    with database.begin() as session:
        scene = a_scene(session, contacts=5, name="Acme <boss@acme.example>")
        plan(session, scene)
        run(
            session, "UPDATE campaign SET name = 'For anna@example.net', state_reason = 'ask bob@example.net'"
        )
        tenants.audit(session, tenant_id=scene.tenant_id, actor="carl@example.net", action="campaign.paused",
                      subject=f"campaign {scene.campaign_id}", reason="dora@example.net asked")  # fmt: skip
    texts = [ada.get().text, ada.see(scene), ada.get(f"{scene.campaign_id}/cancel").text]
    set_state(database, scene, "done")
    texts.append(ada.press("pause", scene).text)
    for text in texts:
        assert not [
            word for word in text.partition("<body>")[2].split() if "@example" in word or "@acme" in word
        ]
    assert "ask b***@e***.net" in texts[1]


def test_names_are_text_and_never_markup(ada: Console, database: Database, scene: Scene) -> None:
    with database.begin() as session:
        run(session, "UPDATE campaign SET name = '<script>alert(1)</script>'")
    for text in (ada.get().text, ada.see(scene), ada.get(f"{scene.campaign_id}/cancel").text):
        assert "<script" not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize("number", ["0", "999", "x", "-1", "1e3", "١", "99999999999999999999", "1.0"])
def test_a_campaign_that_is_not_there_has_one_answer(ada: Console, scene: Scene, number: str) -> None:
    answers = [ada.get(number), ada.get(f"{number}/cancel")]
    answers += [
        ada.post(f"{number}/{action}", reason="x", confirm=number) for action in ("pause", "resume", "cancel")
    ]
    assert {(answer.status_code, words_of(answer.text)) for answer in answers} == {
        (404, "Nothing here There is no such page. All campaigns")
    }


@pytest.mark.parametrize("confirm", ["", "yes", "Sprin", "999", "Spring 2"])
def test_without_its_name_or_number_a_campaign_is_not_cancelled(
    ada: Console, database: Database, scene: Scene, confirm: str
) -> None:
    answer = ada.press("cancel", scene, "wrong price", confirm=confirm)
    assert answer.status_code == 422
    assert "That is not this campaign." in answer.text
    assert 'value="wrong price"' in answer.text, "what was typed is kept"
    assert (state_of(database, scene)[0], audited(database)) == ("sending", [])


@pytest.mark.parametrize("action", ["pause", "cancel"])
@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("", "A reason is needed."),
        (" ", "A reason is needed."),
        ("ann@example.net asked", "names an e-mail address"),
    ],
)
def test_nothing_is_done_without_a_reason_that_can_be_kept(
    ada: Console, database: Database, scene: Scene, action: str, reason: str, told: str
) -> None:
    answer = ada.press(action, scene, reason)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'role="alert"' in answer.text
    assert (state_of(database, scene)[0], audited(database)) == ("sending", [])


@pytest.mark.parametrize(
    ("action", "then"), [("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")]
)
def test_a_form_that_is_sent_twice_finds_it_done(
    ada: Console, database: Database, scene: Scene, action: str, then: str
) -> None:
    if action == "resume":
        set_state(database, scene, "paused")
    first, second = (ada.press(action, scene, reason) for reason in ("first", "second"))
    assert (first.status_code, second.status_code) == (303, 303)
    assert state_of(database, scene) == (then, "first")
    said = words_of(ada.client.get(second.headers["location"]).text)
    assert "already. Nothing was changed by asking again." in said


@pytest.mark.parametrize(
    ("action", "state", "why"),
    [
        (
            "pause",
            "draft",
            "never started, so that there is nothing to pause. Nothing was changed. If it shall never",
        ),
        (
            "pause",
            "scheduled",
            "has not begun, so that there is nothing to pause. Nothing was changed. If it shall not",
        ),
        (
            "pause",
            "done",
            "It is done: nobody waits any more. Nothing was changed. A campaign that has ended stays",
        ),
        ("pause", "cancelled", "It was cancelled: nothing more is sent. Nothing was changed."),
        (
            "resume",
            "draft",
            "never started, so that there is nothing to resume. Nothing was changed. Start it with",
        ),
        ("resume", "scheduled", "starts by itself. Nothing was changed. There is nothing to do before"),
        ("resume", "done", "It is done: nobody waits any more. Nothing was changed."),
        (
            "resume",
            "cancelled",
            "It was cancelled, and that is for good. Nothing was changed. A campaign that has",
        ),
        ("cancel", "done", "everybody's mail has left, and cannot be called back. Nothing was changed."),
    ],
)
def test_what_its_state_does_not_permit_is_refused_in_words(
    ada: Console, database: Database, scene: Scene, action: str, state: str, why: str
) -> None:
    set_state(database, scene, state)
    answer = ada.press(action, scene)
    assert answer.status_code == 409
    said = words_of(answer.text)
    done = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}[action]
    assert f"Campaign {scene.campaign_id} cannot be {done}" in said
    assert why in said
    assert "Back to Spring" in said
    assert (state_of(database, scene)[0], audited(database)) == (state, [])
    assert f'action="/campaigns/{scene.campaign_id}/{action}"' not in ada.see(scene), (
        "it is not offered either"
    )


def test_the_page_that_asks_is_not_shown_in_vain(ada: Console, database: Database, scene: Scene) -> None:
    set_state(database, scene, "done")
    assert ada.get(f"{scene.campaign_id}/cancel").status_code == 409
    set_state(database, scene, "cancelled")
    answer = ada.get(f"{scene.campaign_id}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/campaigns/{scene.campaign_id}?done=cancel-before",
    )


@pytest.mark.parametrize("done", ["pause", "cancel", "cancel-before", "x", "<b>", "resume<b>"])
def test_an_old_link_does_not_tell_what_is_not_so(ada: Console, scene: Scene, done: str) -> None:
    """The campaign is being sent."""
    answer = ada.client.get(f"/campaigns/{scene.campaign_id}", params={"done": done})
    assert 'role="status"' not in answer.text
