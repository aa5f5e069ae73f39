"""A transaction that holds events: decided with one batch, and answered when that is durable.

Its submissions are taken all or none. After that each command about events is carried out or
refused by itself, as in Redis, and its reply stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.jobs.errors import Refused
from penstock.jobs.events.log import Request
from penstock.jobs.events.turn import Turn
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.event_port import EventAnswers
from penstock.jobs.store.port import KeyHolder, StoreError, Submission
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.replies import array, error, integer
from penstock.server.event_requests import check_open, replying
from penstock.server.refusals import refusal, store_error
from penstock.server.session import EventStep, Session, Step
from penstock.server.submissions import key_reused


class EventTransaction:
    """What stood between one MULTI and its EXEC."""

    def __init__(self, session: Session, steps: Sequence[Step]) -> None:
        self._engine = session.engine
        self._steps = steps
        self._slot = session.reserve()
        self._outcomes: dict[int, bytes] = {}  # Of submissions, by their places.

    def begin(self) -> None:
        """Have it decided with the next batch."""
        steps = [step for step in self._steps if isinstance(step, EventStep)]
        streams = tuple(dict.fromkeys(step.stream for step in steps))
        self._engine.events.ask(Request(streams, self._decide, self._fail), appends=True)

    def _decide(self, turn: Turn) -> Callable[[EventAnswers], None]:
        """Raises Refused, Unsettled: nothing happened."""
        check_open(self._engine)
        for step in self._steps:
            if isinstance(step, EventStep) and step.trims:
                turn.check_trim(step.stream)
        self._submit(turn)
        replies = [
            self._carry_out(turn, step) if isinstance(step, EventStep) else None
            for step in self._steps
        ]

        def settle(answers: EventAnswers) -> None:
            parts: list[bytes] = []
            for place, (step, reply) in enumerate(zip(self._steps, replies, strict=True)):
                if reply is not None:
                    parts.append(reply(answers))
                else:
                    parts.append(step if isinstance(step, bytes) else self._outcomes[place])
            self._slot.fill(array(parts))

        return settle

    def _submit(self, turn: Turn) -> None:
        """Take all submissions, or none. Raises Refused."""
        places = [
            place for place, step in enumerate(self._steps) if isinstance(step, SubmitRequest)
        ]
        requests = [step for step in self._steps if isinstance(step, SubmitRequest)]
        submissions = self._engine.events.submit_all(requests, self._stored)
        self._places = {
            submission.job.id: place for submission, place in zip(submissions, places, strict=True)
        }

    def _stored(self, submission: Submission, outcome: KeyHolder | StoreError | None) -> None:
        self._outcomes[self._places[submission.job.id]] = submission_reply(submission, outcome)

    def _carry_out(self, turn: Turn, step: EventStep) -> Callable[[EventAnswers], bytes]:
        try:
            return step.decide(turn)
        except Refused as problem:
            return replying(refusal(problem))

    def _fail(self, problem: Refused | StoreError) -> None:
        if isinstance(problem, StoreError):
            self._slot.fill(store_error(problem))
        else:
            aborted = discarded(problem)
            self._slot.fill(error(aborted.code, aborted.text))


def discarded(problem: Refused) -> ArgumentError:
    """Make the error for a transaction of which one submission is refused."""
    return ArgumentError(ErrorCode.EXECABORT, f"Transaction discarded: {problem.code} {problem}")


def submission_reply(submission: Submission, outcome: KeyHolder | StoreError | None) -> bytes:
    """Say what became of one submission of a transaction."""
    if isinstance(outcome, StoreError):
        return store_error(outcome)
    if outcome is None:
        return integer(submission.job.id)
    return integer(outcome.job_id) if outcome.same else key_reused(submission, outcome)
