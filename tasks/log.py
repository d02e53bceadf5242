"""The log of a step: the run's own under Prefect, the standard library's anywhere else."""

import logging
import sys


Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


def run_logger() -> Log:
    """Return the logger of the current flow or task run, or `posthouse` outside of one."""
    # Importing Prefect takes seconds, and a process that has not imported it cannot be in a run.
    if "prefect" in sys.modules:
        from prefect.exceptions import MissingContextError  # noqa: PLC0415  # see above
        from prefect.logging import get_run_logger  # noqa: PLC0415  # see above

        try:
            return get_run_logger()
        except MissingContextError:
            pass
    return logging.getLogger("posthouse")
