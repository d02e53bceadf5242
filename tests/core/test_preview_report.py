"""The preview in Prefect: what stands in it, and what does not get out of it."""

from base64 import b64decode

import pytest

from core.preflight import Finding
from core.preview import Sample
from core.preview_report import MOST_PICTURE, Shown, preheader_of, report
from core.rendering import Content


PNG = b"\x89PNG\r\n\x1a\npicture"


def a_sample(**content: str) -> Sample:
    words = {"subject": "Spring", "html": "<p>Hello</p>", "text": "Hello"}
    return Sample(
        label="contact 7", content=Content(**words | content), headers={"From": "Acme <…@acme.example>"}
    )


def told(sample: Sample, picture: bytes | None = None) -> str:
    return report(tenant="acme", campaign="Spring", shown=[Shown(sample=sample, picture=picture)])


def test_a_sample_is_told_with_subject_headers_sizes_and_text() -> None:
    shown = told(a_sample(), PNG)
    assert "## contact 7" in shown
    assert "| Subject | Spring |" in shown
    assert "| From | Acme \\<…\\@acme\\.example\\> |" in shown
    assert "| HTML | 12 bytes |" in shown
    assert "| Text | 5 bytes |" in shown
    assert "```text\nHello\n```" in shown
    assert "Preheader" not in shown
    assert "```html" not in shown, "there is a picture"


def test_the_picture_stands_in_the_report_itself() -> None:
    shown = told(a_sample(), PNG)
    data = shown.partition("(data:image/png;base64,")[2].partition(")")[0]
    assert b64decode(data) == PNG


def test_without_a_picture_the_html_is_shown_as_text() -> None:
    shown = told(a_sample())
    assert "There is no picture" in shown
    assert "```html\n<p>Hello</p>\n```" in shown


def test_a_picture_that_is_too_large_is_left_out() -> None:
    shown = told(a_sample(), b"x" * (MOST_PICTURE + 1))
    assert "The picture is too large to be kept here: 350,001 bytes." in shown
    assert "data:" not in shown


def test_a_subject_is_neither_markdown_nor_html() -> None:
    shown = told(a_sample(subject="**Hi** | <img src=x> `code` [x](javascript:1)"))
    line = next(line for line in shown.splitlines() if line.startswith("| Subject"))
    assert line == (r"| Subject | \*\*Hi\*\* \| \<img src\=x\> \`code\` \[x\]\(javascript\:1\) |")


def test_a_text_part_cannot_end_its_block() -> None:
    shown = told(a_sample(text="a\n````\n# Not a heading"))
    assert "`````text\na\n````\n# Not a heading\n`````" in shown


def test_a_long_part_is_cut_and_says_so() -> None:
    shown = told(a_sample(text="x" * 30_000), PNG)
    assert "30,000 characters, of which these are the first 20,000." in shown
    assert len(shown) < 22_000


@pytest.mark.parametrize(
    ("html", "preheader"),
    [
        (
            '<body><div style="display:none">Only &amp; <b>today</b>&#847;&zwnj;&nbsp;</div><p>Hi</p>',
            "Only & today",
        ),
        ('<body><span style="display: none; max-height: 0">Soon</span>', "Soon"),
        ("<body><p>Hi</p>", ""),
    ],
)
def test_the_preheader_is_what_is_hidden_first(html: str, preheader: str) -> None:
    assert preheader_of(html) == preheader


def test_what_preflight_found_stands_at_the_end() -> None:
    finding = Finding(id="UNS-06", severity="block", message="no link", where="html")
    shown = report(tenant="acme", campaign="Spring", shown=[], findings=[finding])
    assert "Nobody's message could be shown" in shown
    assert "| block | `UNS-06` | no link |" in shown


def test_a_long_link_does_not_push_the_table_over_the_edge() -> None:
    sample = Sample(
        label="contact 7",
        content=Content("Spring", "<p>Hello</p>", "Hello"),
        headers={"List-Unsubscribe": f"<https://mail.acme.example/u/{'t' * 50}>"},
    )
    line = next(line for line in told(sample).splitlines() if line.startswith("| List-Unsubscribe"))
    assert line == r"| List-Unsubscribe | \<https\:\/\/mail\.acme\.example\/u\/ttttttttttt… |"


def test_hostile_html_has_no_preheader_and_costs_no_time() -> None:
    """Unclosed hidden elements and brackets without end: what an author may write, and a worker must survive."""
    assert preheader_of('<div style="display:none">' * 20_000) == ""
    assert preheader_of('<div style="display:none">' + "<" * 400_000 + "</div>") == ""
