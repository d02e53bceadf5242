"""A preview shows the message, and lets it do nothing."""

from html import unescape

import html5lib
import pytest

from core import preview
from core.preview import Sample
from core.rendering import Content


HOSTILE = '</iframe></pre><script>alert(1)</script><img src=x onerror="alert(2)">'


def a_sample(**changes: str) -> Sample:
    parts = {"subject": "Spring news", "html": "<p>Hello</p>", "text": "Hello\n", **changes}
    return Sample(
        label=parts.pop("label", "contact 7"),
        content=Content(**parts),
        headers={"From": "Acme <news@acme.example>"},
    )


def elements(page: str, name: str) -> list[dict[str, str]]:
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    return [dict(element.attrib) for element in tree.iter(name)]


def test_a_message_is_shown_on_a_desktop_and_on_a_phone() -> None:
    frames = elements(preview.page("newsletter", [a_sample()]), "iframe")
    assert [(frame["width"], frame["srcdoc"]) for frame in frames] == [
        ("680", "<p>Hello</p>"),
        ("375", "<p>Hello</p>"),
    ]
    assert all(frame["sandbox"] == "" for frame in frames)


def test_the_page_tells_headers_and_sizes() -> None:
    page = preview.page("newsletter", [a_sample(html="ü" * 1000)])
    assert "<th>From</th><td>Acme &lt;news@acme.example&gt;</td>" in page
    assert "<th>HTML</th><td>2,000 bytes</td>" in page
    assert "<th>Text</th><td>6 bytes</td>" in page


@pytest.mark.parametrize("part", ["subject", "html", "text", "label"])
def test_nothing_of_a_message_gets_out_of_its_frame(part: str) -> None:
    page = preview.page("newsletter", [a_sample(**{part: HOSTILE})])
    assert elements(page, "script") == elements(page, "img") == []
    assert len(elements(page, "iframe")) == 2
    assert HOSTILE in unescape(page)


def test_the_page_itself_may_load_nothing_but_pictures() -> None:
    (policy,) = [meta["content"] for meta in elements(preview.page("x", []), "meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_an_empty_audience_is_said_to_be_one() -> None:
    assert "nobody to show it to" in preview.page("newsletter", [])


def test_a_picture_is_of_one_frame_alone() -> None:
    page = preview.single(a_sample(html=HOSTILE), 375)
    (frame,) = elements(page, "iframe")
    assert (frame["width"], frame["srcdoc"], frame["sandbox"]) == ("375", HOSTILE, "")
    assert elements(page, "script") == elements(page, "table") == []
