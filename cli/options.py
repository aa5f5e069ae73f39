"""The options that commands share, and the reading of their text."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

import typer

from penstock.cli.exits import mistake
from penstock.cli.flags import group_of
from penstock.config.address import parse_address
from penstock.config.durations import parse_duration_ms
from penstock.config.kinds import Choice, WholeNumber
from penstock.config.layers import SERVER_VARIABLE
from penstock.config.limits import ATTEMPTS_MAX, PRIORITY_DEFAULT, PRIORITY_MAX

if TYPE_CHECKING:
    from penstock.client.options import Given
    from penstock.client.retry import Retry

DEFAULT_SERVER: Final = "127.0.0.1:7711"
PASSWORD_VARIABLE: Final = "PENSTOCK_PASSWORD"

# Times that `read_when` understands.
WHEN: Final = "a time as ISO 8601, unix milliseconds, or how long ago: 30m, 2h, 1d"

Read = TypeVar("Read")

Server = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="HOST:PORT or unix:PATH. The password is read from PENSTOCK_PASSWORD."
        f" (default: {DEFAULT_SERVER}; env: {SERVER_VARIABLE})",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JobIds = Annotated[list[str], typer.Argument(metavar="ID", help="The jobs' ids.")]
QueueName = Annotated[str, typer.Argument(metavar="QUEUE", help="The queue.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
Wait = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Wait this long for the job to finish. (default: 1h)"),
]
JobIdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The job's id, as submit printed it.")
]
Task = Annotated[str, typer.Argument(metavar="TASK", help="The task's name.")]
Payload = Annotated[
    str | None,
    typer.Argument(
        metavar="PAYLOAD",
        help="What the task gets, as it is: for Python tasks JSON, where [1,2] are two arguments,"
        " an object is keyword arguments and anything else is one argument."
        " - reads standard input; nothing is no arguments.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class SubmitFlags:
    """How a job is to be run, as the command line says it."""

    queue: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The queue it waits in. (default: default)"),
    ] = None
    priority: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help=f"0 is the most urgent, {PRIORITY_MAX} the least. (default: {PRIORITY_DEFAULT})",
        ),
    ] = None
    delay: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Run it this much later: 500ms, 10s, 5m, 1h, 7d."),
    ] = None
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Run it at this time, as ISO 8601 (2027-01-31T08:00); local, unless it has a"
            " zone.",
        ),
    ] = None
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long an attempt may run. (default: timeout_ms of the server)",
        ),
    ] = None
    attempts: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="After how many failures it is dead. (default: attempts_max of the server)",
        ),
    ] = None
    retry_base: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="The longest wait before the first retry; it doubles with each failure.",
        ),
    ] = None
    retry_cap: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="The longest wait before any retry."),
    ] = None
    retry_jitter: Annotated[
        str | None,
        typer.Option(
            metavar="full|none",
            help="Whether a wait is drawn at random from below its longest, or is the longest.",
        ),
    ] = None
    retry_delays: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION,...",
            help="The waits themselves, in place of the three above; the last one repeats.",
        ),
    ] = None
    tenant: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For whom it is; a fair queue shares among tenants."),
    ] = None
    group: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Of a queue's jobs of one group one runs at a time, in the order of submission.",
        ),
    ] = None
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="If no attempt has begun until then, it expires and is not run.",
        ),
    ] = None
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long the job and its result are kept once it finished.",
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Submit once: a key the server knows already gives the first job."
            " (default: a random key)",
        ),
    ] = None

    window: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="With --key: the key finds this job for so long only, then it is free again.",
        ),
    ] = None
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="With --key: a job of this key that still waits is replaced."
        ),
    ] = False

    def for_client(self) -> "Given":
        """Return what was given, as the client's `options` takes it.

        Raises:
            CommandFailed: an option cannot be understood, or they contradict each other.
        """
        for name, text in (
            ("--queue", self.queue),
            ("--key", self.key),
            ("--tenant", self.tenant),
            ("--group", self.group),
        ):
            read_option(name, require_utf8, text)
        self._refuse_contradictions()
        given: dict[str, Any] = {
            "queue": self.queue,
            "priority": read_option("--priority", _PRIORITY, self.priority),
            "delay_ms": read_option("--delay", parse_duration_ms, self.delay),
            "at": read_option("--at", read_time, self.at),
            "timeout_ms": read_option("--timeout", parse_duration_ms, self.timeout),
            "attempts": read_option("--attempts", _ATTEMPTS, self.attempts),
            "retry": self._retry(),
            "tenant": self.tenant,
            "group": self.group,
            "deadline_ms": read_option("--deadline", parse_duration_ms, self.deadline),
            "keep_ms": read_option("--keep", parse_duration_ms, self.keep),
            "key": self.key,
            "window_ms": read_option("--window", parse_duration_ms, self.window),
            "replace": self.replace or None,
        }
        delay_ms, deadline_ms = given["delay_ms"], given["deadline_ms"]
        if delay_ms is not None and deadline_ms is not None and deadline_ms <= delay_ms:
            raise mistake("with this --delay and --deadline it would expire before it may begin")
        return cast("Given", {name: value for name, value in given.items() if value is not None})

    def _refuse_contradictions(self) -> None:
        if self.delay is not None and self.at is not None:
            raise mistake("--delay and --at exclude each other; give one of them")
        if self.window is not None and self.replace:
            raise mistake("--window and --replace exclude each other; give one of them")
        if self.key is None and (self.window is not None or self.replace):
            raise mistake("--window and --replace say what a key does; give one with --key")

    def _retry(self) -> "Retry | None":
        given = {
            "base_ms": read_option("--retry-base", parse_duration_ms, self.retry_base),
            "cap_ms": read_option("--retry-cap", parse_duration_ms, self.retry_cap),
            "jitter": read_option("--retry-jitter", _read_jitter, self.retry_jitter),
        }
        delays = read_option("--retry-delays", read_durations, self.retry_delays)
        if delays is None and all(value is None for value in given.values()):
            return None
        if delays is not None and any(value is not None for value in given.values()):
            raise mistake(
                "--retry-delays takes the place of --retry-base, --retry-cap and --retry-jitter"
            )
        from penstock.client.retry import Retry

        try:
            return Retry(**given) if delays is None else Retry(delays_ms=delays)  # type: ignore[arg-type]
        except ValueError as error:
            raise mistake("--retry-base is longer than --retry-cap") from error


SUBMIT_FLAGS: Final = group_of(SubmitFlags)


def whole(unit: str, minimum: int, maximum: int) -> Callable[[str], int]:
    """Make a reader of whole numbers within bounds."""
    kind = WholeNumber(unit, minimum, maximum)

    def read(text: str) -> int:
        number = kind.read(text, typed=False)
        assert number is not None
        return number

    return read


_JITTER: Final = Choice(("full", "none"))
_PRIORITY: Final = whole("", 0, PRIORITY_MAX)
_ATTEMPTS: Final = whole("attempts", 1, ATTEMPTS_MAX)
_JOB_ID: Final = whole("", 1, 2**63 - 1)


def read_option(name: str, read: Callable[[str], Read], text: str | None) -> Read | None:
    """Read the text of an option; None is an option that was not given."""
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        shown = text.encode(errors="backslashreplace").decode()
        raise mistake(f"{name} is {shown}: {error}") from error


def require_utf8(text: str) -> str:
    """Return the text, which came from the command line, if it can be sent as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it must be UTF-8 text") from None
    return text


def read_task(text: str) -> str:
    name = read_option("TASK", require_utf8, text)
    assert name is not None
    return name


def read_queue(text: str) -> str:
    name = read_option("QUEUE", require_utf8, text)
    assert name is not None
    return name


def read_wait_ms(text: str | None) -> int | None:
    return read_option("--wait", parse_duration_ms, text)


def read_job_id(text: str) -> int:
    number = read_option("ID", _JOB_ID, text)
    assert number is not None
    return number


def choose_server(given: str | None, flag: str = "--server") -> str:
    """Return where to connect: the flag, else the variable, else the server of this machine."""
    origin, address = flag, given
    if address is None:
        origin, address = SERVER_VARIABLE, os.environ.get(SERVER_VARIABLE, DEFAULT_SERVER)
    if address.startswith("unix:") and len(address) > len("unix:"):
        return address
    read_option(origin, parse_address, address)
    return address


def read_durations(text: str) -> tuple[int, ...]:
    """Read durations with commas between, as milliseconds."""
    return tuple(map(parse_duration_ms, text.split(",")))


def choose_password() -> str | None:
    return os.environ.get(PASSWORD_VARIABLE) or None


def _read_jitter(text: str) -> bool:
    return _JITTER.read(text, typed=False) == "full"


def read_time(text: str) -> datetime:
    """Read an instant; one without a zone is local."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "it must be a time as ISO 8601 writes it, such as 2027-01-31T08:00 or"
            " 2027-01-31T08:00:00+01:00"
        ) from None
    return time if time.tzinfo is not None else time.astimezone()


def read_when(text: str) -> datetime | int:
    """Read an instant as `WHEN` has it; plain digits stay the unix milliseconds that they are."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        ago_ms = parse_duration_ms(text)
    except ValueError:
        return read_time(text)
    return datetime.now(UTC) - timedelta(milliseconds=ago_ms)


def read_pairs(texts: list[str] | None, form: str) -> dict[str, str]:
    """Read NAME=VALUE arguments; *form* is how they are written, such as FIELD=PATTERN."""
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise mistake(f"{text} is no {form}")
        if name in pairs:
            raise mistake(f"{name} is given twice")
        read_option(form, require_utf8, text)
        pairs[name] = value
    return pairs
