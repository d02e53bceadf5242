"""The `posthouse` command: one sub-command module per subject, imported when it is asked for.

SQLAlchemy, boto3 and the inliner take a second and a hundred megabytes to import; no command needs them all.
"""

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup


# The module of each command and what it is called there, a function or a group of sub-commands with its help.
_COMMANDS: Final = {
    "demo": ("cli.demo", "demo", ""),
    "up": ("cli.stack", "up", ""),
    "worker": ("cli.worker", "worker", ""),
    "doctor": ("cli.doctor", "doctor", ""),
    "db": ("cli.database", "app", "The schema of our database."),
    "tenant": ("cli.tenant", "app", "The clients that send."),
    "limit": ("cli.limit", "app", "How fast a single tenant may send."),
    "contacts": ("cli.contacts", "app", "People and their consent."),
    "audience": ("cli.audience", "app", "Lists, and what their readers know them as."),
    "provider": ("cli.provider", "app", "Who keeps the mailboxes of a domain."),
    "suppressions": ("cli.suppressions", "app", "People who must not be mailed."),
    "template": ("cli.template", "app", "Check and render templates."),
    "seeds": ("cli.seeds", "app", "Your own people's mailboxes, for tests before a campaign goes out."),
    "campaign": ("cli.campaign", "app", "Create, check, send and watch campaigns."),
    "forecast": ("cli.forecast", "app", "Whether what was said of campaigns' ends came true."),
    "why": ("cli.why", "why", ""),
    "events": ("cli.events", "app", "What SES reports about messages."),
    "bounces": ("cli.bounces", "app", "How bounces are understood, and what was not."),
    "breaker": ("cli.breaker", "app", "What bounces and complaints are evidence of."),
    "account": ("cli.account", "app", "What SES lets all tenants send together, and your own limit."),
    "ledger": ("cli.ledger", "app", "Whether the ledger may be believed."),
    "audit": ("cli.audit", "app", "Who did what, and that nobody has rewritten it."),
    "hygiene": ("cli.hygiene", "app", "Keep the lists clean."),
    "warmup": ("cli.warmup", "app", "How much a sending domain may send, and why."),
}


class _OnDemand(TyperGroup):
    """A group whose commands are imported one by one."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of a first evening with Posthouse."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command's module and return the command; None when there is no such command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, told = _COMMANDS[cmd_name]
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(cmd_name)(found)
            command = typer.main.get_command(alone)
        command.name, command.help = cmd_name, told or command.help
        return command


app = typer.Typer(
    name="posthouse",
    cls=_OnDemand,
    help="Newsletters for many tenants through Amazon SES: never lost, never twice, warmed up by the rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def posthouse() -> None:
    """Newsletters for many tenants through Amazon SES: never lost, never twice, warmed up by the rules."""


def run() -> None:
    """Run the command; the console script's entrance."""
    app()
