"""A session: the state of one connection above its bytes, and the dispatch of its requests.

Sessions translate, they do not decide: a handler parses arguments, calls the broker once and
shapes the reply. The handlers stand in the `*_commands.py` files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from msgspec import Struct, field

from penstock.config.limits import TRANSACTION_BYTES_MAX, TRANSACTION_COMMANDS_MAX
from penstock.config.secret import Secret
from penstock.jobs.effects import Stop
from penstock.jobs.errors import Refused
from penstock.jobs.events.model import StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import JobId
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.event_port import EventAnswers
from penstock.jobs.waits import Claim, Claimant, Waiter
from penstock.protocol.commands import Command, find_command
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.grammar import Flag
from penstock.protocol.replies import QUEUED, cancel_push, error
from penstock.protocol.requests import RequestParser
from penstock.server.blocked_reads import BlockedRead
from penstock.server.disk import DiskState
from penstock.server.engine import Engine
from penstock.server.responses import ResponseQueue, Slot

if TYPE_CHECKING:
    from penstock.server.connections import Connections


# Carried out at once between MULTI and EXEC.
_ABOUT_TRANSACTIONS: Final = frozenset({"MULTI", "EXEC", "DISCARD", "RESET", "QUIT"})


class SessionContext(Struct):
    """What all sessions of one server share."""

    engine: Engine
    connections: Connections
    password: Secret | None
    status: ServerStatus
    handlers: Mapping[str, Handler]


class ServerStatus(Struct):
    """What INFO says of the server beside its numbers."""

    version: str
    started_at_seconds: float
    tcp_port: int
    data: str
    disk: DiskState = field(default_factory=DiskState)


class EventStep(Struct, frozen=True):
    """A command about events between MULTI and EXEC; `trims` if it trims its stream."""

    stream: StreamName
    decide: Callable[[Turn], Callable[[EventAnswers], bytes]]
    trims: bool = False


Step: TypeAlias = SubmitRequest | EventStep | bytes


class Transaction(Struct):
    """What stands between MULTI and EXEC: submissions, events, and replies already known."""

    steps: list[Step]
    bytes_count: int = 0
    is_spoiled: bool = False


class WaitsForRoom(Protocol):
    """A submission that found no room in its queue."""

    def give_up(self) -> None: ...


Waiting: TypeAlias = Claimant | Waiter | WaitsForRoom | BlockedRead


Handler = Callable[["Session", list[bytes]], None]


class Session:
    """One connection's identity, protocol version, transaction, and what it waits for."""

    def __init__(
        self,
        context: SessionContext,
        parser: RequestParser,
        responses: ResponseQueue,
        peer: str,
    ) -> None:
        self.context = context
        self.engine = context.engine
        self.parser = parser
        self.responses = responses
        self.peer = peer
        self.consumer = context.engine.new_consumer()
        self.resp3 = False
        self.client_name = ""
        self.lib_name = ""
        self.lib_version = ""
        self.last_command = ""
        self.transaction: Transaction | None = None
        self.is_closing = False
        self.is_closed = False  # Nobody reads replies any more.
        self.is_retired = False  # Its worker leaves: it is given no more jobs.
        # A worker process of our own: it is ended before its jobs are given to others.
        self.worker_name: str | None = None
        self.worker_lost: Callable[[str], None] | None = None
        self._waiting: dict[Waiting, None] = {}
        # Jobs that are to stop and of which the peer has not been told that it holds them.
        self._early_stops: dict[JobId, Stop] = {}
        self.unauthenticated_since = context.engine.clock.monotonic()
        self._authenticated = False
        self.authenticated = context.password is None

    @property
    def authenticated(self) -> bool:
        return self._authenticated

    @authenticated.setter
    def authenticated(self, value: bool) -> None:
        # RESET by a stranger does not give him more time.
        if self._authenticated and not value:
            self.unauthenticated_since = self.engine.clock.monotonic()
        self._authenticated = value
        self.parser.authenticated = value

    # --- requests and replies ------------------------------------------------------------------

    def execute(self, arguments: list[bytes]) -> None:
        """Execute one request; its reply goes to the response queue, now or later."""
        try:
            command = find_command(arguments)
            if self.transaction is not None or not self._authenticated:
                self._check_allowed(command)
            self.last_command = command.name
            self.context.connections.requests_total += 1
            handler = self.context.handlers.get(command.name)
            if handler is None:
                raise ArgumentError(ErrorCode.ERR, command.refusal)
            handler(self, arguments)
        except ArgumentError as problem:
            self.refuse(problem.code, problem.text)
        except Refused as refusal:
            self.refuse(ErrorCode(refusal.code), str(refusal))

    def _check_allowed(self, command: Command) -> None:
        if not self._authenticated and Flag.UNAUTHENTICATED not in command.flags:
            raise ArgumentError(ErrorCode.NOAUTH, "Authentication required.")
        if (
            self.transaction is not None
            and Flag.TRANSACTION not in command.flags
            and command.name not in _ABOUT_TRANSACTIONS
        ):
            raise ArgumentError(
                ErrorCode.ERR,
                f"{command.name} is not allowed between MULTI and EXEC; JOB.SUBMIT is",
            )

    def reply(self, reply: bytes) -> None:
        """Answer the current request."""
        if self.transaction is not None and not self.transaction.is_spoiled:
            self._queue_step(reply, len(reply))
        else:
            self.responses.add(reply)

    def refuse(self, code: ErrorCode, text: str) -> None:
        """Answer the current request with an error; a transaction is spoiled by it."""
        if self.transaction is not None:
            self.transaction.is_spoiled = True
        self.responses.add(error(code, text))

    def reserve(self) -> Slot:
        """Keep the place of the current request's reply."""
        return self.responses.reserve()

    def queue_submission(self, request: SubmitRequest) -> None:
        """Add a submission to the open transaction."""
        self._queue_step(request, len(request.payload))

    def queue_event(self, step: EventStep, size: int) -> None:
        """Add a command about events to the open transaction."""
        self._queue_step(step, size)

    def new_slot(self) -> Slot:
        """Make a slot for the current request; it is appended once the request is accepted."""
        return Slot(self.responses)

    # --- those who wait ------------------------------------------------------------------------

    def now_waits(self, waiting: Waiting) -> None:
        self._waiting[waiting] = None

    def waits_no_more(self, waiting: Waiting) -> None:
        self._waiting.pop(waiting, None)

    @property
    def waits_count(self) -> int:
        return len(self._waiting)

    def now_claims(self) -> None:
        """Have this connection told which of its jobs are to stop."""
        self.engine.tell_stop[self.consumer] = self._tell_stop

    def delivered(self, claimant: Claimant, claims: Sequence[Claim]) -> None:
        """Take note that claims leave for the peer, who is to know them before they are to stop."""
        self.engine.delivered(claimant, claims)
        if self._early_stops:
            for claim in claims:
                stop = self._early_stops.pop(claim.job.id, None)
                if stop is not None and stop.attempt == claim.job.attempt:
                    self._tell_stop(stop)

    def _tell_stop(self, stop: Stop) -> None:
        if self.engine.is_undelivered(self.consumer, stop.job_id):
            self._early_stops[stop.job_id] = stop
        elif self.resp3:
            self.responses.push(cancel_push(stop.job_id, stop.attempt))

    def stop_claims(self) -> None:
        """Answer parked claims and reads with nothing, and all later ones."""
        self.is_retired = True
        broker = self.engine.broker
        for waiting in list(self._waiting):
            if isinstance(waiting, Claimant):
                broker.end_claim(waiting)
            elif isinstance(waiting, BlockedRead):
                waiting.end()

    def close(self) -> None:
        """End all waits of this connection, and take back what it had claimed."""
        self.is_closed = True
        self.engine.tell_stop.pop(self.consumer, None)
        broker = self.engine.broker
        for waiting in self._waiting:
            if isinstance(waiting, Claimant):
                broker.unclaim(waiting)
            elif isinstance(waiting, Waiter):
                broker.unwait(waiting)
            else:
                waiting.give_up()
        self._waiting.clear()
        if self.worker_lost is not None:
            self.worker_lost("its connection to the server broke")
        else:
            who = self.client_name or self.peer
            self.engine.lose(self.consumer, f"WorkerLost: {who} disconnected while it ran this job")

    @property
    def worker(self) -> str:
        """Return what the holder of a lease is called in errors and listings."""
        return self.worker_name or self.client_name or self.peer

    def _queue_step(self, step: Step, size: int) -> None:
        transaction = self.transaction
        assert transaction is not None
        if len(transaction.steps) >= TRANSACTION_COMMANDS_MAX:
            self._refuse_step(f"{TRANSACTION_COMMANDS_MAX} commands")
        elif transaction.bytes_count + size > TRANSACTION_BYTES_MAX:
            self._refuse_step(f"{TRANSACTION_BYTES_MAX} bytes of payloads")
        else:
            transaction.steps.append(step)
            transaction.bytes_count += size
            self.responses.add(QUEUED)

    def _refuse_step(self, limit: str) -> None:
        text = f"a transaction holds at most {limit}; send it in several"
        self.refuse(ErrorCode.OVERLOADED, text)
