"""What the client raises, cut by what the caller can do about it."""

import re
from functools import partial
from typing import Final

_RETRY_AFTER: Final = re.compile(r"again in about (\d+) ms")


class PenstockError(Exception):
    """The base of everything this package raises on purpose."""


class Refused(PenstockError):
    """The server understood the request and declined it: nothing was changed.

    `code` is the first word of the server's reply, such as NOJOB, KEYREUSED or TOOLARGE; the
    reference of the protocol says what each means.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross processes pickled, which calls the class with what str() shows.
        return type(self), (self.code, self.text)


class QueueFull(Refused):
    """The queue holds as many jobs, or bytes of payloads, as it may (the code is QUEUEFULL).

    `retry_after_ms` is when there may be room, as the server estimates it; None if it does not.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        hint = _RETRY_AFTER.search(text)
        self.retry_after_ms = None if hint is None else int(hint[1])


class JobFailed(PenstockError):
    """The job is dead: its attempts are used up, or its task said that no further one helps.

    `type` and `message` are the last error's. `traceback` is its full text as the worker sent it,
    or empty when it could not be had at once; `show(job_id).errors` has those of all attempts.
    """

    def __init__(
        self,
        job_id: int,
        type: str,
        message: str,
        traceback: str = "",
        *,
        summary: str = "failed",
    ) -> None:
        super().__init__(f"job {job_id} {summary}: {type}: {message}")
        self.job_id = job_id
        self.type = type
        self.message = message
        self.traceback = traceback
        self._summary = summary

    def __reduce__(self) -> tuple[object, ...]:
        remake = partial(type(self), summary=self._summary)
        return remake, (self.job_id, self.type, self.message, self.traceback)


class JobCancelled(PenstockError):
    """The job was cancelled: whoever waits for it waits in vain, whoever runs it is to stop.

    `reason` is what was said with it, or empty.
    """

    def __init__(self, job_id: int, reason: str = "") -> None:
        super().__init__(f"job {job_id} was cancelled" + (f": {reason}" if reason else ""))
        self.job_id = job_id
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.job_id, self.reason)


class JobExpired(PenstockError):
    """The job's deadline passed before an attempt began. It was not run, and will not be."""

    def __init__(self, job_id: int, reason: str = "") -> None:
        super().__init__(f"job {job_id} expired" + (f": {reason}" if reason else ""))
        self.job_id = job_id
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.job_id, self.reason)


class WaitTimeout(PenstockError):
    """The wait ended before the job did. The job goes on: `wait(job_id)` waits on."""

    def __init__(self, job_id: int, text: str) -> None:
        super().__init__(text)
        self.job_id = job_id
        self.text = text

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.job_id, self.text)


class ResultInvalid(PenstockError):
    """The job succeeded and its result is not what was expected: no JSON, or of another type."""


class ConnectionLost(PenstockError):
    """No server could be reached, and what was asked for did not happen."""


class OutcomeUnknown(PenstockError):
    """The connection was lost, or a write failed half-way: it may or may not have happened.

    Submitting again with `options(key=error.key)` is safe: if the first submission was accepted,
    it finds that job. `key` is None where the request carried none.
    """

    def __init__(self, text: str, key: str | None = None) -> None:
        super().__init__(text)
        self.key = key


class OutboxFull(PenstockError):
    """The outbox took nothing of this: it is at its high-water mark, or its disk is full."""


class OutboxUnusable(PenstockError):
    """The outbox's file cannot be used: it is damaged, another program's, gone or closed."""


class NotAcknowledged(PenstockError):
    """The wait ended before the server had the submission. It stays in the outbox and is sent."""


class ProtocolError(PenstockError):
    """The server's reply is not what the protocol says: another server, or another version."""
