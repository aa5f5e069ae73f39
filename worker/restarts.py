"""How soon a worker process is started again, by how the one before lived."""

import random
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from penstock.client.backoff import Backoff
from penstock.config import limits

# A process that ran jobs and dies sooner than this after it was ready died young.
_SHORT_LIFE_SECONDS: Final = 1.0
# Its replacement comes no later than this: there may be other jobs, which harm nobody.
_SHORT_LIFE_PAUSE_SECONDS_MAX: Final = 2.0


class Life(Enum):
    """What a process did until its death."""

    IDLE = auto()  # No job. The next one will most likely die as well: the app is not fit for any.
    SHORT = auto()  # Some job soon killed it.
    FULL = auto()


def life_of(jobs_started: int, seconds: float) -> Life:
    """Judge a process by the jobs it began and by how long it lived once it was ready."""
    if not jobs_started:
        return Life.IDLE
    return Life.SHORT if seconds < _SHORT_LIFE_SECONDS else Life.FULL


class RestartPauses:
    """The pauses between the processes of one slot.

    A process that ran jobs for a while was killed by one of them: its replacement comes at once,
    so that a poisonous job does not starve the others. Where one after the other dies young the
    pauses grow, but not far; where they die before any job, they grow long.
    """

    def __init__(self, *, jitter: Callable[[], float] = random.random) -> None:
        base = limits.WORKER_RESTART_BASE_SECONDS
        self._after_idle = Backoff(base, limits.WORKER_RESTART_CAP_SECONDS, jitter=jitter)
        self._after_jobs = Backoff(base, _SHORT_LIFE_PAUSE_SECONDS_MAX, jitter=jitter)

    def after(self, life: Life) -> float:
        """Tell how many seconds to wait after a process that lived like this."""
        if life is Life.IDLE:
            return self._after_idle.next_seconds()
        self._after_idle.reset()
        if life is Life.FULL:
            self._after_jobs.reset()
        return self._after_jobs.next_seconds()
