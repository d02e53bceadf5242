"""Blocks: the words in which providers refuse a sender, and how long they are left alone."""

from datetime import timedelta

import pytest

from core.warmup_blocks import TEXTS, Block, block_in, brake, telling


REPLIES = [
    pytest.param(
        "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your DKIM domain",
        "gmail_rate",
        id="Gmail, rate",
    ),
    pytest.param(
        "550 5.7.1 [192.0.2.1] Gmail has detected that this message is likely suspicious due to the very low "
        "reputation of the sending domain.",
        "gmail_reputation",
        id="Gmail, reputation",
    ),
    pytest.param(
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", "yahoo_volume", id="Yahoo"
    ),
    pytest.param("421 4.7.0 [TS01] Messages temporarily deferred", "yahoo_volume", id="Yahoo, as before"),
    pytest.param("421 4.7.1 [TSS05] Message deferred", "yahoo_volume_again", id="Yahoo, again"),
    pytest.param("553 5.7.2 [TSS09] All messages permanently refused", "yahoo_refused", id="Yahoo, refused"),
    pytest.param("553 5.7.1 [BL21] Connections will not be accepted", "yahoo_block_list", id="Yahoo, listed"),
    pytest.param("421 RP-001 The mail server IP has exceeded the rate limit", "outlook_rate", id="Outlook.com"),
    pytest.param(
        "451 4.7.650 The mail server has been temporarily rate limited due to IP reputation. (S775)",
        "outlook_reputation",
        id="Outlook.com, reputation",
    ),
    pytest.param(
        "550 5.7.1 part of their network is on our block list (S3150)", "outlook_block_list", id="Outlook.com, listed"
    ),
    pytest.param("421 4.7.1 [HCM1] Message deferred", "apple_rate", id="iCloud"),
    pytest.param("554 Reject due to policy restrictions.", "united_internet_policy", id="GMX"),
    pytest.param("421 Service refuse. Veuillez essayer plus tard.", "orange_rate", id="Orange"),
    pytest.param("550 5.1.1 The email account that you tried to reach does not exist", None, id="a dead mailbox"),
    pytest.param("452 4.2.2 The email account is over quota", None, id="a full mailbox"),
    pytest.param("", None, id="nothing said"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "key"), REPLIES)
def test_a_refusal_of_the_sender_has_a_name(reply: str, key: str | None) -> None:
    found = block_in(reply)
    assert (found.key if found else None) == key


def test_every_class_is_met_by_a_reply_of_the_table() -> None:
    assert {block.key for _, block in TEXTS} == {reply.values[1] for reply in REPLIES} - {None}


@pytest.mark.parametrize(
    ("lately", "before", "minutes"),
    [
        pytest.param(5, 0, 0, id="five are few"),
        pytest.param(6, 0, 120, id="six are not"),
        pytest.param(6, 1, 240, id="twice as long"),
        pytest.param(6, 2, 480, id="and again"),
        pytest.param(600, 9, 1_440, id="a day at most"),
        pytest.param(600, 10**6, 1_440, id="whatever happened before"),
    ],
)
def test_a_brake_doubles_with_each_of_its_kind(lately: int, before: int, minutes: int) -> None:
    block = Block("yahoo_volume", timedelta(hours=2))
    assert brake(block, lately=lately, brakes_before=before) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("blocks", "accepted", "block"),
    [
        pytest.param({}, 1_000, "", id="none"),
        pytest.param({"yahoo_volume": 5}, 100, "", id="a handful of a small day"),
        pytest.param({"yahoo_volume": 6}, 600, "yahoo_volume", id="one in a hundred"),
        pytest.param({"yahoo_volume": 6}, 20_000, "", id="a few among many"),
        pytest.param({"yahoo_volume": 200}, 20_000, "yahoo_volume", id="many among many"),
        pytest.param(
            {"outlook_block_list": 6},
            20_000,
            "outlook_block_list",
            id="who is listed is refused at any volume",
        ),
        pytest.param(
            {"gmail_rate": 30, "gmail_reputation": 40}, 1_000, "gmail_reputation", id="the most frequent"
        ),
    ],
)
def test_a_day_is_told_by_a_block_that_was_no_accident(
    blocks: dict[str, int], accepted: int, block: str
) -> None:
    assert telling(blocks, accepted) == block
