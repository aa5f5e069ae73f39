"""One worker process, from its start to the death of everything that it started."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
from anyio import to_thread

from penstock.worker.child import PASSWORD_VARIABLE
from penstock.worker.note import Note, new_note_fd
from penstock.worker.output import OutputDrain
from penstock.worker.process_log import ProcessLog
from penstock.worker.process_tree import COOKIE_VARIABLE, kill_tree, signal_group

_REPORT_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """A server that worker processes connect to by themselves."""

    address: str
    password: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What worker processes of one supervisor have in common."""

    app: str
    queues: tuple[str, ...]
    concurrency: int
    remote: RemoteServer | None = None  # None: the connection is inherited.


class WorkerProcess:
    """A process that was started. Make it with `start_process`."""

    def __init__(
        self,
        *,
        name: str,
        cookie: str,
        popen: subprocess.Popen[bytes],
        note: Note,
        report_fd: int,
        log: ProcessLog,
    ) -> None:
        self.name = name
        self.pid = popen.pid
        self.note = note
        self.killed_for: str | None = None
        self.ending = anyio.Event()  # It has exited or is to be killed: time to bury it.
        self.exited = anyio.Event()
        self.reported = anyio.Event()
        self.report = ""  # What it said about its app, once `reported`: "ready …" or "error …".
        self._cookie = cookie
        self._popen = popen
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._report_fd: int | None = report_fd
        self._loop.add_reader(report_fd, self._read_report)
        self._pidfd = os.pidfd_open(popen.pid)
        self._loop.add_reader(self._pidfd, self._notice_exit)
        self._drains = [self._drain("stdout"), self._drain("stderr")]

    def kill(self, reason: str) -> None:
        """Have the process killed, by whoever waits for `ending`; the first reason counts.

        It is only stopped here: what it started is found by its descent, while it exists.
        """
        if self.ending.is_set():
            return
        self.killed_for = reason
        signal_group(self.pid, signal.SIGSTOP)
        self.reported.set()
        self.ending.set()

    def terminate(self) -> None:
        """Ask the process to finish what it runs and to exit."""
        if not self.exited.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    async def bury(self) -> str:
        """Kill what there is of the process, reap it and tell how it ended.

        To be called after `ending`, and again if it was cancelled. When this returns nothing of
        the process runs any more.
        """
        # It is stopped or a zombie, so its number is its own and descent from it can be seen.
        await to_thread.run_sync(kill_tree, self.pid, self._cookie)
        await self.exited.wait()
        returncode = self._popen.wait()
        for drain in self._drains:
            drain.close()
        self._close_report()
        return self.killed_for or f"WorkerDied: {self} {manner_of_death(returncode)}"

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"

    @property
    def returncode(self) -> int | None:
        return self._popen.returncode

    def _drain(self, stream: str) -> OutputDrain:
        pipe = self._popen.stdout if stream == "stdout" else self._popen.stderr
        assert pipe is not None
        fd = os.dup(pipe.fileno())
        pipe.close()
        return OutputDrain(
            fd,
            lambda line, job: self._log.line(stream, line, job, self.note),
            lambda count: self._log.dropped(stream, count),
        )

    def _read_report(self) -> None:
        assert self._report_fd is not None
        with contextlib.suppress(BlockingIOError):
            self.report = os.read(self._report_fd, _REPORT_BYTES_MAX).decode(errors="replace")
        self._close_report()

    def _close_report(self) -> None:
        if self._report_fd is not None:
            self._loop.remove_reader(self._report_fd)
            os.close(self._report_fd)
            self._report_fd = None
            self.reported.set()

    def _notice_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        if self._report_fd is not None:
            self._read_report()
        self.exited.set()
        self.ending.set()


def start_process(
    options: ProcessOptions, name: str, log: ProcessLog
) -> tuple[WorkerProcess, socket.socket | None]:
    """Start a worker process; return it and our end of its connection, if it inherits one.

    To be called on the main thread: the kernel ends the process with the thread that started it.

    Raises:
        OSError: the system is short of processes, files or memory.
    """
    cookie = secrets.token_hex(16)
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
        note_fd = new_note_fd()
        theirs.callback(os.close, note_fd)
        note = Note(note_fd)
        ours.callback(note.close)
        report_fd, their_report_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        ours.callback(os.close, report_fd)
        theirs.callback(os.close, their_report_fd)
        own_socket: socket.socket | None = None
        inherited = [note_fd, their_report_fd]
        words = ["--note-fd", str(note_fd), "--report-fd", str(their_report_fd)]
        if options.remote is None:
            own_socket, their_socket = socket.socketpair()
            ours.enter_context(own_socket)
            theirs.enter_context(their_socket)
            inherited.append(their_socket.fileno())
            words += ["--fd", str(their_socket.fileno())]
        else:
            words += ["--connect", options.remote.address]
        popen = subprocess.Popen(
            _command(options, name, words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            start_new_session=True,
            env=_environment(options, cookie),
        )
        ours.pop_all()
    process = WorkerProcess(
        name=name, cookie=cookie, popen=popen, note=note, report_fd=report_fd, log=log
    )
    if own_socket is not None:
        own_socket.setblocking(False)
    return process, own_socket


def manner_of_death(returncode: int) -> str:
    """Say how a process ended, given subprocess' return code."""
    if returncode >= 0:
        return f"exited with code {returncode} while it ran this job"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:  # A real-time signal.
        name = f"signal {-returncode}"
    by = " (by hand, or by the kernel for want of memory)" if name == "SIGKILL" else ""
    return f"was killed by {name}{by} while it ran this job"


def _command(options: ProcessOptions, name: str, words: Sequence[str]) -> list[str]:
    return [
        sys.executable,
        *("-m", "penstock.worker"),
        *("--app", options.app),
        *("--queues", ",".join(options.queues)),
        *("--concurrency", str(options.concurrency)),
        *("--name", name),
        *("--parent", str(os.getpid())),
        *words,
    ]


def _environment(options: ProcessOptions, cookie: str) -> dict[str, str]:
    environment = {**os.environ, COOKIE_VARIABLE: cookie}
    # A worker with an inherited connection is let in without it, and tasks should not see it.
    environment.pop(PASSWORD_VARIABLE, None)
    if options.remote is not None and options.remote.password is not None:
        environment[PASSWORD_VARIABLE] = options.remote.password
    return environment
