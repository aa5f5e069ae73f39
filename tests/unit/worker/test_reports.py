"""What is told about jobs that run, and how much of it."""

import asyncio
import os
import threading

from penstock.config import limits
from penstock.protocol.requests import RequestParser
from penstock.worker.reports import Reports, progress_command

ONE, OTHER = (1, 1), (2, 1)


def told(reports: Reports) -> list[list[bytes]]:
    parser = RequestParser()
    parser.authenticated = True
    for report in reports.take():
        parser.feed(report.command)
    requests = []
    while (request := parser.next()) is not None:
        requests.append(request)
    return requests


def test_what_each_job_printed_is_told_once() -> None:
    reports = Reports()
    reports.printed(ONE, b"a\n")
    reports.printed(OTHER, b"b\n")
    reports.printed(ONE, b"c\n")

    assert told(reports) == [
        [b"JOB.OUTPUT", b"1", b"1", b"a\nc\n"],
        [b"JOB.OUTPUT", b"2", b"1", b"b\n"],
    ]
    assert told(reports) == []


def test_of_much_output_the_end_is_told_with_how_much_is_left_out() -> None:
    reports = Reports()
    for number in range(100_000):
        reports.printed(ONE, b"line %06d\n" % number)

    ((_, _, _, text),) = told(reports)

    assert len(text) <= limits.JOB_OUTPUT_BYTES_MAX
    first, _, rest = text.partition(b"\n")
    assert first == b"[%d bytes left out]" % (12 * 100_000 - len(rest))
    assert text.endswith(b"line 099999\n")


def test_one_piece_that_is_too_long_loses_its_beginning() -> None:
    reports = Reports()
    reports.printed(ONE, "ä".encode() * 20_000)

    ((_, _, _, text),) = told(reports)

    assert len(text) <= limits.JOB_OUTPUT_BYTES_MAX
    assert text.startswith(b"[")
    assert text.decode().partition("\n")[2].strip("ä") == ""


def test_what_is_not_utf_8_is_told_as_far_as_it_goes() -> None:
    reports = Reports()
    reports.printed(ONE, b"a\xffb")

    assert told(reports) == [[b"JOB.OUTPUT", b"1", b"1", "a\ufffdb".encode()]]


def test_the_last_progress_is_told() -> None:
    reports = Reports()
    reports.progress(ONE, 10, "begun")
    reports.progress(ONE, 20, "")

    assert told(reports) == [[b"JOB.PROGRESS", b"1", b"1", b"20"]]


def test_the_start_of_a_long_note_is_told() -> None:
    assert progress_command(ONE, 5, "ä" * 1_000).count("ä".encode()) == limits.NOTE_BYTES_MAX // 2
    assert b"x\\ud800" in progress_command(ONE, 5, "x\ud800")


def test_a_job_that_ended_leaves_what_was_not_told() -> None:
    reports = Reports()
    reports.progress(ONE, 10, "")
    reports.printed(ONE, b"last words\n")

    assert reports.end(ONE) == b"last words\n"
    assert not reports.pending
    assert reports.end(ONE) == b""


async def test_jobs_that_report_wildly_are_asked_once() -> None:
    reports = Reports()
    calls: list[float] = []
    loop = asyncio.get_running_loop()
    first = loop.create_future()

    def due() -> None:
        calls.append(loop.time())
        if not first.done():
            first.set_result(None)

    reports.start(due)
    began = loop.time()
    threads = [threading.Thread(target=hammer, args=(reports,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await first

    assert len(calls) == 1
    assert calls[0] - began >= 0.09


def hammer(reports: Reports) -> None:
    for number in range(1_000):
        reports.progress(ONE, number % 100, "")
        reports.printed(ONE, b"x\n")


def test_a_forked_child_tells_nothing() -> None:
    reports = Reports()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            reports.printed(ONE, b"a\n")
            reports.progress(ONE, 1, "")
            code = int(reports.pending)
        finally:
            os._exit(code)

    assert os.waitpid(child, 0)[1] == 0
