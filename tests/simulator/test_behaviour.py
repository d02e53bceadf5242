"""What becomes of messages: by chance, but the same chance every time."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from simulator.behaviour import Step, fate_of
from simulator.links import Link, links_of
from simulator.message import Message
from simulator.receivers import DEFAULT_RECEIVERS, Receiver, read_profile


MESSAGE = Message("SendEmail", html="<a href='https://shop.example/1'>Buy</a>")
NOTHING = {
    "hard_bounce": 0.0,
    "soft_bounce": 0.0,
    "delay": 0.0,
    "complaint": 0.0,
    "open": 0.0,
    "bot_open": 0.0,
}


def fate(
    address: str, receiver: Receiver | None = None, *, message: Message = MESSAGE, seed: int = 7
) -> list[Step]:
    return fate_of(message, address, receiver or DEFAULT_RECEIVERS["*"], random.Random(f"{seed}:{address}"))


def kinds(steps: list[Step]) -> list[str]:
    return [step.kind for step in steps]


def test_the_fate_of_an_address_depends_on_the_seed_and_nothing_else() -> None:
    addresses = [f"reader{n}@gmail.com" for n in range(500)]
    assert [fate(one) for one in addresses] == [fate(one) for one in reversed(addresses)][::-1]
    assert [fate(one) for one in addresses] != [fate(one, seed=8) for one in addresses]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("success@simulator.amazonses.com", ["Delivery"], id="success"),
        pytest.param("ooto@simulator.amazonses.com", ["Delivery"], id="out of the office"),
        pytest.param("bounce+c-42@simulator.amazonses.com", ["Bounce"], id="bounce with a label"),
        pytest.param("Complaint@Simulator.AmazonSES.com", ["Delivery", "Complaint"], id="complaint"),
        pytest.param("suppressionlist@simulator.amazonses.com", ["Bounce"], id="suppression list"),
    ],
)
def test_the_mailbox_simulator_behaves_as_documented(address: str, expected: list[str]) -> None:
    for seed in range(20):
        assert kinds(fate(address, seed=seed)) == expected


def test_the_bounces_of_the_mailbox_simulator_are_of_the_documented_kinds() -> None:
    [bounce] = fate("bounce@simulator.amazonses.com")
    [suppressed] = fate("suppressionlist@simulator.amazonses.com")
    assert (bounce.detail["bounceType"], bounce.detail["bounceSubType"]) == ("Permanent", "General")
    assert bounce.detail["bouncedRecipients"][0]["status"] == "5.1.1"
    assert (suppressed.detail["bounceType"], suppressed.detail["bounceSubType"]) == (
        "Permanent",
        "Suppressed",
    )


def test_the_same_local_parts_elsewhere_are_ordinary_mailboxes() -> None:
    steady = Receiver(**NOTHING)
    assert kinds(fate("bounce@example.net", steady)) == ["Delivery"]
    assert kinds(fate("complaint@simulator.amazonses.com.example.net", steady)) == ["Delivery"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"hard_bounce": 1.0}, {("Bounce",)}, id="hard bounce"),
        pytest.param({"soft_bounce": 1.0}, {("DeliveryDelay", "Bounce")}, id="soft bounce after a delay"),
        pytest.param({"delay": 1.0}, {("DeliveryDelay", "Delivery")}, id="delay, then delivery"),
        pytest.param({"complaint": 1.0}, {("Delivery", "Complaint")}, id="complaint after delivery"),
        pytest.param({"late_bounce": 1.0}, {("Delivery", "Bounce")}, id="bounce after delivery"),
        pytest.param({"open": 1.0, "click": 1.0}, {("Delivery", "Open", "Click")}, id="open and click"),
        pytest.param({"open": 1.0, "click": 0.0}, {("Delivery", "Open")}, id="open only"),
        pytest.param({"bot_open": 1.0, "bot_click": 0.0}, {("Delivery", "Open")}, id="bot open"),
        pytest.param({"delivery": 0.0}, {()}, id="silence"),
    ],
)
def test_a_receiver_does_what_its_profile_says(
    change: dict[str, float], expected: set[tuple[str, ...]]
) -> None:
    receiver = Receiver(**NOTHING | change)
    assert {tuple(kinds(fate(f"r{n}@example.net", receiver))) for n in range(50)} == expected


def test_hard_bounces_are_permanent_and_soft_ones_transient() -> None:
    hard = [
        fate(f"r{n}@example.net", Receiver(hard_bounce=1.0, delivery=0.0, soft_bounce=0.0))[0]
        for n in range(80)
    ]
    soft = [fate(f"r{n}@example.net", Receiver(**NOTHING | {"soft_bounce": 1.0}))[1] for n in range(80)]
    subtypes = Counter((step.detail["bounceType"], step.detail["bounceSubType"]) for step in hard + soft)
    assert set(subtypes) == {
        ("Permanent", "NoEmail"),
        ("Permanent", "General"),
        ("Transient", "MailboxFull"),
        ("Transient", "General"),
    }


def test_a_bot_is_likely_one_and_a_person_is_not() -> None:
    steps = fate(
        "r@example.net", Receiver(**NOTHING | {"open": 1.0, "bot_open": 1.0, "click": 0.0, "bot_click": 0.0})
    )
    assert [step.detail["isBotEvent"] for step in steps if step.kind == "Open"] == ["Likely", "Unlikely"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(Message("SendEmail", text="Buy"), ["Delivery"], id="no HTML"),
        pytest.param(Message("SendEmail", html="<p>Hi</p>"), ["Delivery", "Open"], id="no link"),
        pytest.param(
            Message("SendEmail", html=MESSAGE.html, tracks_clicks=False),
            ["Delivery", "Open"],
            id="clicks not tracked",
        ),
        pytest.param(
            Message("SendEmail", html=MESSAGE.html, tracks_opens=False),
            ["Delivery", "Click"],
            id="opens not tracked",
        ),
    ],
)
def test_only_what_can_be_tracked_is_seen(message: Message, expected: list[str]) -> None:
    eager = Receiver(**NOTHING | {"open": 1.0, "click": 1.0})
    assert kinds(fate("r@example.net", eager, message=message)) == expected


def test_rates_over_many_addresses_are_those_of_the_profile() -> None:
    receiver = Receiver(hard_bounce=0.1, soft_bounce=0.05, open=0.4, bot_open=0.0)
    counts = Counter(kind for n in range(4000) for kind in set(kinds(fate(f"r{n}@example.net", receiver))))
    # Four standard deviations of a binomial of 4000.
    assert counts["Bounce"] == pytest.approx(600, abs=90)
    assert counts["Delivery"] == pytest.approx(3400, abs=90)
    assert counts["Open"] == pytest.approx(0.85 * 0.4 * 4000, abs=120)


def test_a_reader_never_clicks_unsubscribe() -> None:
    html = """
        <a href="https://shop.example/p?a=1&amp;b=2" ses:tags="block:hero;pos:1;">Shop</a>
        <a href='https://u.example/u/abc'>here</a>
        <a href="https://news.example/unsubscribe/1">here</a>
        <a href="https://news.example/x1">Unsubscribe</a>
        <a href="https://news.example/x2">Abmelden</a>
        <a href="mailto:a@example.com">Write</a>
        <a href="https://shop.example/untracked" ses:no-track>Shop</a>
        <a class="plain" href="https://shop.example/2">Shop</a>
    """
    message = Message("SendEmail", html=html, headers={"List-Unsubscribe": "<https://u.example/u/abc>"})
    assert links_of(message) == [
        Link("https://shop.example/p?a=1&b=2", {"block": ["hero"], "pos": ["1"]}),
        Link("https://shop.example/2", None),
    ]


def test_a_profile_changes_single_numbers_of_single_domains(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(
        json.dumps({"GMAIL.com": {"hard_bounce": 0.5}, "*": {"open": 0.9}, "corp.example": {"click": 0.5}})
    )
    receivers = read_profile(path)
    assert receivers["gmail.com"].hard_bounce == 0.5
    assert receivers["gmail.com"].no_mailbox == DEFAULT_RECEIVERS["gmail.com"].no_mailbox
    assert (receivers["corp.example"].open, receivers["corp.example"].click) == (0.9, 0.5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"opens": 0.1}, "unknown opens", id="unknown name"),
        pytest.param({"hard_bounce": 0.7, "soft_bounce": 0.7}, "add up", id="too much"),
        pytest.param({"open": 1.2}, "0..1", id="more than one"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(
    tmp_path: Path, change: dict[str, float], says: str
) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"gmail.com": change}))
    with pytest.raises(ValueError, match=says):
        read_profile(path)


def test_gmail_gives_no_complaints() -> None:
    assert DEFAULT_RECEIVERS["gmail.com"].complaint == 0
