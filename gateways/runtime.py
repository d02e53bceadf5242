"""What this process runs on, judged by `core.runtime`."""

import platform
from importlib import metadata

from lxml import etree

from core import runtime
from core.runtime import OutdatedComponent


def versions() -> dict[str, str]:
    """Return the versions of the components that `core.runtime` judges, PostgreSQL's aside: that is another process."""
    return {
        "Python": platform.python_version(),
        "Jinja": metadata.version("jinja2"),
        # The library that was loaded, which need not be the one that lxml was built with.
        "libxml2": ".".join(map(str, etree.LIBXML_VERSION)),
    }


def warnings(*, postgresql: str = "") -> list[OutdatedComponent]:
    """Return what should be newer.

    Args:
        postgresql: What the server answers to `SHOW server_version`; unset, it is not judged.
    """
    known = versions()
    if postgresql:
        known["PostgreSQL"] = postgresql
    return runtime.warnings(known)
