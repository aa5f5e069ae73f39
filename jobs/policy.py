"""What the broker is told by configuration: defaults of jobs, limits of sizes, retention."""

from hashlib import blake2b

from msgspec import Struct

from penstock.config.limits import (
    ATTEMPTS_DEFAULT,
    DEAD_KEEP_MS_DEFAULT,
    PAYLOAD_BYTES_MAX,
    PRIORITY_DEFAULT,
    RESULT_BYTES_MAX,
    RESULT_KEEP_MS_DEFAULT,
    TIMEOUT_MS_DEFAULT,
)
from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.retry_policy import RetryPolicy


class Policy(Struct, frozen=True):
    """Applies to every queue; times in milliseconds, sizes in bytes."""

    priority: int = PRIORITY_DEFAULT
    attempts_max: int = ATTEMPTS_DEFAULT
    timeout_ms: int = TIMEOUT_MS_DEFAULT
    retry: RetryPolicy = RetryPolicy()
    result_keep_ms: int = RESULT_KEEP_MS_DEFAULT
    dead_keep_ms: int = DEAD_KEEP_MS_DEFAULT
    payload_bytes_max: int = PAYLOAD_BYTES_MAX
    result_bytes_max: int = RESULT_BYTES_MAX


class RetryWish(Struct, frozen=True, gc=False):
    """How a submitter wants a job to be retried; None is left to its queue."""

    base_ms: int | None = None
    cap_ms: int | None = None
    jitter: bool | None = None
    delays_ms: tuple[int, ...] | None = None

    def over(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the policy for the job, where its queue has one."""
        if self.delays_ms is not None:
            return RetryPolicy(policy.base_ms, policy.cap_ms, policy.jitter, self.delays_ms)
        base_ms = policy.base_ms if self.base_ms is None else self.base_ms
        cap_ms = max(policy.cap_ms, base_ms) if self.cap_ms is None else self.cap_ms
        jitter = policy.jitter if self.jitter is None else self.jitter
        return RetryPolicy(min(base_ms, cap_ms), cap_ms, jitter)


class Wishes(Struct, frozen=True, gc=False):
    """What most submissions do not ask for.

    The key is free for another job after `window_ms`; who `replaces` takes it from its holder.
    `producer` is the name of the connection.
    """

    tenant: str | None = None
    group: str | None = None
    deadline_ms: int | None = None
    keep_ms: int | None = None
    retry: RetryWish | None = None
    window_ms: int | None = None
    replaces: bool = False
    producer: str | None = None


class SubmitRequest(Struct, frozen=True, gc=False):
    """What somebody asks to be done; None means the default of the queue's terms.

    At most one of `delay_ms` and `at` (Unix milliseconds) is given.
    """

    task: TaskName
    payload: bytes
    queue: QueueName
    priority: int | None = None
    delay_ms: int | None = None
    at: int | None = None
    timeout_ms: int | None = None
    attempts_max: int | None = None
    key: str | None = None
    wishes: Wishes | None = None
    is_call: bool = False  # Somebody waits for the result.


def fingerprint(request: SubmitRequest) -> bytes:
    """Return 16 bytes that two requests share only if they ask for the same thing."""
    digest = blake2b(request.payload, digest_size=16)
    digest.update(b"\0%b\0%b" % (request.task.encode(), request.queue.encode()))
    return digest.digest()
