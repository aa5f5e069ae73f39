"""Logging of `penstock worker` where the program that calls it has not set any up."""

import contextlib
import logging
import os
import sys

import structlog


def configure_unless_done(level: str) -> None:
    """Log events of *level* and above as JSON lines on standard error.

    JSON, because it escapes whatever tasks print: control characters reach no terminal.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=lambda *_: _Stderr(),
    )


def _write_to_nobody() -> None:
    """Let go of what nobody reads: left in its buffer, it would change the exit code."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)


class _Stderr:
    """Writes lines while somebody reads them; workers outlive the reader of their log."""

    def msg(self, line: str) -> None:
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            _write_to_nobody()

    debug = info = warning = error = critical = msg
