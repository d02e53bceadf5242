"""Settings: the environment, read once, as one frozen object. Nothing else reads the environment.

Every name is `POSTHOUSE_` and the field's name in capitals (docs/configuration.md lists them). Amazon's own
variables (`AWS_REGION`, `AWS_ENDPOINT_URL_SESV2`, ...) belong to boto3 and are left to it.
"""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigurationError


PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What an operator may set. Units are in the names."""

    # What is refused may be a secret, and an error's text ends up in logs.
    model_config = SettingsConfigDict(
        env_prefix="POSTHOUSE_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: str | None = Field(
        None,
        description="postgresql+psycopg://… of our database; unset, the embedded PostgreSQL is started under state_dir.",
    )
    state_dir: Path = Field(
        PROJECT / "var", description="Where the embedded database, secrets and logs live."
    )
    templates_dir: Path = Field(PROJECT / "templates", description="Where `campaign create` finds templates.")
    public_url: str = Field(
        "http://127.0.0.1:8025", description="Base of the links in mails; https in production (RFC 8058)."
    )
    recipient_key_secret: SecretStr | None = Field(
        None, description="Pepper of recipient keys; unset, made once in state_dir/secrets.json."
    )
    token_secrets: SecretStr | None = Field(
        None,
        description="kid:hex pairs, comma-separated, newest first; unset, made once in state_dir/secrets.json.",
    )
    operator_password: SecretStr | None = Field(
        None,
        min_length=12,
        description="Opens the web pages that pause, resume and cancel campaigns; unset, there are none.",
    )
    critical_queue: str = Field(
        "posthouse-critical", description="SQS queue of Send, Bounce, Complaint, Reject … events."
    )
    engagement_queue: str = Field(
        "posthouse-engagement", description="SQS queue of Delivery, Open and Click events."
    )
    unsubscribe_mailbox: str | None = Field(
        None,
        description="Where unsubscribes by mail arrive: an mbox, a Maildir, a folder of mails, or s3://bucket/prefix/.",
    )
    sns_topic_arns: tuple[str, ...] = Field(
        (), description="JSON list of the only topics whose webhook posts are believed."
    )
    calls_in_flight: int = Field(12, ge=1, le=64, description="Concurrent SendEmail calls of one process.")
    ses_list_calls_per_second: float = Field(
        1.0, gt=0, description="Calls about SES's suppression lists; SES takes about one a second."
    )
    window_size: int = Field(100, ge=1, le=500, description="Messages whose intent is committed together.")
    claim_size: int = Field(
        500,
        ge=1,
        le=5000,
        description="Deliveries claimed and rendered together; best a multiple of window_size.",
    )
    claim_lease_seconds: int = Field(
        300, ge=1, description="After this a claim of a dead worker is free again."
    )
    call_lease_seconds: int = Field(90, ge=1, description="After this a call without an answer is in doubt.")
    doubt_guard_seconds: int = Field(
        1200,
        ge=1,
        description="Before this nothing is concluded from silence: AWS still takes the old request. 4x its 5 minutes.",
    )
    doubt_window_seconds: int = Field(
        86_400, ge=1, description="Doubt that no evidence settled by then is called unconfirmed."
    )
    events_grace_minutes: int = Field(
        30, ge=5, description="After this an accepted message without any event of SES is called overdue."
    )
    ambiguity_pause_seconds: float = Field(
        30.0,
        gt=0,
        description="The first rest after more than 5 of the last 100 calls were left without an answer.",
    )
    ses_account_shared: bool = Field(
        False,
        description="Others send through this SES account as they please: its count says nothing about the ledger.",
    )
    render_seconds: float = Field(
        2.0, gt=0, description="What rendering one message may take; longer, and the message fails alone."
    )
    compile_seconds: float = Field(20.0, gt=0, description="What compiling a template may take.")
    audit_one_in: int | None = Field(
        None,
        ge=0,
        description="Compare one message in so many with premailer's page; 0 none; unset, as many as 2 % of the time pays for.",
    )
    dns_lookups: bool = Field(
        True,
        description="Ask the DNS which provider keeps a domain's mailboxes; off, well-known names decide.",
    )
    dns_servers: tuple[str, ...] = Field(
        (), description="JSON list of resolvers, `address` or `address:port`; unset, those of the machine."
    )
    vanguard_from: int = Field(
        5000,
        ge=0,
        description="A campaign of so many messages waits for what becomes of its first 200 or 1 %; 0, none does.",
    )
    chunk_seconds: int = Field(45, ge=1, description="How long one Prefect task run of sending should last.")
    stop_grace_seconds: float = Field(
        75.0,
        ge=0,
        description="How long `posthouse worker` waits at SIGTERM for its runs; at least 0.7 x call_lease_seconds.",
    )
    prefect_api_url: str | None = Field(None, description="Only for links that are printed.")


@cache
def settings() -> Settings:
    """Return the process's settings; tests build their own `Settings(...)`.

    Raises:
        ConfigurationError: A value is not what its setting takes; the message names the setting, never the value.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_context=False)[0]
        name = "POSTHOUSE_" + "_".join(map(str, wrong["loc"])).upper()
        raise ConfigurationError(
            f"{name}: {wrong['msg']}", hint="docs/configuration.md lists them."
        ) from error
