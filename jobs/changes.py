"""What the broker wants written: facts about jobs that the journal makes durable."""

from collections.abc import Callable

from msgspec import Struct, field

from penstock.jobs.model import FailedAttempt, Instant, Job, QueueName
from penstock.jobs.queue_settings import QueueSettings
from penstock.jobs.store.port import StoreError
from penstock.jobs.transitions import Cause

Settled = Callable[[StoreError | None], None]


class Change(Struct):
    """One job's new record, and why; without a cause its state stays as it is.

    `rewrites` if more changes than an attempt changes of its job: its priority, its key, its end.
    `listeners` are called once, when the change is durable (with None) or when it was not
    written (with the reason); a request that asks for the very same change joins them.
    """

    cause: Cause | None
    job: Job
    result: bytes | None = None
    failed_attempt: FailedAttempt | None = None
    listeners: list[Settled] = field(default_factory=list)
    rewrites: bool = False
    # Written only with the submission that takes the key of its job, which was this.
    freed_key: tuple[str, Instant | None] | None = None


class SettingsChange(Struct):
    """What is set for a queue from now on; None: nothing is.

    `alter` says what was decided, whatever was set before: of several changes that are on their
    way, those decided before this one may not be written.
    """

    queue: QueueName
    settings: QueueSettings | None
    alter: Callable[[QueueSettings], QueueSettings]
    listeners: list[Settled] = field(default_factory=list)
    deletes: bool = False  # The queue is to be forgotten, too.
    begins_purge: bool = False  # Then that much of it is in force before it is durable.
