"""The environment of everything that runs in the local stack: what is set, and what of the user's own is left out."""

import os
from collections.abc import Mapping
from pathlib import Path

from gateways.settings import Settings


def inherited() -> dict[str, str]:
    """Return the user's environment without Amazon and Prefect: the local stack must reach no account of either."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PREFECT_"))}


def ours(settings: Settings, *, database_url: str, urls: Mapping[str, str]) -> dict[str, str]:
    """Return where Posthouse finds its database, its files and its neighbours."""
    return {
        "POSTHOUSE_DATABASE_URL": database_url,
        "POSTHOUSE_STATE_DIR": str(settings.state_dir.resolve()),
        "POSTHOUSE_PUBLIC_URL": urls["web"],
        "POSTHOUSE_PREFECT_API_URL": f"{urls['prefect']}/api",
        "POSTHOUSE_CRITICAL_QUEUE": settings.critical_queue,
        "POSTHOUSE_ENGAGEMENT_QUEUE": settings.engagement_queue,
        # The simulator has no limit on them.
        "POSTHOUSE_SES_LIST_CALLS_PER_SECOND": "200",
        # A proxy of the user's would be asked for 127.0.0.1 too.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def amazon(urls: Mapping[str, str], *, region: str) -> dict[str, str]:
    """Return boto3's variables: the stand-ins for every service, keys that open nothing, no file of the user's."""
    stand_in = urls["amazon"]
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The general one catches every service that has no line of its own.
        "AWS_ENDPOINT_URL": stand_in,
        "AWS_ENDPOINT_URL_SQS": stand_in,
        "AWS_ENDPOINT_URL_SNS": stand_in,
        "AWS_ENDPOINT_URL_S3": stand_in,
        "AWS_ENDPOINT_URL_CLOUDWATCH": stand_in,
        "AWS_ENDPOINT_URL_SESV2": urls["simulator"],
    }


def prefect(urls: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """Return what Prefect's clients and workers need."""
    return {
        "PREFECT_API_URL": f"{urls['prefect']}/api",
        # A profile of the user's own is neither read nor changed.
        "PREFECT_HOME": str(home.resolve()),
        # The waits double from 2 s: with 5 of them (the default) a run gives up on a server that is away for a minute,
        # with 7 after four minutes, with 10 it would sit on its place of the worker for half an hour.
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        # The default of 10 is how long a started run may wait for nothing.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        # The least that Prefect allows; three of them missing is what deployments/automations.yaml calls dead.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "DO_NOT_TRACK": "1",
    }


def prefect_server(database_url: str) -> dict[str, str]:
    """Return what Prefect's server needs besides."""
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_V2_ENABLED": "true",
        # Prefect records task runs one by one by default. In batches its server spends 18 ms of CPU on each, not 65.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
    }
