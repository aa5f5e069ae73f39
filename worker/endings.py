"""What a task may say about its own attempt, raised or returned, instead of a result or an error.

They are exceptions so that they can be raised from any depth; returning one does the same.
"""

from penstock.worker.durations import Duration, milliseconds
from penstock.worker.failures import first_line


class Ending(Exception):
    """The base of the four, for `except`."""


class Retry(Ending):
    """This attempt failed; try again *after* so many seconds (or a timedelta), or as is usual.

    It counts as a failed attempt: when the attempts are used up the job is dead. Without a reason
    the exception that it is raised from is the reason.
    """

    def __init__(self, after: Duration | None = None, reason: str = "") -> None:
        super().__init__(after, reason)
        self.after_ms = None if after is None else milliseconds("Retry(after=…)", after)
        self.reason = _text("Retry", reason)

    def __str__(self) -> str:
        return self.reason or _reason_of_cause(self) or "the task asked for another attempt"


class Snooze(Ending):
    """The time has not come yet: run the job again *after* so many seconds (or a timedelta).

    It uses up no attempt.
    """

    def __init__(self, after: Duration) -> None:
        super().__init__(after)
        self.after_ms = milliseconds("Snooze(after=…)", after)
        if not self.after_ms:
            raise ValueError("Snooze(after=…) takes 1 ms or more: with none it would run at once")

    def __str__(self) -> str:
        return f"to be run again in {self.after_ms} ms"


class Cancel(Ending):
    """Nobody needs this job any more: it is cancelled, for this reason."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = _text("Cancel", reason)

    def __str__(self) -> str:
        return self.reason or _reason_of_cause(self) or "its task cancelled it"


class Dead(Ending):
    """No further attempt can help: the job goes to the dead letters, for this reason.

    Without a reason the exception that it is raised from is the reason.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = _text("Dead", reason)

    def __str__(self) -> str:
        return self.reason or _reason_of_cause(self) or "the task gave up"


def _text(name: str, reason: object) -> str:
    if isinstance(reason, str):
        return reason
    raise TypeError(f"{name}(reason=…) takes text, not {reason!r:.100}")


def _reason_of_cause(error: Ending) -> str:
    """Tell what was on the way when no reason was given: `raise Retry() from error`."""
    return "" if error.__cause__ is None else first_line(error.__cause__)
