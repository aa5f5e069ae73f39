"""The thread beside the main one: the event loop with the connection and the async tasks."""

import asyncio
import os
import threading
import traceback
from collections.abc import Awaitable, Callable
from typing import NoReturn

import uvloop

from penstock.worker.async_jobs import AsyncJobs
from penstock.worker.captured import Capture
from penstock.worker.descriptors import StandardStreams, low_numbers_taken
from penstock.worker.executor import Executor
from penstock.worker.exits import Exit
from penstock.worker.forks import ForkGuard
from penstock.worker.note import Note
from penstock.worker.reports import Reports
from penstock.worker.runnable import Runnables
from penstock.worker.runtime import Claiming, Runtime


class IoThread:
    """Runs a runtime. It ends the executor when the work is done, or the process when it must."""

    def __init__(
        self,
        *,
        claiming: Claiming,
        runnables: Runnables,
        executor: Executor,
        streams: StandardStreams,
        note: Note,
        guard: ForkGuard,
        capture: Capture,
        reports: Reports,
    ) -> None:
        self._claiming = claiming
        self._runnables = runnables
        self._executor = executor
        self._streams = streams
        self._note = note
        self._guard = guard
        self._capture = capture
        self._reports = reports
        self._runtime: Runtime | None = None
        self._drain_asked = False
        self._started = threading.Event()
        self.exit = Exit.BROKEN

    def start(self, work: Callable[[Runtime], Awaitable[Exit]]) -> None:
        """Start the thread; return when the runtime can be told to drain."""
        # A daemon: when the main thread is told to end, nothing here may hold it back.
        threading.Thread(target=self._run, args=(work,), name="penstock-io", daemon=True).start()
        self._started.wait()

    def batch_ended(self) -> None:
        """Do what comes after a batch, on the main thread, which ran it."""
        assert self._runtime is not None
        try:
            self._runtime.batch_ended()
        except BaseException:
            self._break()

    def drain(self) -> None:
        """Ask for the end of the work. For signal handlers: it may come before the thread."""
        self._drain_asked = True
        if self._runtime is not None:
            self._runtime.drain_soon()

    def _run(self, work: Callable[[Runtime], Awaitable[Exit]]) -> None:
        try:
            with low_numbers_taken():
                runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
                runner.get_loop()
            with runner:
                try:
                    self.exit = runner.run(self._main(work))
                except BaseException:
                    self._break()
        except BaseException:
            self._break()
        self._executor.stop()

    def _break(self) -> NoReturn:
        """Die with the note as it stands: jobs that were cancelled first would seem to have ended.

        Then nobody would learn that they had begun, and one that breaks its worker would do so
        for ever.
        """
        self._streams.say(f"stopped by an error of its own:\n{traceback.format_exc()}")
        os._exit(Exit.BROKEN)

    async def _main(self, work: Callable[[Runtime], Awaitable[Exit]]) -> Exit:
        _hide_this_task()
        async with asyncio.TaskGroup() as tasks:
            self._runtime = Runtime(
                claiming=self._claiming,
                runnables=self._runnables,
                executor=self._executor,
                async_jobs=AsyncJobs(tasks, self._note, self._guard, self._streams, self._capture),
                reports=self._reports,
                say=self._streams.say,
            )
            if self._drain_asked:
                self._runtime.drain_soon()
            self._started.set()
            try:
                ended = await work(self._runtime)
            except BaseException:
                self._break()
            if ended is Exit.LOST:
                # Whatever runs still is another worker's job by now.
                self._streams.say("the connection is lost and a task does not end; exiting")
                os._exit(ended)
            return ended


def _hide_this_task() -> None:
    """Keep the worker's own work from jobs that cancel all tasks of the loop that they can find."""
    own = asyncio.current_task()
    assert own is not None
    asyncio.tasks._unregister_task(own)
