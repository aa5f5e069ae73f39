"""How a job is to be run and how long to wait for it, as a value that travels with a client."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final, TypedDict

from penstock.client.retry import Retry


class Unset(Enum):
    """The type of `UNSET`: an option that was not named, where None has a meaning of its own."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class Given(TypedDict, total=False):
    """The options by name. None takes one back to its default; a key of None sends no key."""

    queue: str | None
    priority: int | None
    delay_ms: int | None
    at: datetime | int | None
    timeout_ms: int | None
    attempts: int | None
    retry: Retry | None
    key: str | None
    window_ms: int | None
    replace: bool | None
    tenant: str | None
    group: str | None
    deadline_ms: int | None
    keep_ms: int | None
    wait_ms: int | None


@dataclass(frozen=True, slots=True)
class Options:
    """None is for what the server decides. Its words on the wire are made once.

    Queue, key and wait are not among `words`: they may differ from one request to the next.
    """

    queue: str | None = None
    priority: int | None = None
    delay_ms: int | None = None
    at: int | None = None
    timeout_ms: int | None = None
    attempts: int | None = None
    key: str | Unset | None = UNSET
    wait_ms: int | None = None
    retry: Retry | None = None
    window_ms: int | None = None
    replace: bool | None = None
    tenant: str | None = None
    group: str | None = None
    deadline_ms: int | None = None
    keep_ms: int | None = None
    words: bytes = field(init=False, repr=False, compare=False)
    words_count: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._refuse_contradictions()
        words: list[bytes] = []
        for keyword, value in (
            (b"PRIORITY", self.priority),
            (b"DELAY", self.delay_ms),
            (b"AT", self.at),
            (b"TIMEOUT", self.timeout_ms),
            (b"ATTEMPTS", self.attempts),
            (b"WINDOW", self.window_ms),
            (b"DEADLINE", self.deadline_ms),
            (b"KEEP", self.keep_ms),
        ):
            if value is not None:
                words += (keyword, b"%d" % value)
        for keyword, text in ((b"TENANT", self.tenant), (b"GROUP", self.group)):
            if text is not None:
                words += (keyword, text.encode())
        if self.replace:
            words.append(b"REPLACE")
        if self.retry is not None:
            words += self.retry.words
        object.__setattr__(self, "words", b"".join(map(bulk, words)))
        object.__setattr__(self, "words_count", len(words))

    def _refuse_contradictions(self) -> None:
        if self.delay_ms is not None and self.at is not None:
            raise ValueError("delay_ms and at exclude each other; set one of them to None")
        if self.window_ms is not None and self.replace:
            raise ValueError("window_ms and replace exclude each other; set one of them to None")
        if (self.window_ms is not None or self.replace) and not isinstance(self.key, str):
            raise ValueError(
                "window_ms and replace say what a key does: give a key of your own with them"
            )
        if (
            self.deadline_ms is not None
            and self.delay_ms is not None
            and self.deadline_ms <= self.delay_ms
        ):
            raise ValueError(
                f"a job with delay_ms {self.delay_ms} and deadline_ms {self.deadline_ms} would "
                "expire before it may begin"
            )

    def changed(self, given: Given) -> "Options":
        """Return these options with some of them set anew.

        Raises:
            ValueError: some contradict each other, or `at` is a time without a zone.
        """
        at = given.get("at")
        if isinstance(at, datetime):
            given = {**given, "at": unix_ms(at)}
        return replace(self, **given)  # type: ignore[arg-type] # `at` is a number by now.


def bulk(word: bytes) -> bytes:
    """Encode one argument of a request."""
    return b"$%d\r\n%b\r\n" % (len(word), word)


def unix_ms(instant: datetime) -> int:
    """Return a time as milliseconds since 1970, UTC.

    Raises:
        ValueError: it has no zone, so that it could be any of twenty-four.
    """
    if instant.tzinfo is None:
        raise ValueError(
            f"{instant.isoformat()} has no time zone; use datetime.now(UTC), or .astimezone() "
            "for a local time"
        )
    return round(instant.timestamp() * 1000)
