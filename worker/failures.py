"""An exception as the text that travels: `Type: message`, then the traceback."""

import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from penstock.config import limits

# The first line is what lists and log lines show; the whole message stands below the traceback.
_FIRST_LINE_CHARACTERS_MAX: Final = 1_000
_CUT: Final = "\n… {} bytes left out …\n"
_OUR_FOLDER: Final = str(Path(__file__).parent)


def describe(error: BaseException) -> str:
    """Write down an exception for JOB.FAIL, at most `ERROR_BYTES_MAX` long in UTF-8.

    The worker's own frames are left out, so that a traceback starts in the task.
    """
    try:
        trace = traceback.TracebackException(
            type(error), error, _below_our_frames(error.__traceback__), compact=True
        )
        details = "".join(trace.format())
    except BaseException:  # As below: whatever it raises must not end the worker unreported.
        details = "Its traceback cannot be shown.\n"
    return cut_middle(f"{first_line(error)}\n{details}", limits.ERROR_BYTES_MAX)


def first_line(error: BaseException) -> str:
    """Put an exception's type and message on one line."""
    try:
        message = " ".join(str(error).split())
    except BaseException:  # A task's own exception may fail at being shown, or even exit there.
        message = "its message cannot be shown"
    try:
        name = "".join(type(error).__qualname__.rpartition(".")[2])
    except BaseException:
        name = "Exception"
    line = f"{name}: {message}" if message else f"{name}:"
    return line[:_FIRST_LINE_CHARACTERS_MAX]


def cut_middle(text: str, bytes_max: int) -> str:
    """Shorten a text to a number of UTF-8 bytes; its start and its end stay."""
    raw = text.encode(errors="backslashreplace")
    if len(raw) <= bytes_max:
        return raw.decode()
    keep = bytes_max - len(_CUT.format(len(raw)).encode())
    # The end of a traceback says more than its beginning, beyond the first line.
    head = raw[: keep // 3].decode(errors="ignore")
    tail = raw[len(raw) - (keep - keep // 3) :].decode(errors="ignore")
    return head + _CUT.format(len(raw) - keep) + tail


def _below_our_frames(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OUR_FOLDER):
        trace = trace.tb_next
    return trace
