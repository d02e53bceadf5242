"""Signing in to the operator's pages, and which forms are believed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import pytest
from fastapi.testclient import TestClient

from core import operators
from core.operators import Visit
from gateways.settings import Settings
from store.session import Database, rows
from tests.builders import Scene, a_scene
from tests.web.conftest import KEY
from tests.web.console import ORIGIN, OURS, PASSWORD, Console, words_of
from web.app import create_app
from web.doors import Doors
from web.limits import FailureLimit
from web.operators import COOKIE


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.begin() as session:
        return a_scene(session)


def audited(database: Database) -> list[str]:
    with database.begin() as session:
        return [row["actor"] for row in rows(session, "SELECT actor FROM audit_entry ORDER BY id")]


# Without a password there are no pages


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/campaigns"),
        ("GET", "/campaigns/1"),
        ("GET", "/campaigns/x"),
        ("GET", "/campaigns/sign-in"),
        ("GET", "/campaigns/1/cancel"),
        ("POST", "/campaigns/sign-in"),
        ("POST", "/campaigns/sign-out"),
        ("POST", "/campaigns/1/pause"),
    ],
)
def test_without_a_password_an_address_answers_as_one_that_is_not_there(
    client: TestClient, method: str, path: str
) -> None:
    answer, nowhere = (
        client.request(method, where, headers={"Origin": ORIGIN}) for where in (path, "/no-such-page")
    )
    assert (answer.status_code, answer.text) == (404, nowhere.text)
    assert "set-cookie" not in answer.headers


def test_the_dashboard_leads_to_the_pages_where_there_are_any(doors: Doors, operator_doors: Doors) -> None:
    with TestClient(create_app(operator_doors), client=("127.0.0.1", 1)) as local:
        assert '<a href="/campaigns">' in local.get("/").text
    with TestClient(create_app(doors), client=("127.0.0.1", 1)) as local:
        assert "/campaigns" not in local.get("/").text


# Sign in, sign out


@pytest.mark.parametrize("path", ["", "7", "7/cancel", "x"])
def test_who_is_not_signed_in_is_shown_the_way(console: Console, path: str) -> None:
    answer = console.get(path)
    assert answer.status_code == 303
    to = "?to=7" if path.startswith("7") else ""
    assert answer.headers["location"] == f"/campaigns/sign-in{to}"
    assert answer.content == b""


def test_signing_in_sets_a_cookie_for_these_pages_alone(console: Console) -> None:
    answer = console.sign_in("Ada")
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns")
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert {name: value for name, value in morsel.items() if value} == {
        "httponly": True,
        "max-age": "28800",
        "path": "/campaigns",
        "samesite": "strict",
    }
    assert PASSWORD not in morsel.value
    assert "Ada" in words_of(console.get().text)


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False)])
def test_the_cookie_is_for_https_alone_where_the_browser_came_by_it(
    operator_doors: Doors, scheme: str, *, secure: bool
) -> None:
    """Between a proxy and us there may be plain HTTP all the same."""
    with TestClient(create_app(operator_doors), follow_redirects=False) as client:
        origin = {"Origin": f"{scheme}://testserver"}
        answer = client.post("/campaigns/sign-in", data={"name": "Ada", "password": PASSWORD}, headers=origin)
    assert ("Secure" in answer.headers["set-cookie"]) is secure


@pytest.mark.parametrize(
    ("to", "way"),
    [
        ("12", "/campaigns/12"),
        ("", "/campaigns"),
        ("//evil.example", "/campaigns"),
        ("https://evil.example", "/campaigns"),
        ("12/../../sns", "/campaigns"),
        ("١٢", "/campaigns"),
    ],
)
def test_after_signing_in_the_way_leads_back_and_never_outside(console: Console, to: str, way: str) -> None:
    assert console.sign_in(to=to).headers["location"] == way


def test_who_is_signed_in_needs_no_form(ada: Console) -> None:
    answer = ada.get("sign-in?to=12")
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns/12")


def test_a_link_from_elsewhere_comes_without_the_cookie_and_is_one_click_away(console: Console) -> None:
    answer = console.client.get("/campaigns/sign-in?to=12", headers={"Sec-Fetch-Site": "cross-site"})
    assert '<a href="/campaigns/12">go on</a>' in answer.text
    assert "go on" not in console.get("sign-in?to=12").text


def test_a_wrong_password_opens_nothing(console: Console) -> None:
    answer = console.sign_in("Ada", "correct horse batter")
    assert (answer.status_code, console.cookie) == (403, None)
    assert "This is not the password." in answer.text
    assert 'value="Ada"' in answer.text
    assert "batter" not in answer.text.partition("<body>")[2]
    assert console.get().status_code == 303


@pytest.mark.parametrize("name", ["", "ada@example.com", "<script>alert(1)</script>"])
def test_who_gives_no_name_does_not_come_in(console: Console, name: str) -> None:
    answer = console.sign_in(name)
    assert (answer.status_code, console.cookie) == (422, None)
    assert "Please say who you are" in answer.text
    assert "<script" not in answer.text


def test_signing_out_ends_the_visit_in_this_browser(ada: Console) -> None:
    answer = ada.post("sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns/sign-in")
    assert ada.cookie is None
    assert ada.get().status_code == 303


def test_after_five_wrong_passwords_a_minute_the_right_one_does_not_help(console: Console) -> None:
    for _ in range(5):
        assert console.sign_in("Ada", "guess").status_code == 403
    refused = console.sign_in("Ada")
    assert (refused.status_code, console.cookie) == (429, None)
    assert "Too many wrong passwords" in refused.text


def test_many_guesses_at_once_are_no_more_than_five(operator_doors: Doors) -> None:
    app = create_app(operator_doors)
    with (
        TestClient(app, client=("192.0.2.66", 1), follow_redirects=False) as client,
        ThreadPoolExecutor(12) as pool,
    ):
        answers = pool.map(lambda number: Console(client).sign_in("Mallory", f"guess {number}"), range(24))
        assert Counter(answer.status_code for answer in answers) == {403: 5, 429: 19}


def test_after_the_minute_and_after_the_right_password_counting_begins_anew(
    console: Console, operator_doors: Doors
) -> None:
    now = [0.0]
    operator_doors.wrong_passwords = FailureLimit(most=5, seconds=60, clock=lambda: now[0])
    for _ in range(3):
        assert [console.sign_in("Ada", "guess").status_code for _ in range(4)] == [403] * 4
        assert console.sign_in("Ada").status_code == 303
    assert [console.sign_in("Ada", "guess").status_code for _ in range(7)] == [403] * 5 + [429] * 2
    now[0] = 61.0
    assert console.sign_in("Ada").status_code == 303


def test_who_guesses_stops_nobody_else(operator_doors: Doors) -> None:
    app = create_app(operator_doors)
    with TestClient(app, client=("192.0.2.66", 1), follow_redirects=False) as guesser:
        for _ in range(9):
            Console(guesser).sign_in("Mallory", "guess")
    with TestClient(app, client=("192.0.2.5", 1), follow_redirects=False) as client:
        assert Console(client).sign_in("Ada").status_code == 303


# Visits


def visit(until: datetime, password: str = PASSWORD) -> str:
    return operators.sign(Visit("Ada", until, "A" * 22), operators.key_of(KEY.secret, password))


@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param(visit(datetime.now(UTC) + timedelta(hours=7)), 200, id="one that goes on"),
        pytest.param(visit(datetime.now(UTC) - timedelta(seconds=1)), 303, id="one that is over"),
        pytest.param(visit(datetime(2099, 1, 1, tzinfo=UTC), "an old password"), 303, id="an old password"),
        pytest.param("nonsense", 303, id="nonsense"),
    ],
)
def test_a_cookie_is_good_for_a_visit_that_we_signed(console: Console, token: str, status: int) -> None:
    console.client.cookies.set(COOKIE, token)
    assert console.get().status_code == status


def test_a_visit_goes_on_when_the_web_is_started_anew(
    ada: Console, operator_doors: Doors, scene: Scene
) -> None:
    doors = Doors(operator_doors.settings, database=operator_doors.database, token_keys=[KEY])
    with TestClient(create_app(doors), cookies=ada.client.cookies, follow_redirects=False) as client:
        again = Console(client)
        assert again.press("pause", scene).status_code == 303
    assert "paused" in words_of(ada.see(scene))


# Forms


def actions_of(scene: Scene) -> list[str]:
    return [f"{scene.campaign_id}/{action}" for action in ("pause", "resume", "cancel")]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no Origin"),
        pytest.param({"Origin": "null"}, id="a page that hides where it is"),
        pytest.param({"Origin": "https://evil.example"}, id="another site"),
        pytest.param({"Origin": "http://testserver:81"}, id="another port"),
        pytest.param({"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, id="across sites"),
        pytest.param({"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"}, id="a neighbouring subdomain"),
    ],
)
def test_a_form_of_another_site_does_nothing(
    ada: Console, database: Database, scene: Scene, headers: dict[str, str]
) -> None:
    before, token = ada.cookie, ada.form_token
    fields = {"reason": "x", "confirm": str(scene.campaign_id), "name": "Eve", "password": PASSWORD}
    ada.headers = headers
    for path in ("sign-in", "sign-out", *actions_of(scene)):
        answer = ada.post(path, token=token, **fields)
        assert answer.status_code == 403
        assert "Nothing was changed." in answer.text
    assert (ada.cookie, audited(database)) == (before, [])


@pytest.mark.parametrize("token", [None, "x", "é", "A" * 43])
def test_a_form_without_the_token_of_this_visit_does_nothing(
    ada: Console, database: Database, scene: Scene, token: str | None
) -> None:
    before = ada.cookie
    for path in ("sign-out", *actions_of(scene)):
        answer = ada.post(path, token=token, reason="x", confirm=str(scene.campaign_id))
        assert answer.status_code == 403
    assert (ada.cookie, audited(database)) == (before, [])


def test_a_form_of_an_earlier_visit_does_nothing(ada: Console, database: Database, scene: Scene) -> None:
    old = ada.form_token
    ada.post("sign-out")
    ada.sign_in("Ada")
    assert ada.post(f"{scene.campaign_id}/pause", token=old, reason="x").status_code == 403
    assert audited(database) == []


def test_a_form_of_nobody_leads_to_signing_in(console: Console, database: Database, scene: Scene) -> None:
    answer = console.post(f"{scene.campaign_id}/pause", token="x", reason="x")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/campaigns/sign-in?to={scene.campaign_id}",
    )
    assert audited(database) == []


def test_behind_a_proxy_the_public_name_is_ours_too(operator_doors: Doors) -> None:
    chosen = Settings(operator_password=PASSWORD, public_url="https://mail.example.com")
    doors = Doors(chosen, database=operator_doors.database, token_keys=[KEY])
    with TestClient(create_app(doors), follow_redirects=False) as client:
        console = Console(client, {"Origin": "https://mail.example.com", "Sec-Fetch-Site": "same-origin"})
        assert console.sign_in().status_code == 303


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/json"])
def test_a_body_that_is_no_form_is_refused(console: Console, content_type: str) -> None:
    answer = console.client.post(
        "/campaigns/sign-in", content=b"--nonsense", headers={**OURS, "Content-Type": content_type}
    )
    assert answer.status_code in {400, 403}
    assert console.cookie is None


# What every page carries


@pytest.fixture
def pages(ada: Console, scene: Scene) -> list[str]:
    return ["", str(scene.campaign_id), f"{scene.campaign_id}/cancel", "0", "sign-in"]


def test_no_page_has_a_script_or_loads_anything(ada: Console, pages: list[str]) -> None:
    for path in pages:
        answer = ada.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "same-origin" or answer.status_code == 303
        assert answer.headers["cache-control"] == "no-store"
        assert not [
            found for found in ("<script", "style=", "src=", "http:", "https:") if found in answer.text
        ]


def test_the_password_is_nowhere_to_be_read(operator_doors: Doors, ada: Console, pages: list[str]) -> None:
    assert PASSWORD not in repr(operator_doors.settings)
    for path in pages:
        assert PASSWORD not in ada.get(path).text


def test_a_house_without_its_database_says_so_in_words(operator_doors: Doors) -> None:
    nowhere = Database("postgresql+psycopg://postgres@127.0.0.1:9/nowhere")
    doors = Doors(operator_doors.settings, database=nowhere, token_keys=[KEY])
    with TestClient(create_app(doors), follow_redirects=False) as client:
        console = Console(client)
        console.sign_in()
        for path in ("", "7"):
            answer = console.get(path)
            assert answer.status_code == 503
            assert "This cannot be answered now" in answer.text
