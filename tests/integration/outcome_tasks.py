"""Tasks that end in other ways than with a result, that tell how far they are, and that are told
to stop."""

import asyncio
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import Any

from penstock.worker import (
    Cancel,
    Cancelled,
    Dead,
    Retries,
    Retry,
    Snooze,
    current_job,
    task,
)

ENDINGS: dict[str, Any] = {
    "retry": lambda: Retry(after=2.5, reason="the API is busy"),
    "retry soon": Retry,
    "snooze": lambda: Snooze(after=timedelta(minutes=1)),
    "cancel": lambda: Cancel("the order is gone"),
    "dead": lambda: Dead("no such customer"),
}


@task
def raise_ending(which: str) -> None:
    raise ENDINGS[which]()


@task
def return_ending(which: str) -> int | Retry | Snooze | Cancel | Dead:
    ending: Retry | Snooze | Cancel | Dead = ENDINGS[which]()
    return ending


@task
async def async_raise_ending(which: str) -> None:
    raise ENDINGS[which]()


@task
async def async_return_ending(which: str) -> Any:
    return ENDINGS[which]()


@task(raw=True)
def raw_return_ending(payload: bytes) -> Any:
    return ENDINGS[payload.decode()]()


@task(retry=Retries(attempts=3, delays=[1, timedelta(seconds=20)]))
def fail_by_policy() -> None:
    raise ValueError("as planned")


@task(retry=Retries(attempts=2))
async def async_fail_by_policy() -> None:
    raise ValueError("as planned")


@task
def retry_with_a_wrong_time() -> None:
    raise Retry(after=-1)


# --- told to stop --------------------------------------------------------------------------------


@task
def sleep(seconds: float) -> float:
    sys.stdout.write("sleeping\n")
    time.sleep(seconds)
    return seconds


@task
def be_busy(seconds: float) -> float:
    sys.stdout.write("busy\n")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return seconds


@task
def swallow_exceptions(seconds: float) -> float:
    sys.stdout.write("swallowing\n")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except Exception:
            sys.stdout.write("swallowed\n")
    return seconds


@task
def ignore_everything(seconds: float) -> float:
    sys.stdout.write("ignoring\n")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except BaseException:
            sys.stdout.write("ignored\n")
    return seconds


@task
def finish_what_is_begun(seconds: float) -> str:
    try:
        sys.stdout.write("working\n")
        time.sleep(seconds)
    except Cancelled as why:
        return f"done though {why}"
    return "done"


@task
async def nap(seconds: float) -> float:
    sys.stdout.write("napping\n")
    await asyncio.sleep(seconds)
    return seconds


@task
async def clean_up(seconds: float) -> None:
    sys.stdout.write("working\n")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError as why:
        sys.stdout.write(f"cleaning up: {why}\n")
        raise


# --- telling -------------------------------------------------------------------------------------


@task
def count_up(steps: int, pause: float) -> int:
    for step in range(1, steps + 1):
        current_job().progress(100 * step / steps, f"step {step}")
        time.sleep(pause)
    return steps


@task
async def async_count_up(steps: int, pause: float) -> int:
    for step in range(1, steps + 1):
        current_job().progress(100 * step / steps, f"step {step}")
        await asyncio.sleep(pause)
    return steps


@task
def report_without_end(count: int) -> int:
    job = current_job()
    for number in range(count):
        job.progress(number * 100 / count)
    time.sleep(2.5)
    return count


@task
def say(text: str, seconds: float) -> None:
    sys.stdout.write(text + "\n")
    sys.stderr.write(text.upper() + "\n")
    time.sleep(seconds)


@task
def say_and_fail(text: str) -> None:
    sys.stdout.write(text + "\n")
    raise ValueError("after it spoke")


@task
async def async_say(text: str, times: int) -> None:
    for _ in range(times):
        sys.stdout.write(text + "\n")
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)


@task
def say_in_a_thread(text: str, seconds: float) -> None:
    thread = threading.Thread(target=sys.stdout.write, args=(text + "\n",))
    thread.start()
    thread.join()
    time.sleep(seconds)


@task
def have_a_program_say(text: str) -> None:
    subprocess.run(["echo", text], check=True)
    time.sleep(0.3)


@task
def print_much(megabytes: int, seconds: float) -> int:
    line = "x" * 99 + "\n"
    for _ in range(megabytes * 10_000):
        sys.stdout.write(line)
    sys.stdout.write("the end\n")
    time.sleep(seconds)
    return megabytes
