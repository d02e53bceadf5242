"""Previews show real readers' messages, name nobody, and become pictures where there is a browser."""

from pathlib import Path

import pytest

from core.errors import ConfigurationError, NotFoundError, TemplateUndefinedError
from gateways import screenshots
from store.session import Database
from tasks import previews
from tasks.resources import Resources
from tests.builders import Scene, a_scene, an_account


PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.begin() as session:
        an_account(session)
        return a_scene(session, contacts=5)


def shown(resources: Resources, scene: Scene, **changes: object) -> list[previews.Sample]:
    words = {"name": "newsletter", "tenant_slug": scene.slug, "audience": "readers"}
    return previews.of_template(resources, **words | changes)


def test_messages_of_real_contacts_are_shown(resources: Resources, scene: Scene) -> None:
    found = shown(resources, scene, limit=2)
    assert len(found) == 2
    assert all(sample.content.html and sample.content.subject for sample in found)
    assert all(sample.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" for sample in found)


def test_no_address_is_on_the_page_but_what_the_message_itself_shows(
    resources: Resources, scene: Scene, tmp_path: Path
) -> None:
    written = previews.write(tmp_path / "out", "news", shown(resources, scene), pictures=False)
    assert [path.name for path in written] == ["preview.html"]
    page = written[0].read_text()
    assert page.count("<iframe") == 6
    assert "@example.net" not in page


def test_a_template_that_fits_nobody_says_why(resources: Resources, scene: Scene) -> None:
    (resources.settings.templates_dir / "newsletter" / "body.txt.j2").write_text("{{ contact.frist_name }}")
    with pytest.raises(TemplateUndefinedError, match="frist_name"):
        shown(resources, scene)


def test_what_is_not_there_is_not_shown(resources: Resources, scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        shown(resources, scene, audience="nobody")


@pytest.mark.browser
def test_pictures_are_made_for_desktop_and_phone(resources: Resources, scene: Scene, tmp_path: Path) -> None:
    written = previews.write(tmp_path / "out", "news", shown(resources, scene, limit=1), pictures=True)
    assert [path.name for path in written] == ["preview.html", "1-desktop.png", "1-phone.png"]
    assert all(path.read_bytes().startswith(PNG) for path in written[1:])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in written)


def test_without_a_browser_pictures_are_refused_in_words(
    resources: Resources, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenshots, "browser", lambda: None)
    with pytest.raises(ConfigurationError, match="no Chromium"):
        previews.write(tmp_path / "out", "news", shown(resources, scene, limit=1), pictures=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["preview.html"]
