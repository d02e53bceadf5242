"""What the rows of a file become."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from core.addresses import recipient_key
from core.contact_import import Batch, ImportedSuppression, Seen, read
from core.errors import ImportFileError, InputError
from core.import_formats import FileFormat, snake
from core.suppression import Reason


PEPPER = b"pepper"


def imported(
    text: str,
    *,
    name: str = "people.csv",
    file_format: FileFormat = FileFormat.GENERIC,
    mapping: Mapping[str, str] | None = None,
) -> Batch:
    """Return the only batch of a small file."""
    (batch,) = read([text.encode()], file_name=name, file_format=file_format, pepper=PEPPER, mapping=mapping)
    return batch


def test_columns_beyond_the_address_become_attributes_of_text() -> None:
    batch = imported("E-Mail,First Name,PLZ,Joined,Empty\na@x.com, Ann ,01067,3/4/24,\n")
    assert batch.contacts[0].address == "a@x.com"
    assert batch.contacts[0].recipient_key == recipient_key("a@x.com", PEPPER)
    assert batch.contacts[0].attributes == {"first_name": "Ann", "plz": "01067", "joined": "3/4/24"}


@pytest.mark.parametrize(
    "header", ["email", "E-Mail", "Email Address", "EMAIL_ADDRESS", "e-mail adresse", "Mail", "emailAddress"]
)
def test_the_address_column_is_recognised_by_its_name_wherever_it_stands(header: str) -> None:
    assert imported(f"name,{header}\nAnn,a@x.com\n").contacts[0].address == "a@x.com"


@pytest.mark.parametrize(
    ("column", "name"),
    [
        pytest.param("First Name", "first_name", id="words"),
        pytest.param("firstName", "first_name", id="camel case"),
        pytest.param("MEMBER_RATING", "member_rating", id="capitals"),
        pytest.param("Größe (cm)", "größe_cm", id="letters beyond ASCII"),
        pytest.param("2nd order", "column_2nd_order", id="digit first"),
        pytest.param("  --  ", "", id="nothing left"),
    ],
)
def test_column_names_become_names_for_templates(column: str, name: str) -> None:
    assert snake(column) == name


def test_columns_of_one_name_get_numbers_and_nameless_ones_their_position() -> None:
    batch = imported("email,Phone,phone,PHONE,,E-mail\na@x.com,1,2,3,4,b@x.com\n")
    assert batch.contacts[0].attributes == {
        "phone": "1",
        "phone_2": "2",
        "phone_3": "3",
        "column_5": "4",
        "e_mail": "b@x.com",
    }


def test_a_mapping_by_hand_goes_before_the_guess() -> None:
    batch = imported(
        "email,Privat,Vorname,Geheim\nold@x.com,new@x.com,Ann,x\n",
        mapping={"Privat": "email", "Vorname": "first_name", "Geheim": "ignore"},
    )
    assert batch.contacts[0].address == "new@x.com"
    assert batch.contacts[0].attributes == {"email": "old@x.com", "first_name": "Ann"}


def test_a_mapping_of_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="'vorname'"):
        imported("email\na@x.com\n", mapping={"Vorname": "first_name"})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("name,phone\nAnn,1\n", "no_email_column", id="no address column"),
        pytest.param("a@x.com,Ann\nb@x.com,Bo\n", "no_header", id="no header"),
        pytest.param(",".join(["email", *"c" * 64]) + "\n", "too_many_columns", id="65 columns"),
        pytest.param('"email\n', "unreadable_header", id="header that never closes"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_is_refused(text: str, code: str) -> None:
    with pytest.raises(ImportFileError) as refused:
        imported(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("row", "code"),
    [
        pytest.param("a@b,Ann", "invalid_address", id="address"),
        pytest.param("jörg@x.de,Ann", "unsupported_address", id="address beyond ASCII"),
        pytest.param(",Ann", "invalid_address", id="no address"),
        pytest.param("a@x.com", "ragged_row", id="too few cells"),
        pytest.param("a@x.com,Ann,surplus", "ragged_row", id="too many cells"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_read(row: str, code: str) -> None:
    """T10."""
    batch = imported(f"email,name\n{row}\nb@x.com,Bo\n")
    assert [(rejection.line, rejection.code) for rejection in batch.rejections] == [(2, code)]
    assert [contact.address for contact in batch.contacts] == ["b@x.com"]


def test_empty_cells_at_the_end_of_a_row_are_forgiven() -> None:
    assert imported("email,name\na@x.com,Ann,, \n").contacts[0].attributes == {"name": "Ann"}


def test_a_rejection_keeps_the_address_as_it_stood_there_and_out_of_its_message() -> None:
    (rejection,) = imported("email\ncanary@@x.com\n").rejections
    assert rejection.address_text == "canary@@x.com"
    assert "canary" not in rejection.message


def test_a_later_row_of_the_same_person_is_repeated_in_any_spelling() -> None:
    """T13."""
    batch = imported("email,n\nA@X.com,1\na@x.com,2\nA@x.com,3\nb@x.com,4\n")
    assert [contact.address for contact in batch.contacts] == ["A@x.com", "b@x.com"]
    assert [contact.address for contact in batch.repeated] == ["a@x.com", "A@x.com"]


def test_every_row_is_counted_once() -> None:
    batch = imported("email,status\na@x.com,\na@x.com,\nb@x.com,unsubscribed\nbad,\n")
    assert (len(batch.contacts), len(batch.repeated), len(batch.suppressions), len(batch.rejections)) == (
        1,
        1,
        1,
        1,
    )
    assert batch.rows == 4


def test_consent_is_read_from_its_columns() -> None:
    batch = imported(
        "email,consent_basis,consent_at,consent_source,consent_wording\n"
        "a@x.com,Soft opt-in,2024-05-31T10:00:00+02:00,shop,Yes please\n"
        "b@x.com,,2024-05-31,,\n"
        "c@x.com,,,,\n"
        "d@x.com,consent,31.5.2024,,\n"
    )
    first, second, third = batch.contacts
    assert first[3:] == (
        "soft_opt_in",
        datetime.fromisoformat("2024-05-31T10:00:00+02:00"),
        "shop",
        "Yes please",
    )
    assert second[3:] == ("consent", datetime(2024, 5, 31, tzinfo=UTC), "generic", None)
    assert third[3:] == (None, None, None, None)
    assert batch.rejections[0].code == "bad_consent_at"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        pytest.param("Unsubscribed", Reason.UNSUBSCRIBE, id="unsubscribed"),
        pytest.param("cleaned", Reason.HARD_BOUNCE, id="cleaned"),
        pytest.param("Marked as spam", Reason.COMPLAINT, id="marked as spam"),
        pytest.param("blocklisted", Reason.MANUAL, id="blocklisted"),
    ],
)
def test_a_status_that_forbids_mail_makes_a_suppression_and_no_contact(word: str, reason: Reason) -> None:
    batch = imported(f"email,status\na@x.com,{word}\n")
    assert [suppression.reason for suppression in batch.suppressions] == [reason]
    assert batch.contacts == []


def test_a_status_of_another_meaning_is_an_attribute() -> None:
    assert imported("email,status\na@x.com,gold\n").contacts[0].attributes == {"status": "gold"}


def test_a_person_who_never_confirmed_is_rejected() -> None:
    assert imported("email,status\na@x.com,unconfirmed\n").rejections[0].code == "not_subscribed"


_MAILCHIMP = (
    '"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,'
    "LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS\n"
    'a@x.com,Ann,Lee,4,"2024-03-14 09:12:31",192.0.2.1,"2024-03-14 09:14:00",192.0.2.1,47.6,-122.3,-8,-7,'
    'America/Los_Angeles,us,wa,"2024-03-15 00:00:00",1,abc,difficult,"""VIP"""\n'
)


def test_a_mailchimp_export_keeps_consent_and_drops_what_nobody_needs() -> None:
    batch = imported(
        _MAILCHIMP,
        name="subscribed_email_audience_export_3f2a.csv",
        file_format=FileFormat.MAILCHIMP,
    )
    (contact,) = batch.contacts
    assert contact.attributes == {
        "first_name": "Ann",
        "last_name": "Lee",
        "member_rating": "4",
        "timezone": "America/Los_Angeles",
        "cc": "us",
        "region": "wa",
        "last_changed": "2024-03-15 00:00:00",
        "tags": '"VIP"',
    }
    assert contact[3:] == (
        "consent",
        datetime(2024, 3, 14, 9, 12, 31, tzinfo=UTC),
        "mailchimp",
        None,
    )


@pytest.mark.parametrize(
    ("name", "columns", "reason"),
    [
        pytest.param("unsubscribed_members_export_1.csv", "TAGS", Reason.UNSUBSCRIBE, id="by name"),
        pytest.param("cleaned_members_export_1.csv", "TAGS", Reason.HARD_BOUNCE, id="cleaned by name"),
        pytest.param("renamed.csv", "UNSUB_TIME", Reason.UNSUBSCRIBE, id="by column"),
        pytest.param("renamed.csv", "CLEAN_TIME", Reason.HARD_BOUNCE, id="cleaned by column"),
    ],
)
def test_a_mailchimp_file_says_who_must_not_be_mailed(name: str, columns: str, reason: Reason) -> None:
    batch = imported(f"Email Address,{columns}\na@x.com,\n", name=name, file_format=FileFormat.MAILCHIMP)
    assert [suppression.reason for suppression in batch.suppressions] == [reason]
    assert batch.contacts == []


def test_mailchimps_reason_for_an_unsubscribe_is_kept() -> None:
    batch = imported(
        "Email Address,UNSUB_TIME,UNSUB_REASON\na@x.com,2024-01-01 00:00:00,NOSIGNUP\n",
        file_format=FileFormat.MAILCHIMP,
    )
    assert batch.suppressions == [
        ImportedSuppression("a@x.com", recipient_key("a@x.com", PEPPER), Reason.UNSUBSCRIBE, "NOSIGNUP")
    ]


def test_mailchimps_nonsubscribed_are_rejected() -> None:
    batch = imported(
        "Email Address\na@x.com\n",
        name="nonsubscribed_members_export_1.csv",
        file_format=FileFormat.MAILCHIMP,
    )
    assert [rejection.code for rejection in batch.rejections] == ["not_subscribed"]


def test_a_sendy_export_has_no_header_and_says_in_its_name_who_is_in_it() -> None:
    text = '"Ann "Annie" Lee","a@x.com","Blue"\n"Bo","b@x.com",""\n'
    batch = imported(text, name="my-list-active.csv", file_format=FileFormat.SENDY)
    assert [(contact.address, contact.attributes.get("custom_1")) for contact in batch.contacts] == [
        ("a@x.com", "Blue"),
        ("b@x.com", None),
    ]


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        pytest.param("unsubscribed", Reason.UNSUBSCRIBE, id="unsubscribed"),
        pytest.param("bounced", Reason.HARD_BOUNCE, id="bounced"),
        pytest.param("marked-as-spam", Reason.COMPLAINT, id="marked as spam"),
    ],
)
def test_a_segment_of_sendy_that_must_not_be_mailed_makes_suppressions(segment: str, reason: Reason) -> None:
    batch = imported('"Ann","a@x.com"\n', name=f"news-{segment} (1).csv", file_format=FileFormat.SENDY)
    assert [suppression.reason for suppression in batch.suppressions] == [reason]


@pytest.mark.parametrize("name", ["news-all.csv", "people.csv"])
def test_a_sendy_export_that_does_not_say_who_left_is_refused(name: str) -> None:
    with pytest.raises(ImportFileError) as refused:
        imported('"Ann","a@x.com"\n', name=name, file_format=FileFormat.SENDY)
    assert refused.value.code == "unknown_standing"


def test_a_listmonk_export_keeps_its_json_attributes() -> None:
    batch = imported(
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'u1,a@x.com,Ann,"{""city"": ""Ulm"", ""orders"": [1, 2]}",enabled,2024-01-01,2024-01-02\n'
        "u2,b@x.com,Bo,{},blocklisted,2024-01-01,2024-01-02\n"
        "u3,c@x.com,Cy,{},disabled,2024-01-01,2024-01-02\n"
        "u4,d@x.com,Di,[1],enabled,2024-01-01,2024-01-02\n",
        file_format=FileFormat.LISTMONK,
    )
    assert batch.contacts[0].attributes == {
        "city": "Ulm",
        "orders": [1, 2],
        "name": "Ann",
        "status": "enabled",
        "created_at": "2024-01-01",
    }
    assert [suppression.reason for suppression in batch.suppressions] == [Reason.MANUAL]
    assert [rejection.code for rejection in batch.rejections] == ["not_subscribed", "bad_attributes"]


def test_excels_line_that_names_the_delimiter_is_no_header() -> None:
    assert imported("sep=;\nemail;name\na@x.com;Ann\n").contacts[0].attributes == {"name": "Ann"}


def test_a_file_gives_the_same_batches_every_time() -> None:
    data = b"email\n" + b"".join(b"p%d@x.com\n" % number for number in range(30_000))
    chunks = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]

    def lines() -> list[int]:
        batches = read(chunks, file_name="x.csv", file_format=FileFormat.GENERIC, pepper=PEPPER)
        return [batch.last_line for batch in batches]

    assert len(lines()) > 3
    assert lines() == lines()
    assert lines()[-1] == 30_001


def test_seen_remembers_every_key_when_it_grows() -> None:
    seen = Seen()
    keys = [f"{number * 2654435761 % 2**64:016x}" for number in range(1, 100_001)]
    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)
