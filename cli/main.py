"""The `posthouse` command: one sub-command module per subject."""

import typer

from cli import (
    campaign,
    contacts,
    database,
    demo,
    doctor,
    events,
    hygiene,
    stack,
    suppressions,
    template,
    tenant,
    warmup,
    why,
)


app = typer.Typer(
    name="posthouse",
    help="Newsletters for many tenants through Amazon SES: never lost, never twice, warmed up by the rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(database.app, name="db", help="The schema of our database.")
app.add_typer(tenant.app, name="tenant", help="The clients that send.")
app.add_typer(contacts.app, name="contacts", help="People and their consent.")
app.add_typer(suppressions.app, name="suppressions", help="People who must not be mailed.")
app.add_typer(template.app, name="template", help="Check and render templates.")
app.add_typer(campaign.app, name="campaign", help="Create, check, send and watch campaigns.")
app.add_typer(events.app, name="events", help="What SES reports about messages.")
app.add_typer(hygiene.app, name="hygiene", help="Keep the lists clean.")
app.add_typer(warmup.app, name="warmup", help="How much a sending domain may send.")
app.command("why")(why.why)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("up")(stack.up)


def run() -> None:
    """Run the command; the console script's entrance."""
    app()
