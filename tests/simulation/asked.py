"""Requests whose answers are awaited; each comes once."""

from dataclasses import dataclass, field

from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claimant, Waiter


@dataclass(slots=True, eq=False)
class Asked:
    """A request, and what it was told."""

    what: str
    answers: list[object] = field(default_factory=list)

    def told(self, answer: object) -> None:
        self.answers.append(answer)
        assert len(self.answers) == 1, f"{self.what} is answered twice: {self.answers}"


@dataclass(slots=True, eq=False)
class Wait(Asked):
    """Somebody who waits for a job. `ends_at` is None until it is known to be unfinished."""

    waiter: Waiter | None = None
    ends_at: int | None = None


@dataclass(slots=True, frozen=True)
class Ask:
    """How an attempt is to end: COMPLETE, RELEASE (maybe for later), or RETRY for a failure."""

    kind: Cause
    final: bool = False
    lost: bool = False
    cancels: bool = False
    after_ms: int | None = None
    delay_ms: int = 0


def asked_by(claimant: Claimant) -> Asked:
    assert isinstance(claimant.token, Asked)
    return claimant.token


def tell(claimant: Claimant, answer: str) -> None:
    asked_by(claimant).told(answer)
