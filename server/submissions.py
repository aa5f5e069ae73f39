"""One submission on its way: decided, stored, answered; maybe after a wait for room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from penstock.jobs.errors import KeyReused, QueueFull, Refused
from penstock.jobs.model import Job, QueueName, TaskName
from penstock.jobs.policy import RetryWish, SubmitRequest, Wishes
from penstock.jobs.store.port import JobEnd, KeyHolder, StoreError, Submission
from penstock.protocol.replies import integer
from penstock.protocol.submit_arguments import QUEUE_DEFAULT, SubmitArguments, WishArguments
from penstock.protocol.values import read_name
from penstock.server.engine import Engine
from penstock.server.refusals import refusal, store_error
from penstock.server.responses import Slot


class Submitting(Struct, eq=False):
    """Stores one job and answers who asked; the token of a submission that waits for room.

    It is called when the submission is settled, maybe more than once: see `_replace`. It is not
    the slot itself, which may stay for long and must not keep the payload.
    """

    engine: Engine
    request: SubmitRequest
    slot: Slot
    submission: Submission | None = None
    # Called when it was parked and there is room.
    no_longer_parked: Callable[[], None] | None = None

    def accepted(self, submission: Submission, holder: KeyHolder | None) -> None:
        """Answer who asked: the job is stored (None), or its key is another job's."""
        if holder is None:
            self.slot.fill(integer(submission.job.id))
        elif holder.same:
            self.slot.fill(integer(holder.job_id))
        else:
            self.slot.fill(key_reused(submission, holder))

    def begin(self) -> bool:
        """Decide about it; say whether it is parked until there is room.

        Raises:
            Refused: nothing happened, and the slot is not filled.
        """
        engine, request = self.engine, self.request
        try:
            submission = engine.broker.submit(request, engine.clock.now_ms())
        except QueueFull:
            if not engine.broker.rooms.park(request, self):
                raise
            return True
        self.submission = submission
        engine.journal.submit(submission, self)
        return False

    def try_again(self) -> None:
        """Go on, as there is room."""
        if not self.engine.broker.rooms.parked.unpark(self):
            return  # It was given up just now.
        if self.no_longer_parked is not None:
            self.no_longer_parked()
        self._decide_again()

    def give_up(self) -> None:
        """Wait for room no longer: nobody is there to be told."""
        if self.engine.broker.rooms.parked.unpark(self):
            self.slot.fill(b"")

    def __call__(self, outcome: KeyHolder | StoreError | None) -> None:
        """Take note what became of it."""
        submission = self.submission
        assert submission is not None
        if outcome is None:
            self.accepted(submission, None)
        elif isinstance(outcome, StoreError):
            self.slot.fill(store_error(outcome))
        elif replaces(self.request):
            self._replace(outcome.job)
        else:
            self.accepted(submission, outcome)

    # --- inside --------------------------------------------------------------------------------

    def _decide_again(self) -> None:
        """Make another submission of the request."""
        engine = self.engine
        try:
            submission = engine.broker.submit(self.request, engine.clock.now_ms(), waited=True)
        except Refused as problem:
            self.slot.fill(refusal(problem))
            return
        self.submission = submission
        engine.journal.submit(submission, self)

    def _replace(self, holder: Job) -> None:
        """Take the key from its holder, in the very commit that stores the new job."""
        engine = self.engine
        try:
            submission = engine.broker.submit(self.request, engine.clock.now_ms(), waited=True)
        except Refused as problem:
            self.slot.fill(refusal(problem))
            return
        freeing = engine.broker.revisions.replace(holder, now=engine.clock.now_ms())
        if freeing is None:
            engine.broker.withdraw(submission)
            engine.journal.read_end(holder.id, self._read_holder)
            return
        self.submission = submission
        engine.journal.submit_in_place(submission, freeing, self)

    def _read_holder(self, end: JobEnd | StoreError | None) -> None:
        """Try once more, as another change of the holder was on its way."""
        if isinstance(end, StoreError):
            self.slot.fill(store_error(end))
        elif end is None or end.job.key != self.request.key:
            self._decide_again()
        else:
            self._replace(end.job)


def replaces(request: SubmitRequest) -> bool:
    return request.wishes is not None and request.wishes.replaces


def key_reused(submission: Submission, holder: KeyHolder) -> bytes:
    assert submission.job.key is not None
    return refusal(KeyReused(submission.job.key, holder.job_id))


def plain_request(arguments: Sequence[bytes]) -> SubmitRequest:
    """Read `JOB.SUBMIT task payload` at once: most submissions are no more than that."""
    return SubmitRequest(
        TaskName(read_name(arguments[1], "task")), arguments[2], QueueName(QUEUE_DEFAULT)
    )


def request_of(
    parsed: SubmitArguments, producer: str | None, *, is_call: bool = False
) -> SubmitRequest:
    """Say to the core what a connection asks for, which goes by a name if it gave itself one."""
    return SubmitRequest(
        TaskName(parsed.task),
        parsed.payload,
        QueueName(parsed.queue),
        parsed.priority,
        parsed.delay_ms,
        parsed.at,
        parsed.timeout_ms,
        parsed.attempts_max,
        parsed.key,
        None if parsed.wishes is None and not producer else _wishes(parsed.wishes, producer),
        is_call,
    )


def _wishes(asked: WishArguments | None, producer: str | None) -> Wishes:
    if asked is None:
        return Wishes(producer=producer)
    retry = asked.retry
    return Wishes(
        asked.tenant,
        asked.group,
        asked.deadline_ms,
        asked.keep_ms,
        None
        if retry is None
        else RetryWish(retry.base_ms, retry.cap_ms, retry.jitter, retry.delays_ms),
        asked.window_ms,
        asked.replace,
        producer or None,
    )
