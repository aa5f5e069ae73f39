"""MULTI, EXEC and DISCARD: what stands between them is one atomic batch of submissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.jobs.errors import Refused
from penstock.jobs.store.port import KeyHolder, StoreError, Submission
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.replies import OK, array
from penstock.server.event_transactions import EventTransaction, discarded, submission_reply
from penstock.server.responses import Slot
from penstock.server.session import EventStep, Handler, Session, Transaction


def multi(session: Session, arguments: list[bytes]) -> None:
    if session.transaction is not None:
        raise ArgumentError(ErrorCode.ERR, "MULTI calls can not be nested")
    session.responses.add(OK)
    session.transaction = Transaction([])


def discard(session: Session, arguments: list[bytes]) -> None:
    _end_transaction(session, "DISCARD")
    session.reply(OK)


def execute(session: Session, arguments: list[bytes]) -> None:
    """Store all submissions since MULTI with one commit, or none."""
    transaction = _end_transaction(session, "EXEC")
    if transaction.is_spoiled:
        raise ArgumentError(
            ErrorCode.EXECABORT, "Transaction discarded because of previous errors."
        )
    engine = session.engine
    steps = [step for step in transaction.steps if not isinstance(step, EventStep)]
    if len(steps) < len(transaction.steps):
        EventTransaction(session, transaction.steps).begin()
        return
    now = engine.clock.now_ms()
    decided: list[Submission | bytes] = []
    try:
        decided.extend(
            step if isinstance(step, bytes) else engine.broker.submit(step, now) for step in steps
        )
    except Refused as refusal:
        for submission in decided:
            if isinstance(submission, Submission):
                engine.broker.withdraw(submission)
        raise discarded(refusal) from refusal
    replies = _Replies(session.reserve(), len(decided))
    together = []
    for index, outcome in enumerate(decided):
        if isinstance(outcome, bytes):
            replies.put(index, outcome)
        else:
            settled = _settled(outcome, replies, index)
            together.append((outcome, settled))
    engine.journal.submit_together(together)


class _Replies:
    """The replies of a transaction; the slot is filled when the last is known."""

    def __init__(self, slot: Slot, count: int) -> None:
        self._slot = slot
        self._replies = [b""] * count
        self._missing_count = count
        if not count:
            slot.fill(array([]))

    def put(self, index: int, reply: bytes) -> None:
        self._replies[index] = reply
        self._missing_count -= 1
        if not self._missing_count:
            self._slot.fill(array(self._replies))


def _settled(
    submission: Submission, replies: _Replies, index: int
) -> Callable[[KeyHolder | StoreError | None], None]:
    return lambda outcome: replies.put(index, submission_reply(submission, outcome))


def _end_transaction(session: Session, name: str) -> Transaction:
    transaction, session.transaction = session.transaction, None
    if transaction is None:
        raise ArgumentError(ErrorCode.ERR, f"{name} without MULTI")
    return transaction


TRANSACTION_HANDLERS: Final[Mapping[str, Handler]] = {
    "MULTI": multi,
    "DISCARD": discard,
    "EXEC": execute,
}
