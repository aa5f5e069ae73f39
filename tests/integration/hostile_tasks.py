"""Tasks that do to their worker what a worker must survive, or be replaced after."""

import asyncio
import collections
import ctypes
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from typing import Any

from penstock.worker import SoftTimeout, current_job, task


@task
def echo(value: Any = None) -> Any:
    return value


@task
def process_id() -> int:
    return os.getpid()


@task
def print_much(megabytes: int) -> int:
    line = "x" * 1023
    for _ in range(megabytes * 1024):
        sys.stdout.write(line + "\n")
    return megabytes


@task
def print_line(text: str) -> None:
    sys.stdout.write(text + "\n")


@task
def sys_exit(code: int) -> None:
    sys.exit(code)


@task
def hard_exit(code: int) -> None:
    os._exit(code)


@task
def segfault() -> None:
    ctypes.string_at(0)


@task
def fork_and_return() -> str:
    """Both processes return; only the parent may answer, and the child must end."""
    child = os.fork()
    if child == 0:
        return "child"
    os.waitpid(child, 0)
    return "parent"


@task
def fork_and_raise() -> str:
    child = os.fork()
    if child == 0:
        raise ValueError("in the child")
    os.waitpid(child, 0)
    return "parent"


@task
def use_a_pool() -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [-1, -2, -3])


@task
def leave_a_daemon(cleared: bool) -> int:
    """Start a process in a session of its own; return its id, and let the worker die of it."""
    environment: dict[str, str] | None = {} if cleared else None
    daemon = subprocess.Popen(["sleep", "300"], start_new_session=True, env=environment)
    sys.stdout.write(f"daemon {daemon.pid}\n")
    time.sleep(300)
    return daemon.pid


@task
def leave_an_orphan() -> None:
    """Start a process whose parent is gone, in a session of its own, and die."""
    # The pipe ends when it has spoken: a worker that dies sooner takes it along unheard.
    orphan = subprocess.run(
        ["setsid", "--fork", "sh", "-c", "echo orphan $$ >&2; exec sleep 300 >/dev/null"],
        check=True,
        stdout=subprocess.PIPE,
    )
    os._exit(orphan.returncode)


@task
def ignore_sigterm(seconds: float) -> str:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(seconds)
    return "done"


@task
def close_descriptors() -> str:
    os.closerange(0, 21)
    return "closed"


@task
def redirect_output() -> str:
    sys.stdout.close()
    sys.stderr = None
    return "redirected"


@task
def hang_in_c() -> None:
    """Loop for ever with the GIL held: no thread and no signal handler gets a turn."""
    sys.stdout.write("hanging\n")
    collections.deque(itertools.repeat(0), maxlen=0)


@task
def hang_in_c_with_a_child() -> None:
    subprocess.Popen(["sleep", "301"], start_new_session=True)
    hang_in_c()


@task
def sleep(seconds: float) -> float:
    sys.stdout.write("sleeping\n")
    time.sleep(seconds)
    return seconds


@task
def swallow_the_timeout(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except Exception:
            sys.stdout.write("swallowed\n")
    return "never"


@task
def clean_up_after_timeout() -> str:
    try:
        time.sleep(30)
    except SoftTimeout:
        return "cleaned up"
    return "never"


@task
def steal_the_alarm() -> str:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return "stolen"


@task
def return_an_object() -> object:
    return object()


@task
def return_itself() -> list[object]:
    loop: list[object] = []
    loop.append(loop)
    return loop


@task
def return_nan() -> float:
    return float("nan")


@task
def recurse() -> None:
    recurse()


@task
def run_out_of_memory() -> None:
    raise MemoryError


@task
def interrupt() -> None:
    raise KeyboardInterrupt


class Unshowable(Exception):
    """Fails at being shown, too."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@task
def raise_unshowable() -> None:
    raise Unshowable


class ExitsWhenShown(Exception):
    """Ends the process of whoever wants to know what happened."""

    def __str__(self) -> str:
        raise SystemExit(3)


@task
def raise_an_exit() -> None:
    raise ExitsWhenShown


@task
async def async_raise_an_exit() -> None:
    raise ExitsWhenShown


@task
async def cancel_all_tasks() -> None:
    for other in asyncio.all_tasks():
        other.cancel()
    await asyncio.sleep(30)


@task
async def stop_the_loop() -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(30)


@task
def block_signals() -> str:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    return "blocked"


@task
def fail(message: str) -> None:
    raise ValueError(message)


@task
def job() -> list[object]:
    current = current_job()
    return [current.id, current.attempt, current.queue, current.task, current.seconds_left > 0]


@task
async def async_job() -> list[object]:
    await asyncio.sleep(0)
    current = current_job()
    return [current.id, current.attempt, current.queue, current.task, current.seconds_left > 0]


@task
async def nap(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@task
async def async_exit() -> None:
    sys.exit(3)


@task(raw=True)
def reverse(payload: bytes) -> bytes:
    return payload[::-1]
