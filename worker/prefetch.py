"""How many jobs a worker asks for at once: pure decisions from what it has seen."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from penstock.config import limits

# Tasks shorter than this wait mostly for the network: only then is more than one job worth it.
SHORT_TASK_NS: Final = 1_000_000
# One slow task stops prefetching at once, and about this many short ones bring it back.
_SMOOTHING: Final = 16
# Until a process has run this many jobs it takes one at a time.
JOBS_SEEN_MIN: Final = 32
# Async jobs of one claim, so that one process does not take all while its siblings idle.
ASYNC_JOBS_MAX: Final = 16


class Kind(Enum):
    """What a worker's tasks are."""

    SYNC = "sync"
    ASYNC = "async"
    MIXED = "mixed"


@dataclass(slots=True)
class RunTimes:
    """A moving mean of how long tasks ran."""

    mean_ns: float = 0.0
    jobs_seen: int = 0

    def add(self, jobs: int, total_ns: int) -> None:
        """Take in a batch of jobs that ran one after the other."""
        weight = min(1.0, jobs / _SMOOTHING)
        self.mean_ns += (total_ns / jobs - self.mean_ns) * (weight if self.jobs_seen else 1.0)
        self.jobs_seen += jobs


def sync_jobs_to_claim(times: RunTimes) -> int:
    """Decide how many jobs a process takes that runs them one after the other."""
    if times.jobs_seen < JOBS_SEEN_MIN or times.mean_ns >= SHORT_TASK_NS:
        return 1
    affordable = int(limits.PREFETCH_MS_MAX * 1_000_000 / max(times.mean_ns, 1.0))
    return max(1, min(limits.PREFETCH_JOBS_MAX, affordable))


def async_jobs_to_claim(running: int, concurrency: int) -> int:
    """Decide how many jobs a process takes that runs them side by side."""
    return max(0, min(ASYNC_JOBS_MAX, concurrency - running))
