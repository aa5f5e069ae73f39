"""Processes of the load tester itself, so that it does not measure its own waiting for a turn."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Final

from penstock.loadtest.errors import LoadtestError

_END_SECONDS_MAX: Final = 5.0
# What a pipe says once its other end has gone; the second if that left something unread.
_GONE: Final = (EOFError, ConnectionResetError)


class Crew:
    """Processes that were started together, each with a pipe. Use it with `with`.

    A member is a function that gets a plan and its end of the pipe; it ends when the pipe does.
    """

    def __init__(self) -> None:
        self._members: dict[Connection, BaseProcess] = {}
        self._dismissed: list[BaseProcess] = []

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pipe in list(self._members):
            self.dismiss(pipe)
        for process in self._dismissed:
            process.join(0 if kind is not None else _END_SECONDS_MAX)
            if process.is_alive():
                process.kill()
                process.join()

    def start(self, member: Callable[[Any, Connection], None], plan: object) -> Connection:
        """Start a process that runs *member*; return our end of its pipe."""
        ours, theirs = multiprocessing.Pipe()
        # Spawned: a fork would take along our sockets and whatever threads hold.
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_run, args=(member, plan, theirs), daemon=True)
        process.start()
        theirs.close()
        self._members[ours] = process
        return ours

    def dismiss(self, pipe: Connection) -> None:
        """Close the pipe of a member that has said all there was to say."""
        self._dismissed.append(self._members.pop(pipe))
        pipe.close()

    def hear(self, seconds: float) -> Iterator[tuple[Connection, object]]:
        """Yield what members say, waiting so long for the first to say something.

        Raises:
            Unreachable: a member lost the server.
            LoadtestError: a member ended.
        """
        for pipe in wait(list(self._members), seconds):
            assert isinstance(pipe, Connection)
            try:
                said = pipe.recv()
            except _GONE as error:
                raise LoadtestError("a process of the load tester ended by itself") from error
            if isinstance(said, LoadtestError):
                raise said
            yield pipe, said


def await_word(pipe: Connection, take: Callable[[object], None]) -> None:
    """Call *take* with what the other end says first, None if it goes; needs a running loop."""
    loop = asyncio.get_running_loop()

    def hear() -> None:
        loop.remove_reader(pipe.fileno())
        try:
            word = pipe.recv()
        except _GONE:
            word = None
        take(word)

    loop.add_reader(pipe.fileno(), hear)
    # The loop lets nothing block; but what is said here is said to its end.
    os.set_blocking(pipe.fileno(), True)


def _run(member: Callable[[Any, Connection], None], plan: object, pipe: Connection) -> None:
    # Ctrl-C on a terminal goes to all processes; whoever started them says when they end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        member(plan, pipe)
    except LoadtestError as error:
        pipe.send(error)
    except (*_GONE, BrokenPipeError):
        """Whoever started this process has gone, or wants no more."""
