"""The arguments of the commands that submit a job: JOB.SUBMIT and JOB.CALL.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
What needs the settings or the clock (size of a payload, the instant of AT) is not checked here.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.options import CALL_OPTIONS, SUBMIT_OPTIONS, OptionReader
from penstock.protocol.values import read_name

QUEUE_DEFAULT: Final = "default"

_SUBMIT: Final = OptionReader("JOB.SUBMIT", SUBMIT_OPTIONS)
_CALL: Final = OptionReader("JOB.CALL", CALL_OPTIONS)


class SubmitArguments(Struct, frozen=True, gc=False):
    """JOB.SUBMIT's. None is for what was not given: the settings have the default."""

    task: str
    payload: bytes
    queue: str = QUEUE_DEFAULT
    priority: int | None = None
    delay_ms: int | None = None
    at: int | None = None
    timeout_ms: int | None = None
    attempts_max: int | None = None
    key: str | None = None


class CallArguments(Struct, frozen=True):
    """JOB.CALL's."""

    submit: SubmitArguments
    wait_ms: int = limits.CALL_WAIT_MS_DEFAULT


def parse_submit(arguments: Sequence[bytes]) -> SubmitArguments:
    """Read `JOB.SUBMIT task payload [options]`."""
    task = read_name(arguments[1], "task")
    if len(arguments) == 3:
        return SubmitArguments(task, arguments[2])
    numbers, texts = _SUBMIT.read(arguments, 3)
    return _submit(task, arguments[2], numbers, texts)


def parse_call(arguments: Sequence[bytes]) -> CallArguments:
    """Read `JOB.CALL task payload [options]`."""
    task = read_name(arguments[1], "task")
    if len(arguments) == 3:
        return CallArguments(SubmitArguments(task, arguments[2]))
    numbers, texts = _CALL.read(arguments, 3)
    wait_ms = numbers.get("WAIT", limits.CALL_WAIT_MS_DEFAULT)
    return CallArguments(_submit(task, arguments[2], numbers, texts), wait_ms)


def _submit(
    task: str, payload: bytes, numbers: dict[str, int], texts: dict[str, str]
) -> SubmitArguments:
    return SubmitArguments(
        task,
        payload,
        texts.get("QUEUE", QUEUE_DEFAULT),
        numbers.get("PRIORITY"),
        numbers.get("DELAY"),
        numbers.get("AT"),
        numbers.get("TIMEOUT"),
        numbers.get("ATTEMPTS"),
        texts.get("KEY"),
    )
