"""What the exit code of `penstock` says, as data: help, documents and commands read it."""

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """Why a command ended."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    TIMEOUT = 5
    DECLINED = 6
    STORAGE = 74
    IN_USE = 75
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141
    STOPPED_AT_ONCE = 143


MEANINGS: Final[dict[Exit, str]] = {
    Exit.OK: "It worked.",
    Exit.JOB_FAILED: "The job is dead, or it was cancelled, or it expired (submit, call, wait).",
    Exit.USAGE: "The command line or the configuration is wrong; nothing was started.",
    Exit.UNREACHABLE: "The server cannot be reached, or was lost before it answered.",
    Exit.REFUSED: "The server refused; the message begins with its error code.",
    Exit.TIMEOUT: "The wait ended before the job did; the job goes on.",
    Exit.DECLINED: "The question was not answered with yes; nothing was done.",
    Exit.STORAGE: "serve: the disk failed; what was acknowledged is safe.",
    Exit.IN_USE: "serve: another server has the data directory.",
    Exit.INTERRUPTED: "Stopped by Ctrl-C. Jobs that were submitted go on.",
    Exit.OUTPUT_CLOSED: "Whoever read the output went away.",
    Exit.STOPPED_AT_ONCE: "serve, worker: a second signal came before all was finished.",
}

assert set(MEANINGS) == set(Exit)


class CommandFailed(Exception):
    """A command ends with this code and, unless it is empty, this sentence."""

    def __init__(self, code: Exit, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code = code


def mistake(sentence: str) -> CommandFailed:
    """Make the end of a command whose line cannot be understood."""
    return CommandFailed(Exit.USAGE, sentence)
