"""What a supervisor logs about its processes, and the logger it needs for that."""

from typing import Protocol

from penstock.worker.note import Note


class Log(Protocol):
    """A logger of events with fields, as structlog's."""

    def debug(self, event: str, **fields: object) -> object: ...

    def info(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...


class ProcessLog:
    """Logs what one worker's tasks print."""

    def __init__(self, log: Log, worker: str) -> None:
        self._log = log
        self._worker = worker

    def line(self, stream: str, line: str, job: int | None, note: Note) -> None:
        """Log a line with the job that printed it, or else the one that runs as it is read."""
        if job is None and (started := note.started):
            job = next(iter(started))
        self._log.info("output", worker=self._worker, stream=stream, job=job, line=line)

    def dropped(self, stream: str, count: int) -> None:
        """Log that more was printed than is logged."""
        self._log.warning(
            "output dropped: a worker prints more than is logged",
            worker=self._worker,
            stream=stream,
            bytes=count,
        )
