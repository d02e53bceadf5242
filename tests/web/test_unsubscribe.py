"""Unsubscribing: by the page, by one click, and by nobody else."""

import base64
import hashlib
import html.parser
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from core.unsubscribe import NOBODY, Claim, Purpose, TokenKey, sign
from store.session import Database, one, rows, run
from tests.mailed import Mailed, suppressions_of
from web.doors import Doors
from web.limits import FailureLimit


Link = Callable[[Mailed], str]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def scopes(database: Database) -> list[tuple[str, int | None]]:
    with database.begin() as session:
        found = rows(
            session, "SELECT scope, audience_id FROM suppression WHERE expires_at IS NULL ORDER BY scope"
        )
        return [(row["scope"], row["audience_id"]) for row in found]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_following_the_link_changes_nothing(
    client: TestClient, database: Database, mailed: Mailed, link: Link, method: str
) -> None:
    """P01: scanners follow every link of a mail."""
    answer = client.request(method, link(mailed), headers={"User-Agent": "scanner", "Purpose": "prefetch"})
    assert answer.status_code == 200
    assert scopes(database) == []


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(
    client: TestClient, database: Database, mailed: Mailed, link: Link, method: str
) -> None:
    assert client.request(method, link(mailed)).status_code == 405
    assert scopes(database) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_link_of_a_test_mail_works_and_stops_nothing(
    client: TestClient, database: Database, mailed: Mailed, method: str
) -> None:
    link = "/u/" + sign(
        Claim(mailed.tenant_id, NOBODY, Purpose.UNSUBSCRIBE), TokenKey("k1", b"0123456789abcdef")
    )
    answer = client.request(method, link, data=ONE_CLICK if method == "POST" else None)
    assert (answer.status_code, "nobody was unsubscribed" in answer.text) == (200, True)
    assert scopes(database) == []


def test_the_page_shows_the_brand_and_no_address(client: TestClient, mailed: Mailed, link: Link) -> None:
    text = client.get(link(mailed)).text
    assert "Unsubscribe from Acme Travel" in text
    assert "@" not in text.replace("@media", "")
    assert "readers" not in text
    assert mailed.slug not in text


def test_the_page_is_kept_to_itself(client: TestClient, mailed: Mailed, link: Link) -> None:
    answer = client.get(link(mailed))
    headers = answer.headers
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "set-cookie" not in headers
    assert "<script" not in answer.text


class Outline(html.parser.HTMLParser):
    """What a screen reader needs to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_can_be_used_without_eyes_or_mouse(client: TestClient, mailed: Mailed, link: Link) -> None:
    tags = Outline(client.get(link(mailed)).text).tags
    assert ("html", {"lang": "en", "dir": "ltr"}) in tags
    assert [tag for tag, _ in tags].count("h1") == 1
    assert [attributes["value"] for tag, attributes in tags if tag == "button"] == ["audience", "tenant"]
    assert {tag for tag, _ in tags} >= {"title", "main", "form"}


@pytest.mark.parametrize(
    "post",
    [
        pytest.param({"data": ONE_CLICK}, id="form, as Gmail posts"),
        pytest.param({"files": {"List-Unsubscribe": (None, "One-Click")}}, id="multipart, as Yahoo posts"),
        pytest.param({"content": b"List-Unsubscribe=One-Click"}, id="without a content type"),
        pytest.param({"files": {"scope": ("a.txt", b"tenant")}}, id="with a file"),
        pytest.param({"content": b"", "headers": {"content-type": "application/x-www-form-urlencoded"}}, id="empty"),
        pytest.param({"content": b"junk", "headers": {"content-type": "multipart/form-data; boundary=x"}}, id="broken multipart"),
        pytest.param({"json": {"scope": "tenant"}}, id="JSON"),
    ],
)  # fmt: skip
def test_one_click_leaves_the_list_of_the_message(
    client: TestClient, database: Database, mailed: Mailed, link: Link, post: dict[str, object]
) -> None:
    """RFC 8058, 3.1: no cookie, no login, no redirect."""
    answer = client.post(link(mailed), **post)
    assert answer.status_code == 200
    assert scopes(database) == [("audience", mailed.audience_id)]


def test_one_click_twice_is_one_unsubscribe(
    client: TestClient, database: Database, mailed: Mailed, link: Link
) -> None:
    """P02"""
    first, second = client.post(link(mailed), data=ONE_CLICK), client.post(link(mailed), data=ONE_CLICK)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text
    assert scopes(database) == [("audience", mailed.audience_id)]
    with database.begin() as session:
        audit = rows(session, "SELECT actor, action, subject, reason FROM audit_entry")
        facts = rows(session, "SELECT fact, times, detail FROM delivery_fact")
    assert [tuple(row.values()) for row in audit] == [
        ("recipient", "suppression.unsubscribe", f"delivery {mailed.delivery_id}", "scope audience")
    ]
    assert [tuple(row.values()) for row in facts] == [("unsubscribe", 1, {"reason": "audience"})]


def test_the_button_for_everything_stops_the_whole_sender(
    client: TestClient, database: Database, mailed: Mailed, link: Link
) -> None:
    answer = client.post(link(mailed), data={"scope": "tenant"})
    assert "Acme Travel will send you no more mail." in answer.text
    assert scopes(database) == [("tenant", None)]
    with database.begin() as session:
        reason, scope, address, source, _ = suppressions_of(session, mailed)[0]
    assert (reason, scope, source) == ("unsubscribe", "tenant", "link")
    assert address is not None


def test_after_one_list_the_whole_sender_is_offered(client: TestClient, mailed: Mailed, link: Link) -> None:
    text = client.post(link(mailed), data={"scope": "audience"}).text
    assert [attributes["value"] for tag, attributes in Outline(text).tags if tag == "button"] == ["tenant"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE contact SET state = 'retired'", id="retired contact"),
        pytest.param("UPDATE campaign SET state = 'done'", id="closed campaign"),
        pytest.param("UPDATE campaign SET state = 'cancelled'", id="cancelled campaign"),
        pytest.param("UPDATE tenant SET state = 'paused'", id="paused tenant"),
        pytest.param("UPDATE delivery SET state = 'unconfirmed'", id="unconfirmed delivery"),
    ],
)
def test_a_link_works_whatever_has_become_of_the_rest(
    client: TestClient, database: Database, mailed: Mailed, link: Link, change: str
) -> None:
    with database.begin() as session:
        run(session, change)
    assert client.get(link(mailed)).status_code == 200
    assert client.post(link(mailed), data=ONE_CLICK).status_code == 200
    assert scopes(database) == [("audience", mailed.audience_id)]


def test_a_new_wish_goes_over_an_old_suppression_that_has_ended(
    client: TestClient, database: Database, mailed: Mailed, link: Link
) -> None:
    client.post(link(mailed), data=ONE_CLICK)
    with database.begin() as session:
        run(session, "UPDATE suppression SET expires_at = now() - interval '1 day'")
    client.post(link(mailed), data=ONE_CLICK)
    assert scopes(database) == [("audience", mailed.audience_id)]


def bad_links(mailed: Mailed, good: str) -> dict[str, str]:
    claim = Claim(mailed.tenant_id, mailed.delivery_id, Purpose.UNSUBSCRIBE)
    key = TokenKey("k1", b"0123456789abcdef")
    other = {
        "other purpose": sign(Claim(mailed.tenant_id, mailed.delivery_id, Purpose.PREFERENCES), key),
        "other tenant": sign(Claim(mailed.tenant_id + 1, mailed.delivery_id, Purpose.UNSUBSCRIBE), key),
        "no such delivery": sign(Claim(mailed.tenant_id, mailed.delivery_id + 99, Purpose.UNSUBSCRIBE), key),
        "other secret": sign(claim, TokenKey("k1", b"fedcba9876543210")),
        "retired key": sign(claim, TokenKey("k0", b"0123456789abcdef")),
    }
    flipped = good[:-1] + ("A" if good[-1] != "A" else "B")
    return {"flipped": flipped, "truncated": good[:-3], "garbage": "/u/x", "long": "/u/" + "v1.k1." * 500} | {
        name: f"/u/{token}" for name, token in other.items()
    }


def test_a_bad_link_has_one_uniform_answer_and_does_nothing(
    client: TestClient, database: Database, mailed: Mailed, link: Link
) -> None:
    """P03"""
    answers = {
        (method, name): client.request(method, url)
        for name, url in bad_links(mailed, link(mailed)).items()
        for method in ("GET", "POST")
    }
    assert len(answers) == 18
    assert {answer.status_code for answer in answers.values()} == {404}
    assert len({answer.text for answer in answers.values()}) == 1
    assert "Acme" not in answers["GET", "flipped"].text
    assert scopes(database) == []


def test_guessing_is_slowed_down_and_good_links_never_are(
    client: TestClient, doors: Doors, mailed: Mailed, link: Link
) -> None:
    doors.bad_links = FailureLimit(most=3)
    assert [client.get("/u/guess").status_code for _ in range(5)] == [404, 404, 404, 429, 429]
    assert [client.post(link(mailed), data=ONE_CLICK).status_code for _ in range(5)] == [200] * 5


def test_failures_are_counted_by_client_in_windows_and_forgotten() -> None:
    now = [0.0]
    limit = FailureLimit(most=1, seconds=60, clients=2, clock=lambda: now[0])
    assert [limit.is_exceeded_by_another("a") for _ in range(2)] == [False, True]
    assert limit.is_exceeded_by_another("b") is False
    now[0] = 61
    assert limit.is_exceeded_by_another("a") is False
    assert limit.is_exceeded_by_another("a") is True
    limit.is_exceeded_by_another("b")
    limit.is_exceeded_by_another("c")
    assert limit.is_exceeded_by_another("a") is False


def test_a_brand_cannot_inject_html(
    client: TestClient, database: Database, mailed: Mailed, link: Link
) -> None:
    with database.begin() as session:
        run(session, "UPDATE tenant SET name = '<script>alert(1)</script>'")
    text = client.get(link(mailed)).text
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_an_unsubscribe_is_not_undone_by_an_event(
    client: TestClient, database: Database, mailed: Mailed, link: Link
) -> None:
    client.post(link(mailed), data=ONE_CLICK)
    with database.begin() as session:
        found = one(session, "SELECT state FROM delivery WHERE id = :id", id=mailed.delivery_id)
    assert found is not None
    assert found["state"] == "sent"
