"""How long a failed job waits before its next attempt, as a value of the options."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff, or a list of delays; in milliseconds. None is for what the queue says.

    `base_ms` is the longest wait before the first retry; it doubles with each failure up to
    `cap_ms`. With `jitter` a wait is drawn at random from below that, without it is that long.
    `delays_ms` lists the waits instead: one for each failure, the last for all that follow.
    """

    base_ms: int | None = None
    cap_ms: int | None = None
    jitter: bool | None = None
    delays_ms: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # A list is as good; a tuple keeps the value hashable.
        object.__setattr__(self, "delays_ms", tuple(self.delays_ms))
        others = (self.base_ms, self.cap_ms, self.jitter)
        if self.delays_ms and any(each is not None for each in others):
            raise ValueError("delays_ms takes the place of base_ms, cap_ms and jitter; set one way")
        if self.base_ms is not None and self.cap_ms is not None and self.base_ms > self.cap_ms:
            raise ValueError(
                f"base_ms is {self.base_ms} and cap_ms {self.cap_ms}: the longest wait cannot be "
                "shorter than the first"
            )

    @property
    def words(self) -> list[bytes]:
        """The options on the wire."""
        words: list[bytes] = []
        for keyword, value in ((b"RETRY-BASE", self.base_ms), (b"RETRY-CAP", self.cap_ms)):
            if value is not None:
                words += (keyword, b"%d" % value)
        if self.jitter is not None:
            words += (b"RETRY-JITTER", b"full" if self.jitter else b"none")
        if self.delays_ms:
            words += (b"RETRY-DELAYS", b",".join(b"%d" % each for each in self.delays_ms))
        return words
