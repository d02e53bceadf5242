"""Composition root: settings become the one database, the secrets and the gateways of this process.

Nothing below asks the environment. Everything is made on first use, so that a step that needs no queue opens none.
"""

from dataclasses import dataclass
from functools import cache, cached_property

from gateways import postgres, secrets
from gateways import settings as environment
from gateways.dns import MailExchangers
from gateways.render_process import Renderer
from gateways.secrets import Secrets
from gateways.ses import Ses
from gateways.ses_suppression import SuppressionLists
from gateways.settings import Settings
from store.session import Database


@dataclass(frozen=True)
class Resources:
    """What the steps of one process share."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        """Our PostgreSQL, the embedded one started if it has to be."""
        return Database(postgres.database_url(self.settings), connections=self.settings.calls_in_flight + 4)

    @cached_property
    def secrets(self) -> Secrets:
        """The recipient-key pepper and the token keys."""
        return secrets.load(self.settings)

    @cached_property
    def ses(self) -> Ses:
        """Amazon SES, or the simulator in its place."""
        return Ses(calls_in_flight=self.settings.calls_in_flight)

    @cached_property
    def suppression_lists(self) -> SuppressionLists:
        """Amazon SES's own suppression lists, the account's and its tenants'."""
        return SuppressionLists()

    @cached_property
    def mail_exchangers(self) -> MailExchangers:
        """The DNS, asked for whose mailboxes a domain's are."""
        return MailExchangers(self.settings.dns_servers)

    @cached_property
    def renderer(self) -> Renderer:
        """The process that tenants' templates are compiled and filled in by."""
        settings = self.settings
        return Renderer(render_seconds=settings.render_seconds, compile_seconds=settings.compile_seconds)


@cache
def resources() -> Resources:
    """Return the process's resources; tests pass their own to the steps."""
    return Resources(environment.settings())
