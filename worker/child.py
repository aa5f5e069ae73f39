"""One worker process: what `python -m penstock.worker` runs."""

import argparse
import contextlib
import ctypes
import faulthandler
import os
import signal
import socket
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from penstock.config import limits
from penstock.worker.captured import Capture
from penstock.worker.connector import Dialling, work_connected, work_inherited
from penstock.worker.descriptors import StandardStreams, lift
from penstock.worker.errors import AppError, TaskError
from penstock.worker.executor import Executor
from penstock.worker.exits import Exit
from penstock.worker.forks import ForkGuard
from penstock.worker.io_thread import IoThread
from penstock.worker.note import Note, new_note_fd
from penstock.worker.registry import load_app
from penstock.worker.reports import Reports
from penstock.worker.runnable import Runnables
from penstock.worker.runtime import Claiming

PASSWORD_VARIABLE: Final = "PENSTOCK_PASSWORD"
_PR_SET_PDEATHSIG: Final = 1
# When memory runs out the kernel should take a worker, whose job is retried, not the server.
_OOM_SCORE_ADJUSTMENT: Final = "500"
# Threads that a task left behind may delay the end of a drained process this long.
_LEFTOVER_THREADS_SECONDS: Final = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one worker process until it is drained; return its exit code."""
    options = _parser().parse_args(argv)
    if options.parent:
        _die_with(options.parent)
    # Taken out of the environment, so that tasks and what they start do not see it.
    password = os.environ.pop(PASSWORD_VARIABLE, None)
    faulthandler.enable()
    streams = StandardStreams()
    reports = Reports()
    # Only a supervisor takes the marks out again.
    capture = Capture(reports, marks=options.note_fd is not None)
    streams.open(capture.stream)
    inherited = lift(options.fd) if options.fd is not None else None
    note_fd = lift(options.note_fd) if options.note_fd is not None else new_note_fd()
    report_fd = lift(options.report_fd) if options.report_fd is not None else None
    try:
        runnables = Runnables(load_app(options.app))
    except (AppError, TaskError) as error:
        _report(report_fd, f"error {error}")
        streams.say(str(error))
        return Exit.UNUSABLE

    note, guard = Note(note_fd), ForkGuard()
    executor = Executor(note, guard, streams, capture)
    io = IoThread(
        claiming=Claiming(
            tuple(options.queues), options.concurrency, prefetches=inherited is not None
        ),
        runnables=runnables,
        executor=executor,
        streams=streams,
        note=note,
        guard=guard,
        capture=capture,
        reports=reports,
    )
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: io.drain())
    # Not before: who is told may at once ask for a drain.
    _report(report_fd, f"ready {' '.join(runnables.names)}")
    if inherited is not None:
        sock = socket.socket(fileno=inherited)
        sock.setblocking(False)
        io.start(partial(work_inherited, sock=sock, guard=guard))
    else:
        dialling = Dialling(options.connect, options.name, password)
        io.start(partial(work_connected, dialling=dialling, guard=guard, say=streams.say))
    executor.run(io.batch_ended)
    _end_soon(io.exit)
    return io.exit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m penstock.worker",
        description="One worker process, as `penstock serve` and `penstock worker` start it.",
    )
    parser.add_argument("--app", required=True, help="module or module:attribute")
    parser.add_argument("--queues", required=True, type=lambda text: text.split(","))
    parser.add_argument("--name", default=f"worker@{socket.gethostname()}")
    parser.add_argument(
        "--concurrency", type=int, default=limits.CONCURRENCY_DEFAULT, help="async jobs at once"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="an inherited connection")
    where.add_argument("--connect", help="HOST:PORT or unix:PATH")
    parser.add_argument("--note-fd", type=int, help="memory shared with the supervisor")
    parser.add_argument("--report-fd", type=int, help="where to tell whether the app is usable")
    parser.add_argument("--parent", type=int, default=0, help="the process to die with")
    return parser


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # It died before the call took effect.
        os._exit(Exit.DRAINED)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJUSTMENT)


def _report(fd: int | None, text: str) -> None:
    if fd is None:
        return
    with contextlib.suppress(OSError):
        os.write(fd, text.encode(errors="backslashreplace"))
    os.close(fd)


def _end_soon(code: Exit) -> None:
    timer = threading.Timer(_LEFTOVER_THREADS_SECONDS, os._exit, [code])
    timer.daemon = True
    timer.start()
