"""Localisation: dates, numbers and money in a template, as the reader writes them.

    {{ contact.renews_on|date }}              24. November 2026
    {{ contact.renews_on|date("EEEE, d MMM") }}
    {{ item.price|money("EUR") }}             1.234,50 €
    {{ contact.points|number }}               12.345
    {{ item.discount|percent }}               25 %

Terms:
    locale: a language with or without a region, such as `de` or `de_AT`; `de-AT` is read as well.

Invariants:
    The locale is the filter's own argument, else the message's `locale` (`core/locales.py`). One that we do not have is
        taken for its language, and that for `en`: a reader's odd setting stops no campaign.
    What is no date or number is the data's fault and raises; `None` prints nothing.
    Only `LOCALES` are used: they are loaded before a rendering process can open no file any more.

Standards:
    Unicode CLDR, by babel. ISO 8601 (dates), ISO 4217 (currencies), BCP 47 (language tags).
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent
from jinja2.runtime import Context, Undefined
from jinja2.utils import pass_context

from core import locales
from core.errors import TemplateError


LOCALES: Final = frozenset(
    {
        "ar", "bg", "ca", "cs", "da", "de", "de_AT", "de_CH", "el", "en", "en_AU", "en_CA", "en_GB", "en_IE", "es",
        "es_MX", "et", "fi", "fr", "fr_BE", "fr_CA", "fr_CH", "ga", "he", "hr", "hu", "is", "it", "it_CH", "ja", "ko",
        "lt", "lv", "mt", "nb", "nl", "nl_BE", "pl", "pt", "pt_BR", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk",
        "zh", "zh_TW",
    }
)  # fmt: skip
FALLBACK: Final = "en"
LENGTHS: Final = ("short", "medium", "long", "full")
_MAX_PATTERN: Final = 40
_MAX_DIGITS: Final = 10
_LARGEST: Final = Decimal(10) ** 18


def load() -> None:
    """Read what babel knows of all our locales: later there may be no file to be read."""
    for name in LOCALES:
        locale = Locale.parse(name)
        format_date(date(2026, 11, 24), "long", locale=locale)
        format_currency(1, "EUR", locale=locale)
        format_percent(1, locale=locale)


def negotiate(wanted: object) -> str:
    """Return the one of our locales that comes nearest: the same, its language, or `en`.

    >>> [negotiate(wanted) for wanted in ("de-AT", "de_LI", "nb-NO", "zh-Hant-TW", "tlh", None)]
    ['de_AT', 'de', 'nb', 'zh_TW', 'en', 'en']
    """
    tag = locales.canonical(wanted) if isinstance(wanted, str) else None
    subtags = tag.split("-") if tag else [FALLBACK]
    near = (f"{subtags[0]}_{region}" for region in subtags[1:3])
    return next((name for name in (*near, subtags[0]) if name in LOCALES), FALLBACK)


@pass_context
def date_filter(context: Context, value: Any, style: str = "long", locale: str | None = None) -> str:
    """Return an ISO date, or the date of an ISO timestamp, in words or digits.

    Args:
        context: Of the rendering.
        value: Such as "2026-11-24" or "2026-11-24T09:00:00Z".
        style: "short", "medium", "long", "full", or a pattern of CLDR such as "d MMMM".
        locale: The reader's, if none is given.

    Raises:
        TemplateError: It is no date.
    """
    if _is_nothing(value):
        return ""
    if len(style) > _MAX_PATTERN:
        raise TemplateError("the pattern of a date is too long", hint=f"at most {_MAX_PATTERN} characters")
    return format_date(_date(value), style, locale=_locale(context, locale))


@pass_context
def number_filter(context: Context, value: Any, digits: int | None = None, locale: str | None = None) -> str:
    """Return a number with its separators, and so many digits behind the point.

    Raises:
        TemplateError: It is no number.
    """
    if _is_nothing(value):
        return ""
    pattern = None
    if digits is not None:
        pattern = "#,##0" + ("." + "0" * min(max(digits, 0), _MAX_DIGITS) if digits > 0 else "")
    return format_decimal(_number(value), pattern, locale=_locale(context, locale))


@pass_context
def money_filter(context: Context, value: Any, currency: str, locale: str | None = None) -> str:
    """Return an amount of money. `currency` is its ISO 4217 code, such as "EUR".

    Raises:
        TemplateError: It is no number, or that is no code.
    """
    if _is_nothing(value):
        return ""
    if not (
        isinstance(currency, str)
        and len(currency) == len("EUR")
        and currency.isascii()
        and currency.isupper()
    ):
        raise TemplateError("money needs the code of its currency", hint='write |money("EUR")')
    return format_currency(_number(value), currency, locale=_locale(context, locale))


@pass_context
def percent_filter(context: Context, value: Any, locale: str | None = None) -> str:
    """Return a share as a percentage: 0.25 is 25 %.

    Raises:
        TemplateError: It is no number.
    """
    return "" if _is_nothing(value) else format_percent(_number(value), locale=_locale(context, locale))


LOCAL_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "date": date_filter,
    "money": money_filter,
    "number": number_filter,
    "percent": percent_filter,
}


def _locale(context: Context, wanted: str | None) -> str:
    return negotiate(wanted or context.get("locale"))


def _is_nothing(value: Any) -> bool:
    if isinstance(value, Undefined):
        str(value)  # raises, with the field's name
    return value is None or value == ""


def _date(value: Any) -> date:
    try:
        return datetime.fromisoformat(value).date()
    except (TypeError, ValueError) as error:
        raise TemplateError("a value is no date", hint="give YYYY-MM-DD, as ISO 8601 has it") from error


def _number(value: Any) -> Decimal:
    try:
        number = Decimal("no number" if isinstance(value, bool) else str(value).strip())
    except InvalidOperation as error:
        raise TemplateError("a value is no number", hint="give digits, with a point for decimals") from error
    if not number.is_finite() or abs(number) > _LARGEST:
        raise TemplateError("a number is too large", hint="at most 10**18")
    return number
