"""How fast an outbox sends: what a reply means for its entry, and when the next ones leave.

Decisions only: times are seconds of a clock that never goes back, given as arguments.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from penstock.client.backoff import Backoff
from penstock.client.errors import PenstockError, ProtocolError, Refused
from penstock.client.outbox_entry import Candidate
from penstock.config import limits
from penstock.protocol.errors import ERRORS, Outcome
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

# Refusals that are about one queue: the others go on.
_OF_A_QUEUE: Final = frozenset({"QUEUEFULL"})
# Refusals that are about the server or the connection and not about what was sent; a server that
# is newer than this table may have more of them, which are then refusals for good.
_OF_THE_SERVER: Final = frozenset(
    {"OVERLOADED", "DISKFULL", "DISKLOW", "DRAINING", "UNKNOWN", "NOAUTH", "WRONGPASS", "NOPROTO"}
) | {code.value for code, known in ERRORS.items() if known.outcome is Outcome.LATER}
_WRONG_SERVER: Final = "unknown command"
_HINT: Final = re.compile(r"again in about (\d+) ms")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server has it as a job."""

    job_id: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The server will not have it, now or later."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing is decided: it is sent again, under the same key, after a pause."""

    why: str
    of_queue: bool = False
    hint_seconds: float = 0.0


Verdict = Accepted | Declined | Later


def judge(reply: Reply, error: PenstockError | None) -> Verdict:
    """Say what a reply, or the lack of one, means for the submission."""
    if isinstance(error, Refused):
        return _judge_refusal(error.code, error.text)
    if error is not None:
        return Later(str(error))
    if isinstance(reply, ErrorReply):
        return _judge_refusal(reply.code, reply.text)
    if type(reply) is int:
        return Accepted(reply)
    return Later(str(ProtocolError(f"a submission was answered with {reply!r:.100}")))


def _judge_refusal(code: str, text: str) -> Verdict:
    found = _HINT.search(text)
    hint_seconds = int(found[1]) / 1000 if found else 0.0
    if code in _OF_A_QUEUE:
        return Later(f"{code} {text}", of_queue=True, hint_seconds=hint_seconds)
    if code in _OF_THE_SERVER or text.startswith(_WRONG_SERVER):
        return Later(f"{code} {text}", hint_seconds=hint_seconds)
    return Declined(code, text)


@dataclass(slots=True)
class _Scope:
    """The pace towards the server, or towards one queue of it."""

    backoff: Backoff
    allowed: int = limits.OUTBOX_WINDOW_ENTRIES_MAX
    paused_until: float = 0.0
    why: str | None = None  # Why it was slowed down, until it goes on.

    def slow_down(self, later: Later, now: float) -> None:
        self.why = later.why
        # The first after a pause finds out; hundreds would be refused like it.
        self.allowed = 1
        pause = self.backoff.next_seconds()
        hint = min(later.hint_seconds, limits.OUTBOX_PAUSE_SECONDS_MAX)
        self.paused_until = now + hint + pause

    def speed_up(self) -> None:
        self.why = None
        self.backoff.reset()
        self.allowed = min(2 * self.allowed, limits.OUTBOX_WINDOW_ENTRIES_MAX)

    @property
    def at_full_speed(self) -> bool:
        return self.allowed >= limits.OUTBOX_WINDOW_ENTRIES_MAX


@dataclass(slots=True)
class Pace:
    """What may be sent now, from what became of what was sent before."""

    _server: _Scope = field(default_factory=lambda: _Scope(Backoff()))
    _queues: dict[str, _Scope] = field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        """Why something is not being sent just now."""
        scopes = (self._server, *self._queues.values())
        return next((scope.why for scope in scopes if scope.why is not None), None)

    def paused_until(self) -> float:
        """Return before when nothing is sent at all."""
        return self._server.paused_until

    def paused_queues(self, now: float) -> list[str]:
        """Return the queues that nothing is sent to now."""
        return [name for name, scope in self._queues.items() if scope.paused_until > now]

    def next_queue_at(self, now: float) -> float | None:
        """Return when the first of the paused queues is tried again."""
        later = (s.paused_until for s in self._queues.values() if s.paused_until > now)
        return min(later, default=None)

    def choose(self, candidates: Iterable[Candidate]) -> list[int]:
        """Return the ids to send together: the oldest that fit.

        Of a group, and of a key, one is on its way at a time: a refusal for now would let the next
        one overtake it.
        """
        chosen: list[int] = []
        size = 0
        of_queue: dict[str, int] = {}
        lanes: set[tuple[str, str]] = set()
        for candidate in candidates:
            scope = self._queues.get(candidate.queue)
            if scope is not None and of_queue.get(candidate.queue, 0) >= scope.allowed:
                continue
            mine = _lanes(candidate)
            is_free = lanes.isdisjoint(mine)
            # Also those behind one that is held back are held back.
            lanes.update(mine)
            if not is_free:
                continue
            if chosen and size + candidate.size > limits.OUTBOX_WINDOW_BYTES_MAX:
                break
            chosen.append(candidate.id)
            size += candidate.size
            of_queue[candidate.queue] = of_queue.get(candidate.queue, 0) + 1
            if len(chosen) >= self._server.allowed:
                break
        return chosen

    def settle(self, verdicts: Iterable[tuple[str, Verdict]], now: float) -> None:
        """Take in what became of one window: for each entry its queue and its verdict."""
        of_server: Later | None = None
        of_queues: dict[str, Later | None] = {}
        for queue, verdict in verdicts:
            if isinstance(verdict, Later) and not verdict.of_queue:
                of_server = of_server or verdict
            elif isinstance(verdict, Later):
                of_queues[queue] = verdict
            else:
                of_queues.setdefault(queue, None)
        self._settle_queues(of_queues, now)
        if of_server is not None:
            self._server.slow_down(of_server, now)
        elif of_queues:
            self._server.speed_up()

    def lost(self, why: str, now: float) -> None:
        """Take in that nothing could be sent."""
        self._server.slow_down(Later(why), now)

    def _settle_queues(self, of_queues: dict[str, Later | None], now: float) -> None:
        for queue, later in of_queues.items():
            scope = self._queues.get(queue)
            if later is not None:
                if scope is None:
                    scope = self._queues[queue] = _Scope(Backoff())
                scope.slow_down(later, now)
            elif scope is not None:
                scope.speed_up()
                if scope.at_full_speed:
                    del self._queues[queue]


def _lanes(candidate: Candidate) -> set[tuple[str, str]]:
    lanes = {("key", candidate.key)}
    if candidate.ordering is not None:
        lanes.add((f"group of {candidate.queue}", candidate.ordering))
    return lanes
