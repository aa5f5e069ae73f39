"""A small server for the tests of workers: it hands out jobs and keeps what comes back."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from penstock.protocol.replies import OK, array, claimed_job
from penstock.protocol.requests import RequestParser

TIMEOUT_MS = 20_000


@dataclass
class GivenJob:
    """A job, and all that a worker said about it."""

    id: int
    task: str
    payload: bytes
    timeout_ms: int = TIMEOUT_MS
    attempt: int = 0
    verdict: str = ""
    data: bytes = b""
    worker: str = ""
    failures: int = 0
    # As the worker said: how long to wait for the next attempt, how far it is, what it printed.
    after_ms: int | None = None
    progress: list[tuple[int, str]] = field(default_factory=list)
    printed: str = ""
    given: asyncio.Event = field(default_factory=asyncio.Event)
    reported: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, verdict: str, data: bytes) -> None:
        self.verdict, self.data = verdict, data
        self.ended.set()


class JobSource:
    """Jobs in one queue, given to whoever claims. A job that was released is given out again."""

    def __init__(self) -> None:
        self.jobs: dict[int, GivenJob] = {}
        self.waiting: deque[int] = deque()
        self.connections: list[SourceConnection] = []
        # The next error replies to JOB.COMPLETE, before it is accepted.
        self.refusals: deque[bytes] = deque()
        # Jobs that are to stop, of which the worker learns when it reports.
        self.refused_reports: set[int] = set()
        self.hellos: list[list[bytes]] = []
        self.hello_reply: bytes = b"*0\r\n"
        self.commands: list[list[bytes]] = []
        self.keep_commands = True
        self.failures = 0  # Of the jobs that are added from now on, before their first attempt.

    def add(self, task: str, payload: bytes = b"", timeout_ms: int = TIMEOUT_MS) -> GivenJob:
        job = GivenJob(len(self.jobs) + 1, task, payload, timeout_ms, failures=self.failures)
        self.jobs[job.id] = job
        self.waiting.append(job.id)
        for connection in self.connections:
            connection.answer_claim()
        return job

    async def run(self, task: str, payload: bytes = b"", timeout_ms: int = TIMEOUT_MS) -> GivenJob:
        """Add a job and wait for its end."""
        job = self.add(task, payload, timeout_ms)
        await job.ended.wait()
        return job

    def cancel(self, job: GivenJob) -> None:
        """Have the worker told that holds a job."""
        for connection in self.connections:
            if job.id in connection.held:
                connection.cancel(job)

    def connection(self) -> "SourceConnection":
        return SourceConnection(self)

    async def attach(
        self, sock: socket.socket, name: str, on_lost: Callable[[str], None]
    ) -> "SourceConnection":
        """Be a supervisor's `attach`."""
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: SourceConnection(self, name, on_lost), sock=sock
        )
        return connection


class SourceConnection(asyncio.Protocol):
    """One worker's connection; also the supervisor's `WorkerLink`."""

    def __init__(
        self,
        source: JobSource,
        worker: str = "",
        on_lost: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.source = source
        self.worker = worker
        self.on_lost = on_lost
        self.held: set[int] = set()
        self.closed_for: str | None = None
        self.lost = asyncio.Event()
        self._parser = RequestParser()
        self._parser.authenticated = True
        self._replies: deque[bytes | None] = deque()
        self._claim_count = 0
        self._stopped = False
        self._holds = False
        self._parked: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.source.connections.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.source.connections.remove(self)
        self.lost.set()
        if self._parked is not None:
            self._parked.cancel()
        if self.closed_for is None:
            self.on_lost("it closed its connection")

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        while (command := self._parser.next()) is not None:
            if self.source.keep_commands:
                self.source.commands.append(command)
            self._carry_out(command)
        self._write()

    def stop_claims(self) -> None:
        self._stopped = True
        if self._claim_count:
            self._fill_claim(b"*0\r\n")
            self._write()

    def close(self, reason: str, started: frozenset[int] | None = None) -> None:
        self.closed_for = reason
        self.transport.abort()
        for job_id in sorted(self.held):
            if started is None or job_id in started:
                self.source.jobs[job_id].end("lost", reason.encode())
            else:
                self.source.waiting.append(job_id)
        self.held.clear()

    def hold_claims(self) -> None:
        """Give no jobs until `give_claims`, so that many are given at once."""
        self._holds = True

    def give_claims(self) -> None:
        self._holds = False
        self.answer_claim()

    def answer_claim(self) -> None:
        if self._holds:
            return
        if self._claim_count and self.source.waiting and not self.transport.is_closing():
            self._fill_claim(array(list(self._take())))
            self._write()

    def cancel(self, job: GivenJob) -> None:
        """Tell the worker to stop a job of its own."""
        push = b">3\r\n$6\r\ncancel\r\n:%d\r\n:%d\r\n" % (job.id, job.attempt)
        self.transport.write(push)

    def _take(self) -> Iterator[bytes]:
        for _ in range(min(self._claim_count, len(self.source.waiting))):
            job = self.source.jobs[self.source.waiting.popleft()]
            job.attempt += 1
            job.worker = self.worker
            job.given.set()
            self.held.add(job.id)
            about = (job.id, job.attempt, "default", job.task, job.payload, job.timeout_ms)
            yield claimed_job(*about, (job.failures, 0))

    def _fill_claim(self, reply: bytes) -> None:
        self._claim_count = 0
        if self._parked is not None:
            self._parked.cancel()
            self._parked = None
        self._replies[self._replies.index(None)] = reply

    def _claim_ended(self) -> None:
        self._fill_claim(b"*0\r\n")
        self._write()

    def _write(self) -> None:
        replies = []
        while self._replies and self._replies[0] is not None:
            replies.append(self._replies.popleft() or b"")
        if replies:
            self.transport.write(b"".join(replies))

    def _carry_out(self, command: list[bytes]) -> None:
        verb, *words = command
        if verb == b"JOB.CLAIM":
            self._claim(words)
        elif verb == b"HELLO":
            self.source.hellos.append(words)
            if b"SETNAME" in words:
                self.worker = words[-1].decode()
            self._replies.append(self.source.hello_reply)
        elif verb == b"JOB.COMPLETE" and self.source.refusals:
            self._replies.append(self.source.refusals.popleft())
        elif verb in (b"JOB.PROGRESS", b"JOB.OUTPUT"):
            self._replies.append(self._report(verb, words))
        else:
            self._end_job(verb, words)
            self._replies.append(OK)

    def _claim(self, words: list[bytes]) -> None:
        if self._stopped:
            self._replies.append(b"*0\r\n")
            return
        self._claim_count = int(words[words.index(b"COUNT") + 1])
        self._replies.append(None)
        wait_ms = int(words[words.index(b"WAIT") + 1])
        self._parked = asyncio.get_running_loop().call_later(wait_ms / 1000, self._claim_ended)
        self.answer_claim()

    def _report(self, verb: bytes, words: list[bytes]) -> bytes:
        job = self.source.jobs[int(words[0])]
        if job.id not in self.held or job.attempt != int(words[1]):
            return b"-LEASELOST it ended\r\n"
        if job.id in self.source.refused_reports:
            return b"-CANCELLED it is to stop\r\n"
        if verb == b"JOB.OUTPUT":
            job.printed += words[2].decode()
        else:
            job.progress.append((int(words[2]), words[3].decode() if len(words) > 3 else ""))
        job.reported.set()
        return OK

    def _end_job(self, verb: bytes, words: list[bytes]) -> None:
        job = self.source.jobs[int(words[0])]
        assert job.attempt == int(words[1])
        self.held.discard(job.id)
        if words[-2] in (b"AFTER", b"DELAY"):
            job.after_ms = int(words[-1])
        if verb == b"JOB.RELEASE":
            if job.after_ms is None:
                self.source.waiting.append(job.id)
            else:
                job.end("snoozed", b"")
            return
        verdict = {b"JOB.COMPLETE": "completed", b"JOB.FAIL": "failed"}[verb]
        verdict = {b"DEAD": "dead", b"CANCEL": "cancelled"}.get(words[-1], verdict)
        job.end(verdict, words[2] if len(words) > 2 else b"")
