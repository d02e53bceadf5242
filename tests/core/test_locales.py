"""Which language a reader is written to in: the nearest of those that there are, and never none."""

import pytest

from core import locales
from core.errors import TemplateError


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        pytest.param("de", "de", id="a language"),
        pytest.param("DE-at", "de-AT", id="in other capitals"),
        pytest.param("pt_BR", "pt-BR", id="as Python and Mailchimp write it"),
        pytest.param("de_DE.UTF-8", "de-DE", id="as POSIX writes it"),
        pytest.param("ca_ES@valencia", "ca-ES", id="with a modifier of POSIX"),
        pytest.param("zh-hant-tw", "zh-Hant-TW", id="with a script"),
        pytest.param("es-419", "es-419", id="with a region by number"),
        pytest.param("de-CH-1996", "de-CH-1996", id="with a variant"),
        pytest.param("DE-DE-U-CO-phonebk", "de-DE-u-co-phonebk", id="with an extension"),
        pytest.param("en-x-pirate", "en-x-pirate", id="with private use"),
        pytest.param(" fr ", "fr", id="between spaces"),
        pytest.param("iw", "he", id="a code that was replaced"),
        pytest.param("no", "nb", id="Norwegian, by which nearly everybody means Bokmål"),
        pytest.param("deu", "de", id="a code of three letters where there is one of two"),
        pytest.param("en-UK", "en-GB", id="a region that everybody calls so"),
        pytest.param("", None, id="nothing"),
        pytest.param("German", None, id="a name"),
        pytest.param("deutsch", None, id="a name in its own language"),
        pytest.param("xx", None, id="no language"),
        pytest.param("de-XX", None, id="no region"),
        pytest.param("de-Wxyz", None, id="no script"),
        pytest.param("de--AT", None, id="an empty subtag"),
        pytest.param("i-klingon", None, id="a grandfathered one"),
        pytest.param("de\n", "de", id="a line end"),
        pytest.param("../de", None, id="a path"),
        pytest.param("ⅾe", None, id="letters that only look so"),
        pytest.param("de-" + "a1b2c-" * 20 + "a1b2c", None, id="too long"),
    ],
)
def test_what_somebody_wrote_is_read_as_a_tag(written: str, tag: str | None) -> None:
    assert locales.canonical(written) == tag


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        pytest.param("de-AT", {"de-AT", "de"}, "de-AT", id="the same"),
        pytest.param("de-AT", {"de"}, "de", id="the language"),
        pytest.param("de", {"de-AT"}, "", id="a region is no language"),
        pytest.param("de-CH", {"de-AT"}, "", id="another region"),
        pytest.param("fr", {"de"}, "", id="another language"),
        pytest.param("", {"de"}, "", id="nobody says"),
        pytest.param("zh-Hant-TW", {"zh", "zh-TW"}, "zh", id="the script goes after the region"),
        pytest.param("zh-Hant-TW", {"zh-Hant", "zh"}, "zh-Hant", id="the nearer"),
        pytest.param("zh-TW", {"zh", "zh-Hant"}, "zh-Hant", id="the script that a region writes"),
        pytest.param("zh-SG", {"zh", "zh-Hant"}, "zh", id="a region that writes as most do"),
        pytest.param("de-x-old", {"de-x", "de"}, "de", id="a singleton is no end"),
        pytest.param("de-AT", set(), "", id="none there"),
    ],
)
def test_the_nearest_variant_is_looked_up(wanted: str, available: set[str], found: str) -> None:
    assert locales.lookup(wanted, available) == found


@pytest.mark.parametrize(
    ("contact", "tenant", "wanted"),
    [
        pytest.param({"locale": "de-AT", "language": "fr"}, "en", "de-AT", id="the locale first"),
        pytest.param({"language": "fr"}, "en", "fr", id="then the language"),
        pytest.param({"locale": "", "language": "fr"}, "", "fr", id="an empty locale says nothing"),
        pytest.param(
            {"locale": "German", "language": "de"}, "", "de", id="an unreadable locale says nothing"
        ),
        pytest.param({"locale": 7}, "de", "de", id="a number says nothing"),
        pytest.param({}, "de", "de", id="then the tenant"),
        pytest.param({"locale": None}, "", "", id="nobody says"),
    ],
)
def test_the_contact_is_asked_before_the_tenant(contact: dict[str, object], tenant: str, wanted: str) -> None:
    assert locales.wanted({"contact": contact, "tenant": {"locale": tenant}}) == wanted
    assert locales.wanted_of(contact, tenant) == wanted


def test_data_without_contact_and_tenant_ask_for_nothing() -> None:
    assert locales.wanted({"contact": "ann", "tenant": None}) == ""
    assert locales.wanted({}) == ""


@pytest.mark.parametrize(
    ("reader", "tag", "kind", "seen"),
    [
        pytest.param(
            "de-AT", "de", "varied", ("de", "ltr", "de-AT"), id="the reader's own kind of the language"
        ),
        pytest.param("de", "de-AT", "varied", ("de-AT", "ltr", "de"), id="and the other way round"),
        pytest.param("fr", "", "varied", ("en", "ltr", "en"), id="no French dates in English sentences"),
        pytest.param("en-GB", "", "varied", ("en", "ltr", "en-GB"), id="British dates in English ones"),
        pytest.param(
            "fr", "", "alone", ("en", "ltr", "fr"), id="a template without variants is the author's affair"
        ),
        pytest.param("", "", "varied", ("en", "ltr", "en"), id="nobody says"),
        pytest.param("ar-EG", "ar", "varied", ("ar", "rtl", "ar-EG"), id="from right to left"),
    ],
)
def test_a_part_sees_its_language_and_the_readers_locale(
    reader: str, tag: str, kind: str, seen: tuple[str, str, str]
) -> None:
    words = locales.words(reader, tag, "en", has_variants=kind == "varied")
    assert (words["lang"], words["dir"], words["locale"]) == seen


SHARED = {"_shared/a.html.j2", "_shared/a.de.html.j2", "_shared/a.de-AT.html.j2"}


@pytest.mark.parametrize(
    ("tag", "within", "found"),
    [
        pytest.param("", (), "_shared/a.html.j2", id="the default"),
        pytest.param("de-AT", (), "_shared/a.de-AT.html.j2", id="the same"),
        pytest.param("de-CH", (), "_shared/a.de.html.j2", id="the language"),
        pytest.param("fr", (), "_shared/a.html.j2", id="another language"),
        pytest.param(
            "de-AT", ("_shared/a.de-AT.html.j2",), "_shared/a.de.html.j2", id="within itself the next"
        ),
    ],
)
def test_a_shared_file_speaks_the_language_of_who_names_it(
    tag: str, within: tuple[str, ...], found: str
) -> None:
    assert locales.shared_name("_shared/a.html.j2", tag, SHARED, within) == found


@pytest.mark.parametrize(
    ("tag", "message", "hint"),
    [
        pytest.param("german", "'german' is no language tag of BCP 47", "such as body.de-AT.html.j2", id="a name"),
        pytest.param("de_AT", "'de_AT' is not how this language tag is written", "write body.de-AT.html.j2", id="an underscore"),
        pytest.param("DE", "'DE' is not how this language tag is written", "write body.de.html.j2", id="in capitals"),
        pytest.param("", "'' is no language tag of BCP 47", "such as body.de-AT.html.j2", id="nothing"),
    ],
)  # fmt: skip
def test_a_file_that_is_named_for_no_locale_is_refused_with_the_name_it_should_have(
    tag: str, message: str, hint: str
) -> None:
    with pytest.raises(TemplateError, match=message) as raised:
        locales.check({tag: {"html": "x"}}, "en")
    assert (raised.value.code, raised.value.hint) == ("template_locale", hint)


def test_a_home_that_is_no_locale_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"meta\.json: 'german'"):
        locales.check({}, "german")


def test_there_are_not_more_variants_than_anybody_writes() -> None:
    many = {f"de-x-{number}": {"html": "x"} for number in range(61)}
    with pytest.raises(TemplateError, match="61 locales"):
        locales.check(many, "en")
    del many["de-x-60"]
    locales.check(many, "en")


def test_a_message_in_two_languages_is_told() -> None:
    tags = {
        "de": {"subject": "de", "html": "de", "text": ""},
        "de-AT": {"subject": "de-AT", "html": "de", "text": ""},
        "en-GB": {"subject": "en-GB", "html": "", "text": ""},
    }
    assert locales.mixtures(tags, "en") == {"de": ["text"], "de-AT": ["text"]}
    assert locales.mixtures(tags, "de") == {"en-GB": ["html", "text"]}
