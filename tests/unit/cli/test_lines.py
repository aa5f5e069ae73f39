"""Payloads, one a line."""

import os
import threading
from pathlib import Path

import pytest

from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.lines import BATCH_LINES_MAX, READ_BYTES, Line, read_batches
from penstock.config.limits import ARGUMENT_BYTES_MAX

CASES = [
    (b"", []),
    (b"\n", []),
    (b"1", [Line(1, b"1")]),
    (b"1\n", [Line(1, b"1")]),
    (b"1\n2\n", [Line(1, b"1"), Line(2, b"2")]),
    (b"1\n2", [Line(1, b"1"), Line(2, b"2")]),
    (b"1\r\n2\r\n", [Line(1, b"1"), Line(2, b"2")]),
    (b"\n\n 1 \n\n2\n\n", [Line(3, b"1"), Line(5, b"2")]),
    (b'{"a": "b c"}\n\xff\xfe\n', [Line(1, b'{"a": "b c"}'), Line(2, b"\xff\xfe")]),
]


def read_all(path: Path) -> list[list[Line]]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return list(read_batches(descriptor, lambda _: None))
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(("content", "lines"), CASES)
def test_a_line_is_a_payload_and_a_blank_line_is_none(
    tmp_path: Path, content: bytes, lines: list[Line]
) -> None:
    path = tmp_path / "payloads"
    path.write_bytes(content)

    assert [line for batch in read_all(path) for line in batch] == lines


@pytest.mark.parametrize(("content", "lines"), CASES)
def test_lines_are_the_same_when_they_arrive_byte_by_byte(
    content: bytes, lines: list[Line]
) -> None:
    read_end, write_end = os.pipe()
    got: list[Line] = []

    def trickle() -> None:
        for byte in content:
            os.write(write_end, bytes([byte]))
        os.close(write_end)

    writer = threading.Thread(target=trickle)
    writer.start()
    for batch in read_batches(read_end, lambda _: None):
        got += batch
    writer.join()
    os.close(read_end)

    assert got == lines


def test_lines_that_cross_reads_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "payloads"
    contents = [bytes([65 + i % 26]) * (READ_BYTES // 3 + i) for i in range(20)]
    path.write_bytes(b"\n".join(contents))

    assert [line.payload for batch in read_all(path) for line in batch] == contents


def test_a_batch_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "payloads"
    path.write_bytes(b"1\n" * (2 * BATCH_LINES_MAX + 1))

    batches = read_all(path)

    assert [len(batch) for batch in batches] == [BATCH_LINES_MAX, BATCH_LINES_MAX, 1]
    assert batches[-1] == [Line(2 * BATCH_LINES_MAX + 1, b"1")]


def test_what_has_arrived_is_not_held_back_for_what_has_not() -> None:
    read_end, write_end = os.pipe()
    batches = read_batches(read_end, lambda _: None)

    os.write(write_end, b"1\n2\n3")

    assert next(batches) == [Line(1, b"1"), Line(2, b"2")]
    os.close(write_end)
    assert next(batches) == [Line(3, b"3")]
    os.close(read_end)


def test_every_byte_that_was_read_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "payloads"
    path.write_bytes(b"12\n34\n")
    counted: list[int] = []
    descriptor = os.open(path, os.O_RDONLY)

    list(read_batches(descriptor, counted.append))
    os.close(descriptor)

    assert sum(counted) == 6


def test_a_line_that_no_server_takes_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "payloads"
    with path.open("wb") as stream:
        stream.write(b"1\n")
        stream.truncate(ARGUMENT_BYTES_MAX + 10)

    with pytest.raises(CommandFailed, match="line 2 is longer than 67108864 bytes") as caught:
        read_all(path)

    assert caught.value.code == Exit.USAGE
