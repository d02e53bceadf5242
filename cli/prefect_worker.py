"""Prefect's process worker, made to stop in order: `python -m cli.prefect_worker POOL LIMIT [NAME]`.

Prefect's own exits at once on SIGTERM, its flow runs are killed with it, and Prefect shows them as Running for ever
(Prefect issues 22528 and 16746). This one, at its first SIGTERM or SIGINT,

    takes no more runs, and gives back to the pool those that have no process yet
    sends SIGTERM to each process of a flow run, once, and to nothing below it: a second one would cut its end short
    goes on until all of them have ended and their states are reported, then stops

A second signal ends everything at once. Prefect's own also gives up when its server is away for long, and kills what
it runs by that; this one waits for the server.
"""

import logging
import os
import signal
import sys
from typing import Any, Final, cast

import anyio
import psutil
from anyio import CancelScope
from anyio.abc import TaskStatus
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.logging import get_logger
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Scheduled
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from cli import processes
from cli.worker import flow_runs


_LOOK_SECONDS: Final = 0.2


class GivenBack(Exception):  # noqa: N818  # tells Prefect's worker that there is no process to wait for
    """The worker stops, and another one shall take the run."""


class OrderlyWorker(ProcessWorker):
    """Prefect's process worker, which can be asked to stop."""

    stopping = False
    _answered = True

    @classmethod
    def __dispatch_key__(cls) -> str:
        """Return the name it is registered by in this process, so that the type `process` stays Prefect's own there."""
        return "orderly-process"

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take the runs that are due: none while the worker stops, none while the server does not answer."""
        if self.stopping or not await self._is_answered():
            return []
        return await super().get_and_submit_flow_runs()

    async def _submit_scheduled_flow_runs(
        self, flow_run_response: list[WorkerFlowRunResponse]
    ) -> list[FlowRun]:
        """Take the runs whose last process has ended; one that was suspended and resumed at once may have one still.

        Prefect's own worker ends with an error when it is to take such a run.
        """
        held = set(self.limiter.statistics().borrowers)
        ready = [response for response in flow_run_response if response.flow_run.id not in held]
        return await super()._submit_scheduled_flow_runs(flow_run_response=ready)

    async def sync_with_backend(self) -> None:
        """Tell the server that this worker lives; a server that does not answer is told later."""
        if await self._is_answered():
            await super().sync_with_backend()

    async def _is_answered(self) -> bool:
        """Whether the server answers now. Prefect's client would ask an absent one again and again, for minutes."""
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            error = await self.client.api_healthcheck()
        if self._answered and error:
            self._logger.warning(
                "Prefect's server does not answer (%s); waiting for it", type(error).__name__
            )
        if not self._answered and not error:
            self._logger.info("Prefect's server answers again")
        self._answered = not error
        return self._answered

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Run a flow run in a process of its own; one that has none yet when the worker stops goes back to the pool."""
        if not self.stopping:
            return await super().run(flow_run, configuration, task_status)
        again: State[None] = Scheduled(message="The worker stopped before the run began.")
        await self.client.set_flow_run_state(flow_run.id, again, force=True)
        if task_status is not None:
            cast("TaskStatus[Any]", task_status).started(GivenBack())
        return ProcessWorkerResult(status_code=0, identifier="none")

    async def stop(self) -> None:
        """Return when every run has ended, in the order that the head of this module tells."""
        self.stopping = True
        asked: set[psutil.Process] = set()
        while self.limiter.borrowed_tokens:
            for process in {process for process, _ in flow_runs(os.getpid())} - asked:
                asked.add(process)
                processes.send(process, signal.SIGTERM)
            await anyio.sleep(_LOOK_SECONDS)
        get_logger("worker").info("%d flow runs were asked to end, and have ended", len(asked))


async def serve(pool: str, *, limit: int, name: str | None = None) -> None:
    """Work until a signal comes and all runs have ended; the pool is made when there is none."""
    worker = OrderlyWorker(work_pool_name=pool, limit=limit, name=name)
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_at_signal, worker, group.cancel_scope)
        await worker.start()


async def _stop_at_signal(worker: OrderlyWorker, everything: CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as group:
            async for number in signals:
                if worker.stopping:
                    break
                logging.getLogger("prefect.worker").info("%s: no more runs are taken", number.name)
                group.start_soon(_stop, worker, everything)
            everything.cancel()


async def _stop(worker: OrderlyWorker, everything: CancelScope) -> None:
    if worker.is_setup:
        await worker.stop()
    everything.cancel()


def main(pool: str, limit: str, name: str | None = None) -> None:
    """Work until a signal comes."""
    setup_logging()
    anyio.run(lambda: serve(pool, limit=int(limit), name=name))


if __name__ == "__main__":
    main(*sys.argv[1:])
