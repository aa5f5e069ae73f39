"""The settings of a server: one frozen value. `config.keys` says what each of them means."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from penstock.config import limits
from penstock.config.address import Address
from penstock.config.queue_defaults import QueueDefaults
from penstock.config.secret import Secret

DEFAULT_LISTEN: Final = Address("127.0.0.1", 7711)
DEFAULT_HTTP: Final = Address("127.0.0.1", 7712)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is in force. `config.loading` makes and checks it; tests may make it directly."""

    data: Path = Path("penstock-data")
    store: Literal["sqlite", "memory"] = "sqlite"
    disk_free_min: int | None = limits.DISK_FREE_MIN_DEFAULT  # Bytes. None: the disk may fill up.

    listen: Address = DEFAULT_LISTEN
    http: Address | None = DEFAULT_HTTP  # None: no HTTP.
    unix: Path | None = None
    password: Secret | None = None
    password_file: Path | None = None
    connections_max: int = limits.CONNECTIONS_MAX
    requests_in_flight_max: int = limits.REQUESTS_IN_FLIGHT_MAX
    output_bytes_max: int = limits.OUTPUT_BYTES_MAX

    app: str | None = None
    workers: int | None = None  # None: as many as CPUs.
    queues: tuple[str, ...] = ("default",)
    concurrency: int = limits.CONCURRENCY_DEFAULT

    timeout_ms: int = limits.TIMEOUT_MS_DEFAULT
    attempts_max: int = limits.ATTEMPTS_DEFAULT
    retry_base_ms: int = limits.RETRY_BASE_MS
    retry_cap_ms: int = limits.RETRY_CAP_MS
    result_keep_ms: int = limits.RESULT_KEEP_MS_DEFAULT
    dead_keep_ms: int = limits.DEAD_KEEP_MS_DEFAULT
    payload_bytes_max: int = limits.PAYLOAD_BYTES_MAX
    result_bytes_max: int = limits.RESULT_BYTES_MAX

    drain_ms: int = limits.DRAIN_MS_DEFAULT
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    loop: Literal["uvloop", "asyncio"] = "uvloop"

    # By name of queue; only a file can say them.
    queue_settings: Mapping[str, QueueDefaults] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )

    @property
    def worker_count(self) -> int:
        """Resolve `workers`: the CPUs this process may use, unless a number was given."""
        if self.workers is not None:
            return self.workers
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1  # macOS has no affinity.
