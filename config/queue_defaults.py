"""What the settings file says of one queue. `config.queue_keys` says what each of it means."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDefaults:
    """A `[queue.NAME]` table; None is what it leaves to the server's own settings.

    QUEUE.SET goes before it: these are in force as long as nobody said otherwise.
    """

    order: Literal["strict", "ageing", "fair"] | None = None
    ageing_ms: int | None = None
    weights: Mapping[str, int] | None = None

    length_max: int | None = None
    bytes_max: int | None = None
    when_full: Literal["refuse", "wait", "drop"] | None = None
    reserve_percent: int | None = None

    concurrency_max: int | None = None
    tenant_concurrency_max: int | None = None
    rate_count: int | None = None
    rate_period_ms: int | None = None
    burst: int | None = None

    attempts_max: int | None = None
    timeout_ms: int | None = None
    retry_base_ms: int | None = None
    retry_cap_ms: int | None = None
    retry_jitter: Literal["full", "none"] | None = None
    retry_delays_ms: tuple[int, ...] | None = None
    keep_ms: int | None = None
    dead_keep_ms: int | None = None

    def given(self) -> dict[str, object]:
        """Return what the table set, by name; the values are what JSON and msgspec know."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        if self.weights is not None:
            values["weights"] = dict(self.weights)
        return {name: value for name, value in values.items() if value is not None}
