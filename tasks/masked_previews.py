"""Masked previews: a campaign's messages for a look in Prefect, where nothing personal may be kept."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from core import preview
from core.errors import ConfigurationError, InputError, TemplateError
from core.masking import masked, stand_in, without_addresses
from core.preview import DESKTOP_PIXELS, HEIGHT_PIXELS, Sample
from core.preview_report import Shown
from core.sampling import Candidate
from gateways import screenshots
from tasks import previews
from tasks.messages import Job
from tasks.resources import Resources


MOST_PICTURES: Final = 3


def of_campaign(resources: Resources, job: Job, *, limit: int = 3) -> list[Sample]:
    """Return the messages that some contacts would get, those that differ first, rendered for their masked selves.

    One whose message cannot be rendered, masked or not, is left out: preflight tells what is wrong with it.
    """
    samples: list[Sample] = []
    for contact, tag, label in previews.readers(resources, job.voice, job.template, job.campaign.audience_id):
        if len(samples) == limit:
            break
        try:
            found = previews.sample_of(resources, job.voice, job.template, _masked(contact), tag, label)
            samples.append(_without_addresses(found))
        except (TemplateError, InputError):
            continue
    return samples


def pictured(samples: Sequence[Sample]) -> list[Shown]:
    """Return the samples with pictures as a desktop shows them, where Chromium is installed."""
    with tempfile.TemporaryDirectory(prefix="posthouse-preview-") as folder:
        return [
            Shown(sample=sample, picture=_picture(Path(folder), sample) if number < MOST_PICTURES else None)
            for number, sample in enumerate(samples)
        ]


def _masked(contact: Candidate) -> Candidate:
    return replace(contact, address=stand_in(contact.id), attributes=masked(contact.attributes))


def _without_addresses(sample: Sample) -> Sample:
    content = sample.content
    subject, html, text = map(without_addresses, (content.subject, content.html, content.text))
    shown = replace(content, subject=subject, html=html, text=text, filling=None)
    told = {name: without_addresses(value) for name, value in sample.headers.items()}
    return replace(sample, content=shown, headers=told)


def _picture(folder: Path, sample: Sample) -> bytes | None:
    if screenshots.browser() is None:
        return None
    page, picture = folder / "page.html", folder / "picture.png"
    page.write_text(preview.single(sample, DESKTOP_PIXELS), encoding="utf-8")
    try:
        screenshots.take(page, picture, width=DESKTOP_PIXELS, height=HEIGHT_PIXELS)
    except ConfigurationError:
        return None  # a look must not fail a run
    return picture.read_bytes()
