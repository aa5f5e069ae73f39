"""What is set for one queue: as it is kept, as it is changed, and what is in force.

Three layers, the upper before the lower: what QUEUE.SET stored, the queue's table in the settings
file, the policy of the server. None is what a layer leaves to the one below it.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.config.limits import (
    ATTEMPTS_MAX,
    DELAY_MS_MAX,
    KEEP_MS_MAX,
    QUEUE_BURST_MS_DEFAULT,
    QUEUE_BYTES_CEILING,
    QUEUE_CONCURRENCY_CEILING,
    QUEUE_LENGTH_CEILING,
    QUEUE_RATE_CEILING,
    QUEUE_RATE_PERIOD_MS_DEFAULT,
    QUEUE_RESERVE_PERCENT_DEFAULT,
    QUEUE_RESERVE_PERCENT_MAX,
    QUEUE_WEIGHTS_MAX,
    RETRY_DELAYS_MAX,
    TENANT_WEIGHT_MAX,
    TIMEOUT_MS_MAX,
)
from penstock.jobs.errors import Invalid
from penstock.jobs.model import JobId
from penstock.jobs.policy import Policy
from penstock.jobs.retry_policy import RetryPolicy


class Order(Enum):
    """Which ready job goes first; `jobs.order` says how."""

    STRICT = "strict"  # The most urgent.
    AGEING = "ageing"  # ... where a job gets more urgent as it waits.
    FAIR = "fair"  # That of the tenant whose turn it is; its priority does not count.


class WhenFull(Enum):
    """What becomes of a submission for which its queue has no room."""

    REFUSE = "refuse"
    WAIT = "wait"  # Its answer, and so its sender, waits for room.
    DROP = "drop"  # The least urgent waiting job goes, which may be itself.


class QueueSettings(Struct, frozen=True, omit_defaults=True):
    """One layer; the names are those of the settings file. `weights` is never changed in place.

    The last five are the state of a queue rather than settings, and are in the upper layer only.
    """

    order: Order | None = None
    ageing_ms: int | None = None  # Only where the order of the same layer is ageing.
    weights: dict[str, int] = {}

    length_max: int | None = None
    bytes_max: int | None = None
    when_full: WhenFull | None = None
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
    retry_jitter: bool | None = None
    retry_delays_ms: tuple[int, ...] | None = None
    keep_ms: int | None = None
    dead_keep_ms: int | None = None

    paused: bool = False
    reordered: bool = True  # The ranks of all its waiting jobs are of the order in force.
    ranked: str = ""  # The `rank_mark` of the order that the ranks are of.
    purged_until: JobId = JobId(0)  # A purge of the jobs up to this one is under way; 0: none is.
    spared: tuple[JobId, ...] = ()  # The jobs that this purge leaves alone.


class RateLimit(Struct, frozen=True):
    """At most `burst` jobs and `count` for each period start within any time."""

    count: int
    period_ms: int
    burst: int


class Terms(Struct, frozen=True):
    """What is in force for a queue. None is no limit."""

    order: Order
    ageing_ms: int  # 0 unless the order is ageing.
    weights: dict[str, int]
    length_max: int | None
    bytes_max: int | None
    when_full: WhenFull
    reserve_percent: int
    concurrency_max: int | None
    tenant_concurrency_max: int | None
    rate: RateLimit | None
    attempts_max: int
    timeout_ms: int
    retry: RetryPolicy
    keep_ms: int
    dead_keep_ms: int
    paused: bool
    reordered: bool

    @property
    def is_bounded(self) -> bool:
        """Say whether there is a limit on what waits."""
        return self.length_max is not None or self.bytes_max is not None

    @property
    def rank_mark(self) -> str:
        """Name the order, so that ranks are known by it; strict is the one without a name."""
        if self.order is Order.STRICT:
            return ""
        return f"{self.order.value} {self.ageing_ms}" if self.ageing_ms else self.order.value

    def ranks_like(self, other: "Terms") -> bool:
        """Say whether ranks that were given under other terms are still good under these."""
        return self.order is other.order and self.ageing_ms == other.ageing_ms


# --- keeping them --------------------------------------------------------------------------------


def encode_settings(settings: QueueSettings) -> bytes:
    """Return what the store keeps of a layer: JSON, without what is not set."""
    return msgspec.json.encode(settings)


def decode_settings(encoded: bytes) -> QueueSettings:
    """Read what was kept; a setting that only a newer version knows is passed over."""
    return msgspec.json.decode(encoded, type=QueueSettings)


def settings_from_file(given: Mapping[str, object]) -> QueueSettings:
    """Make a layer of a queue's table in the settings file, which was read and checked."""
    values = dict(given)
    if "retry_jitter" in values:
        values["retry_jitter"] = values["retry_jitter"] == "full"
    return msgspec.convert(values, QueueSettings)


# --- what is in force ----------------------------------------------------------------------------


def terms_of(policy: Policy, defaults: QueueSettings, stored: QueueSettings) -> Terms:
    """Put the three layers together: *stored*, over *defaults* of the file, over the policy."""
    layer = layer_of(defaults, stored)
    return Terms(
        order=layer.order or Order.STRICT,
        ageing_ms=layer.ageing_ms or 0,
        weights=layer.weights,
        length_max=layer.length_max,
        bytes_max=layer.bytes_max,
        when_full=layer.when_full or WhenFull.REFUSE,
        reserve_percent=_first(layer.reserve_percent, QUEUE_RESERVE_PERCENT_DEFAULT),
        concurrency_max=layer.concurrency_max,
        tenant_concurrency_max=layer.tenant_concurrency_max,
        rate=_rate(layer),
        attempts_max=_first(layer.attempts_max, policy.attempts_max),
        timeout_ms=_first(layer.timeout_ms, policy.timeout_ms),
        retry=_retry(layer, policy.retry),
        keep_ms=_first(layer.keep_ms, policy.result_keep_ms),
        dead_keep_ms=_first(layer.dead_keep_ms, policy.dead_keep_ms),
        paused=stored.paused,
        reordered=stored.reordered,
    )


def _first(value: int | None, default: int) -> int:
    return default if value is None else value


def _rate(layer: QueueSettings) -> RateLimit | None:
    if layer.rate_count is None:
        return None
    period_ms = _first(layer.rate_period_ms, QUEUE_RATE_PERIOD_MS_DEFAULT)
    # Enough that a server which looks some milliseconds late still reaches the rate.
    burst = max(1, layer.rate_count * QUEUE_BURST_MS_DEFAULT // period_ms)
    return RateLimit(layer.rate_count, period_ms, _first(layer.burst, burst))


def _retry(layer: QueueSettings, policy: RetryPolicy) -> RetryPolicy:
    """Return how to retry; a base or a cap that was set moves the policy's other one along."""
    if layer.retry_delays_ms is not None:
        return replace(policy, delays_ms=layer.retry_delays_ms)
    base_ms, cap_ms, jitter = layer.retry_base_ms, layer.retry_cap_ms, layer.retry_jitter
    if base_ms is None and cap_ms is None and jitter is None:
        return policy
    if base_ms is None:
        base_ms = policy.base_ms if cap_ms is None else min(policy.base_ms, cap_ms)
    if cap_ms is None:
        cap_ms = max(policy.cap_ms, base_ms)
    return RetryPolicy(base_ms, cap_ms, policy.jitter if jitter is None else jitter)


def layer_of(lower: QueueSettings, upper: QueueSettings) -> QueueSettings:
    """Return one layer for two; what replaces another setting in the upper does so in the lower."""
    if upper.order is not None and upper.order is not Order.AGEING:
        lower = replace(lower, ageing_ms=None)
    if upper.retry_delays_ms is not None:
        lower = replace(lower, retry_base_ms=None, retry_cap_ms=None, retry_jitter=None)
    if any(getattr(upper, name) is not None for name in _REPLACED_BY_DELAYS):
        lower = replace(lower, retry_delays_ms=None)
    return replace(
        upper,
        weights={**lower.weights, **upper.weights},
        **{name: getattr(lower, name) for name in WORDS if getattr(upper, name) is None},
    )


# --- changing them -------------------------------------------------------------------------------

# The settings that QUEUE.SET changes one by one, and how it calls them.
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "order": "ORDER",
        "ageing_ms": "AGEING",
        "length_max": "LENGTH",
        "bytes_max": "BYTES",
        "when_full": "FULL",
        "reserve_percent": "RESERVE",
        "concurrency_max": "CONCURRENCY",
        "tenant_concurrency_max": "TENANT-CONCURRENCY",
        "rate_count": "RATE",
        "rate_period_ms": "RATE-PERIOD",
        "burst": "BURST",
        "attempts_max": "ATTEMPTS",
        "timeout_ms": "TIMEOUT",
        "retry_base_ms": "RETRY-BASE",
        "retry_cap_ms": "RETRY-CAP",
        "retry_jitter": "RETRY-JITTER",
        "retry_delays_ms": "RETRY-DELAYS",
        "keep_ms": "KEEP",
        "dead_keep_ms": "DEAD-KEEP",
    }
)
# The least and the most of those that are numbers.
RANGES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "ageing_ms": (0, DELAY_MS_MAX),
        "length_max": (1, QUEUE_LENGTH_CEILING),
        "bytes_max": (1, QUEUE_BYTES_CEILING),
        "reserve_percent": (0, QUEUE_RESERVE_PERCENT_MAX),
        "concurrency_max": (1, QUEUE_CONCURRENCY_CEILING),
        "tenant_concurrency_max": (1, QUEUE_CONCURRENCY_CEILING),
        "rate_count": (1, QUEUE_RATE_CEILING),
        "rate_period_ms": (1, DELAY_MS_MAX),
        "burst": (1, QUEUE_RATE_CEILING),
        "attempts_max": (1, ATTEMPTS_MAX),
        "timeout_ms": (1, TIMEOUT_MS_MAX),
        "retry_base_ms": (1, DELAY_MS_MAX),
        "retry_cap_ms": (1, DELAY_MS_MAX),
        "keep_ms": (1, KEEP_MS_MAX),
        "dead_keep_ms": (1, KEEP_MS_MAX),
    }
)
# What has no effect without another setting, and those of which one must be there.
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "when_full": ("length_max", "bytes_max"),
        "reserve_percent": ("length_max", "bytes_max"),
        "rate_period_ms": ("rate_count",),
        "burst": ("rate_count",),
    }
)
_REPLACED_BY_DELAYS: Final = ("retry_base_ms", "retry_cap_ms", "retry_jitter")
_AT_MOST: Final = (
    ("retry_base_ms", "retry_cap_ms"),
    ("tenant_concurrency_max", "concurrency_max"),
)


def changed(
    settings: QueueSettings,
    changes: Mapping[str, object],
    weights: Mapping[str, int | None],
    defaults: QueueSettings | None = None,
) -> QueueSettings:
    """Apply what one QUEUE.SET asks for to what is stored; None takes a setting back.

    What must go together may be spread over this layer and the *defaults* of the file below it.

    Raises:
        Invalid: a value is out of its range, or the settings contradict each other.
    """
    for name, value in changes.items():
        _check_range(name, value)
    values = {**msgspec.structs.asdict(settings), **changes, **_order_changes(settings, changes)}
    values["weights"] = _weights(settings.weights, weights)
    result = QueueSettings(**values)
    merged = layer_of(defaults or QueueSettings(), result)
    if weights and any(weights.values()) and merged.order is not Order.FAIR:
        raise Invalid("WEIGHT counts in a fair order only; say ORDER fair too")
    if merged.order is Order.AGEING and merged.ageing_ms is None:
        raise Invalid(
            "ORDER ageing needs AGEING, how many milliseconds a step of priority is worth"
        )
    for text in _contradictions(result, merged, changes):
        raise Invalid(text)
    return result


def _check_range(name: str, value: object) -> None:
    assert name in WORDS, name
    if value is None:
        return
    if name in RANGES:
        least, most = RANGES[name]
        assert isinstance(value, int), name
        if not least <= value <= most:
            raise Invalid(f"{WORDS[name]} is {value}, and must be from {least} to {most}")
    elif name == "retry_delays_ms":
        assert isinstance(value, tuple)
        if not 1 <= len(value) <= RETRY_DELAYS_MAX:
            raise Invalid(f"RETRY-DELAYS has {len(value)} delays; 1 to {RETRY_DELAYS_MAX} can be")
        if not all(0 <= delay_ms <= DELAY_MS_MAX for delay_ms in value):
            raise Invalid(f"RETRY-DELAYS must be milliseconds from 0 to {DELAY_MS_MAX}")


def _order_changes(settings: QueueSettings, changes: Mapping[str, object]) -> dict[str, object]:
    """Return what a change of the order means for the ageing, and the other way round."""
    if "ageing_ms" in changes:
        ageing_ms, order = changes["ageing_ms"], changes.get("order")
        wanted = Order.AGEING if ageing_ms else Order.STRICT
        if ageing_ms is None:
            kept = None if settings.order is Order.AGEING else settings.order
            return {"order": changes.get("order", kept), "ageing_ms": None}
        if order is not None and order is not wanted:
            assert isinstance(order, Order)
            raise Invalid(
                f"AGEING {ageing_ms} means ORDER {wanted.value}, and ORDER {order.value} was asked "
                "for; leave out the one or the other"
            )
        return {"order": wanted, "ageing_ms": ageing_ms or None}
    if "order" in changes and changes["order"] is not Order.AGEING:
        return {"ageing_ms": None}
    return {}


def _weights(weights: dict[str, int], changes: Mapping[str, int | None]) -> dict[str, int]:
    for tenant, weight in changes.items():
        if weight is not None and not 1 <= weight <= TENANT_WEIGHT_MAX:
            raise Invalid(
                f"the weight of {tenant} is {weight}, and must be from 1 to {TENANT_WEIGHT_MAX}"
            )
    merged = {**weights, **changes}
    result = {tenant: weight for tenant, weight in merged.items() if weight is not None}
    if len(result) > QUEUE_WEIGHTS_MAX:
        raise Invalid(
            f"{len(result)} tenants would have a weight, and {QUEUE_WEIGHTS_MAX} can; "
            "take others back with WEIGHT tenant default"
        )
    return result


def _contradictions(
    result: QueueSettings, merged: QueueSettings, changes: Mapping[str, object]
) -> Iterator[str]:
    """Say what cannot be meant together, as far as the change touches it."""
    for name, needed in _NEEDS.items():
        is_touched = name in changes or any(other in changes for other in needed)
        is_needed = getattr(result, name) is not None
        if is_touched and is_needed and all(getattr(merged, other) is None for other in needed):
            words = " or ".join(WORDS[other] for other in needed)
            word = WORDS[name]
            yield f"{word} has no effect without {words}; set it too, or say {word} default"
    if result.retry_delays_ms is not None:
        for name in _REPLACED_BY_DELAYS:
            if getattr(result, name) is not None:
                yield (
                    f"RETRY-DELAYS stands instead of {WORDS[name]}, and both would be set; "
                    f"say RETRY-DELAYS default or {WORDS[name]} default"
                )
    for less, greater in _AT_MOST:
        low, high = getattr(merged, less), getattr(merged, greater)
        is_touched = less in changes or greater in changes
        if is_touched and low is not None and high is not None and low > high:
            yield f"{WORDS[less]} would be {low} and more than {WORDS[greater]}, which is {high}"
