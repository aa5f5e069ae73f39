"""How an outbox is to behave, as a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from penstock.client.outbox_entry import Entry
from penstock.config import limits

if TYPE_CHECKING:
    from penstock.client.outbox import Outbox

WhenFull = Literal["block", "refuse", "spill"]


class OutboxGiven(TypedDict, total=False):
    """The settings by name; `OutboxSettings` says what each means."""

    entries_max: int
    bytes_max: int
    when_full: WhenFull
    block_ms: int | None
    acknowledged_keep_ms: int
    acknowledged_max: int
    close_ms: int
    on_acknowledged: "Callable[[Entry], object] | None"
    on_refused: "Callable[[Entry], object] | None"
    on_exit: "Callable[[Outbox], object] | None"


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """`entries_max` and `bytes_max` are the high-water mark, of what is pending or refused.

    At the mark `when_full` decides about a submission: "block" waits for room, at most `block_ms`
    if that is given, "refuse" raises OutboxFull at once, and "spill" writes on, to the disk only,
    as long as the disk has 64 MiB left for others. `acknowledged_keep_ms` and `acknowledged_max`
    bound how long acknowledged entries may be asked for. `close_ms` is how long closing waits for
    the server. The callbacks are told of each settled entry, and of the end.
    """

    entries_max: int = limits.OUTBOX_ENTRIES_MAX_DEFAULT
    bytes_max: int = limits.OUTBOX_BYTES_MAX_DEFAULT
    when_full: WhenFull = "block"
    block_ms: int | None = None
    acknowledged_keep_ms: int = limits.OUTBOX_ACKNOWLEDGED_KEEP_MS_DEFAULT
    acknowledged_max: int = limits.OUTBOX_ACKNOWLEDGED_MAX_DEFAULT
    close_ms: int = limits.OUTBOX_CLOSE_MS_DEFAULT
    on_acknowledged: "Callable[[Entry], object] | None" = None
    on_refused: "Callable[[Entry], object] | None" = None
    on_exit: "Callable[[Outbox], object] | None" = None

    def __post_init__(self) -> None:
        if self.when_full not in get_args(WhenFull):
            known = ", ".join(map(repr, get_args(WhenFull)))
            raise ValueError(f"when_full is {self.when_full!r} and may be one of {known}")
        for name in ("entries_max", "bytes_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; an outbox has room for one")
        for name in ("acknowledged_keep_ms", "acknowledged_max", "close_ms", "block_ms"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} is {value} and may be 0 or more")
        if self.block_ms is not None and self.when_full != "block":
            raise ValueError(f"block_ms means nothing with when_full={self.when_full!r}")
