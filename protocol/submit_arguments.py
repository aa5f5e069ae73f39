"""The arguments of the commands that submit a job: JOB.SUBMIT and JOB.CALL.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
What needs the settings or the clock (size of a payload, the instant of AT) is not checked here.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.option_reader import Given, OptionReader
from penstock.protocol.options import CALL_OPTIONS, SUBMIT_OPTIONS
from penstock.protocol.values import read_name, refused

QUEUE_DEFAULT: Final = "default"

_SUBMIT: Final = OptionReader("JOB.SUBMIT", SUBMIT_OPTIONS)
_CALL: Final = OptionReader("JOB.CALL", CALL_OPTIONS)
# Most requests have none of these, and are then read without looking for each.
_POLICIES: Final = frozenset(option.keyword for option in SUBMIT_OPTIONS) - {
    "QUEUE",
    "PRIORITY",
    "DELAY",
    "AT",
    "TIMEOUT",
    "ATTEMPTS",
    "KEY",
}


class RetryArguments(Struct, frozen=True, gc=False):
    """The RETRY-… options. A list of delays stands alone, in place of the others."""

    base_ms: int | None = None
    cap_ms: int | None = None
    jitter: bool | None = None
    delays_ms: tuple[int, ...] | None = None


class WishArguments(Struct, frozen=True, gc=False):
    """The options that most submissions do without."""

    tenant: str | None = None
    group: str | None = None
    deadline_ms: int | None = None
    keep_ms: int | None = None
    retry: RetryArguments | None = None
    window_ms: int | None = None
    replace: bool = False


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
    wishes: WishArguments | None = None


class CallArguments(Struct, frozen=True):
    """JOB.CALL's."""

    submit: SubmitArguments
    wait_ms: int = limits.CALL_WAIT_MS_DEFAULT


def parse_submit(arguments: Sequence[bytes]) -> SubmitArguments:
    """Read `JOB.SUBMIT task payload [options]`."""
    task = read_name(arguments[1], "task")
    if len(arguments) == 3:
        return SubmitArguments(task, arguments[2])
    return put_together(task, arguments[2], _SUBMIT.read(arguments, 3))


def parse_call(arguments: Sequence[bytes]) -> CallArguments:
    """Read `JOB.CALL task payload [options]`."""
    task = read_name(arguments[1], "task")
    if len(arguments) == 3:
        return CallArguments(SubmitArguments(task, arguments[2]))
    given = _CALL.read(arguments, 3)
    wait_ms = given[0].get("WAIT", limits.CALL_WAIT_MS_DEFAULT)
    return CallArguments(put_together(task, arguments[2], given), wait_ms)


def put_together(task: str, payload: bytes, given: Given) -> SubmitArguments:
    """Make the arguments of a submission of the options that were read, for a trigger's, too."""
    numbers, texts, lists = given
    number, text = numbers.get, texts.get
    basic = (
        task,
        payload,
        text("QUEUE", QUEUE_DEFAULT),
        number("PRIORITY"),
        number("DELAY"),
        number("AT"),
        number("TIMEOUT"),
        number("ATTEMPTS"),
        text("KEY"),
    )
    if not lists and _POLICIES.isdisjoint(numbers) and _POLICIES.isdisjoint(texts):
        return SubmitArguments(*basic)
    _check_deadline(number("DEADLINE"), number("DELAY"))
    wishes = WishArguments(
        text("TENANT"),
        text("GROUP"),
        number("DEADLINE"),
        number("KEEP"),
        _retry(numbers, texts, lists),
        number("WINDOW"),
        "REPLACE" in numbers,
    )
    return SubmitArguments(*basic, wishes)


def _check_deadline(deadline_ms: int | None, delay_ms: int | None) -> None:
    if deadline_ms is not None and delay_ms is not None and deadline_ms <= delay_ms:
        raise refused(
            f"DEADLINE {deadline_ms} ends before the job is due, at DELAY {delay_ms}: "
            "it would never run"
        )


def _retry(
    numbers: dict[str, int], texts: dict[str, str], lists: dict[str, tuple[int, ...]]
) -> RetryArguments | None:
    base_ms, cap_ms = numbers.get("RETRY-BASE"), numbers.get("RETRY-CAP")
    jitter, delays_ms = texts.get("RETRY-JITTER"), lists.get("RETRY-DELAYS")
    if base_ms is None and cap_ms is None and jitter is None and delays_ms is None:
        return None
    if base_ms is not None and cap_ms is not None and base_ms > cap_ms:
        raise refused(f"RETRY-BASE {base_ms} is more than RETRY-CAP {cap_ms}; lower it")
    return RetryArguments(base_ms, cap_ms, None if jitter is None else jitter == "full", delays_ms)
