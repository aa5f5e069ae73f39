"""Publishing under a key, so that an event which is sent again is not appended again."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from penstock.config.limits import PUBLISH_ANSWER_TURNS
from penstock.jobs.events.model import EventId, StreamName, StreamNumber

PublishKey: TypeAlias = tuple[StreamNumber, str]
Answers: TypeAlias = Mapping[PublishKey, EventId | None]


class Publications:
    """What the store said about keys that are being published under.

    Whether a key was used is known to the store alone, and asked before the event is appended. An
    answer is kept for some turns: its request comes in one of them, however many others wait.
    """

    __slots__ = ("_answers", "_turns", "_wanted")

    def __init__(self) -> None:
        self._wanted: dict[tuple[StreamName, str], None] = {}
        self._answers: dict[PublishKey, EventId | None] = {}
        self._turns: deque[Answers] = deque()  # What was answered in each, the oldest first.

    def want(self, stream: StreamName, key: str) -> None:
        """Have the store asked about a key with the turn that ends next."""
        self._wanted[stream, key] = None

    def answer(self, key: PublishKey) -> EventId | None:
        """Return the event that a key was used for; None if it was not. Raises KeyError."""
        return self._answers[key]

    def take_wanted(self) -> list[tuple[StreamName, str]]:
        """Return what the store is to be asked now."""
        wanted, self._wanted = self._wanted, {}
        return list(wanted)

    def is_known(self, key: PublishKey) -> bool:
        """Say whether the answer will still be here in the next turn."""
        if key not in self._answers:
            return False
        return len(self._turns) < PUBLISH_ANSWER_TURNS or key not in self._turns[0]

    def take(self, answers: Answers) -> None:
        """Take the answers of a turn that was committed."""
        self._turns.append(answers)
        if len(self._turns) > PUBLISH_ANSWER_TURNS:
            self.forget(self._turns.popleft())
        self._answers.update(answers)

    def forget(self, keys: Iterable[PublishKey]) -> None:
        """Forget answers that are not true any more."""
        for key in keys:
            self._answers.pop(key, None)
