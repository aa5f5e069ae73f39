"""A task's own policy for its failed attempts: pure decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock.config import limits
from penstock.worker.durations import Duration, milliseconds
from penstock.worker.errors import TaskError

_DOUBLINGS_MAX: Final = 40  # 2**40 ms is beyond every cap; more would only make big integers.


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often a task is tried, and how long its jobs wait before each further attempt.

    `base` is the longest wait after the first failure; it doubles with each, up to `cap`. With
    `jitter` a wait is drawn at random from below that, without it is that. `delays` are the waits
    themselves instead; the last one repeats. All are seconds or timedeltas.

    What a submission says of its job goes first: waits are used where it named no policy, and of
    the two numbers of attempts the smaller counts.

    Raises:
        TaskError: a value is out of its range, or two exclude each other.
    """

    attempts: int | None = None
    base: Duration | None = None
    cap: Duration | None = None
    jitter: bool | None = None
    delays: Sequence[Duration] = ()

    def __post_init__(self) -> None:
        _check_attempts(self.attempts)
        _check_delays(self.delays)
        if self.jitter not in (None, True, False):
            raise TaskError(f"Retries(jitter=…) takes True or False, not {self.jitter!r:.100}")
        if self.delays and self._backs_off:
            raise TaskError(
                "Retries: delays are the waits themselves; leave them out, or base, cap and jitter"
            )
        if not self.delays and not self._backs_off and self.attempts is None:
            raise TaskError("Retries() says nothing: name attempts, base and cap, or delays")
        base_ms, cap_ms = self._base_ms, self._cap_ms
        if self.base is not None and base_ms > cap_ms:
            raise TaskError(f"Retries: the base {self.base} is longer than the cap {self.cap}")

    def is_used_up(self, failures: int) -> bool:
        """Tell whether a job that failed so often is not tried again."""
        return self.attempts is not None and failures >= self.attempts

    def wait_ms(self, failures: int, draw: float) -> int | None:
        """Decide how long to wait after failure number *failures*; None leaves it to the server.

        *draw* is a random number from [0, 1).
        """
        assert failures >= 1
        if self.delays:
            return _read("delays", self.delays[min(failures, len(self.delays)) - 1])
        if not self._backs_off:
            return None
        ceiling = min(self._cap_ms, self._base_ms << min(failures - 1, _DOUBLINGS_MAX))
        return ceiling if self.jitter is False else int(ceiling * draw)

    @property
    def _backs_off(self) -> bool:
        return (self.base, self.cap, self.jitter) != (None, None, None)

    @property
    def _base_ms(self) -> int:
        return limits.RETRY_BASE_MS if self.base is None else _read("base", self.base)

    @property
    def _cap_ms(self) -> int:
        if self.cap is None:
            return max(limits.RETRY_CAP_MS, self._base_ms)
        return _read("cap", self.cap)


def _check_attempts(attempts: object) -> None:
    if attempts is None:
        return
    if not isinstance(attempts, int) or isinstance(attempts, bool):
        raise TaskError(f"Retries(attempts=…) takes a whole number, not {attempts!r:.100}")
    if not 1 <= attempts <= limits.ATTEMPTS_MAX:
        raise TaskError(
            f"Retries(attempts=…) takes 1 to {limits.ATTEMPTS_MAX}, not {attempts}; with 1 the job "
            "is not tried again"
        )


def _check_delays(delays: object) -> None:
    if not isinstance(delays, Sequence) or isinstance(delays, str | bytes):
        raise TaskError(f"Retries(delays=…) takes a list of waits, not {delays!r:.100}")
    if len(delays) > limits.RETRY_DELAYS_MAX:
        raise TaskError(
            f"Retries(delays=…) takes {limits.RETRY_DELAYS_MAX} waits at most, not {len(delays)}; "
            "the last one repeats by itself"
        )
    for delay in delays:
        _read("delays", delay)


def _read(what: str, value: Duration) -> int:
    try:
        return milliseconds(f"Retries({what}=…)", value)
    except (TypeError, ValueError) as error:
        raise TaskError(str(error)) from None
