"""The web door while Prefect is down, or not even installed: links work, events are stored, readiness asks the database alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

from core.unsubscribe import Claim, Purpose, sign
from store.session import Database, rows
from tests.mailed import Mailed
from tests.web.conftest import KEY


# None in the place of a module makes every import of it fail.
DOOR = """
import json, sys
sys.modules["prefect"] = None
from fastapi.testclient import TestClient
from web.app import app
with TestClient(app) as client:
    asked = [("GET", "/healthz"), ("GET", "/readyz"), *(tuple(way.split()) for way in sys.argv[1:]), ("POST", "/sns/ses")]
    print(json.dumps([client.request(*way).status_code for way in asked]))
"""


def test_links_work_and_readiness_holds_without_prefect(
    database: Database, mailed: Mailed, project: Path, tmp_path: Path
) -> None:
    stop, choose = (sign(Claim(mailed.tenant_id, mailed.delivery_id, purpose), KEY) for purpose in Purpose)
    environment = {
        "POSTHOUSE_DATABASE_URL": database.url,
        "POSTHOUSE_STATE_DIR": str(tmp_path),
        "POSTHOUSE_TOKEN_SECRETS": f"{KEY.kid}:{KEY.secret.hex()}",
        "POSTHOUSE_RECIPIENT_KEY_SECRET": "00" * 32,
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }
    done = subprocess.run(
        [sys.executable, "-c", DOOR, f"GET /u/{stop}", f"GET /p/{choose}", f"POST /u/{stop}"],
        cwd=project, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stderr == ""
    # The last is the webhook, which refuses an empty body for what it is.
    assert json.loads(done.stdout) == [200, 200, 200, 200, 200, 400]
    with database.begin() as session:
        assert len(rows(session, "SELECT FROM suppression")) == 1
