"""Mailboxes: each kind of place yields its mails' heads, and puts what was read where it belongs."""

from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from core.errors import InputError
from gateways.mailboxes import mails


FIRST = b"To: leave@acme.example\nSubject: one\n\nbody\nSubject: not this\n"
SECOND = b"To: leave@acme.example\r\nSubject: two\r\n\r\nbody\r\n"


def heads(location: object) -> list[bytes]:
    return [mail.head for mail in mails(str(location))]


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_of_mails_is_read_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(FIRST)
    (tmp_path / "b.eml").write_bytes(SECOND)
    found = list(mails(str(tmp_path)))
    assert [mail.head for mail in found] == [
        b"To: leave@acme.example\nSubject: one",
        b"To: leave@acme.example\r\nSubject: two",
    ]
    found[0].done(True)
    found[1].done(False)
    assert tree(tmp_path) == ["heeded/a.eml", "others/b.eml"]
    assert heads(tmp_path) == []


def test_what_is_new_in_a_maildir_is_read_once(tmp_path: Path) -> None:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1.example").write_bytes(FIRST)
    (tmp_path / "new" / "2.example").write_bytes(SECOND)
    (tmp_path / "tmp" / "3.example").write_bytes(FIRST)
    for number, mail in enumerate(mails(str(tmp_path))):
        mail.done(number == 0)
    assert tree(tmp_path) == [".Heeded/cur/1.example:2,", "cur/2.example:2,", "tmp/3.example"]


def test_an_mbox_yields_every_mail_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "mbox"
    path.write_bytes(
        b"From a@x.example Tue Nov 24 10:00:00 2026\n" + FIRST + b"\nFrom b@x.example Tue Nov 24 10:01:00 2026\n"
        b"Subject: two\n\n>From the middle of a paragraph\nFrom without an empty line\n\nFrom c@x.example\nSubject: three\n"
    )  # fmt: skip
    before = path.read_bytes()
    found = list(mails(str(path)))
    for mail in found:
        mail.done(True)
    assert [mail.head for mail in found] == [
        b"To: leave@acme.example\nSubject: one\n",
        b"Subject: two\n",
        b"Subject: three\n",
    ]
    assert path.read_bytes() == before


def test_one_mail_alone_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(SECOND)
    assert heads(path) == [b"To: leave@acme.example\r\nSubject: two"]


@pytest.mark.parametrize("as_mbox", [False, True], ids=["folder", "mbox"])
def test_of_a_huge_mail_no_more_than_its_head_is_kept(tmp_path: Path, *, as_mbox: bool) -> None:
    """A header of two megabytes without an end, in one line and in many."""
    endless = b"To: leave@acme.example\nX: " + b"x" * 1_000_000 + b"\n" + b"Y: y\n" * 200_000
    path = tmp_path / "huge"
    path.write_bytes((b"From a\n" if as_mbox else b"") + endless)
    (found,) = heads(path if as_mbox else tmp_path)
    assert len(found) <= 2 * 65_536


def test_an_empty_place_has_no_mails(tmp_path: Path) -> None:
    assert heads(tmp_path) == []
    (tmp_path / "empty").touch()
    assert heads(tmp_path / "empty") == [b""]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(FIRST)
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "a.eml").symlink_to(secret)
    assert heads(folder) == []


def test_a_mail_that_another_process_has_taken_is_passed_over(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(FIRST)
    found = mails(str(tmp_path))
    first = next(found)
    (tmp_path / "a").unlink()
    (tmp_path / "b").unlink()
    first.done(True)
    assert list(found) == []


def test_a_place_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        heads(tmp_path / "nowhere")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="inbound")
        yield client


def keys(client: object) -> list[str]:
    return [found["Key"] for found in client.list_objects_v2(Bucket="inbound").get("Contents", [])]


def test_what_ses_has_stored_in_a_bucket_is_read_and_sorted(bucket: object) -> None:
    bodies = {
        "leave/AMAZON_SES_SETUP_NOTIFICATION": b"",
        "leave/abc": FIRST,
        "leave/def": SECOND,
        "other/ghi": FIRST,
    }
    for key, body in bodies.items():
        bucket.put_object(Bucket="inbound", Key=key, Body=body)
    found = list(mails("s3://inbound/leave/"))
    assert [mail.head[:30] for mail in found] == [
        b"",
        b"To: leave@acme.example\nSubject",
        b"To: leave@acme.example\r\nSubjec",
    ]
    for mail in found:
        mail.done(mail.head.endswith(b"one"))
    assert keys(bucket) == [
        "leave/heeded/abc",
        "leave/others/AMAZON_SES_SETUP_NOTIFICATION",
        "leave/others/def",
        "other/ghi",
    ]
    assert heads("s3://inbound/leave/") == []


def test_of_a_huge_object_only_the_beginning_is_fetched(bucket: object) -> None:
    bucket.put_object(Bucket="inbound", Key="huge", Body=b"Subject: x\n" * 1_000_000)
    (found,) = heads("s3://inbound/")
    assert len(found) == 65_536


def test_an_object_that_has_gone_meanwhile_is_passed_over(bucket: object) -> None:
    for key in ("a", "b"):
        bucket.put_object(Bucket="inbound", Key=key, Body=FIRST)
    found = mails("s3://inbound/")
    first = next(found)
    for key in ("a", "b"):
        bucket.delete_object(Bucket="inbound", Key=key)
    first.done(True)
    assert list(found) == []
    assert keys(bucket) == []


def test_a_bucket_that_is_not_there_is_refused_in_words(bucket: object) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        heads("s3://nowhere/leave/")
