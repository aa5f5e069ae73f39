"""Whether a submission is let into its queue, and where those wait that are not.

The limits are on what waits: length in jobs, and bytes of their payloads. Both keep head-room that
only urgent submissions may use, so that bulk work cannot lock out a call.
"""

from collections.abc import Hashable
from enum import Enum
from typing import Final, Generic, TypeVar

from penstock.config.limits import (
    PARKED_SUBMISSIONS_BYTES_MAX,
    PARKED_SUBMISSIONS_MAX,
    PRIORITY_DEFAULT,
    RETRY_AFTER_MS_MAX,
    RETRY_AFTER_MS_MIN,
)
from penstock.jobs.errors import Overloaded
from penstock.jobs.model import QueueName
from penstock.jobs.queue_settings import Terms

Token = TypeVar("Token", bound=Hashable)

# Whom a queue refused should find room when it comes again: a part of the jobs has left by then.
_DRAINED_DIVISOR: Final = 10


class Room(Enum):
    """Whether there is room for one more job."""

    YES = "yes"
    FULL = "full"


def is_urgent(priority: int, *, is_call: bool) -> bool:
    """Say whether a submission may use the head-room: somebody waits for it, or says so."""
    return is_call or priority < PRIORITY_DEFAULT


def room(
    terms: Terms, waiting_count: int, waiting_bytes: int, payload_bytes: int, *, is_urgent: bool
) -> Room:
    """Decide whether a job may wait in a queue beside those that do.

    A queue in which nothing waits takes any one job, even one that is larger than its bytes or
    finds no place outside the head-room: it would never be let in otherwise, however long it
    waited.
    """
    if waiting_count == 0 or (terms.length_max is None and terms.bytes_max is None):
        return Room.YES
    length_max, bytes_max = _usable(terms, is_urgent=is_urgent)
    if length_max is not None and waiting_count >= length_max:
        return Room.FULL
    if bytes_max is not None and waiting_bytes + payload_bytes > bytes_max:
        return Room.FULL
    return Room.YES


def limit_text(terms: Terms, waiting_count: int, *, is_urgent: bool) -> str:
    """Say which limit a submission met that found no room."""
    length_max, _ = _usable(terms, is_urgent=is_urgent)
    if length_max is not None and waiting_count >= length_max:
        text = f"{waiting_count} jobs wait and length_max is {terms.length_max}"
    else:
        text = f"with this payload more bytes would wait than bytes_max, {terms.bytes_max}, allows"
    if is_urgent or not terms.reserve_percent:
        return text
    return f"{text}, {terms.reserve_percent}% of which is for urgent jobs"


def retry_after_ms(waiting_count: int, drained_per_second: float) -> int:
    """Return when it is worth while to submit again: a tenth of what waits has left by then.

    Not when the next job leaves: everybody who was refused would come for its place.
    """
    leaving = max(1, waiting_count // _DRAINED_DIVISOR)
    if drained_per_second * RETRY_AFTER_MS_MAX <= leaving * 1_000:
        return RETRY_AFTER_MS_MAX
    return max(RETRY_AFTER_MS_MIN, int(leaving * 1_000 / drained_per_second))


def _usable(terms: Terms, *, is_urgent: bool) -> tuple[int | None, int | None]:
    """Return the length and the bytes that a submission may use."""
    if is_urgent:
        return terms.length_max, terms.bytes_max
    percent = 100 - terms.reserve_percent
    return (
        None if terms.length_max is None else terms.length_max * percent // 100,
        None if terms.bytes_max is None else terms.bytes_max * percent // 100,
    )


class Parked(Generic[Token]):
    """Submissions that wait for room, by queue: the urgent ones in one line, the others behind it.

    A token stands for one submission; it waits in one queue at most.
    """

    __slots__ = ("_bytes_max", "_jobs_max", "_lines", "_places", "bytes")

    def __init__(
        self,
        jobs_max: int = PARKED_SUBMISSIONS_MAX,
        bytes_max: int = PARKED_SUBMISSIONS_BYTES_MAX,
    ) -> None:
        self._jobs_max = jobs_max
        self._bytes_max = bytes_max
        # Of each queue the two lines: a dict is an ordered set.
        self._lines: dict[QueueName, tuple[dict[Token, None], dict[Token, None]]] = {}
        self._places: dict[Token, tuple[QueueName, int, bool]] = {}
        self.bytes = 0  # Of their payloads, which are in memory.

    def __len__(self) -> int:
        return len(self._places)

    def park(
        self, queue: QueueName, token: Token, payload_bytes: int = 0, *, is_urgent: bool = False
    ) -> None:
        """Let a submission wait at the end of its line.

        Raises:
            Overloaded: too many wait, or too many bytes of payload with them.
        """
        assert token not in self._places
        if len(self._places) >= self._jobs_max:
            raise Overloaded("submissions that wait for room", self._jobs_max)
        if self.bytes + payload_bytes > self._bytes_max:
            raise Overloaded("bytes of submissions that wait for room", self._bytes_max)
        urgent, others = self._lines.setdefault(queue, ({}, {}))
        (urgent if is_urgent else others)[token] = None
        self._places[token] = (queue, payload_bytes, is_urgent)
        self.bytes += payload_bytes

    def unpark(self, token: Token) -> bool:
        """Let a submission wait no more: it was let in, or given up. Say whether it waited."""
        place = self._places.pop(token, None)
        if place is None:
            return False
        queue, payload_bytes, _ = place
        self.bytes -= payload_bytes
        urgent, others = self._lines[queue]
        urgent.pop(token, None)
        others.pop(token, None)
        if not urgent and not others:
            del self._lines[queue]
        return True

    def next_for(self, queue: QueueName) -> Token | None:
        """Return whose turn it is in a queue; it goes on waiting until it is unparked.

        Nobody of its line passes it by, so a large payload finds room in the end.
        """
        for line in self._lines.get(queue, ()):
            for token in line:
                return token
        return None

    def payload_bytes(self, token: Token) -> int:
        """Return how large the payload of a waiting submission is."""
        return self._places[token][1]

    def is_urgent(self, token: Token) -> bool:
        """Say in which line a submission waits."""
        return self._places[token][2]

    def has_any(self, queue: QueueName, *, is_urgent: bool) -> bool:
        """Say whether somebody waits whom a submission must not pass by."""
        if queue not in self._lines:
            return False
        urgent, others = self._lines[queue]
        return bool(urgent or (others and not is_urgent))

    def count(self, queue: QueueName) -> int:
        return sum(map(len, self._lines.get(queue, ())))

    def tokens(self) -> list[Token]:
        """Return all submissions that wait."""
        return list(self._places)

    def queues(self) -> list[QueueName]:
        """Return the queues that somebody waits for."""
        return list(self._lines)
