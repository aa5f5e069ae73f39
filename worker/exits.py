"""How a worker process ends: the exit codes that its supervisor understands."""

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """Exit codes. Any other means that a task or a signal ended the process."""

    DRAINED = 0
    UNUSABLE = 2  # The app or an option cannot be used; starting again will not help.
    REFUSED = 4  # The server does not let this worker in; a password is missing or wrong.
    BROKEN = 70  # An error of ours.
    LOST = 75  # The connection went while a job ran on that did not let itself be interrupted.


# Of the program that keeps the processes, here or a server: as if SIGTERM had ended it.
EXIT_SECOND_SIGNAL: Final = 143
