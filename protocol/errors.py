"""The error codes of the wire as data, and what this package raises.

A code is the first word of an error reply. Codes are stable: clients branch on them, and on
nothing else but the job id in the texts of DEAD and TIMEOUT.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum, unique
from types import MappingProxyType
from typing import Final

from msgspec import Struct


@unique
class ErrorCode(StrEnum):
    """The first word of an error reply."""

    ERR = "ERR"
    NOAUTH = "NOAUTH"
    WRONGPASS = "WRONGPASS"
    NOPROTO = "NOPROTO"
    EXECABORT = "EXECABORT"
    NOJOB = "NOJOB"
    NOQUEUE = "NOQUEUE"
    LEASELOST = "LEASELOST"
    KEYREUSED = "KEYREUSED"
    TOOLARGE = "TOOLARGE"
    DEAD = "DEAD"
    TIMEOUT = "TIMEOUT"
    DRAINING = "DRAINING"
    DISKFULL = "DISKFULL"
    DISKLOW = "DISKLOW"
    UNKNOWN = "UNKNOWN"
    OVERLOADED = "OVERLOADED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FINISHED = "FINISHED"
    NOTEMPTY = "NOTEMPTY"
    QUEUEFULL = "QUEUEFULL"
    NOGROUP = "NOGROUP"
    BUSYGROUP = "BUSYGROUP"
    NOTRIGGER = "NOTRIGGER"
    NOSCHEDULE = "NOSCHEDULE"


@unique
class Outcome(Enum):
    """What an error reply says about the request that it answers."""

    REFUSED = "refused"  # Nothing was changed; the same request will be refused again.
    LATER = "later"  # Nothing was changed; the same request may be accepted later.
    DONE = "done"  # The request was carried out, and this is the answer to it.
    UNKNOWN = "unknown"  # It may or may not have been carried out.


class ErrorMeaning(Struct, frozen=True):
    """One row of the table: what a code means, and what its receiver can do."""

    outcome: Outcome
    meaning: str
    remedy: str


_REFUSED: Final = Outcome.REFUSED

ERRORS: Final[Mapping[ErrorCode, ErrorMeaning]] = MappingProxyType(
    {
        ErrorCode.ERR: ErrorMeaning(
            _REFUSED,
            "The request cannot be understood: syntax, number of arguments, unknown command.",
            "Correct the request; the text names the argument and what it may be.",
        ),
        ErrorCode.NOAUTH: ErrorMeaning(
            _REFUSED,
            "The server has a password and this connection has not given it.",
            "Send AUTH password, or HELLO 3 AUTH default password.",
        ),
        ErrorCode.WRONGPASS: ErrorMeaning(
            _REFUSED,
            "The user name or the password is wrong.",
            "Ask the operator for the password; the only user is called default.",
        ),
        ErrorCode.NOPROTO: ErrorMeaning(
            _REFUSED,
            "HELLO asked for a version of the protocol that does not exist.",
            "Use HELLO 2 or HELLO 3.",
        ),
        ErrorCode.EXECABORT: ErrorMeaning(
            _REFUSED,
            "A command between MULTI and EXEC was refused, so none of them was carried out.",
            "Read the replies to the queued commands, correct the refused one, send all again.",
        ),
        ErrorCode.NOJOB: ErrorMeaning(
            _REFUSED,
            "No job has this id, or it finished and was removed since.",
            "Check the id; results are kept for an hour unless the operator changed that.",
        ),
        ErrorCode.NOQUEUE: ErrorMeaning(
            _REFUSED,
            "Nothing was ever submitted to a queue of this name, and nothing set for it.",
            "Check the name (it is case-sensitive); QUEUE.LIST shows the queues there are.",
        ),
        ErrorCode.LEASELOST: ErrorMeaning(
            _REFUSED,
            "This attempt no longer holds the job: its lease ended, or it was given back.",
            "Drop the work; the job is another attempt's now, or it is finished.",
        ),
        ErrorCode.KEYREUSED: ErrorMeaning(
            _REFUSED,
            "The key was used before, for a job with another task, queue or payload.",
            "Use one key per piece of work.",
        ),
        ErrorCode.TOOLARGE: ErrorMeaning(
            _REFUSED,
            "The payload, result, error or event is longer than the server accepts.",
            "Put the data into a file or an object store and submit its address.",
        ),
        ErrorCode.DEAD: ErrorMeaning(
            Outcome.DONE,
            "The job that was waited for used up its attempts.",
            "Read the text for the last failure, and JOB.SHOW for all of them.",
        ),
        ErrorCode.TIMEOUT: ErrorMeaning(
            Outcome.DONE,
            "The wait ended before the job did. The job goes on.",
            "Send JOB.WAIT with the id in the text to wait on.",
        ),
        ErrorCode.DRAINING: ErrorMeaning(
            Outcome.LATER,
            "The server is shutting down and takes no more work.",
            "Send the request again, to the server that follows it.",
        ),
        ErrorCode.DISKFULL: ErrorMeaning(
            Outcome.LATER,
            "The disk is full. Nothing was stored.",
            "Free disk space; send the request again later.",
        ),
        ErrorCode.DISKLOW: ErrorMeaning(
            Outcome.LATER,
            "The disk has less free than disk_free_min. Nothing was stored; what is there goes on.",
            "Free disk space, or send the request again when jobs have finished and were removed.",
        ),
        ErrorCode.UNKNOWN: ErrorMeaning(
            Outcome.UNKNOWN,
            "The request may or may not have been carried out: writing it failed half-way.",
            "Send the request again under the same key.",
        ),
        ErrorCode.OVERLOADED: ErrorMeaning(
            Outcome.LATER,
            "A limit of the server is reached, or the queue is being deleted; the text says which.",
            "Wait and send the request again, or ask the operator to raise the limit.",
        ),
        ErrorCode.CANCELLED: ErrorMeaning(
            Outcome.DONE,
            "The job was cancelled: to those who wait for it, and to the worker that runs it.",
            "Read the text for the reason. A worker stops the attempt and reports its end.",
        ),
        ErrorCode.EXPIRED: ErrorMeaning(
            Outcome.DONE,
            "The job's deadline passed before an attempt began. It was not run.",
            "Submit it again if it still matters, with a later DEADLINE or a more urgent PRIORITY.",
        ),
        ErrorCode.FINISHED: ErrorMeaning(
            _REFUSED,
            "The job finished already, in a state in which this cannot be done to it.",
            "Read the text for the state; JOB.SHOW shows the job.",
        ),
        ErrorCode.NOTEMPTY: ErrorMeaning(
            _REFUSED,
            "The queue holds jobs that are not finished.",
            "Let them finish, or say FORCE to remove those that wait; running ones must end first.",
        ),
        ErrorCode.QUEUEFULL: ErrorMeaning(
            Outcome.LATER,
            "The queue holds as many jobs or bytes as it may.",
            "Send the request again after the time in the text: `try again in about N ms`.",
        ),
        ErrorCode.NOGROUP: ErrorMeaning(
            _REFUSED,
            "The stream has no consumer group of this name, or does not exist.",
            "Make the group with XGROUP CREATE; XINFO GROUPS lists those of a stream.",
        ),
        ErrorCode.BUSYGROUP: ErrorMeaning(
            _REFUSED,
            "The stream has a consumer group of this name already.",
            "Read on with it, or move it with XGROUP SETID.",
        ),
        ErrorCode.NOTRIGGER: ErrorMeaning(
            _REFUSED,
            "There is no trigger of this name.",
            "Check the name (it is case-sensitive); TRIGGER.LIST shows the triggers there are.",
        ),
        ErrorCode.NOSCHEDULE: ErrorMeaning(
            _REFUSED,
            "There is no schedule of this name.",
            "Check the name (it is case-sensitive); CRON.LIST shows the schedules there are.",
        ),
    }
)

assert set(ERRORS) == set(ErrorCode)


class WireError(Exception):
    """The base of everything this package raises."""


class ProtocolViolation(WireError):
    """A peer's bytes are not requests: framing is lost and the connection cannot be used.

    `text` is Redis' text, to be sent behind `-ERR Protocol error: ` before closing.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class CrossProtocol(WireError):
    """The peer speaks another protocol (HTTP, TLS): close the connection without a reply.

    A browser can be made to send a request here; an answer would tell it something.
    """


class ReplyViolation(WireError):
    """A server's bytes are not replies, or are more than the reader accepts."""


class ArgumentError(WireError):
    """A well-framed request that cannot be carried out; the connection stays usable."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(f"{code.value} {text}")
        self.code = code
        self.text = text
