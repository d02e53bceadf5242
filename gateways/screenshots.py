"""Screenshots of a page by a headless Chromium, where one is installed.

The browser gets a profile of its own for each picture, no network but the page's own pictures, and a time limit: the page
holds what strangers wrote.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from core.errors import ConfigurationError


_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SECONDS: Final = 30


def browser() -> str | None:
    """Return the path of an installed Chromium, if there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def take(page: Path, picture: Path, *, width: int, height: int) -> None:
    """Write a PNG of what the page shows in a window of that size.

    Args:
        page: An HTML file.
        picture: Where the PNG goes.
        width: Of the window, in CSS pixels.
        height: Of the window, in CSS pixels.

    Raises:
        ConfigurationError: There is no Chromium, or it did not make a picture in half a minute.
    """
    program = browser()
    if program is None:
        raise ConfigurationError(
            "there is no Chromium for screenshots", hint="Install chromium, or go without --screenshots."
        )
    with tempfile.TemporaryDirectory(prefix="posthouse-chromium-") as profile:
        command = [
            program,
            "--headless=new",
            "--no-sandbox",  # Chromium's own needs privileges that containers do not give; the page may run no script
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            # A sandboxed frame would be drawn by a process of its own, for which the picture does not wait: on a busy
            # machine half of them were white (Chromium 156). Our page around it has nothing to be kept from it.
            "--disable-features=IsolateSandboxedIframes",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--screenshot={picture.resolve()}",
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603  # our own words
        except subprocess.TimeoutExpired as error:
            raise ConfigurationError(f"Chromium made no picture in {_SECONDS} seconds") from error
    if done.returncode != 0 or not picture.is_file():
        raise ConfigurationError(f"Chromium made no picture: {done.stderr.strip()[-300:]}")
