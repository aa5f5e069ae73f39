"""An app of async tasks only: its worker claims several jobs at a time."""

import asyncio
import sys

from penstock.worker import task

_meeting: dict[int, asyncio.Barrier] = {}


@task
async def meet(parties: int) -> str:
    """Return when as many calls as that are in here at once."""
    barrier = _meeting.setdefault(parties, asyncio.Barrier(parties))
    await barrier.wait()
    return "met"


@task
async def nap(seconds: float) -> float:
    sys.stdout.write("napping\n")
    await asyncio.sleep(seconds)
    return seconds
