"""Idempotency keys: what lets a submission be sent again without becoming a second job."""

import os
import secrets
from collections.abc import Callable
from typing import Final

_PREFIX_BYTES: Final = 16  # As much randomness as a UUID has.


class KeySource:
    """Makes keys that no other client makes: a random prefix and a count.

    A process that was forked would count on from the same number, so it takes a prefix of its own.
    """

    def __init__(self, draw: Callable[[int], str] = secrets.token_urlsafe) -> None:
        self._draw = draw
        self._process = 0
        self._prefix = ""
        self._count = 0

    def next(self) -> str:
        """Return a key that was never returned before."""
        process = os.getpid()
        if process != self._process:
            self._process = process
            self._prefix = self._draw(_PREFIX_BYTES)
        self._count += 1
        return f"{self._prefix}.{self._count}"
