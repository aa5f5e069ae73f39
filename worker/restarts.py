"""How soon a worker process is started again: a pure decision."""

from typing import Final

from penstock.config import limits

_DOUBLINGS_MAX: Final = 20


def restart_ceiling_seconds(early_deaths: int) -> float:
    """Tell the longest to wait after *early_deaths* deaths in a row that came before any job.

    A process that ran a job was killed by it, and the job's own retries are spaced: its
    replacement comes at once, so that a poisonous job does not starve the others. One that dies
    before any job will most likely die again.
    """
    doubled = limits.WORKER_RESTART_BASE_SECONDS * 2 ** min(early_deaths, _DOUBLINGS_MAX)
    return float(min(doubled, limits.WORKER_RESTART_CAP_SECONDS))
