"""What the broker wants written: facts about jobs that the journal makes durable."""

from collections.abc import Callable

from msgspec import Struct, field

from penstock.jobs.model import FailedAttempt, Job
from penstock.jobs.store.port import StoreError
from penstock.jobs.transitions import Cause

Settled = Callable[[StoreError | None], None]


class Change(Struct):
    """One job's new record, and why.

    `listeners` are called once, when the change is durable (with None) or when it was not
    written (with the reason); a request that asks for the very same change joins them.
    """

    cause: Cause
    job: Job
    result: bytes | None = None
    failed_attempt: FailedAttempt | None = None
    listeners: list[Settled] = field(default_factory=list)
