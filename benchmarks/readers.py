"""Readers made up at random, some of whose data means harm, who share a tenant and nothing else."""

import random
from typing import Any

from faker import Faker

from gateways import templates
from gateways.settings import PROJECT


def contexts(name: str, count: int, *, seed: int = 8) -> list[dict[str, Any]]:
    """Return contexts for a template that ships; the first contact has an address and nothing more."""
    people, choice = Faker(["en_GB", "de_DE", "fr_FR", "ja_JP"]), random.Random(seed)
    people.seed_instance(seed)
    base = templates.sample(PROJECT / "templates", name)
    contacts = [{"email": "a@example.com"}, *(_contact(people, choice) for _ in range(count - 1))]
    return [base | {"contact": contact} for contact in contacts]


def _contact(people: Faker, choice: random.Random) -> dict[str, Any]:
    optional: dict[str, Any] = {
        "first_name": choice.choice(
            [people.first_name(), "<script>alert(1)</script>", '"><img onerror=x>', "", None]
        ),
        "city": choice.choice([people.city(), "", "St. John's & Co"]),
        "locale": choice.choice(["de", "de-AT", "en-GB", "ja"]),
        "products": [_product(people, choice) for _ in range(choice.randrange(6))],
    }
    kept = {key: value for key, value in optional.items() if choice.random() < 0.7}
    return {"email": "a@example.com", **kept}


def _product(people: Faker, choice: random.Random) -> dict[str, Any]:
    product = {
        "name": choice.choice([people.catch_phrase(), "5 < 6 & 'quotes' \"twice\""]),
        "price": choice.choice([9, 12.5, 1999.999]),
        "url": choice.choice(
            ["https://e.example/?a=1&b=%20", "https://e.example/ä ö", "javascript:alert(1)"]
        ),
        "image": "https://images.example.com/p.jpg",
    }
    extra = {"discount": choice.choice([0, 10, 50]), "description": people.sentence()}
    return product | {key: value for key, value in extra.items() if choice.random() < 0.5}
