"""The list of disposable domains that ships."""

import re
from datetime import date

from core import providers
from gateways.disposable_domains import disposable_domains


def test_the_list_has_its_date_and_domains_that_addresses_can_have() -> None:
    listed = disposable_domains()
    assert listed.dated == date(2026, 11, 9)
    assert len(listed.domains) > 8_000
    assert "mailinator.com" in listed.domains
    assert not [each for each in listed.domains if not re.fullmatch(r"[a-z0-9.-]+\.[a-z0-9-]+", each)]


def test_no_mailbox_provider_is_on_the_list() -> None:
    known = {domain for found in providers.DOMAINS.values() for domain in found}
    assert disposable_domains().domains & known == set()
