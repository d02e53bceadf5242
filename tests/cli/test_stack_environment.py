"""The environment of the local stack: no way out to a real account."""

from pathlib import Path

import boto3
import pytest

from cli import stack_environment
from gateways.settings import Settings


URLS = {
    "web": "http://127.0.0.1:1",
    "prefect": "http://127.0.0.1:2",
    "simulator": "http://127.0.0.1:3",
    "amazon": "http://127.0.0.1:4",
}


@pytest.mark.parametrize(
    "name", ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "PREFECT_API_KEY", "PREFECT_PROFILE"]
)
def test_what_the_user_says_of_amazon_and_prefect_is_left_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "production")

    assert name not in stack_environment.inherited()


def test_what_else_the_user_says_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")

    assert stack_environment.inherited()["LANG"] == "C.UTF-8"


@pytest.mark.parametrize(
    ("service", "endpoint"),
    [
        pytest.param("sesv2", "http://127.0.0.1:3", id="SES is the simulator"),
        pytest.param("sns", "http://127.0.0.1:4", id="SNS is the stand-in"),
        pytest.param("sqs", "http://127.0.0.1:4", id="SQS is the stand-in"),
        pytest.param("s3", "http://127.0.0.1:4", id="S3 is the stand-in"),
        pytest.param("cloudwatch", "http://127.0.0.1:4", id="CloudWatch is the stand-in"),
        pytest.param("sts", "http://127.0.0.1:4", id="a service nobody thought of is the stand-in"),
    ],
)
def test_boto3_finds_the_stand_ins(service: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack_environment.amazon(URLS, region="us-east-1").items():
        monkeypatch.setenv(name, value)

    assert boto3.Session().client(service).meta.endpoint_url == endpoint


def test_our_settings_read_what_the_stack_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(state_dir=tmp_path, critical_queue="c", engagement_queue="e")
    for name, value in stack_environment.ours(
        given, database_url="postgresql+psycopg://x/y", urls=URLS
    ).items():
        monkeypatch.setenv(name, value)

    read = Settings()

    assert read.database_url == "postgresql+psycopg://x/y"
    assert read.state_dir == tmp_path
    assert read.public_url == "http://127.0.0.1:1"
    assert read.prefect_api_url == "http://127.0.0.1:2/api"
    assert (read.critical_queue, read.engagement_queue) == ("c", "e")


def test_prefects_settings_read_what_the_stack_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import Settings as PrefectSettings

    given = stack_environment.prefect(URLS, home=tmp_path)
    given |= stack_environment.prefect_server("postgresql+asyncpg://postgres@/prefect?host=/socket&port=5432")
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    read = PrefectSettings()

    assert read.api.url == "http://127.0.0.1:2/api"
    assert read.home == tmp_path
    assert read.client.max_retries == 7
    assert read.worker.query_seconds == 2
    assert read.server.analytics_enabled is False
    assert read.server.ui.show_promotional_content is False
    recorder, persister = read.server.services.task_run_recorder, read.server.services.event_persister
    assert (recorder.batch_size, recorder.read_batch_size) == (100, 100)
    assert (persister.batch_size, persister.read_batch_size) == (200, 100)
    assert read.server.services.triggers.read_batch_size == 100
