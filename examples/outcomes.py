"""Tasks that end in other ways than with a result: `penstock serve --app examples.outcomes`."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

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

_SNOOZES_MAX: Final = 20


@task(retry=Retries(attempts=5, base=0.5, cap=30))
def charge(amount: float, status: int = 200) -> str:
    """Charge a card; *status* is what the bank will answer."""
    match status:
        case 200:
            return f"charged {amount:.2f}"
        case 404:
            raise Dead("there is no such card")
        case 409:
            raise Cancel("it was charged before")
        case 429:
            raise Retry(after=2, reason="the bank is busy")
    raise ConnectionError(f"the bank answered {status}")  # Tried again after half a second or less.


@task
def remind(at: datetime, text: str) -> str | Snooze:
    """Return the text once it is time for it; until then no worker is kept busy."""
    seconds = (at - datetime.now(UTC)).total_seconds()
    if seconds <= 0:
        return text
    if current_job().releases >= _SNOOZES_MAX:
        raise Dead(f"it is too early even after {_SNOOZES_MAX} times")
    return Snooze(after=min(seconds, 3600))


@task
def convert(pages: int, seconds: float = 0.5) -> int:
    """Work page by page, tell how far it is, and leave nothing behind when it is cancelled."""
    job = current_job()
    done = 0
    try:
        for done in range(1, pages + 1):
            time.sleep(seconds)
            job.progress(100 * done / pages, f"page {done} of {pages}")
    except Cancelled:
        print(f"throwing away {done} pages")
        raise
    return done


@task
async def download(seconds: float = 5.0) -> str:
    """Do the same as an async task: a cancellation is asyncio's own."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        print("removing the part that is there")
        raise
    return "done"
