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


class SubmitRequest(Struct, frozen=True, gc=False):
    """What somebody asks to be done; None means the default of the policy.

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


def strict_rank(priority: int) -> int:
    """Return the rank of a queue in strict order: the priority, and so the age among equals."""
    return priority


def fingerprint(request: SubmitRequest) -> bytes:
    """Return 16 bytes that two requests share only if they ask for the same thing."""
    digest = blake2b(request.payload, digest_size=16)
    digest.update(b"\0%b\0%b" % (request.task.encode(), request.queue.encode()))
    return digest.digest()
