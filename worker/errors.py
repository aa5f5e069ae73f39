"""What goes wrong around a task, cut by whose problem it is."""


class WorkerError(Exception):
    """The base of this package's errors."""


class TaskError(WorkerError):
    """A task is declared in a way that cannot work. Its author reads this."""


class AppError(WorkerError):
    """The tasks cannot be loaded from the place that was named."""


class HopelessError(WorkerError):
    """The attempt failed and the next one would fail alike: the job goes to the dead letters."""


class ArgumentError(HopelessError):
    """The payload does not fit the task's parameters."""


class ResultError(HopelessError):
    """The task returned what cannot be sent."""


class UnknownTask(HopelessError):
    """The job names a task that this worker does not have."""


class SoftTimeout(BaseException):
    """Raised inside a task when its time is up: clean up and let it pass.

    Not an `Exception`, so that a loop that logs and goes on does not swallow it. Ten seconds
    later the process is killed.
    """


class Cancelled(BaseException):
    """Raised inside a synchronous task whose job was cancelled: clean up and let it pass.

    Not an `Exception`, for the same reason as SoftTimeout, and the process is killed as soon after.
    In an async task the cancellation is asyncio's own.
    """
