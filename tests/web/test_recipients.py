"""The list of who got a campaign, as an operator downloads it."""

import csv
import io

import pytest

from core.suppression import Reason
from store.session import Database
from tests.builders import Scene, a_contact, a_scene, plan, suppress
from tests.web.console import Console
from tests.web.test_campaigns import audited, end
from web import recipients


@pytest.fixture
def scene(database: Database) -> Scene:
    """A campaign of eight people of whom one is suppressed; one was sent to and one failed."""
    with database.begin() as session:
        scene = a_scene(session, contacts=7)
        a_contact(session, scene, "gone@example.net")
        suppress(session, scene, "gone@example.net", Reason.HARD_BOUNCE)
        plan(session, scene)
    end(database, scene, "sent", "failed")
    return scene


def table(body: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body, newline="")))


def test_everybody_is_in_the_list_once(ada: Console, scene: Scene, database: Database) -> None:
    answer = ada.get(f"{scene.campaign_id}/recipients.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="campaign-{scene.campaign_id}-recipients.csv"'
    )
    assert answer.headers["cache-control"] == "no-store"
    found = table(answer.text)
    assert len({line["email"] for line in found}) == len(found) == 8
    outcomes = sorted(line["outcome"] for line in found)
    assert outcomes == ["failed", "sent", "skipped", *["waiting"] * 5]
    (gone,) = [line for line in found if line["email"] == "gone@example.net"]
    assert (gone["reason"], gone["why"]) == (
        "hard_bounced",
        "Not sent: the address bounced for good.",
    )
    assert audited(database) == [("web:Ada", "campaign.recipients_taken", "the list of everybody")]


def test_outcomes_can_be_chosen_and_excel_gets_its_mark(
    ada: Console, scene: Scene, database: Database
) -> None:
    answer = ada.get(f"{scene.campaign_id}/recipients.csv?outcome=failed&outcome=sent&bom=1")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert sorted(line["outcome"] for line in table(answer.text.removeprefix("\ufeff"))) == ["failed", "sent"]
    assert audited(database)[-1][2] == "the list of failed, sent"


def test_the_form_of_an_untouched_choice_means_everybody(ada: Console, scene: Scene) -> None:
    assert len(table(ada.get(f"{scene.campaign_id}/recipients.csv?outcome=").text)) == 8


def test_the_page_offers_the_list_and_says_that_it_is_written_down(ada: Console, scene: Scene) -> None:
    page = ada.see(scene)
    assert f'action="/campaigns/{scene.campaign_id}/recipients.csv"' in page
    assert "That you took it is written down." in page
    ada.get(f"{scene.campaign_id}/recipients.csv")
    assert "List of recipients taken" in ada.see(scene)


@pytest.mark.parametrize("path", ["999999/recipients.csv", "x/recipients.csv"])
def test_no_campaign_is_no_page(ada: Console, path: str) -> None:
    assert ada.get(path).status_code == 404


def test_an_outcome_that_does_not_exist_is_no_page(ada: Console, scene: Scene) -> None:
    assert ada.get(f"{scene.campaign_id}/recipients.csv?outcome=lost").status_code == 404


def test_who_is_not_signed_in_gets_the_form_and_no_address(console: Console, scene: Scene) -> None:
    answer = console.get(f"{scene.campaign_id}/recipients.csv")
    assert answer.status_code == 303
    assert "example.net" not in answer.text


def test_a_campaign_that_is_not_planned_has_no_list_yet(ada: Console, database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=2)
    answer = ada.get(f"{scene.campaign_id}/recipients.csv")
    assert answer.status_code == 409
    assert "There is no list yet" in answer.text
    assert "recipients.csv" not in ada.see(scene)
    assert audited(database) == []


def test_a_place_is_free_again_after_every_answer(
    ada: Console, scene: Scene, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as session:
        unplanned = a_scene(session)
    for _ in range(recipients.MOST_AT_ONCE + 1):
        assert ada.get(f"{scene.campaign_id}/recipients.csv").status_code == 200
        assert ada.get(f"{unplanned.campaign_id}/recipients.csv").status_code == 409
    taken = [recipients._places.acquire(blocking=False) for _ in range(recipients.MOST_AT_ONCE)]
    try:
        assert taken == [True] * recipients.MOST_AT_ONCE
        answer = ada.get(f"{scene.campaign_id}/recipients.csv")
        assert answer.status_code == 503
        assert "Try again in a minute." in answer.text
    finally:
        for _ in taken:
            recipients._places.release()
    assert ada.get(f"{scene.campaign_id}/recipients.csv").status_code == 200
