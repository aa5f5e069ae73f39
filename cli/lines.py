"""Payloads and events, one a line, read in the pieces in which they arrive."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from penstock.cli.exits import mistake
from penstock.config.limits import ARGUMENT_BYTES_MAX

READ_BYTES: Final = 64 * 1024
# Payloads of one batch: few enough to answer quickly, enough for one sync to serve many.
BATCH_LINES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """One payload and where it stands; numbers begin at 1."""

    number: int
    payload: bytes


@contextmanager
def opened(file: str) -> Iterator[int]:
    """Open a file of lines, or for - standard input, for as long as the block lasts."""
    if file == "-":
        yield sys.stdin.fileno()
        return
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise mistake(f"{file} cannot be read ({error.strerror})") from error
    try:
        if os.path.isdir(file):
            raise mistake(f"{file} is a directory; name a file of lines")
        yield descriptor
    finally:
        os.close(descriptor)


def read_batches(descriptor: int, on_read: Callable[[int], None]) -> Iterator[list[Line]]:
    """Yield the lines that have arrived, never waiting for more once there are some.

    So what is written slowly into a pipe is submitted as it comes, and a file goes in large
    batches. Blank lines are left out, as JSON Lines has it. *on_read* gets the bytes of each read.
    """
    rest = bytearray()
    number = 0
    while chunk := os.read(descriptor, READ_BYTES):
        on_read(len(chunk))
        looked = len(rest)
        rest += chunk
        if rest.find(b"\n", looked) < 0:
            _check_length(len(rest), number + 1)
            continue
        complete, _, tail = bytes(rest).rpartition(b"\n")
        rest = bytearray(tail)
        yield from _batches(complete.split(b"\n"), number)
        number += complete.count(b"\n") + 1
        _check_length(len(rest), number + 1)
    if rest:
        yield from _batches([bytes(rest)], number)


def _batches(contents: list[bytes], before: int) -> Iterator[list[Line]]:
    batch = []
    for number, content in enumerate(contents, before + 1):
        payload = content.strip(b" \t\r")
        if not payload:
            continue
        _check_length(len(payload), number)
        batch.append(Line(number, payload))
        if len(batch) == BATCH_LINES_MAX:
            yield batch
            batch = []
    if batch:
        yield batch


def _check_length(length: int, number: int) -> None:
    if length > ARGUMENT_BYTES_MAX:
        raise mistake(
            f"line {number} is longer than {ARGUMENT_BYTES_MAX} bytes, which is more than any"
            " server takes; pass a reference to the data instead"
        )
