"""Standard streams that keep what each job prints."""

import io
from typing import Any, Final, TextIO

from penstock.worker.claims import Claim
from penstock.worker.current import RUNNING, CurrentJob
from penstock.worker.marks import marked
from penstock.worker.reports import Reports

_ENCODING: Final = "utf-8"


class Capture:
    """Knows whose output it is: an async job's by its context, else the sync job's that runs.

    So a thread that a synchronous task started prints for the task, and one that an async task
    started only if it has the task's context, as with `asyncio.to_thread`.
    """

    def __init__(self, reports: Reports, *, marks: bool) -> None:
        self.sync_job: CurrentJob | None = None
        self.reports = reports
        self.marks = marks  # Whether the reader of the descriptor takes them out again.

    def job(self, claim: Claim, deadline_ns: int) -> CurrentJob:
        """Make what a task may know of its job."""
        return CurrentJob(
            claim.id,
            claim.attempt,
            claim.queue,
            claim.task,
            deadline_ns / 1e9,
            self.reports,
            claim.failures,
            claim.releases,
        )

    def stream(self, fd: int) -> TextIO:
        """Open a text stream as Python's own, but for `closefd`: tasks close what they like."""
        raw = CapturedFile(fd, self)
        return io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=_ENCODING,
            errors="backslashreplace",
            line_buffering=True,
        )


class CapturedFile(io.FileIO):
    """The descriptor below a stream: gets whole lines, from one thread at a time."""

    def __init__(self, fd: int, capture: Capture) -> None:
        super().__init__(fd, "w", closefd=False)
        self._capture = capture

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        capture = self._capture
        job = RUNNING.get(None) or capture.sync_job
        if job is None:
            return super().write(data)
        raw = bytes(data)
        framed = marked(job.id, raw) if capture.marks else raw
        sent = super().write(framed)
        if sent is None:  # The descriptor does not block, and there is no room.
            return None
        if sent < len(framed):  # The begin of the mark counts for nothing: it is written again.
            sent = max(0, min(len(raw), sent - framed.index(raw)))
            raw = raw[:sent]
        capture.reports.printed((job.id, job.attempt), raw)
        return len(raw)
