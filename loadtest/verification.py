"""The check at the end: nothing acknowledged was lost, doubled, or mixed up with another.

That replies came in order is half judged when they arrive (a call's result carries its tag) and
half here: the id that the k-th reply gave must be the job of the k-th request.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from random import Random
from typing import Final

from msgspec import Struct

from penstock.loadtest.conversation import Command, Conversation
from penstock.loadtest.driver import Load
from penstock.loadtest.tally import Violations
from penstock.loadtest.target import Target
from penstock.loadtest.workload import SUBMIT, Request, Workload
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

_PIPELINE: Final = 128
# Submissions that are sent a second time under their keys, to get their ids again.
RESENT_MAX: Final = 100


class Verification(Struct, frozen=True):
    """What the check did and found."""

    acknowledged: int
    looked_up: int
    resent: int
    states: dict[str, int]
    violations: int
    texts: list[str]


async def verify(load: Load, workload: Workload, target: Target, lookups_max: int) -> Verification:
    """Look every acknowledged job up (at most *lookups_max*, chosen by the seed).

    The jobs must still be there, so results must be kept longer than the run takes.

    Raises:
        Unreachable: the server went away.
    """
    violations = load.tally.violations
    acknowledged = _find_doubled(load, violations)
    states: Counter[str] = Counter()
    looked_up = resent = 0
    chance = Random(workload.seed)
    share = min(1.0, lookups_max / acknowledged) if acknowledged else 0.0
    chosen = (pair for pair in _pairs(load, workload) if share >= 1.0 or chance.random() < share)
    async with Conversation(target) as conversation:
        for pairs in _grouped(chosen):
            replies = await conversation.ask([("JOB.SHOW", job_id) for job_id, _ in pairs])
            for (job_id, request), reply in zip(pairs, replies, strict=True):
                states[_judge(job_id, request, workload, reply, violations)] += 1
            looked_up += len(pairs)
            if workload.keyed and resent < RESENT_MAX:
                again = pairs[: RESENT_MAX - resent]
                await _resend(conversation, again, workload, violations)
                resent += len(again)
    return Verification(
        acknowledged=acknowledged,
        looked_up=looked_up,
        resent=resent,
        states=dict(states),
        violations=violations.count,
        texts=violations.texts,
    )


def _find_doubled(load: Load, violations: Violations) -> int:
    seen: set[int] = set()
    total = 0
    for connection in load.connections:
        for job_id in connection.ids:
            if job_id:
                total += 1
                if job_id in seen:
                    violations.add(f"two submissions were answered with job {job_id}")
                seen.add(job_id)
    return total


def _pairs(load: Load, workload: Workload) -> Iterator[tuple[int, Request]]:
    for connection in load.connections:
        plan = workload.requests(connection.number)
        # The plan has no end; the ids end it.
        for job_id, request in zip(connection.ids, plan, strict=False):
            if job_id:
                assert request.kind == SUBMIT
                yield job_id, request


def _grouped(
    pairs: Iterable[tuple[int, Request]],
) -> Iterator[tuple[tuple[int, Request], ...]]:
    iterator = iter(pairs)
    while group := tuple(islice(iterator, _PIPELINE)):
        yield group


def _judge(
    job_id: int, request: Request, workload: Workload, reply: Reply, violations: Violations
) -> str:
    if isinstance(reply, ErrorReply):
        violations.add(f"job {job_id} was acknowledged and is gone: {reply.code} {reply.text}")
        return "lost"
    if not isinstance(reply, Mapping):
        violations.add(f"JOB.SHOW {job_id} answered {reply!r}")
        return "unreadable"
    expected: dict[bytes, bytes | int] = {
        b"id": job_id,
        b"queue": request.queue.encode(),
        b"task": workload.task.encode(),
        b"priority": int(request.priority),
        b"payload": request.payload,
    }
    if request.key:
        expected[b"key"] = request.key.encode()
    for field, value in expected.items():
        if reply.get(field) != value:
            violations.add(
                f"job {job_id} is not the one that its reply answered: {field.decode()} is "
                f"{reply.get(field)!r}, and {value!r} was submitted"
            )
            break
    state = reply.get(b"state")
    return state.decode() if isinstance(state, bytes) else "unreadable"


async def _resend(
    conversation: Conversation,
    pairs: tuple[tuple[int, Request], ...],
    workload: Workload,
    violations: Violations,
) -> None:
    replies = await conversation.ask([_submit(workload, request) for _, request in pairs])
    for (job_id, request), reply in zip(pairs, replies, strict=True):
        if reply != job_id:
            violations.add(
                f"key {request.key} was job {job_id}; sent again, it was answered {reply!r}"
            )


def _submit(workload: Workload, request: Request) -> Command:
    options = ("QUEUE", request.queue, "PRIORITY", request.priority, "KEY", request.key)
    return ("JOB.SUBMIT", workload.task, request.payload, *options)
