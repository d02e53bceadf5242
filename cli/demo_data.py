"""The people of the demo: names in many scripts, the same address in two cases, lines that are no contacts.

Everything is invented, seeded and under `.example`, which no mail system serves.
"""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faker import Faker


LOCALES: Final = (
    "en_US",
    "de_DE",
    "fr_FR",
    "pl_PL",
    "el_GR",
    "ru_RU",
    "ja_JP",
    "ko_KR",
    "zh_CN",
    "ar_AA",
    "hi_IN",
    "he_IL",
)
# Of these people, so many give a locale; the others say nothing, and get a template's default files.
TELLS_LOCALE: Final = 0.4
# Mailbox providers of the demo, and the weight of each; the simulator is told how they behave.
DOMAINS: Final = {"gmale.example": 45, "outlock.example": 25, "yahou.example": 15, "firm.example": 15}
# Reserved names have no MX records, so the demo says itself whose mailboxes these are.
PROVIDERS: Final = {
    "gmale.example": "gmail",
    "outlock.example": "microsoft_consumer",
    "yahou.example": "yahoo",
    "firm.example": "google_workspace",
}
PROFILE: Final = {
    "gmale.example": {
        "hard_bounce": 0.008,
        "soft_bounce": 0.006,
        "delay": 0.01,
        "complaint": 0.0,
        "open": 0.35,
        "bot_open": 0.1,
        "click": 0.12,
    },
    "outlock.example": {
        "hard_bounce": 0.012,
        "soft_bounce": 0.008,
        "delay": 0.01,
        "complaint": 0.0006,
        "open": 0.3,
        "bot_open": 0.15,
        "click": 0.1,
    },
    "yahou.example": {
        "hard_bounce": 0.012,
        "soft_bounce": 0.01,
        "delay": 0.02,
        "complaint": 0.0008,
        "open": 0.28,
        "bot_open": 0.05,
        "click": 0.1,
    },
    "firm.example": {
        "hard_bounce": 0.015,
        "soft_bounce": 0.006,
        "delay": 0.02,
        "complaint": 0.0,
        "open": 0.4,
        "bot_open": 0.5,
        "click": 0.15,
        "bot_click": 0.3,
    },
}
BROKEN: Final = (
    "no-at-sign.example",
    "two@@ats.example",
    "@nobody.example",
    "dot.@dot.example",
    "a@b..example",
    "spaced out@x.example",
    "jörg@x.example",
    '"quoted"@x.example',
    "a@-bad-.example",
    "",
)
DUPLICATES_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Where one tenant's files lie."""

    contacts: Path
    suppressions: Path


def write(folder: Path, tenant: str, *, contacts: int, suppressed: int, broken: int, seed: int) -> People:
    """Write a tenant's contacts and its suppressions; some of the contacts are suppressed, some stand there twice.

    Args:
        folder: Where the files go.
        tenant: Whose they are; part of the file names.
        contacts: Rows that become contacts, duplicates by case among them.
        suppressed: How many of these people must not be mailed.
        broken: Lines besides that can never be contacts.
        seed: The same seed writes the same files.
    """
    dice = random.Random(f"{seed} {tenant}")  # noqa: S311  # repeatable on purpose
    fakes = [(locale, Faker(locale)) for locale in LOCALES]
    for number, (_, fake) in enumerate(fakes):
        fake.seed_instance(f"{seed} {tenant} {number}")
    duplicates = int(contacts * DUPLICATES_SHARE)
    rows = list(_rows(tenant, contacts - duplicates, fakes, dice))
    unwelcome = dice.sample(rows, suppressed)
    rows += [[row[0].swapcase(), *row[1:]] for row in dice.sample(rows, duplicates)]
    rows += [[dice.choice(BROKEN), "Broken", "Line", "", "", ""] for _ in range(broken)]
    dice.shuffle(rows)
    people = People(
        contacts=folder / f"{tenant}-contacts.csv", suppressions=folder / f"{tenant}-suppressions.csv"
    )
    _write(people.contacts, ("Email", "First name", "Last name", "City", "Locale", "Consent at"), rows)
    reasons = ("unsubscribe", "hard_bounce", "complaint", "manual")
    _write(people.suppressions, ("Email", "Reason"), [[row[0], dice.choice(reasons)] for row in unwelcome])
    return people


def _rows(
    tenant: str, count: int, fakes: Sequence[tuple[str, Faker]], dice: random.Random
) -> Iterator[list[str]]:
    domains, weights = list(DOMAINS), list(DOMAINS.values())
    for number in range(count):
        locale, fake = dice.choice(fakes)
        domain = dice.choices(domains, weights)[0]
        yield [
            f"{tenant}.reader{number}@{domain}",
            fake.first_name(),
            fake.last_name(),
            fake.city(),
            # Faker has Arabic of no country, which it writes as a country that there is not.
            locale.removesuffix("_AA") if dice.random() < TELLS_LOCALE else "",
            f"2026-{dice.randint(1, 9):02}-{dice.randint(1, 28):02}T09:00:00Z",
        ]


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
