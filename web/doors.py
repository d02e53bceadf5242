"""Composition root of the web door: what its routes need of the outside, made on first use."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from core.unsubscribe import TokenKey
from gateways import aws, postgres, secrets, sns
from gateways.settings import Settings, settings
from gateways.sns import Notification, Verifier
from store.session import Database
from web.limits import FailureLimit


class Doors:
    """What the routes of one process share.

    Args:
        chosen: The settings, read from the environment if not given.
        database: Our database; opened from the settings if not given.
        token_keys: The keys of unsubscribe links; loaded if not given.
        verifier: Proves where webhook posts come from.
        confirm: Confirms a subscription to a topic.
    """

    def __init__(
        self,
        chosen: Settings | None = None,
        *,
        database: Database | None = None,
        token_keys: Sequence[TokenKey] | None = None,
        verifier: Verifier | None = None,
        confirm: Callable[[Notification], None] = sns.confirm,
    ) -> None:
        self._given_settings = chosen
        self._given_database = database
        self._given_keys = token_keys
        self._given_verifier = verifier
        self.confirm = confirm
        self.bad_links = FailureLimit()
        self.wrong_passwords = FailureLimit(most=5)
        self.told_refusals = FailureLimit(most=10)

    @cached_property
    def settings(self) -> Settings:
        """The environment."""
        return self._given_settings or settings()

    @cached_property
    def database(self) -> Database:
        """Our PostgreSQL."""
        # Starlette runs up to 40 synchronous routes at once.
        return self._given_database or Database(postgres.database_url(self.settings), connections=40)

    @cached_property
    def token_keys(self) -> Sequence[TokenKey]:
        """The keys that verify unsubscribe links."""
        return self._given_keys or secrets.load(self.settings).token_keys

    @cached_property
    def region(self) -> str | None:
        """The region whose quota binds campaigns; None when none is set."""
        return aws.region()

    @cached_property
    def verifier(self) -> Verifier:
        """Believes the topics of the settings, and nobody if there are none."""
        return self._given_verifier or Verifier(self.settings.sns_topic_arns)


def _doors(request: Request) -> Doors:
    doors = request.app.state.doors
    assert isinstance(doors, Doors)
    return doors


Given = Annotated[Doors, Depends(_doors)]
