"""What QUEUE.SET sets, as data: the keyword on the wire, and the name everywhere else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.config import limits
from penstock.protocol.grammar import Kind, Option
from penstock.protocol.options import RETRY_OPTIONS


def _number(keyword: str, value: str, maximum: int, meaning: str, *, minimum: int = 1) -> Option:
    return Option(keyword, value, Kind.NUMBER, meaning, minimum=minimum, maximum=maximum)


def _word(keyword: str, words: tuple[str, ...], meaning: str) -> Option:
    return Option(keyword, "|".join(words), Kind.WORD, meaning, words=words)


_ROWS: Final = {
    "order": _word(
        "ORDER",
        ("strict", "ageing", "fair"),
        "What runs first: the most urgent; with ageing, the longer a job waits the more urgent it "
        "is; with fair, tenants take turns.",
    ),
    "ageing_ms": _number(
        "AGEING",
        "ms",
        limits.DELAY_MS_MAX,
        "How long one step of priority is worth. Sets ORDER ageing, too; 0 sets ORDER strict.",
        minimum=0,
    ),
    "weights": Option(
        "WEIGHT",
        "tenant n",
        Kind.WEIGHT,
        "The share of a tenant where not all are alike, 1 unless set; once for each tenant.",
        minimum=1,
        maximum=limits.TENANT_WEIGHT_MAX,
    ),
    "length_max": _number("LENGTH", "n", limits.QUEUE_LENGTH_CEILING, "Jobs that may wait."),
    "bytes_max": _number("BYTES", "n", limits.QUEUE_BYTES_CEILING, "Bytes of their payloads."),
    "when_full": _word(
        "FULL",
        ("refuse", "wait", "drop"),
        "What becomes of a submission beyond these limits: it is refused, it waits, or the least "
        "urgent job is dropped.",
    ),
    "reserve_percent": _number(
        "RESERVE",
        "percent",
        limits.QUEUE_RESERVE_PERCENT_MAX,
        "How much of these limits is kept for urgent submissions and calls.",
        minimum=0,
    ),
    "concurrency_max": _number(
        "CONCURRENCY", "n", limits.QUEUE_CONCURRENCY_CEILING, "Jobs that may run at a time."
    ),
    "tenant_concurrency_max": _number(
        "TENANT-CONCURRENCY",
        "n",
        limits.QUEUE_CONCURRENCY_CEILING,
        "Jobs of one tenant that may run at a time.",
    ),
    "rate_count": _number(
        "RATE", "n", limits.QUEUE_RATE_CEILING, "Jobs that may start within each period."
    ),
    "rate_period_ms": _number("RATE-PERIOD", "ms", limits.DELAY_MS_MAX, "That period."),
    "burst": _number(
        "BURST",
        "n",
        limits.QUEUE_RATE_CEILING,
        "Jobs that may start at once after a quiet time.",
    ),
    "attempts_max": _number(
        "ATTEMPTS",
        "n",
        limits.ATTEMPTS_MAX,
        "How many attempts may fail before a job is dead, unless its submission says.",
    ),
    "timeout_ms": _number(
        "TIMEOUT",
        "ms",
        limits.TIMEOUT_MS_MAX,
        "How long one attempt may run, unless the submission says.",
    ),
    **dict(
        zip(
            ("retry_base_ms", "retry_cap_ms", "retry_jitter", "retry_delays_ms"),
            RETRY_OPTIONS,
            strict=True,
        )
    ),
    "keep_ms": _number(
        "KEEP",
        "ms",
        limits.KEEP_MS_MAX,
        "How long a job that finished is kept if it is not dead, unless its submission says.",
    ),
    "dead_keep_ms": _number("DEAD-KEEP", "ms", limits.KEEP_MS_MAX, "How long a dead job is kept."),
}

# By the names of the settings file and of QUEUE.SHOW.
QUEUE_SETTINGS: Final[Mapping[str, Option]] = MappingProxyType(_ROWS)
SETTING_OPTIONS: Final = tuple(QUEUE_SETTINGS.values())
