"""What can name a tenant."""

import pytest

from core.errors import InputError
from core.tenants import checked_slug


@pytest.mark.parametrize("slug", ["a", "acme", "acme-travel", "4you", "a" * 63])
def test_a_good_slug_is_returned(slug: str) -> None:
    assert checked_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    [
        pytest.param("", id="empty"),
        pytest.param("-acme", id="hyphen first"),
        pytest.param("acme-", id="hyphen last"),
        pytest.param("Acme", id="capital"),
        pytest.param("acme_travel", id="underscore"),
        pytest.param("acmé", id="accent"),
        pytest.param("acme\n", id="line feed"),
        pytest.param("a" * 64, id="64 characters"),
    ],
)
def test_anything_else_is_refused_with_an_example(slug: str) -> None:
    with pytest.raises(InputError, match="cannot name a tenant") as refusal:
        checked_slug(slug)
    assert "acme-travel" in refusal.value.hint
