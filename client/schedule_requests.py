"""The requests about schedules: jobs that come by the clock."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypedDict

from penstock.client import event_info
from penstock.client.event_info import ScheduleInfo
from penstock.client.job_requests import counting
from penstock.client.job_template import command_with, name_of
from penstock.client.options import Options
from penstock.client.requests import Lost, Request, question, read_done
from penstock.client.tasks import AnyTask, encode_arguments


class Timing(TypedDict, total=False):
    """How a schedule keeps time; what is not said is as the server does by default.

    `tz` is the name of a time zone. `missed` says what becomes of runs that were missed: skip
    them, run once, or run all, at most `missed_max`. `jitter_ms` delays each run at random by up
    to so much. `overlap`: what becomes of a run that comes before the job of the last one has
    finished.
    """

    tz: str
    missed: Literal["skip", "once", "all"]
    missed_max: int
    jitter_ms: int
    overlap: Literal["allow", "skip", "wait"]


_BEFORE: Final = {"tz": b"TZ"}
_BEHIND: Final = {
    "missed": b"MISSED",
    "missed_max": b"MISSED-MAX",
    "jitter_ms": b"JITTER",
    "overlap": b"OVERLAP",
}

assert set(Timing.__annotations__) == {*_BEFORE, *_BEHIND}


def set_schedule(
    name: str,
    expression: str,
    task: AnyTask,
    args: Sequence[object],
    kwargs: Mapping[str, object],
    options: Options,
    timing: Timing,
    payload: str | bytes | None = None,
) -> Request[None]:
    """Make CRON.SET. A *payload* goes as it is, in place of the arguments.

    Raises:
        TypeError: JSON cannot hold an argument, or nothing of a schedule has that name.
        ValueError: an option is of one submission alone.
    """
    for given in timing:
        if given not in Timing.__annotations__:
            known = ", ".join(Timing.__annotations__)
            raise TypeError(f"there is no {given!r} of a schedule; there are {known}")
    if payload is None:
        payload = encode_arguments(task, args, kwargs)
    elif args or kwargs:
        raise TypeError("a payload takes the place of arguments; give one of them")
    words: list[bytes | str | int] = [
        *(b"CRON.SET", name, expression, *_words(timing, _BEFORE)),
        *(name_of(task), payload, *_words(timing, _BEHIND)),
    ]
    command = command_with(words, task, options, without=("delay_ms", "at"))
    return Request(command, read_done, Lost.SEND_AGAIN)


def delete(name: str) -> Request[int]:
    """Make CRON.DEL."""
    return counting((b"CRON.DEL", name))


def every() -> Request[list[ScheduleInfo]]:
    """Make CRON.LIST."""
    return question((b"CRON.LIST",), event_info.read_schedules)


def show(name: str) -> Request[ScheduleInfo]:
    """Make CRON.SHOW."""
    return question((b"CRON.SHOW", name), event_info.read_schedule)


def next_runs(name: str, count: int) -> Request[list[int]]:
    """Make CRON.NEXT."""
    return question((b"CRON.NEXT", name, b"COUNT", count), event_info.read_times)


def _words(timing: Timing, keywords: Mapping[str, bytes]) -> list[bytes | str | int]:
    words: list[bytes | str | int] = []
    for name, keyword in keywords.items():
        value = timing.get(name)
        if isinstance(value, str | int):
            words += (keyword, value)
    return words
