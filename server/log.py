"""Logging: structured events on standard error, for people on a terminal, as JSON elsewhere.

Standard output is never written to: it carries the readiness line. Payloads, results and
passwords are never logged, whatever a caller passes: fields of those names and all bytes are
replaced by their size.
"""

import logging
import os
import re
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from penstock.config.limits import LOG_VALUE_CHARACTERS_MAX

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS: Final = ("auto", "console", "json")

_WITHHELD: Final = frozenset({"arguments", "password", "payload", "result", "secret"})
# C0, DEL, C1 and the line separators: what moves a cursor or forges a line. Tabs may stay.
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
# Tracebacks keep their lines.
_CONTROL_WITHIN_LINES: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure(level: str, format: str = "auto", stream: TextIO | None = None) -> None:
    """Send every event of the process, ours and the libraries', to standard error.

    Calling it again replaces what was configured before.

    Raises:
        ValueError: the level or the format is not one of `LEVELS` or `FORMATS`.
    """
    if level not in LEVELS:
        raise ValueError(f"log level {level!r} is not one of {', '.join(LEVELS)}")
    if format not in FORMATS:
        raise ValueError(f"log format {format!r} is not one of {', '.join(FORMATS)}")
    stream = sys.stderr if stream is None else stream
    as_json = format == "json" or (format == "auto" and not stream.isatty())

    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared_processors(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(as_json, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    # It reports each connection and each start; what matters of that, we report ourselves.
    logging.getLogger("uvicorn").setLevel(max(LEVELS[level], logging.WARNING))
    logging.getLogger("asyncio").setLevel(max(LEVELS[level], logging.WARNING))
    structlog.configure(
        processors=[
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """Return the logger of one part of the program: `log.info("job_dead", job=17)`."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _withhold,
    ]


def _rendering(as_json: bool, stream: TextIO) -> list[Processor]:
    if as_json:
        return [structlog.processors.JSONRenderer(sort_keys=False)]
    colors = stream.isatty() and not os.environ.get("NO_COLOR")
    return [
        _escape_controls,
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _withhold(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what must not be logged by its size, and cut what is too long."""
    for key, value in event.items():
        event[key] = "<withheld>" if key in _WITHHELD else _loggable(value)
    return event


def _loggable(value: object) -> object:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        cut = len(value) - LOG_VALUE_CHARACTERS_MAX
        if cut > 0:
            return f"{value[:LOG_VALUE_CHARACTERS_MAX]}... ({cut} characters more)"
        return value
    if isinstance(value, dict):
        return {key: _loggable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_loggable(item) for item in value]
    return value


def _escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make control characters visible; JSON escapes them by itself."""
    for key, value in event.items():
        if isinstance(value, str):
            pattern = _CONTROL_WITHIN_LINES if key == "exception" else _CONTROL
            event[key] = pattern.sub(_escaped, value)
    return event


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
