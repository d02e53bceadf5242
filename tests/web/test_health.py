"""Health and the operator's page."""

import pytest
from fastapi.testclient import TestClient

from store.session import Database, run
from tests.mailed import Mailed
from web.app import create_app
from web.doors import Doors


def test_a_living_process_says_so_without_a_database() -> None:
    nowhere = Database("postgresql+psycopg://postgres@127.0.0.1:9/nowhere")
    with TestClient(create_app(Doors(database=nowhere))) as client:
        assert client.get("/healthz").json() == {"ok": True}
        assert client.get("/readyz").status_code == 503


def test_a_process_is_ready_when_the_schema_is_the_newest(client: TestClient, database: Database) -> None:
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, {"ok": True})
    with database.begin() as session:
        run(session, "UPDATE alembic_version SET version_num = '0000'")
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_operators_page_counts_campaigns(doors: Doors, mailed: Mailed, host: str) -> None:
    with TestClient(create_app(doors), client=(host, 1)) as local:
        text = local.get("/").text
    assert '<th scope="row">Acme Travel</th><td>active</td><td class="number">1</td>' in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        pytest.param("192.0.2.5", {}, id="another machine"),
        pytest.param("127.0.0.1", {"X-Forwarded-For": "192.0.2.5"}, id="a proxy on this machine"),
        pytest.param("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, id="a proxy that says it was this machine"),
        pytest.param("testclient", {}, id="a client without an address"),
    ],
)
def test_the_operators_page_is_for_this_machine_alone(
    doors: Doors, mailed: Mailed, host: str, headers: dict[str, str]
) -> None:
    with TestClient(create_app(doors), client=(host, 1)) as client:
        answer = client.get("/", headers=headers)
    assert answer.status_code == 404
    assert "Acme" not in answer.text


def test_an_empty_house_has_no_table(doors: Doors) -> None:
    with TestClient(create_app(doors), client=("127.0.0.1", 1)) as client:
        assert "There are no tenants yet." in client.get("/").text
