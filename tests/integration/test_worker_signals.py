"""Signals to a worker's main thread, which waits for jobs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Signals itself whenever the main thread says that it is idle. On one processor the signal mostly
# comes when that thread has let go of the interpreter and does not wait yet.
PROGRAM = """
import os, signal, threading
from queue import Empty, SimpleQueue
from penstock.worker.captured import Capture
from penstock.worker.descriptors import StandardStreams
from penstock.worker.executor import Executor
from penstock.worker.forks import ForkGuard
from penstock.worker.note import Note, new_note_fd
from penstock.worker.reports import Reports

idle, handled = SimpleQueue(), SimpleQueue()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
capture = Capture(Reports(), marks=False)
executor = Executor(Note(new_note_fd()), ForkGuard(), StandardStreams(), capture)
signal.signal(signal.SIGTERM, lambda *_: handled.put(True))

def drive():
    for _ in range(10):
        executor.submit([])
        idle.get()
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            handled.get(timeout=5)
        except Empty:
            os._exit(1)
    executor.stop()

threading.Thread(target=drive).start()
executor.run(lambda: idle.put(True))
"""

pytestmark = pytest.mark.integration


def test_a_signal_that_comes_as_the_worker_goes_idle_is_handled() -> None:
    """A worker that missed SIGTERM would be drained by nobody, until it is killed."""
    program = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, check=False)

    assert program.returncode == 0
