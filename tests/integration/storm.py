"""Clients under which a server is killed: they note what they sent and what they were told."""

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel
from anyio.abc import SocketStream
from msgspec.structs import replace

from penstock.loadtest.conversation import Conversation
from penstock.loadtest.history import Effect, Operation, Outcome, SeenJob
from penstock.loadtest.target import Target
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import INCOMPLETE, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply

BATCH_MAX = 12
PRIORITIES = (0, 10, 1000)
BEHAVIOURS = ("quick", "quick", "quick", "slow", "once", "always")
SHOWN_AT_ONCE = 200
# Ids beyond the last one that anybody was told: jobs of unknown outcome have such.
BEYOND = 500


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Storm:
    """What the clients of one test share."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.random = Random(seed)
        self.operations: list[Operation] = []
        self.answered = 0
        self.stopped = False
        self._server_up = anyio.Event()
        self._wanted: tuple[int, anyio.Event] | None = None

    def server_is_up(self) -> None:
        self._server_up.set()

    def server_is_down(self) -> None:
        self._server_up = anyio.Event()

    async def until_server_is_up(self) -> None:
        await self._server_up.wait()

    async def until_answered(self, more: int) -> None:
        """Wait until so many more requests were answered."""
        event = anyio.Event()
        self._wanted = (self.answered + more, event)
        await event.wait()

    def note(self, operation: Operation) -> None:
        self.operations.append(operation)
        if operation.outcome is not Outcome.UNKNOWN:
            self.count_answer()

    def count_answer(self) -> None:
        self.answered += 1
        if self._wanted is not None and self.answered >= self._wanted[0]:
            self._wanted[1].set()


class Client:
    """Sends batches over one connection after another.

    Of what was unanswered when a connection went away, half is sent again under its keys, the
    rest stays unknown.
    """

    def __init__(self, storm: Storm, name: str) -> None:
        self._storm = storm
        self._name = name
        self._random = Random(storm.random.random())
        self._sent = 0
        self._again: list[Operation] = []

    async def run(self) -> None:
        storm = self._storm
        while not storm.stopped:
            await storm.until_server_is_up()
            address = storm.target.address
            assert not isinstance(address, Path)
            try:
                async with await anyio.connect_tcp(address.host, address.port) as stream:
                    await self._converse(stream)
            except OSError:
                # Down again before we were connected. Let the loop see that.
                await anyio.lowlevel.checkpoint()

    async def _converse(self, stream: SocketStream) -> None:
        reader = ReplyReader()
        while not self._storm.stopped:
            batch = self._make_batch()
            unanswered = deque(batch)
            try:
                await stream.send(b"".join(map(_encode, batch)))
                while unanswered:
                    reply = reader.next()
                    if reply is INCOMPLETE:
                        reader.feed(await stream.receive())
                    else:
                        self._storm.note(_answered(unanswered.popleft(), reply))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                for operation in unanswered:
                    self._storm.note(operation)
                    if self._random.random() < 0.5:
                        self._again.append(operation)
                return

    def _make_batch(self) -> list[Operation]:
        again, self._again = self._again[:BATCH_MAX], self._again[BATCH_MAX:]
        count = self._random.randint(1, BATCH_MAX)
        return again + [self._make_operation() for _ in range(count)]

    def _make_operation(self) -> Operation:
        chance = self._random
        self._sent += 1
        key = f"{self._name}-{self._sent}"
        filling = "x" * chance.choice((0, 30, 3_000))
        behaviour = chance.choice(BEHAVIOURS)
        return Operation(
            client=self._name,
            index=self._sent,
            verb="call" if chance.random() < 0.4 else "submit",
            key=key,
            queue="default",
            priority=chance.choice(PRIORITIES),
            payload=f"{behaviour} {key} {filling}".encode(),
            invoked_ms=now_ms(),
            returned_ms=None,
            outcome=Outcome.UNKNOWN,
        )


def _encode(operation: Operation) -> bytes:
    verb = "JOB.CALL" if operation.verb == "call" else "JOB.SUBMIT"
    return encode_command(
        [
            *(verb, "record", operation.payload, "KEY", operation.key),
            *("PRIORITY", operation.priority),
        ]
    )


def _answered(operation: Operation, reply: Reply) -> Operation:
    now = now_ms()
    if isinstance(reply, ErrorReply):
        outcomes = {"DEAD": Outcome.DEAD, "UNKNOWN": Outcome.UNKNOWN, "TIMEOUT": Outcome.UNKNOWN}
        outcome = outcomes.get(reply.code, Outcome.REFUSED)
        return replace(operation, returned_ms=now, outcome=outcome)
    done = replace(operation, returned_ms=now, outcome=Outcome.ACKNOWLEDGED)
    if operation.verb == "submit":
        assert isinstance(reply, int), reply
        return replace(done, job_id=reply)
    assert isinstance(reply, bytes), reply
    return replace(done, result=reply)


async def settle(target: Target, operations: list[Operation]) -> dict[int, SeenJob]:
    """Wait until every job is finished, and return them all."""
    known = [operation.job_id for operation in operations if operation.job_id is not None]
    jobs: dict[int, SeenJob] = {}
    async with Conversation(target) as conversation:
        first, last = 1, max(known, default=0) + BEYOND
        while first <= last:
            ids = range(first, min(first + SHOWN_AT_ONCE, last + 1))
            await conversation.ask([("JOB.WAIT", job_id, "WAIT", 30_000) for job_id in ids])
            replies = await conversation.ask([("JOB.SHOW", job_id) for job_id in ids])
            for reply in replies:
                if isinstance(reply, Mapping):
                    job = _seen(reply)
                    jobs[job.id] = job
            first += SHOWN_AT_ONCE
        (queue,) = await conversation.ask([("QUEUE.SHOW", "default")])
    assert isinstance(queue, Mapping)
    counted = sum(_number(queue[name]) for name in (b"completed", b"dead"))
    waiting = [_number(queue[name]) for name in (b"ready", b"scheduled", b"claimed")]
    assert waiting == [0, 0, 0], f"{queue}: somebody's job did not finish"
    assert counted == len(jobs), f"the server counts {counted} jobs and shows {len(jobs)}"
    return jobs


def _seen(reply: Mapping[Reply, Reply]) -> SeenJob:
    result, payload, claimed_at = (reply[name] for name in (b"result", b"payload", b"claimed_at"))
    return SeenJob(
        id=_number(reply[b"id"]),
        key=_text(reply[b"key"]),
        queue=_text(reply[b"queue"]),
        state=_text(reply[b"state"]),
        priority=_number(reply[b"priority"]),
        attempt=_number(reply[b"attempt"]),
        failures=_number(reply[b"failures"]),
        attempts_max=_number(reply[b"attempts_max"]),
        payload=payload if isinstance(payload, bytes) else None,
        result=result if isinstance(result, bytes) else None,
        claimed_at=claimed_at if isinstance(claimed_at, int) else None,
    )


def _number(reply: Reply) -> int:
    assert isinstance(reply, int), reply
    return reply


def _text(reply: Reply) -> str:
    assert isinstance(reply, bytes), reply
    return reply.decode()


def read_effects(path: Path) -> list[Effect]:
    """Read the traces. A line is written whole, whatever is killed."""
    effects = []
    for line in path.read_text(encoding="ascii").splitlines():
        job_id, attempt, key = line.split()
        effects.append(Effect(int(job_id), int(attempt), key))
    return effects
