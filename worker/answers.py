"""Telling the server what became of jobs, until it knows."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from penstock.client.backoff import Backoff
from penstock.config import limits
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply
from penstock.worker.errors import ResultError
from penstock.worker.link import Link
from penstock.worker.outcomes import Outcome, Verdict, command, hopeless
from penstock.worker.reports import Reports, output_command

# What a server that cannot write just now says; the outcome is kept and sent again.
_PASSING: Final = frozenset({"DISKFULL", "UNKNOWN", "OVERLOADED"})
# What it printed is kept with its error.
_FAILURES: Final = frozenset({Verdict.FAILED, Verdict.HOPELESS})


@dataclass(slots=True)
class _Repetition:
    """An outcome that the server could not take at first."""

    give_up_at: float
    backoff: Backoff = field(default_factory=Backoff)


class Answers:
    """Sends outcomes over one link and deals with the replies."""

    def __init__(
        self,
        link: Link,
        reports: Reports,
        say: Callable[[str], None],
        on_settled: Callable[[], None],
    ) -> None:
        self._link = link
        self._reports = reports
        self._say = say
        self._on_settled = on_settled
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self.unanswered = 0
        self.repeating = 0  # Outcomes that wait to be sent again.

    def send(self, outcome: Outcome) -> None:
        """Send an outcome with the link's next write; before a failure what the job printed."""
        attempt = (outcome.claim.id, outcome.claim.attempt)
        printed = self._reports.end(attempt)
        if printed and outcome.verdict in _FAILURES:
            self._link.send(output_command(attempt, printed), _ignore)
        self.unanswered += 1
        self._link.send(command(outcome), partial(self._replied, outcome, None))

    def stop(self) -> None:
        """Send nothing again: the link is gone, and with it the leases."""
        self._stopped = True

    def _replied(self, outcome: Outcome, repetition: _Repetition | None, reply: Reply) -> None:
        if not isinstance(reply, ErrorReply):
            self._settled()
        elif reply.code in _PASSING and self._send_later(outcome, repetition):
            return
        elif reply.code == "TOOLARGE" and outcome.verdict is Verdict.COMPLETED:
            self._replace_result(outcome, reply)
        else:
            claim = outcome.claim
            self._say(
                f"the server did not take the outcome of job {claim.id}, attempt {claim.attempt} "
                f"({claim.task}, {outcome.verdict.value}): {reply.code} {reply.text}"
            )
            self._settled()

    def _settled(self) -> None:
        self.unanswered -= 1
        if not self.unanswered:
            self._on_settled()

    def _send_later(self, outcome: Outcome, repetition: _Repetition | None) -> bool:
        """Plan to send once more; not beyond the longest the lease can last."""
        now = self._loop.time()
        if repetition is None:
            lease_seconds = (outcome.claim.timeout_ms + limits.LEASE_GRACE_MS) / 1000
            repetition = _Repetition(give_up_at=now + lease_seconds)
        if now > repetition.give_up_at:
            return False
        self.repeating += 1
        pause = repetition.backoff.next_seconds()
        self._loop.call_later(pause, self._send_again, outcome, repetition)
        return True

    def _send_again(self, outcome: Outcome, repetition: _Repetition) -> None:
        self.repeating -= 1
        if self._stopped:
            return
        self._link.send(command(outcome), partial(self._replied, outcome, repetition))
        self._link.flush()

    def _replace_result(self, outcome: Outcome, reply: ErrorReply) -> None:
        error = ResultError(
            f"{outcome.claim.task}() returned {len(outcome.data)} bytes, which the server refused: "
            f"{reply.text}; write it to a file or an object store and return its address"
        )
        self.unanswered -= 1
        self.send(hopeless(outcome.claim, error))
        self._link.flush()


def _ignore(reply: Reply) -> None:
    """Output is for people who look: nothing is to be done if the server does not take it."""
