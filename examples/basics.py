"""The smallest tasks: `penstock serve --app examples.basics`."""

import asyncio
import time
from typing import Any

from penstock.worker import current_job, task


@task
def echo(value: Any = None) -> Any:
    """Return the argument."""
    return value


@task
def add(*numbers: int | float) -> int | float:
    """Return the sum of the arguments."""
    return sum(numbers)


@task
def sleep(seconds: int | float) -> int | float:
    """Sleep, then return how long: work that takes its time."""
    time.sleep(seconds)
    return seconds


@task
def fail(message: str = "asked to fail") -> None:
    """Raise a ValueError; the job is tried again, and is dead after its last attempt."""
    raise ValueError(message)


@task
async def nap(seconds: int | float) -> int | float:
    """Sleep as `sleep` does, but leave the process free for other async tasks."""
    await asyncio.sleep(seconds)
    return seconds


@task(raw=True)
def reverse(payload: bytes) -> bytes:
    """Return the payload's bytes in reverse: a raw task sees no JSON."""
    return payload[::-1]


@task
def whoami() -> dict[str, int | str]:
    """Tell what a task may know about its own job."""
    job = current_job()
    return {"job": job.id, "attempt": job.attempt, "queue": job.queue, "task": job.task}
