"""Whether a failed attempt is tried again, and when: exponential backoff with full jitter.

The jitter is AWS' "full jitter": a uniform draw below a ceiling that doubles with each failure
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from penstock.jobs.model import Instant
from penstock.jobs.retry_policy import RetryPolicy

JitterSource = Callable[[], float]  # Draws from [0, 1).


class RetryAt(Struct, frozen=True):
    """Try again, not before an instant."""

    due_at: Instant


class GiveUp(Struct, frozen=True):
    """Dead-letter the job."""


class Failure(Struct, frozen=True):
    """How an attempt failed, and what whoever ran it asks for.

    `error` is text as in `FailedAttempt`. `final`: no further attempt helps. `cancels`: the job is
    not wanted any more. `after_ms`: how long to wait, where its submitter did not say. `lost`: its
    worker is gone.
    """

    error: str
    final: bool = False
    cancels: bool = False
    after_ms: int | None = None
    lost: bool = False


_DOUBLINGS_MAX: Final = 40  # 2**40 ms is beyond every cap; more would only make big integers.


def decide_retry(
    policy: RetryPolicy,
    *,
    failures: int,
    attempts_max: int,
    lost: bool,
    after_ms: int | None,
    now: Instant,
    jitter: float,
) -> RetryAt | GiveUp:
    """Decide what follows the attempt that was failure number *failures*.

    A first failure because the worker was *lost* is tried again at once: most often the worker
    was killed or unplugged and the job is innocent. From the second on it backs off like any other.
    *after_ms* stands instead of the policy's delay.
    """
    assert failures >= 1
    assert 0.0 <= jitter < 1.0
    if failures >= attempts_max:
        return GiveUp()
    if lost and failures == 1:
        return RetryAt(now)
    if after_ms is not None:
        return RetryAt(Instant(now + after_ms))
    if policy.delays_ms:
        return RetryAt(Instant(now + policy.delays_ms[min(failures, len(policy.delays_ms)) - 1]))
    ceiling = min(policy.cap_ms, policy.base_ms << min(failures - 1, _DOUBLINGS_MAX))
    return RetryAt(Instant(now + int(ceiling * jitter if policy.jitter else ceiling)))
