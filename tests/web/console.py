"""A person at the operator's pages, over HTTP without a browser: signs in, reads, fills in forms."""

import html
import re
from dataclasses import dataclass, field

from fastapi.testclient import TestClient
from httpx2 import Response

from tests.builders import Scene
from web.operators import COOKIE


PASSWORD = "correct horse battery"
ORIGIN = "http://testserver"
OURS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


@dataclass
class Console:
    """What a browser does for a person: keeps the cookie, and says where a form came from."""

    client: TestClient
    headers: dict[str, str] = field(default_factory=lambda: dict(OURS))

    def sign_in(self, name: str = "Ada", password: str = PASSWORD, **fields: str) -> Response:
        return self.post("sign-in", token=None, name=name, password=password, **fields)

    def get(self, path: str = "") -> Response:
        return self.client.get(f"/campaigns{'/' if path and path[0] != '?' else ''}{path}")

    def post(self, path: str, *, token: str | None = "", **fields: str) -> Response:
        """Send a form; with the token of a page of this visit unless another is given."""
        if token is not None:
            fields["form_token"] = token or self.form_token
        return self.client.post(f"/campaigns/{path}", data=fields, headers=self.headers)

    def press(self, action: str, scene: Scene, reason: str = "wrong price", **fields: str) -> Response:
        if action == "cancel":
            fields.setdefault("confirm", str(scene.campaign_id))
        return self.post(f"{scene.campaign_id}/{action}", reason=reason, **fields)

    def see(self, scene: Scene) -> str:
        answer = self.get(str(scene.campaign_id))
        assert answer.status_code == 200
        return answer.text

    @property
    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="([\w-]+)"', self.get().text)
        assert found, "nobody is signed in"
        return found[1]

    @property
    def cookie(self) -> str | None:
        return self.client.cookies.get(COOKIE)


def words_of(page: str) -> str:
    """What a page says, without its markup and style."""
    body = page.partition("<body>")[2]
    text = html.unescape(re.sub(r"<[^>]+>", " ", body))
    return " ".join(text.split())
