"""Machines among opens and clicks: who is one by its own words, and who only looks like one."""

import pytest

from core.machines import RULES, machine


@pytest.mark.parametrize(
    ("agent", "rule"),
    [
        pytest.param("Mozilla/5.0", "prefetch", id="Apple's privacy protection"),
        pytest.param("", "nameless", id="nothing"),
        pytest.param("   ", "nameless", id="blanks"),
        pytest.param("python-requests/2.32.3", "library", id="a library"),
        pytest.param("curl/8.10.1", "library", id="curl"),
        pytest.param("Java/21.0.4", "library", id="Java"),
        pytest.param("Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", "scanner", id="Barracuda"),
        pytest.param("Mozilla/5.0 (proofpoint)", "scanner", id="Proofpoint"),
        pytest.param("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "preview", id="Slack"),
        pytest.param("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler", id="a crawler"),
        pytest.param("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/141.0.0.0 Safari/537.36", "crawler", id="no window"),
        pytest.param("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15", "", id="a telephone"),
        pytest.param("Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 40) Chrome/141.0", "", id="a telephone called CUBOT"),
        pytest.param("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "", id="Gmail's proxy"),
        pytest.param("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "", id="Yahoo's proxy"),
        pytest.param("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)", "", id="Outlook on a desk"),
        pytest.param("okhttp/4.12.0", "", id="an app, which needs more than its name"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("word", ["Unlikely", ""])
def test_a_user_agent_is_a_machines_or_a_persons(agent: str, rule: str, word: str) -> None:
    assert machine(is_bot_event=word, user_agent=agent) == rule


def test_amazons_word_is_enough() -> None:
    assert machine(is_bot_event="Likely", user_agent="Mozilla/5.0 (X11; Linux x86_64)") == "ses"


def test_every_rule_says_what_it_is_about_who_said_so_and_when() -> None:
    assert [rule.id for rule in RULES] == ["prefetch", "nameless", "library", "scanner", "preview", "crawler"]
    assert all(rule.about and rule.source and rule.read_on == "2026-11-24" for rule in RULES)


def test_a_user_agent_without_an_end_costs_no_time() -> None:
    assert machine(is_bot_event="", user_agent="a" * 1_000_000) == ""
