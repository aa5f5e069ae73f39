"""`penstock worker`: worker processes for a server that runs elsewhere."""

import asyncio
import os
import signal
from collections.abc import Sequence

import anyio
import structlog
import uvloop

from penstock.client.endpoint import parse_endpoint
from penstock.config import limits
from penstock.worker.child import PASSWORD_VARIABLE
from penstock.worker.errors import AppError
from penstock.worker.exits import EXIT_SECOND_SIGNAL, Exit
from penstock.worker.log import configure_unless_done
from penstock.worker.process import RemoteServer
from penstock.worker.process_log import Log
from penstock.worker.supervisor import Supervisor, WorkersRefused


def run_worker_processes(
    app: str,
    connect: str,
    queues: Sequence[str],
    *,
    processes: int,
    concurrency: int = limits.CONCURRENCY_DEFAULT,
    log_level: str = "info",
    password: str | None = None,
) -> int:
    """Run worker processes until SIGTERM or SIGINT; return the exit code.

    At the first signal they finish what they run, at the second they are killed. `concurrency`
    is how many async jobs each runs at once; synchronous ones always run one at a time. To be
    called on the main thread. The password is taken from PENSTOCK_PASSWORD unless given.

    0: drained. 2: the address or the app cannot be used. 4: the server refused the workers.
    143: a second signal.
    """
    configure_unless_done(log_level)
    log: Log = structlog.get_logger("penstock.workers")
    password = os.environ.get(PASSWORD_VARIABLE) if password is None else password
    try:
        parse_endpoint(connect)
    except ValueError as error:
        log.error("stopped", reason=str(error))
        return Exit.UNUSABLE
    supervisor = Supervisor(
        count=processes,
        app=app,
        queues=queues,
        concurrency=concurrency,
        log=log,
        remote=RemoteServer(connect, password),
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_supervise(supervisor, log))


async def _supervise(supervisor: Supervisor, log: Log) -> int:
    signals = _Signals(supervisor, log)
    code = Exit.DRAINED
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervisor.run)
            with signals:
                await signals.requested.wait()
                await supervisor.drain()
            tasks.cancel_scope.cancel()
    except* AppError as group:
        code = _report(log, group, Exit.UNUSABLE)
    except* WorkersRefused as group:
        code = _report(log, group, Exit.REFUSED)
    log.info("stopped", code=int(code))
    return EXIT_SECOND_SIGNAL if signals.count > 1 else code


class _Signals:
    """Counts SIGTERM and SIGINT while it is entered."""

    def __init__(self, supervisor: Supervisor, log: Log) -> None:
        self._supervisor = supervisor
        self._log = log
        self._loop = asyncio.get_running_loop()
        self.requested = anyio.Event()
        self.count = 0

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._arrived, number.name)

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.remove_signal_handler(number)

    def _arrived(self, name: str) -> None:
        self.count += 1
        if self.count == 1:
            self.requested.set()
            self._log.info("draining; a second signal kills what runs", signal=name)
        else:
            self._supervisor.kill_all("WorkerDied: its worker was stopped by a second signal")
            self._log.warning("a second signal: killing the workers", signal=name)


def _report(log: Log, group: BaseExceptionGroup[Exception], code: Exit) -> Exit:
    for problem in group.exceptions:
        if isinstance(problem, BaseExceptionGroup):
            _report(log, problem, code)
        else:
            log.error("stopping", reason=str(problem))
    return code
