"""Files come in with a digest, and rejected lines have a place."""

import hashlib
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from core.errors import ImportFileError
from gateways import contact_files


def test_a_file_is_described_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"email\na@x.com\n")
    with contact_files.opened(str(path), state_dir=tmp_path / "state") as file:
        assert (file.name, file.size, file.lines) == ("people.csv", 14, 2)
        assert file.digest == hashlib.sha256(b"email\na@x.com\n").hexdigest()
        assert b"".join(file.chunks()) == b"email\na@x.com\n"
        assert file.rejected_path == tmp_path / "people.rejected.csv"


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_what_is_not_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ImportFileError, match="cannot be read"),
        contact_files.opened(str(tmp_path / name), state_dir=tmp_path),
    ):
        pass


def test_a_file_of_too_many_lines_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """T10."""
    path = tmp_path / "large.csv"
    path.write_bytes(b"\n" * 5_000_002)
    with (
        pytest.raises(ImportFileError) as refused,
        contact_files.opened(str(path), state_dir=tmp_path),
    ):
        pass
    assert refused.value.code == "file_too_large"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return "bucket"


def test_an_object_is_fetched_and_removed_again(tmp_path: Path, bucket: str) -> None:
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="some folder/#1?/people.csv", Body=b"email\na@x.com\n")
        with contact_files.opened("s3://bucket/some folder/#1?/people.csv", state_dir=tmp_path) as file:
            assert file.name == "people.csv"
            assert b"".join(file.chunks()) == b"email\na@x.com\n"
            assert file.rejected_path == tmp_path / "imports" / "people.rejected.csv"
    assert list((tmp_path / "imports").iterdir()) == []


def test_an_object_that_is_not_there_is_refused(tmp_path: Path, bucket: str) -> None:
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=bucket)
        with (
            pytest.raises(ImportFileError, match="cannot be fetched"),
            contact_files.opened("s3://bucket/missing.csv", state_dir=tmp_path),
        ):
            pass
