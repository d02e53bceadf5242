"""When a campaign is paused because its messages cannot be rendered."""

import pytest

from core.breakage import Breakage, advice
from core.errors import TemplateLimitError, TemplateUndefinedError


BROKEN = TemplateUndefinedError("'first_name' is undefined")


def after(pattern: str) -> Breakage:
    """What a stretch remembers whose renderings went like this: `x` is broken, `.` is not."""
    breakage = Breakage()
    for sign in pattern:
        breakage.note(BROKEN if sign == "x" else None)
    return breakage


@pytest.mark.parametrize(
    ("pattern", "is_mass"),
    [
        pytest.param("", False, id="nothing yet"),
        pytest.param("xxxx", False, id="four may be odd contacts"),
        pytest.param("xxxxx", True, id="five at once"),
        pytest.param("x" * 4 + "." * 196, False, id="two per cent of the first two hundred"),
        pytest.param("x" * 4 + "." * 195 + "x", True, id="more than two per cent"),
        pytest.param("x" * 4 + "." * 196 + "x", False, id="later a few more are odd contacts again"),
        pytest.param("." * 200 + "x" * 20, False, id="ten per cent of the last two hundred"),
        pytest.param("." * 200 + "x" * 21, True, id="an import that went wrong in its middle"),
        pytest.param("." * 200 + ("x" + "." * 19) * 50, False, id="five per cent all along, once begun"),
    ],
)
def test_mass_breakage_is_told_from_odd_contacts(pattern: str, *, is_mass: bool) -> None:
    assert after(pattern).is_mass is is_mass


@pytest.mark.parametrize(
    ("pattern", "is_total"),
    [
        pytest.param("", False, id="nothing yet"),
        pytest.param("x", False, id="one contact may be odd"),
        pytest.param("xx", True, id="both of two"),
        pytest.param("x.", False, id="one of two"),
        pytest.param(".xx", False, id="something could be rendered"),
    ],
)
def test_where_nothing_can_be_rendered_nobody_is_failed(pattern: str, *, is_total: bool) -> None:
    assert after(pattern).is_total is is_total


def test_the_words_tell_how_many_which_codes_and_the_first_error() -> None:
    breakage = after(".xx")
    breakage.note(TemplateLimitError("rendering took longer than 2 s"))
    assert breakage.in_words() == (
        "3 of 4 messages could not be rendered (2 template_undefined, 1 template_limit), "
        "the first: 'first_name' is undefined"
    )


def test_the_advice_names_the_command_that_overrides_the_rule() -> None:
    assert "posthouse campaign preflight 7 --override render_errors --reason" in advice(7)
