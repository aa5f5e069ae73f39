"""The table of settings: how each is read, and what it means.

A key has the same name everywhere: `retry_base_ms` in TOML is `PENSTOCK_RETRY_BASE_MS` in the
environment and `--retry-base-ms` on the command line. The loader, the flags of `penstock serve`,
`penstock config` and the test of docs/configuration.md read this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

from penstock.config import limits
from penstock.config.kinds import (
    SOCKET_PATH,
    Choice,
    FilePath,
    HostPort,
    ImportString,
    Kind,
    Names,
    Password,
    WholeNumber,
)
from penstock.config.settings import Settings

ENVIRONMENT_PREFIX: Final = "PENSTOCK_"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: its name, its group in help and documents, its kind and its meaning."""

    name: str
    group: str
    kind: Kind
    meaning: str
    has_flag: bool = True

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def flag(self) -> str | None:
        return "--" + self.name.replace("_", "-") if self.has_flag else None

    @property
    def default(self) -> object:
        return _DEFAULTS[self.name]

    def show(self, value: object) -> str:
        """Write a value as a person would give it; a password is only `set`."""
        if value is None:
            return self.kind.none_word
        return ",".join(value) if isinstance(value, tuple) else str(value)

    def plain(self, value: object) -> object:
        """Turn a value into what JSON and TOML hold."""
        if value is None or isinstance(value, int):
            return value
        return list(value) if isinstance(value, tuple) else str(value)


# The settings of single queues have a table of their own (`config.queue_keys`).
_DEFAULTS: Final = {
    each.name: each.default for each in fields(Settings) if each.name != "queue_settings"
}

_STORE, _NETWORK, _WORKERS, _JOBS, _PROCESS = "Store", "Network", "Workers", "Jobs", "Process"


def _ms(maximum: int) -> WholeNumber:
    return WholeNumber("milliseconds", 1, maximum)


_ROWS: Final = (
    Key("data", _STORE, FilePath(), "Directory of the database."),
    Key(
        "store",
        _STORE,
        Choice(("sqlite", "memory")),
        "Where jobs are kept; with memory, nothing outlives the process.",
    ),
    Key(
        "disk_free_min",
        _STORE,
        WholeNumber("bytes", 1, limits.DISK_FREE_CEILING, none_word="off"),
        "With less room than this on the disk of the data directory, submissions are refused;"
        " off lets them go on until the disk is full.",
    ),
    Key(
        "listen",
        _NETWORK,
        HostPort(),
        "Where clients connect. Port 0 takes any free port;"
        " an address beyond the loopback needs a password.",
    ),
    Key(
        "http",
        _NETWORK,
        HostPort(off=True),
        "Where /metrics, /healthz and /readyz answer, without a password; off for nowhere.",
    ),
    Key("unix", _NETWORK, SOCKET_PATH, "Also listen on this unix socket."),
    Key(
        "password",
        _NETWORK,
        Password(),
        "What clients send with AUTH or HELLO; never a flag, never shown.",
        has_flag=False,
    ),
    Key(
        "password_file",
        _NETWORK,
        FilePath(),
        "A file that holds the password and that only its owner may open (chmod 600).",
    ),
    Key(
        "connections_max",
        _NETWORK,
        WholeNumber("connections", 1, limits.CONNECTIONS_CEILING),
        "Open client connections; a further one is refused.",
    ),
    Key(
        "requests_in_flight_max",
        _NETWORK,
        WholeNumber("requests", 1, limits.REQUESTS_IN_FLIGHT_CEILING),
        "Unanswered requests of one connection; beyond it the connection is not read.",
    ),
    Key(
        "output_bytes_max",
        _NETWORK,
        WholeNumber("bytes", limits.OUTPUT_PAUSE_BYTES + 1, limits.OUTPUT_BYTES_CEILING),
        "Replies that a connection may leave unread; beyond it the connection is cut.",
    ),
    Key("app", _WORKERS, ImportString(), "Where the tasks of the local workers are defined."),
    Key(
        "workers",
        _WORKERS,
        WholeNumber("processes", 0, limits.WORKERS_MAX, none_word="auto"),
        "Local worker processes, if there is an app; auto is one for each CPU, 0 is none.",
    ),
    Key("queues", _WORKERS, Names(), "The queues that the local workers serve."),
    Key(
        "concurrency",
        _WORKERS,
        WholeNumber("tasks", 1, limits.CONCURRENCY_MAX),
        "Async tasks that one worker process runs at a time; sync tasks run one by one.",
    ),
    Key(
        "timeout_ms",
        _JOBS,
        _ms(limits.TIMEOUT_MS_MAX),
        "How long an attempt may run when its submitter did not say.",
    ),
    Key(
        "attempts_max",
        _JOBS,
        WholeNumber("attempts", 1, limits.ATTEMPTS_MAX),
        "After how many failures a job is dead when its submitter did not say.",
    ),
    Key(
        "retry_base_ms",
        _JOBS,
        _ms(limits.DELAY_MS_MAX),
        "The longest wait before the first retry; it doubles with each failure.",
    ),
    Key("retry_cap_ms", _JOBS, _ms(limits.DELAY_MS_MAX), "The longest wait before any retry."),
    Key(
        "result_keep_ms",
        _JOBS,
        _ms(limits.KEEP_MS_MAX),
        "How long a job that is completed, cancelled or expired is kept, and its result.",
    ),
    Key("dead_keep_ms", _JOBS, _ms(limits.KEEP_MS_MAX), "How long a dead job is kept."),
    Key(
        "payload_bytes_max",
        _JOBS,
        WholeNumber("bytes", 1, limits.ARGUMENT_BYTES_MAX),
        "The largest payload that is accepted.",
    ),
    Key(
        "result_bytes_max",
        _JOBS,
        WholeNumber("bytes", 1, limits.ARGUMENT_BYTES_MAX),
        "The largest result that is accepted.",
    ),
    Key(
        "drain_ms",
        _PROCESS,
        _ms(limits.TIMEOUT_MS_MAX),
        "How long a shutdown waits for running jobs before it gives them back.",
    ),
    Key(
        "log_level",
        _PROCESS,
        Choice(("debug", "info", "warning", "error")),
        "The least important lines that are logged.",
    ),
    Key(
        "log_format",
        _PROCESS,
        Choice(("auto", "console", "json")),
        "How log lines look; auto is console on a terminal and json elsewhere.",
    ),
    Key("loop", _PROCESS, Choice(("uvloop", "asyncio")), "The event loop."),
)

KEYS: Final[Mapping[str, Key]] = MappingProxyType({row.name: row for row in _ROWS})

assert list(KEYS) == list(_DEFAULTS), "the table and Settings must name the same settings"
