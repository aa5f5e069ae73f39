"""The client's side of a conversation, without a socket or a clock: both shells drive it.

Requests go in and become bytes to send; received bytes become replies in request order. The
session outlives connections: what was unanswered when one was lost is sent again, in order, over
the next, where sending it twice does no harm; the rest fails with what is known of it. Its times
are seconds of any clock that never goes back.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Generic, TypeAlias

from penstock.client.backoff import Backoff
from penstock.client.errors import (
    ConnectionLost,
    OutcomeUnknown,
    PenstockError,
    ProtocolError,
    Refused,
)
from penstock.client.info import read_cancel
from penstock.client.requests import Lost, Request, error_of
from penstock.client.ticket import NEVER, Owner, Ticket
from penstock.config import limits
from penstock.protocol.encoding import encode_command
from penstock.protocol.errors import ReplyViolation
from penstock.protocol.reader import INCOMPLETE, Push, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply

# Replies to the greeting that no further attempt changes.
_FINAL: Final = frozenset({"NOAUTH", "WRONGPASS", "NOPROTO"})
# Replies that ask for the request to be sent again, where it may be.
_LATER: Final = frozenset({"DRAINING", "UNKNOWN"})
_HTTP: Final = (
    "an HTTP server answers there; Penstock has another port for clients, which it announces as "
    "resp when it starts: 7711 unless told otherwise"
)
_GIVEN_BACK: Final = "whatever this claim had taken was given back"
_NOT_REPEATED: Final = "it is not known whether this was done, and it carries no key to ask again"


class Phase(Enum):
    """How far a session has got with the connection it has."""

    APART = "apart"  # There is none.
    GREETING = "greeting"  # The server has not answered HELLO.
    OPEN = "open"


Answers: TypeAlias = list[tuple[Owner, Reply]]
Failures: TypeAlias = list[tuple[Owner, PenstockError]]


class Session(Generic[Owner]):
    """Requests in, replies out, in order, over one connection after another.

    The owner of a request is whoever waits for its reply. *is_abandoned* says of one that it waits
    no more: the reply is dropped, and the request is not sent if it was not sent yet.
    *retry_seconds* is how long a request outlives its connection. What the server says on its own
    account is skipped, but for `take_cancels` of one that *wants_cancels*.
    """

    def __init__(
        self,
        greeting: bytes,
        *,
        retry_seconds: float,
        is_abandoned: Callable[[Owner], bool],
        backoff: Backoff,
        wants_cancels: bool = False,
    ) -> None:
        self._greeting = greeting
        self._wants_cancels = wants_cancels
        self._cancels: list[tuple[int, int]] = []
        self._retry_seconds = retry_seconds
        self._is_abandoned = is_abandoned
        self._backoff = backoff
        self._phase = Phase.APART
        self._reader = ReplyReader()
        self._greeting_sent = False
        self._number = 0
        self._size = 0  # Bytes of all requests that are not answered.
        self._unsent: deque[Ticket[Owner]] = deque()
        self._in_flight: deque[Ticket[Owner]] = deque()
        self._deferred: list[Ticket[Owner]] = []
        self._defer_until = NEVER
        # When the connection last moved on: the oldest request is waited for since then.
        self._moved_at = 0.0
        self._give_up_at = NEVER  # No ticket gives up before this.
        self._refusal: ErrorReply | None = None
        self._why_apart = ""
        # Why the shell has to close the connection; None while it is in order.
        self.broken: str | None = None

    # --- what the shell may ask ----------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the server has answered the greeting."""
        return self._phase is Phase.OPEN

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for an answer."""
        return not (self._in_flight or self._unsent or self._deferred)

    @property
    def is_quick(self) -> bool:
        """Whether no request that waits by itself stands before the next one."""
        return not any(t.request.silent_ms for q in (self._in_flight, self._unsent) for t in q)

    @property
    def refusal(self) -> Refused | None:
        """Why the server does not let this client in: its answer to the last greeting."""
        reply = self._refusal
        return None if reply is None else Refused(reply.code, reply.text)

    @property
    def why_apart(self) -> str:
        """Why there is no connection, for people."""
        return self._why_apart

    def has_room(self, size: int) -> bool:
        """Say whether a request of *size* bytes may be added now."""
        count = len(self._in_flight) + len(self._unsent) + len(self._deferred)
        if count >= limits.CLIENT_REQUESTS_MAX:
            return False
        return not count or self._size + size <= limits.CLIENT_REQUESTS_BYTES_MAX

    def next_at(self) -> float:
        """Return when `tick` has something to do unless bytes arrive first; infinite: never."""
        at = self._give_up_at
        if self._phase is Phase.GREETING:
            return min(at, self._greeting_due())
        if self._phase is Phase.OPEN:
            return min(at, self._defer_until, self._answer_due())
        return at

    # --- what the shell does -------------------------------------------------------------------

    def request(self, request: Request[Any], owner: Owner, now: float) -> None:
        """Add a request. There must be room for it."""
        assert self.has_room(len(request.stem))
        ticket = self._ticket(request, owner, now)
        if self._phase is not Phase.OPEN:
            self._limit_patience(ticket, now)

    def connected(self, now: float) -> None:
        """Begin a new connection: the greeting goes first, and all else waits for its answer."""
        assert self._phase is Phase.APART
        self._phase = Phase.GREETING
        self._reader = ReplyReader()
        self._greeting_sent = False
        self._moved_at = now
        self._refusal = None
        self.broken = None

    def bytes_to_send(self, now: float) -> bytes:
        """Return what to write now; it counts as sent."""
        if self._phase is Phase.GREETING and not self._greeting_sent:
            self._greeting_sent = True
            return self._greeting
        if self._phase is not Phase.OPEN or not self._unsent:
            return b""
        if not self._in_flight:
            self._moved_at = now
        parts: list[bytes] = []
        for ticket in self._unsent:
            if ticket.owner is not None and self._is_abandoned(ticket.owner):
                self._size -= ticket.size
                continue
            ticket.sent_at = now
            parts.append(ticket.encoded(now))
            self._in_flight.append(ticket)
        self._unsent.clear()
        return b"".join(parts)

    def receive(self, data: bytes, now: float) -> Answers[Owner]:
        """Take bytes from the server; return the owners they are for, in the order of requests."""
        self._reader.feed(data)
        self._moved_at = now
        answers: Answers[Owner] = []
        while self.broken is None:
            try:
                reply = self._reader.next()
            except ReplyViolation as violation:
                is_http = self._phase is Phase.GREETING and data.startswith(b"HTTP/")
                self.broken = (
                    _HTTP if is_http else f"the server's bytes are no replies: {violation}"
                )
                break
            if reply is INCOMPLETE:
                break
            if isinstance(reply, Push):
                self._take_push(reply)
                continue
            if self._phase is Phase.GREETING:
                self._take_greeting(reply)
            elif not self._in_flight:
                self.broken = _unasked(reply)
            else:
                self._settle(reply, answers, now)
        return answers

    def take_cancels(self) -> list[tuple[int, int]]:
        """Return the attempts, by job and number, that were told to stop since the last time."""
        cancels, self._cancels = self._cancels, []
        return cancels

    def connection_lost(self, reason: str, now: float) -> Failures[Owner]:
        """Keep what may be sent again, in order; return the requests that may not."""
        self._phase = Phase.APART
        self._why_apart = self.broken or reason
        failures: Failures[Owner] = []
        kept = [ticket for ticket in self._in_flight if self._survives(ticket, failures)]
        kept += self._deferred
        kept += (ticket for ticket in self._unsent if ticket.owner is not None)
        kept.sort(key=_number)
        self._in_flight.clear()
        self._deferred.clear()
        self._defer_until = NEVER
        self._unsent = deque(kept)
        for ticket in kept:
            self._limit_patience(ticket, now)
        failures += self._give_up(now if self._refusal is None else NEVER)
        self._count_size()
        return failures

    def cannot_connect(self, reason: str) -> None:
        """Note why an attempt to connect failed, for the errors of those who give up."""
        self._why_apart = reason

    def tick(self, now: float) -> Failures[Owner]:
        """Do what is due: give up, send deferred requests again, notice a silent server."""
        failures = self._give_up(now)
        if self._phase is Phase.OPEN:
            if now >= self._answer_due():
                self.broken = self.broken or "the server did not answer in time"
            elif now >= self._defer_until:
                self._defer_until = NEVER
                self._unsent.extendleft(reversed(self._deferred))
                self._deferred.clear()
        elif self._phase is Phase.GREETING and now >= self._greeting_due():
            self.broken = self.broken or "the server did not answer the greeting"
        if failures:
            self._count_size()
        return failures

    def discard(self, request: Request[Any], reply: Reply, now: float) -> None:
        """Take back what a reply gave that nobody receives any more."""
        if request.undo is None or self._phase is not Phase.OPEN:
            return
        try:
            undoing = request.undo(reply)
        except ProtocolError as error:
            self.broken = str(error)
            return
        for taking_back in undoing:
            self._ticket(taking_back, None, now)

    def close(self, reason: str) -> Failures[Owner]:
        """Give up everything that is not answered."""
        failures: Failures[Owner] = []
        for ticket in self._in_flight:
            ticket.in_doubt |= ticket.request.lost in (Lost.SEND_AGAIN, Lost.UNKNOWN)
        for ticket in (*self._in_flight, *self._deferred, *self._unsent):
            if ticket.owner is None:
                continue
            kind = OutcomeUnknown if ticket.in_doubt else ConnectionLost
            failures.append((ticket.owner, kind(reason)))
        self._in_flight.clear()
        self._deferred.clear()
        self._unsent.clear()
        self._size = 0
        return failures

    # --- inside --------------------------------------------------------------------------------

    def _ticket(self, request: Request[Any], owner: Owner | None, now: float) -> Ticket[Owner]:
        self._number += 1
        wait_ms = request.wait_ms
        wait_until = NEVER if wait_ms is None else now + wait_ms / 1000
        ticket = Ticket(request, owner, self._number, wait_until)
        self._size += ticket.size
        self._unsent.append(ticket)
        return ticket

    def _take_push(self, push: Push) -> None:
        if self._wants_cancels and (cancelled := read_cancel(push)) is not None:
            self._cancels.append(cancelled)

    def _take_greeting(self, reply: Reply) -> None:
        if isinstance(reply, dict):
            self._phase = Phase.OPEN
            return
        if isinstance(reply, ErrorReply):
            self.broken = f"the server refused the connection: {reply.code} {reply.text}"
            if reply.code in _FINAL:
                self._refusal = reply
        else:
            self.broken = f"this is no Penstock server: it answered HELLO 3 with {reply!r:.100}"

    def _settle(self, reply: Reply, answers: Answers[Owner], now: float) -> None:
        """Give a reply to the owner of the oldest request."""
        ticket = self._in_flight.popleft()
        owner = ticket.owner
        wanted = owner is not None and not self._is_abandoned(owner)
        if wanted and isinstance(reply, ErrorReply) and self._defer(ticket, reply, now):
            return
        self._size -= ticket.size
        if ticket.refusal is not None:
            self._backoff.reset()
        if owner is not None and wanted:
            answers.append((owner, reply))
        else:
            self.discard(ticket.request, reply, now)

    def _defer(self, ticket: Ticket[Owner], reply: ErrorReply, now: float) -> bool:
        """Keep a request to be sent again after an answer that asks for it; say whether it was."""
        if reply.code not in _LATER or not ticket.request.is_repeatable:
            return False
        ticket.refusal = reply
        if reply.code == "UNKNOWN":
            self._doubt(ticket)
        self._limit_patience(ticket, now)
        self._deferred.append(ticket)
        if self._defer_until == NEVER:
            self._defer_until = now + self._backoff.next_seconds()
        return True

    def _survives(self, ticket: Ticket[Owner], failures: Failures[Owner]) -> bool:
        """Say whether a request that was sent is sent again; if not, it fails."""
        owner = ticket.owner
        if owner is None or self._is_abandoned(owner):
            return False
        if ticket.request.is_repeatable:
            self._doubt(ticket)
            return True
        if ticket.request.lost is Lost.UNDONE:
            failures.append((owner, ConnectionLost(f"{self._why_apart}; {_GIVEN_BACK}")))
        else:
            failures.append((owner, OutcomeUnknown(f"{self._why_apart}; {_NOT_REPEATED}")))
        return False

    def _doubt(self, ticket: Ticket[Owner]) -> None:
        ticket.in_doubt = ticket.in_doubt or ticket.request.lost is Lost.SEND_AGAIN

    def _limit_patience(self, ticket: Ticket[Owner], now: float) -> None:
        """Set when a request that no server has is given up.

        The time begins with its first loss, and anew when a server had it for longer than that:
        so neither do long waits add up their losses, nor is a request sent for ever that makes
        the server fail.
        """
        had_long = ticket.sent_at is not None and now - ticket.sent_at > self._retry_seconds
        if ticket.give_up_at == NEVER or had_long:
            ticket.give_up_at = min(
                now + self._retry_seconds, ticket.wait_until + limits.CLIENT_ANSWER_SECONDS
            )
        self._give_up_at = min(self._give_up_at, ticket.give_up_at)

    def _give_up(self, now: float) -> Failures[Owner]:
        if now < self._give_up_at:
            return []
        failures: Failures[Owner] = []
        self._give_up_at = NEVER
        self._deferred = [t for t in self._deferred if not self._gives_up(t, now, failures)]
        if self._phase is not Phase.OPEN:
            self._unsent = deque(
                ticket for ticket in self._unsent if not self._gives_up(ticket, now, failures)
            )
        return failures

    def _gives_up(self, ticket: Ticket[Owner], now: float, failures: Failures[Owner]) -> bool:
        if ticket.give_up_at > now:
            self._give_up_at = min(self._give_up_at, ticket.give_up_at)
            return False
        assert ticket.owner is not None
        failures.append((ticket.owner, self._why_given_up(ticket)))
        return True

    def _why_given_up(self, ticket: Ticket[Owner]) -> PenstockError:
        key = ticket.request.key
        if ticket.in_doubt:
            why = self._why_apart if ticket.refusal is None else ticket.refusal.text
            how = "" if key is None else f"; submit it again with key={key!r} to find out"
            return OutcomeUnknown(f"it is not known whether the server did this: {why}{how}", key)
        if ticket.refusal is not None:
            return error_of(ticket.refusal, key)
        return self.refusal or ConnectionLost(self._why_apart)

    def _greeting_due(self) -> float:
        return self._moved_at + limits.CLIENT_CONNECT_SECONDS

    def _answer_due(self) -> float:
        if not self._in_flight:
            return NEVER
        head = self._in_flight[0]
        sending_seconds = head.size / limits.CLIENT_SLOWEST_BYTES
        silent_seconds = head.request.silent_ms / 1000 + limits.CLIENT_ANSWER_SECONDS
        return self._moved_at + sending_seconds + silent_seconds

    def _count_size(self) -> None:
        tickets = (*self._in_flight, *self._deferred, *self._unsent)
        self._size = sum(ticket.size for ticket in tickets)


def _number(ticket: Ticket[Any]) -> int:
    return ticket.number


def _unasked(reply: Reply) -> str:
    if isinstance(reply, ErrorReply):
        return f"the server ended the connection: {reply.code} {reply.text}"
    return f"the server sent a reply to no request: {reply!r:.100}"


def greeting(password: str | None, name: str | None) -> bytes:
    """Encode HELLO, which begins every connection.

    The empty line behind it is skipped by a server that speaks our protocol; one that speaks HTTP
    takes it for the end of a request, and says at once what it is.
    """
    words: list[bytes | str | int] = ["HELLO", 3]
    if password is not None:
        words += ("AUTH", "default", password)
    if name is not None:
        words += ("SETNAME", name)
    return encode_command(words) + b"\r\n"
