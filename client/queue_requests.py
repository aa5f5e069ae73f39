"""The requests of those who look after queues."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypedDict

from penstock.client import info
from penstock.client.job_requests import counting
from penstock.client.requests import Lost, Request, question, read_done, report
from penstock.config import limits
from penstock.protocol.encoding import encode_command
from penstock.protocol.queue_settings import QUEUE_SETTINGS

_DEFAULT: Final = "default"


class QueueSettings(TypedDict, total=False):
    """What can be set for a queue; None goes back to the default.

    `weights` are changed tenant by tenant: those that are not named keep theirs. The sizes are
    bytes, the times milliseconds, the waits of `retry_delays_ms` one for each failure.
    """

    order: Literal["strict", "ageing", "fair"] | None
    ageing_ms: int | None
    weights: Mapping[str, int | None]
    length_max: int | None
    bytes_max: int | None
    when_full: Literal["refuse", "wait", "drop"] | None
    reserve_percent: int | None
    concurrency_max: int | None
    tenant_concurrency_max: int | None
    rate_count: int | None
    rate_period_ms: int | None
    burst: int | None
    attempts_max: int | None
    timeout_ms: int | None
    retry_base_ms: int | None
    retry_cap_ms: int | None
    retry_jitter: Literal["full", "none"] | None
    retry_delays_ms: Sequence[int] | None
    keep_ms: int | None
    dead_keep_ms: int | None


assert set(QueueSettings.__annotations__) == set(QUEUE_SETTINGS)


def peek(name: str, count: int) -> Request[list[info.JobSummary]]:
    """Make QUEUE.PEEK."""
    return question((b"QUEUE.PEEK", name, b"COUNT", count), info.read_summaries)


def pause(name: str) -> Request[None]:
    """Make QUEUE.PAUSE."""
    return report((b"QUEUE.PAUSE", name))


def resume(name: str) -> Request[None]:
    """Make QUEUE.RESUME."""
    return report((b"QUEUE.RESUME", name))


def purge(name: str) -> Request[int]:
    """Make QUEUE.PURGE."""
    return counting((b"QUEUE.PURGE", name))


def delete(name: str, *, force: bool) -> Request[None]:
    """Make QUEUE.DELETE."""
    command = encode_command((b"QUEUE.DELETE", name, *((b"FORCE",) if force else ())))
    return Request(command, read_done, Lost.UNKNOWN, silent_ms=limits.CALL_WAIT_MS_DEFAULT)


def set_queue(name: str, settings: QueueSettings) -> Request[None]:
    """Make QUEUE.SET.

    Raises:
        TypeError: there is no such setting, or its value is of a wrong kind.
        ValueError: there is nothing to set.
    """
    words: list[bytes | str | int] = []
    for setting, value in settings.items():
        if setting not in QUEUE_SETTINGS:
            known = ", ".join(QUEUE_SETTINGS)
            raise TypeError(f"there is no setting {setting!r} of a queue; there are {known}")
        keyword = QUEUE_SETTINGS[setting].keyword
        if setting == "weights":
            for tenant, weight in _weights(value).items():
                words += (keyword, tenant, _DEFAULT if weight is None else weight)
        else:
            words += (keyword, _word(setting, value))
    if not words:
        raise ValueError("nothing is to be set; name a setting, such as length_max=1000")
    return report((b"QUEUE.SET", name, *words))


def _weights(value: object) -> Mapping[str, int | None]:
    if isinstance(value, Mapping):
        return value
    raise TypeError(
        f"weights is {value!r}; it maps tenants to their weights, None being the default of one, "
        'such as {"acme": 3, "globex": None}'
    )


def _word(setting: str, value: object) -> str | int:
    match value:
        case None:
            return _DEFAULT
        case bool():
            pass
        case str() | int():
            return value
        case Sequence() if all(isinstance(each, int) for each in value):
            return ",".join(map(str, value))
    raise TypeError(f"{setting} is {value!r}, which is no value of a setting")
