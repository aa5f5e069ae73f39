"""How long a failed job waits before it is tried again."""

from msgspec import Struct

from penstock.config.limits import RETRY_BASE_MS, RETRY_CAP_MS


class RetryPolicy(Struct, frozen=True):
    """Exponential backoff, or a list of delays; in milliseconds.

    `base_ms` is the ceiling of the first backoff and `cap_ms` that of the longest; with `jitter`
    the delay is drawn from below the ceiling, without it is the ceiling. Where there are
    `delays_ms`, they stand instead: one for each failure, the last for all that follow.
    """

    base_ms: int = RETRY_BASE_MS
    cap_ms: int = RETRY_CAP_MS
    jitter: bool = True
    delays_ms: tuple[int, ...] = ()
