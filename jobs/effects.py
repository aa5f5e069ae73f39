"""What the broker wants done, by whoever can reach the connection or the worker concerned."""

from msgspec import Struct

from penstock.jobs.model import JobId
from penstock.jobs.outcomes import Outcome
from penstock.jobs.waits import Claim, Claimant, ConsumerId, Waiter


class Delivery(Struct, frozen=True):
    """Answer a claimant with its jobs; with none, if its wait ended."""

    claimant: Claimant
    claims: list[Claim]


class Finish(Struct, frozen=True):
    """Answer a waiter."""

    waiter: Waiter
    outcome: Outcome


class Overdue(Struct, frozen=True):
    """A lease ran out. Whoever can end its worker does so first; then the attempt expires."""

    consumer: ConsumerId
    worker: str
    job_id: JobId
    attempt: int


class Stop(Struct, frozen=True):
    """A job was cancelled that runs: its worker is to be told."""

    consumer: ConsumerId
    worker: str
    job_id: JobId
    attempt: int


class RoomAgain(Struct, frozen=True):
    """There is room in a queue again for a submission that waited; `token` is the caller's."""

    token: object


Effect = Delivery | Finish | Overdue | Stop | RoomAgain
