"""A request on its way, and what is known of it."""

from typing import Any, Final, Generic, TypeVar

from penstock.client.options import bulk
from penstock.client.requests import Request
from penstock.protocol.replies import ErrorReply

Owner = TypeVar("Owner")

NEVER: Final = float("inf")


class Ticket(Generic[Owner]):
    """One request of a session. `owner` is whoever waits for its reply; None: nobody ever did.

    `number` is its place among all requests of the session. `wait_until` is when its own wait
    ends. `give_up_at` is when it fails unless it is answered; infinite while a server has it.
    `in_doubt` says that a server may have carried it out. `refusal` is what a server answered that
    asked for it to be sent again.
    """

    __slots__ = (
        "give_up_at",
        "in_doubt",
        "number",
        "owner",
        "refusal",
        "request",
        "sent_at",
        "size",
        "wait_until",
    )

    def __init__(
        self, request: Request[Any], owner: Owner | None, number: int, wait_until: float
    ) -> None:
        self.request = request
        self.owner = owner
        self.number = number
        self.size = len(request.stem)
        self.wait_until = wait_until
        self.sent_at: float | None = None
        self.give_up_at = NEVER
        self.in_doubt = False
        self.refusal: ErrorReply | None = None

    def encoded(self, now: float) -> bytes:
        """Return the bytes to send; of its wait what is left, if it waited for a server before."""
        request = self.request
        wait_ms = request.wait_ms
        if wait_ms is None:
            return request.stem
        if self.give_up_at != NEVER:
            wait_ms = max(0, min(wait_ms, round((self.wait_until - now) * 1000)))
        return request.stem + bulk(b"%d" % wait_ms)
