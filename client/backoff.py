"""How long to wait before connecting again."""

import random
from collections.abc import Callable

from penstock.config.limits import (
    CLIENT_BACKOFF_BASE_SECONDS,
    CLIENT_BACKOFF_CAP_SECONDS,
)


class Backoff:
    """Exponential with full jitter, so that a thousand clients do not come back at once."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._ceiling = CLIENT_BACKOFF_BASE_SECONDS

    def next_seconds(self) -> float:
        """Return how long to wait this time; the next wait may be twice as long."""
        ceiling = self._ceiling
        self._ceiling = min(2 * ceiling, CLIENT_BACKOFF_CAP_SECONDS)
        return ceiling * self._jitter()

    def reset(self) -> None:
        """Begin anew: a server answered."""
        self._ceiling = CLIENT_BACKOFF_BASE_SECONDS
