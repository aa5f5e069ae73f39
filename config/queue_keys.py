"""The table of a queue's settings: how a `[queue.NAME]` table of the file is read and shown.

Only the file has them: a queue's name need not be one that a variable or a flag can carry.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from penstock.config import limits
from penstock.config.errors import Mistakes, SettingsError
from penstock.config.kinds import NOT_SET, Choice, Kind, WholeNumber, require_name
from penstock.config.origins import Origin
from penstock.config.queue_defaults import QueueDefaults
from penstock.config.values import read_value, show_raw

QUEUE_TABLES: Final = "queue"
# What TOML takes for a key without quotes.
_BARE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of tenants, by name."""

    unit: str = ""
    none_word: str = NOT_SET

    @property
    def form(self) -> str:
        return (
            f"a table of tenants with whole numbers from 1 to {limits.TENANT_WEIGHT_MAX},"
            " such as { acme = 3 }"
        )

    def read(self, raw: object, *, typed: bool) -> Mapping[str, int]:
        if not isinstance(raw, dict) or not raw:
            raise ValueError(f"it must be {self.form}")
        if len(raw) > limits.QUEUE_WEIGHTS_MAX:
            raise ValueError(f"it may name {limits.QUEUE_WEIGHTS_MAX} tenants at most")
        share = WholeNumber("", 1, limits.TENANT_WEIGHT_MAX)
        weights: dict[str, int] = {}
        for tenant, weight in raw.items():
            require_name(tenant, "a tenant")
            try:
                number = share.read(weight, typed=typed)
            except ValueError as error:
                raise ValueError(f"of {tenant}, {error}") from error
            assert number is not None
            weights[tenant] = number
        return MappingProxyType(weights)


@dataclass(frozen=True, slots=True)
class Delays:
    """Waits before the retries, one after the other."""

    unit: str = ""
    none_word: str = NOT_SET

    @property
    def form(self) -> str:
        return (
            f"a list of 1 to {limits.RETRY_DELAYS_MAX} whole numbers of milliseconds from 0 to"
            f" {limits.DELAY_MS_MAX}, such as [1_000, 60_000]"
        )

    def read(self, raw: object, *, typed: bool) -> tuple[int, ...]:
        if not isinstance(raw, list) or not 1 <= len(raw) <= limits.RETRY_DELAYS_MAX:
            raise ValueError(f"it must be {self.form}")
        one = WholeNumber("milliseconds", 0, limits.DELAY_MS_MAX)
        delays = []
        for item in raw:
            try:
                delay = one.read(item, typed=typed)
            except ValueError as error:
                raise ValueError(f"{item!r} cannot be one of them: {error}") from error
            assert delay is not None
            delays.append(delay)
        return tuple(delays)


@dataclass(frozen=True, slots=True)
class QueueKey:
    """One setting of a queue."""

    name: str
    kind: Kind
    meaning: str

    def show(self, value: object) -> str:
        """Write a value as a person would read it."""
        if isinstance(value, Mapping):
            return ",".join(f"{tenant}={weight}" for tenant, weight in value.items())
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _ms(maximum: int) -> WholeNumber:
    return WholeNumber("milliseconds", 1, maximum)


_ROWS: Final = (
    QueueKey(
        "order",
        Choice(("strict", "ageing", "fair")),
        "What runs first: the most urgent; with ageing, the longer a job waits the more urgent it"
        " is; with fair, tenants take turns and priorities do not count.",
    ),
    QueueKey("ageing_ms", _ms(limits.DELAY_MS_MAX), "How long one step of priority is worth."),
    QueueKey("weights", Weights(), "Shares of tenants where they are not all alike; needs fair."),
    QueueKey(
        "length_max",
        WholeNumber("jobs", 1, limits.QUEUE_LENGTH_CEILING),
        "Jobs that may wait.",
    ),
    QueueKey(
        "bytes_max",
        WholeNumber("bytes", 1, limits.QUEUE_BYTES_CEILING),
        "Bytes of their payloads.",
    ),
    QueueKey(
        "when_full",
        Choice(("refuse", "wait", "drop")),
        "What becomes of a submission beyond these limits: it is refused, it waits, or the least"
        " urgent job is dropped.",
    ),
    QueueKey(
        "reserve_percent",
        WholeNumber("percent", 0, limits.QUEUE_RESERVE_PERCENT_MAX),
        "How much of these limits is kept for urgent submissions and calls; 0 is nothing.",
    ),
    QueueKey(
        "concurrency_max",
        WholeNumber("jobs", 1, limits.QUEUE_CONCURRENCY_CEILING),
        "Jobs that may run at a time.",
    ),
    QueueKey(
        "tenant_concurrency_max",
        WholeNumber("jobs", 1, limits.QUEUE_CONCURRENCY_CEILING),
        "Jobs of one tenant that may run at a time.",
    ),
    QueueKey(
        "rate_count",
        WholeNumber("jobs", 1, limits.QUEUE_RATE_CEILING),
        "Jobs that may start within each period.",
    ),
    QueueKey("rate_period_ms", _ms(limits.DELAY_MS_MAX), "That period."),
    QueueKey(
        "burst",
        WholeNumber("jobs", 1, limits.QUEUE_RATE_CEILING),
        "Jobs that may start at once after a quiet time.",
    ),
    QueueKey(
        "attempts_max",
        WholeNumber("attempts", 1, limits.ATTEMPTS_MAX),
        "As the setting of that name, for this queue; so are those that follow.",
    ),
    QueueKey("timeout_ms", _ms(limits.TIMEOUT_MS_MAX), "How long an attempt may run."),
    QueueKey("retry_base_ms", _ms(limits.DELAY_MS_MAX), "The longest wait before the first retry."),
    QueueKey("retry_cap_ms", _ms(limits.DELAY_MS_MAX), "The longest wait before any retry."),
    QueueKey(
        "retry_jitter",
        Choice(("full", "none")),
        "Whether a wait is drawn at random from below its longest, or is the longest.",
    ),
    QueueKey(
        "retry_delays_ms",
        Delays(),
        "The waits themselves, in place of the three above; the last one repeats.",
    ),
    QueueKey(
        "keep_ms", _ms(limits.KEEP_MS_MAX), "How long a finished job is kept if it is not dead."
    ),
    QueueKey("dead_keep_ms", _ms(limits.KEEP_MS_MAX), "How long a dead job is kept."),
)

QUEUE_KEYS: Final[Mapping[str, QueueKey]] = MappingProxyType({row.name: row for row in _ROWS})

assert list(QUEUE_KEYS) == [each.name for each in fields(QueueDefaults)]


def queue_key_name(queue: str, name: str = "") -> str:
    """Write where a setting stands, as TOML does: `queue."mail.eu".length_max`."""
    quoted = queue if queue and _BARE.issuperset(queue) else f'"{queue}"'
    return f"{QUEUE_TABLES}.{quoted}" + (f".{name}" if name else "")


# --- reading -------------------------------------------------------------------------------------


def read_queue_tables(raw: object, origin: Origin, mistakes: Mistakes) -> dict[str, QueueDefaults]:
    """Read what stands under `[queue]`: a table for each queue."""
    queues: dict[str, QueueDefaults] = {}
    with mistakes.noted():
        for queue, table in _tables(raw, origin).items():
            with mistakes.noted():
                queues[queue] = _read_table(queue, table, origin, mistakes)
    return queues


def _tables(raw: object, origin: Origin) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise _mistake(
            QUEUE_TABLES, f" is {show_raw(raw, typed=True)}", origin, "write [queue.NAME] tables"
        )
    if len(raw) > limits.QUEUES_MAX:
        raise _mistake(
            QUEUE_TABLES, f" has {len(raw)} tables", origin, f"{limits.QUEUES_MAX} are allowed"
        )
    return raw


def _read_table(queue: str, table: object, origin: Origin, mistakes: Mistakes) -> QueueDefaults:
    where = queue_key_name(queue)
    if not isinstance(table, dict):
        raise _mistake(
            where,
            f" is {show_raw(table, typed=True)}",
            origin,
            f"name the queue it is for, with a [{QUEUE_TABLES}.NAME] table",
        )
    try:
        require_name(queue, "a queue")
    except ValueError as error:
        raise _mistake(where, "", origin, str(error)) from error
    given: dict[str, Any] = {}
    for name, raw in table.items():
        with mistakes.noted():
            key = _known(queue, name, raw, origin)
            given[name] = read_value(queue_key_name(queue, name), key.kind, raw, origin, typed=True)
    for name, what, remedy in _contradictions(given, set(table)):
        with mistakes.noted():
            raise _mistake(queue_key_name(queue, name), what, origin, remedy)
    if "ageing_ms" in given:
        given.setdefault("order", "ageing")
    return QueueDefaults(**given)


def _known(queue: str, name: str, raw: object, origin: Origin) -> QueueKey:
    key = QUEUE_KEYS.get(name)
    if key is not None:
        return key
    if isinstance(raw, dict):
        raise _mistake(
            queue_key_name(queue, name),
            " is a table",
            origin,
            f"the name of a queue that has dots stands in quotes: [{_dotted(queue, name, raw)}]",
        )
    close = get_close_matches(name.lower().replace("-", "_"), QUEUE_KEYS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"a queue has {', '.join(QUEUE_KEYS)}"
    raise SettingsError(
        f"{queue_key_name(queue, name)} ({origin.phrase}) is no setting of a queue; {hint}",
        key=queue_key_name(queue, name),
        origin=origin,
    )


def _dotted(queue: str, name: str, table: Mapping[str, object]) -> str:
    """Return what was most likely meant: the names of nested tables as one."""
    names = [queue, name]
    while len(table) == 1:
        ((inner, content),) = table.items()
        if not isinstance(content, dict) or inner in QUEUE_KEYS:
            break
        names.append(inner)
        table = content
    return queue_key_name(".".join(names))


# --- what must hold between them -----------------------------------------------------------------

# What has no effect without another setting, and those of which one must be there.
_NEEDS: Final = {
    "when_full": ("length_max", "bytes_max"),
    "reserve_percent": ("length_max", "bytes_max"),
    "rate_period_ms": ("rate_count",),
    "burst": ("rate_count",),
}
_REPLACED_BY_DELAYS: Final = ("retry_base_ms", "retry_cap_ms", "retry_jitter")
_AT_MOST: Final = (
    ("retry_base_ms", "retry_cap_ms"),
    ("tenant_concurrency_max", "concurrency_max"),
)

# A setting, what is the matter with it, and what to do.
_Contradiction: TypeAlias = tuple[str, str, str]


def _contradictions(given: Mapping[str, Any], named: set[str]) -> Iterator[_Contradiction]:
    """Say what cannot be meant together; *named* are also those that could not be read."""
    yield from _about_order(given.get("order"), named)
    for name, needed in _NEEDS.items():
        if name in named and not named.intersection(needed):
            yield name, " has no effect by itself", f"set {' or '.join(needed)}, or remove it"
    for name in _REPLACED_BY_DELAYS:
        if {name, "retry_delays_ms"} <= named:
            yield name, " and retry_delays_ms are both set", "keep one: the list replaces the rule"
    for less, greater in _AT_MOST:
        if less in given and greater in given and given[less] > given[greater]:
            what = f" is {given[less]} and more than {greater}, which is {given[greater]}"
            yield less, what, "lower the one or raise the other"


def _about_order(order: str | None, named: set[str]) -> Iterator[_Contradiction]:
    if "ageing_ms" in named and order in ("strict", "fair"):
        yield "ageing_ms", f" is set and order is {order}", "remove the one or the other"
    if order == "ageing" and "ageing_ms" not in named:
        yield "order", " is ageing", "say with ageing_ms how long one step of priority is worth"
    is_unreadable = order is None and "order" in named
    if "weights" in named and order != "fair" and not is_unreadable:
        yield "weights", " counts in a fair order only", 'write order = "fair", or remove it'


def _mistake(where: str, what: str, origin: Origin, remedy: str) -> SettingsError:
    return SettingsError(f"{where}{what} ({origin.phrase}): {remedy}", key=where, origin=origin)
