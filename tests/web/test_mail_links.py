"""The links of a mail that was really sent: whoever only looks changes nothing, and each leads where it says."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gateways import templates
from gateways.settings import PROJECT, Settings
from store.session import Database, rows
from tests.fakes import SECRETS
from tests.stage import Stage
from web.app import create_app
from web.doors import Doors


def traces(database: Database) -> list[object]:
    with database.begin() as session:
        return [
            dict(row)
            for table in (
                "suppression",
                "suppression_change",
                "preference",
                "audit_entry",
                "delivery_fact",
                "inbox_event",
            )
            for row in rows(session, f"SELECT * FROM {table}")  # the names above
        ]


@pytest.mark.parametrize("template", ["newsletter", "product-digest", "announcement"])
def test_a_scanner_that_follows_every_link_of_a_mail_unsubscribes_nobody(
    database: Database, tmp_path: Path, template: str
) -> None:
    """P01: GET and HEAD, twice, as those do who look for phishing before the reader sees the mail."""
    stage = Stage(database, tmp_path)
    scene = stage.set(1, sources=templates.load(PROJECT / "templates", template))
    stage.send(scene)
    (message,) = stage.ses.calls
    text = "\n".join([message.content.html, message.content.text, *message.headers.values()])
    ours = sorted(set(re.findall(r"http://127\.0\.0\.1:8025(/[up]/[\w.-]+)", text)))
    assert [path[:3] for path in ours] == ["/p/", "/u/"]
    before = traces(database)
    doors = Doors(Settings(), database=database, token_keys=SECRETS.token_keys)
    with TestClient(create_app(doors)) as client:
        for path in ours * 2:
            for method in ("HEAD", "GET", "OPTIONS"):
                client.request(method, path, headers={"User-Agent": "link scanner", "Purpose": "prefetch"})
        assert traces(database) == before
        assert [client.get(path).status_code for path in ours] == [200, 200]
        (one_click,) = re.findall(
            r"<http://127\.0\.0\.1:8025(/u/[^>]+)>", message.headers["List-Unsubscribe"]
        )
        answer = client.post(one_click, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
    assert (answer.status_code, "set-cookie" in answer.headers, "location" in answer.headers) == (
        200,
        False,
        False,
    )
    assert traces(database) != before
