"""Whose output it is."""

import asyncio
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

import pytest

from penstock.worker.captured import Capture, CapturedFile
from penstock.worker.current import RUNNING, CurrentJob
from penstock.worker.reports import Reports

SYNC = CurrentJob(1, 1, "default", "sync", 0.0)
ASYNC = CurrentJob(2, 1, "default", "async", 0.0)


@dataclass
class Printer:
    """A stream over a pipe, and the pipe's end."""

    reports: Reports = field(default_factory=Reports)
    marks: bool = False

    def __post_init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self.capture = Capture(self.reports, marks=self.marks)
        self.stream: TextIO = self.capture.stream(self.write_fd)

    def written(self) -> bytes:
        return os.read(self.read_fd, 100_000)

    def of(self, job: CurrentJob) -> bytes:
        return self.reports.end((job.id, job.attempt))

    def close(self) -> None:
        self.stream.close()
        os.close(self.read_fd)
        os.close(self.write_fd)


@pytest.fixture
def printer() -> Iterator[Printer]:
    printer = Printer()
    yield printer
    printer.close()


def test_what_nobody_s_job_prints_is_only_written(printer: Printer) -> None:
    printer.stream.write("a\n")

    assert printer.written() == b"a\n"
    assert not printer.reports.pending


def test_what_is_printed_while_a_sync_job_runs_is_its_own(printer: Printer) -> None:
    printer.capture.sync_job = SYNC

    printer.stream.write("a\n")
    thread = threading.Thread(target=printer.stream.write, args=("b\n",))
    thread.start()
    thread.join()

    assert printer.of(SYNC) == b"a\nb\n"
    assert printer.written() == b"a\nb\n"


async def test_an_async_job_is_known_by_its_context(printer: Printer) -> None:
    printer.capture.sync_job = SYNC

    async def prints() -> None:
        RUNNING.set(ASYNC)
        printer.stream.write("a\n")
        await asyncio.to_thread(printer.stream.write, "b\n")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(prints())
    printer.stream.write("c\n")

    assert printer.of(ASYNC) == b"a\nb\n"
    assert printer.of(SYNC) == b"c\n"


def test_bytes_are_captured_as_text_is(printer: Printer) -> None:
    printer.capture.sync_job = SYNC

    os.write(printer.write_fd, b"not through python\n")
    printer.stream.buffer.write(b"a\xff")
    printer.stream.flush()

    assert printer.of(SYNC) == "a\ufffd".encode()


def test_output_is_marked_for_a_reader_who_takes_the_marks_out() -> None:
    printer = Printer(marks=True)
    printer.capture.sync_job = SYNC

    printer.stream.write("a\n")

    assert printer.written() == b"\x1e1\x1fa\n\x1e\x1f"
    assert printer.of(SYNC) == b"a\n"
    printer.close()


def test_a_pipe_that_takes_only_part_is_given_the_rest_once() -> None:
    printer = Printer(marks=True)
    printer.capture.sync_job = SYNC
    os.set_blocking(printer.write_fd, False)
    file = CapturedFile(printer.write_fd, printer.capture)
    left, received = b"0123456789" * 20_000, b""

    while left:
        sent = file.write(left)
        if sent is None:
            received += printer.written()
        else:
            left = left[sent:]
    received += printer.written()

    assert re.sub(b"\x1e1?\x1f", b"", received) == b"0123456789" * 20_000
    printer.close()
