"""Results: the numbers of a campaign's report, its pictures, and the words that stand for them."""

import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from core import charts, results_report
from core.campaigns import CampaignState, Status
from core.charts import Bar, Panel
from core.results import Results
from core.rollups import Rollup


MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def a_rollup(**changes: Any) -> Rollup:
    gmail = {"sent": 60, "delivery": 55, "bounce_permanent": 5, "open": 20, "click": 4, "open_machine": 30}
    yahoo = {"sent": 40, "delivery": 38, "bounce_transient": 2, "open": 9, "complaint": 1, "unsubscribe": 2}
    totals = {fact: gmail.get(fact, 0) + yahoo.get(fact, 0) for fact in gmail | yahoo}
    sums = {
        "totals": totals,
        "providers": {"gmail": gmail, "yahoo": yahoo},
        "segments": {0: gmail, 5: yahoo},
        "domains": {"gmail.com": {"sent": 60}, "ann-smith.example": {"sent": 1}},
        "links": {"https://acme.example/a|b": {"click": 4, "click_machine": 7}},
        "hours": {
            MORNING: {"delivery": 90, "open": 20},
            MORNING + timedelta(hours=20): {"delivery": 3, "open": 9},
        },
        "classes": {"bad_mailbox": {"bounce_permanent": 5}, "full": {"bounce_transient": 2}},
    }
    return Rollup(**sums | changes)


def results(**changes: Any) -> Results:
    status = Status(
        campaign_id=7,
        state=CampaignState.DONE,
        audience=110,
        sent=100,
        skipped_by_reason={"unsubscribed": 10},
    )
    return Results(tenant="acme", campaign="Spring", status=status, rollup=a_rollup(**changes))


def pictures(lines: list[str]) -> list[tuple[str, ET.Element]]:
    """The words and the pictures of a report."""
    found = re.findall(r"!\[([^\]]*)\]\(data:image/svg\+xml;base64,([^)]*)\)", "\n".join(lines))
    return [(words, ET.fromstring(b64decode(data))) for words, data in found]


def test_the_funnel_has_shares_of_sent_and_no_machine() -> None:
    funnel = [(step.name, step.people, step.share) for step in results().funnel]
    assert funnel == [
        ("audience", 110, None),
        ("sent", 100, 1.0),
        ("delivered", 93, 0.93),
        ("opened", 29, 0.29),
        ("clicked", 4, 0.04),
    ]


def test_the_json_has_every_dimension() -> None:
    document = results().as_json()
    assert document["events"] == {
        "bounce_permanent": 5, "bounce_transient": 2, "click": 4, "complaint": 1, "delivery": 93, "open": 29,
        "open_machine": 30, "sent": 100, "unsubscribe": 2,
    }  # fmt: skip
    assert document["bounces"] == {
        "by_kind": {"hard bounces": 5, "soft bounces": 2, "blocked": 0, "refused for their content": 0},
        "by_class": {"bad_mailbox": 5, "full": 2},
    }
    assert (document["complaints"], document["unsubscribes"]) == (1, 2)
    assert [
        (line["provider"], line["delivered"], line["opened_by_machines"]) for line in document["providers"]
    ] == [
        ("gmail", 55, 30),
        ("yahoo", 38, 0),
    ]
    assert [line["segment"] for line in document["segments"]] == ["0", "5"]
    assert [(line["day"], line["delivered"], line["opened"]) for line in document["days"]] == [
        ("2026-11-24", 90, 20),
        ("2026-11-25", 3, 9),
    ]
    assert document["links"] == [{"link": "https://acme.example/a|b", "people": 4, "machines": 7}]


def test_a_domain_of_a_few_people_is_not_named() -> None:
    assert [line["domain"] for line in results().as_json()["domains"]] == ["gmail.com"]
    assert "ann-smith" not in "\n".join(results_report.sections(results()))


def test_each_picture_has_words_a_title_a_description_and_its_numbers_in_a_table_beside_it() -> None:
    lines = results_report.sections(results())
    found = pictures(lines)
    assert [words.partition(":")[0] for words, _ in found] == [
        "Funnel",
        "By hour (UTC)",
        "By mailbox provider",
    ]
    for words, picture in found:
        assert picture.get("role") == "img"
        title, description = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
        assert title is not None
        assert title.text
        assert description is not None
        assert description.text in words
    page = "\n".join(lines)
    assert "| delivered | 93 | 93.0% |" in page
    assert "| gmail | 60 | 55 | 5 | 0 | 0 | 0 | 20 | 4 |" in page
    assert "| 24 Nov | 90 | 20 | 0 | 0 | 0 | 0 |" in page
    assert "| 30 days ago at most | 60 |" in page
    assert "| longer ago, or never | 40 |" in page


def test_the_report_names_bounces_by_class_complaints_and_unsubscribes() -> None:
    page = "\n".join(results_report.sections(results()))
    assert "| hard bounces | 5 | 5.0% |\n| – bad mailbox | 5 | 5.0% |" in page
    assert "| soft bounces | 2 | 2.0% |\n| – full | 2 | 2.0% |" in page
    assert "| complaints | 1 | 1.0% |" in page
    assert "| unsubscribes | 2 | 2.0% |" in page


def test_links_stand_there_as_text_that_leads_nowhere() -> None:
    assert r"| `https://acme.example/a\|b` | 4 | 7 |" in results_report.sections(results())


def test_a_course_of_weeks_is_shown_by_days() -> None:
    hours = {MORNING + timedelta(days=n): {"open": n} for n in range(10)}
    words = [words for words, _ in pictures(results_report.sections(results(hours=hours)))]
    assert "By day (UTC): nobody delivered; most opened in one day: 9, 03 Dec; nobody clicked" in words


def test_nothing_is_shown_before_anything_is_reported() -> None:
    assert (
        results_report.sections(Results(tenant="a", campaign="b", status=results().status, rollup=Rollup()))
        == []
    )


# Charts


def test_a_picture_is_the_same_to_the_byte_and_nothing_in_it_runs() -> None:
    row = Bar("<script>alert(1)</script>", [(charts.BLUE, 3)], '"><a href="x">')
    one = charts.bars("<b>", "&", [row])
    assert one == charts.bars("<b>", "&", [row])
    names = {element.tag for element in ET.fromstring(one).iter()}
    assert names <= {f"{SVG}{name}" for name in ("svg", "title", "desc", "rect", "text")}


def test_bars_are_as_long_as_their_numbers() -> None:
    rows = [Bar("a", [("#111111", 10)], "10"), Bar("b", [("#222222", 5), ("#333333", 2.5)], "7.5")]
    picture = ET.fromstring(charts.bars("t", "d", rows))
    widths = {box.get("fill"): float(box.get("width", 0)) for box in picture.iter(f"{SVG}rect")}
    assert widths["#222222"] == pytest.approx(widths["#111111"] / 2, abs=0.1)
    assert widths["#333333"] == pytest.approx(widths["#111111"] / 4, abs=0.1)


@pytest.mark.parametrize("number", [0, 1, 2, 7, 8, 72])
def test_columns_stay_in_the_picture(number: int) -> None:
    times = [f"{n}" for n in range(number)]
    svg = charts.columns("t", "d", times, [Panel("opened", charts.GREEN, list(range(number)))])
    picture = ET.fromstring(svg)
    for box in picture.iter(f"{SVG}rect"):
        assert float(box.get("x", 0)) + float(box.get("width", 0)) <= charts.WIDTH
        assert float(box.get("y", 0)) + float(box.get("height", 0)) <= float(picture.get("height", 0))


def test_the_words_of_a_picture_cannot_end_it() -> None:
    assert charts.image("<svg/>", "a]\n(b\\[c").startswith("![a) (b/(c](data:image/svg+xml;base64,")
