"""How long to wait before trying again what failed."""

import random
from collections.abc import Callable

from penstock.config.limits import CLIENT_BACKOFF_BASE_SECONDS, CLIENT_BACKOFF_CAP_SECONDS


class Backoff:
    """Exponential with full jitter, so that a thousand clients do not come back at once.

    The first wait is at most *base* seconds, each further one at most twice as long, up to *cap*.
    """

    def __init__(
        self,
        base: float = CLIENT_BACKOFF_BASE_SECONDS,
        cap: float = CLIENT_BACKOFF_CAP_SECONDS,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._base = base
        self._cap = cap
        self._jitter = jitter
        self._ceiling = base

    def next_seconds(self) -> float:
        """Return how long to wait this time; the next wait may be twice as long."""
        ceiling = self._ceiling
        self._ceiling = min(2 * ceiling, self._cap)
        return ceiling * self._jitter()

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._ceiling = self._base
