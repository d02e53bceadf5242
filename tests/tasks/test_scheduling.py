"""A campaign is found by its own tenant only, and starts by itself at a time."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.campaigns import CampaignState
from core.errors import ConflictError, NotFoundError
from store import campaigns as store_campaigns
from store.session import Database
from tasks import campaigns
from tests.builders import Scene, a_scene
from tests.fakes import some_resources


MORNING = datetime(2030, 12, 1, 9, tzinfo=UTC)
EVENING = datetime(2030, 12, 1, 18, tzinfo=UTC)


def scenes(database: Database) -> tuple[Scene, Scene]:
    with database.begin() as session:
        return a_scene(session), a_scene(session)


def test_another_tenants_campaign_is_not_found(database: Database, tmp_path: Path) -> None:
    """P04."""
    resources = some_resources(database, tmp_path)
    ours, theirs = scenes(database)
    found = campaigns.find(resources, tenant_slug=ours.slug, campaign_id=ours.campaign_id)
    assert found.id == ours.campaign_id
    with pytest.raises(NotFoundError):
        campaigns.find(resources, tenant_slug=theirs.slug, campaign_id=ours.campaign_id)


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.SCHEDULED])
def test_a_campaign_that_has_not_started_gets_its_time(
    database: Database, tmp_path: Path, state: CampaignState
) -> None:
    resources = some_resources(database, tmp_path)
    with database.begin() as session:
        scene = a_scene(session, state=state)
        store_campaigns.find(session, **scene.campaign).start_at = MORNING
    campaigns.schedule(resources, scene.campaign_id, start_at=EVENING)
    found = campaigns.find(resources, tenant_slug=scene.slug, campaign_id=scene.campaign_id)
    assert (found.state, found.start_at) == (CampaignState.SCHEDULED, EVENING)


def test_a_campaign_that_is_being_sent_is_not_put_off(database: Database, tmp_path: Path) -> None:
    resources = some_resources(database, tmp_path)
    with database.begin() as session:
        scene = a_scene(session, state=CampaignState.SENDING)
    with pytest.raises(ConflictError, match="is sending"):
        campaigns.schedule(resources, scene.campaign_id, start_at=EVENING)
    found = campaigns.find(resources, tenant_slug=scene.slug, campaign_id=scene.campaign_id)
    assert (found.state, found.start_at) == (CampaignState.SENDING, None)
