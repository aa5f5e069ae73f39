"""Keeps worker processes alive, and ends them when they must end."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeAlias

import anyio
from anyio.abc import TaskGroup, TaskStatus

from penstock.worker.errors import AppError
from penstock.worker.exits import Exit
from penstock.worker.process import ProcessOptions, RemoteServer, WorkerProcess, start_process
from penstock.worker.process_log import Log, ProcessLog
from penstock.worker.restarts import Life, RestartPauses, life_of

# How long a start waits to hear whether the app can be loaded; imports may take long.
_REPORT_SECONDS: Final = 30.0
_WATCH_SECONDS: Final = 1.0
# Where a server is at hand it ends what is overdue; this comes after it, if it does not.
_OVERDUE_GRACE_NS: Final = 1_000_000_000
# From the end of a worker's connection to the end of the worker.
_LOST_GRACE_SECONDS: Final = 2.0
# Beyond it a killed process hangs in the kernel, as on a disk that is gone; another replaces it.
_KILL_SECONDS: Final = 10.0
# Processes that live or hang, for each that is wanted; beyond it none is replaced.
_PROCESSES_PER_SLOT_MAX: Final = 2


class WorkerLink(Protocol):
    """The server's end of one worker's connection."""

    def stop_claims(self) -> None:
        """Answer parked claims with nothing and give no further jobs."""

    def close(self, reason: str, started: frozenset[int] | None = None) -> None:
        """Take the jobs back from a worker of which nothing runs any more.

        *started* names those that had begun, when that is known; they fail with *reason*.
        """


Attach: TypeAlias = Callable[[socket.socket, str, Callable[[str], None]], Awaitable[WorkerLink]]


class NoLink:
    """Stands in for the link of a worker that connects by itself."""

    def stop_claims(self) -> None:
        """Leave it to the worker, which stops claiming when it is terminated."""

    def close(self, reason: str, started: frozenset[int] | None = None) -> None:
        """Leave it to the server, which notices the end of the connection."""


class WorkersRefused(Exception):
    """The server does not let the workers in."""


class Supervisor:
    """Starts `count` worker processes and starts each anew when it dies.

    With *attach* each process inherits one end of a socket pair, and *attach* gets the other; with
    *remote* the processes connect by themselves. Without an app there are no workers.
    """

    def __init__(
        self,
        *,
        count: int,
        app: str | None,
        queues: Sequence[str],
        concurrency: int,
        log: Log,
        attach: Attach | None = None,
        remote: RemoteServer | None = None,
    ) -> None:
        assert (attach is None) != (remote is None)
        self._count = count if app is not None else 0
        self._options = ProcessOptions(app or "", tuple(queues), concurrency, remote)
        self._log = log
        self._attach = attach
        self._processes: dict[str, WorkerProcess] = {}
        self._links: dict[str, WorkerLink] = {}
        self._draining = anyio.Event()
        self._slots_open = 0
        self._slots_closed = anyio.Event()
        self._usable = anyio.Event()
        self._failure: AppError | WorkersRefused | None = None
        self._tasks: TaskGroup | None = None
        self.restarts_total = 0

    @property
    def processes(self) -> Sequence[WorkerProcess]:
        """The processes that live, or were killed and hang."""
        return list(self._processes.values())

    @property
    def alive_count(self) -> int:
        return len(self._processes)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep the workers alive until cancelled; then kill them and what they started.

        Counts as started when the first process has loaded the app.

        Raises:
            AppError: it cannot be loaded.
            WorkersRefused: the remote server wants another password.
        """
        if self._count == 0:
            self._log.info("no workers of its own: no app is configured, or their number is 0")
            self._slots_closed.set()
            task_status.started()
            await anyio.sleep_forever()
        async with anyio.create_task_group() as self._tasks:
            self._slots_open = self._count
            self._tasks.start_soon(self._watch)
            for _ in range(self._count):
                self._tasks.start_soon(self._keep)
            with anyio.move_on_after(_REPORT_SECONDS) as waiting:
                await self._usable.wait()
            if waiting.cancelled_caught:
                self._log.warning("the app is still loading", seconds=_REPORT_SECONDS)
            task_status.started()
        if self._failure is not None:
            raise self._failure

    def kill(self, worker_name: str, reason: str) -> None:
        """Kill a worker's processes; its jobs fail with *reason* once all of them are dead."""
        process = self._processes.get(worker_name)
        if process is not None and not process.ending.is_set():
            self._log.warning("killing a worker", worker=worker_name, pid=process.pid, why=reason)
            process.kill(reason)

    async def drain(self) -> None:
        """Let the workers finish what they run, and wait until all that can end have exited.

        Cancelling it leaves those that are not done yet running.
        """
        self._draining.set()
        for link in list(self._links.values()):
            link.stop_claims()
        for process in self.processes:
            process.terminate()
        await self._slots_closed.wait()

    def kill_all(self, reason: str) -> None:
        """Kill every worker."""
        self._draining.set()
        for process in self.processes:
            process.kill(reason)

    def _free_name(self) -> str | None:
        """Find a name that no process has, be it one that was killed and hangs."""
        suffix = "" if self._options.remote is None else f"@{socket.gethostname()}"
        numbers = range(1, _PROCESSES_PER_SLOT_MAX * self._count + 1)
        names = (f"worker-{number}{suffix}" for number in numbers)
        return next((name for name in names if name not in self._processes), None)

    async def _keep(self) -> None:
        """Have one process after the other."""
        pauses = RestartPauses()
        try:
            while not self._draining.is_set():
                pause = pauses.after(await self._live())
                with anyio.move_on_after(pause):
                    await self._draining.wait()
                self.restarts_total += not self._draining.is_set()
        finally:
            self._slots_open -= 1
            if not self._slots_open:
                self._slots_closed.set()

    async def _live(self) -> Life:
        """Start a process and see it to its grave; tell what it did until then."""
        name = self._free_name()
        if name is None:
            self._log.error("no worker is started: too many hang", hanging=self.alive_count)
            return Life.IDLE
        try:
            process, sock = start_process(self._options, name, ProcessLog(self._log, name))
        except OSError as error:
            self._log.error("a worker could not be started", worker=name, error=str(error))
            return Life.IDLE
        self._processes[name] = process
        self._log.info("worker started", worker=name, pid=process.pid)
        link: WorkerLink = NoLink()
        try:
            if sock is not None:
                assert self._attach is not None
                link = await self._attach(sock, name, lambda why: self._lost(process, why))
            self._links[name] = link
            if self._draining.is_set():
                link.stop_claims()
                process.terminate()
            await process.reported.wait()
            ready_at = time.monotonic()
            self._judge_report(process)
            await process.ending.wait()
            seconds = time.monotonic() - ready_at
        finally:
            process.kill(f"WorkerDied: {process} was stopped with its supervisor")
            with anyio.move_on_after(_KILL_SECONDS, shield=True) as burial:
                await self._bury(process, link)
            if burial.cancelled_caught:
                self._bury_later(process, link)
        return life_of(process.note.jobs_started, seconds)

    def _bury_later(self, process: WorkerProcess, link: WorkerLink) -> None:
        """Go on without a process that hangs; it keeps its name and jobs until it is dead."""
        assert self._tasks is not None
        self._log.error(
            "a killed worker hangs in the kernel; its jobs go to others when it is dead",
            worker=process.name,
            pid=process.pid,
        )
        self._tasks.start_soon(self._bury, process, link)

    async def _bury(self, process: WorkerProcess, link: WorkerLink) -> None:
        reason = await process.bury()
        self._processes.pop(process.name, None)
        self._links.pop(process.name, None)
        link.close(reason, process.note.started)
        # One that was told to end before it could listen was ended by the signal itself.
        drained = process.returncode in (Exit.DRAINED, -signal.SIGTERM)
        expected = self._draining.is_set() and drained
        log = self._log.info if expected else self._log.warning
        log("worker ended", worker=process.name, pid=process.pid, code=process.returncode)
        if process.returncode == Exit.REFUSED and self._options.remote is not None:
            self._give_up(WorkersRefused(f"{self._options.remote.address} refused the workers"))

    def _judge_report(self, process: WorkerProcess) -> None:
        """Go on, or give up if no process has been able to load the app yet."""
        word, _, text = process.report.partition(" ")
        if word == "ready":
            self._usable.set()
            self._log.info("worker ready", worker=process.name, pid=process.pid, tasks=text)
        elif word == "error" and not self._usable.is_set():
            self._give_up(AppError(text))
        elif word == "error":
            self._log.error("the app cannot be loaded any more", worker=process.name, error=text)

    def _give_up(self, failure: AppError | WorkersRefused) -> None:
        self._failure = self._failure or failure
        assert self._tasks is not None
        self._tasks.cancel_scope.cancel()

    def _lost(self, process: WorkerProcess, why: str) -> None:
        # Mostly it is about to exit, drained or crashed, and then that is what there is to tell.
        asyncio.get_running_loop().call_later(
            _LOST_GRACE_SECONDS, process.kill, f"WorkerDied: {process} was ended because {why}"
        )

    async def _watch(self) -> None:
        """End what runs beyond its deadline. No event tells of a task that hangs in C code."""
        while True:
            await anyio.sleep(_WATCH_SECONDS)
            now_ns = time.monotonic_ns()
            for process in self.processes:
                deadline_ns = process.note.deadline_ns
                if deadline_ns and now_ns > deadline_ns + _OVERDUE_GRACE_NS:
                    self.kill(
                        process.name,
                        "HardTimeout: the task ignored its timeout or its cancellation",
                    )
            if os.getpid() == 1:
                self._reap_strays()

    def _reap_strays(self) -> None:
        """As the first process of a container, reap the orphans that tasks left behind."""
        own = {process.pid for process in self.processes}
        with contextlib.suppress(ChildProcessError):
            while True:
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if seen is None or seen.si_pid in own:
                    return
                os.waitpid(seen.si_pid, os.WNOHANG)
