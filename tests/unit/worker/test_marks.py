"""Which job printed which line."""

import pytest

from penstock.worker.marks import MarkReader, marked


def read(*printed: bytes) -> list[tuple[int | None, str]]:
    reader = MarkReader()
    lines = b"".join(printed).decode().split("\n")
    if not lines[-1].strip("\x1e\x1f"):
        del lines[-1]
    return [piece for line in lines for piece in reader.read(line)]


@pytest.mark.parametrize(
    ("printed", "pieces"),
    [
        ([b"a\n"], [(None, "a")]),
        ([marked(7, b"a\n")], [(7, "a")]),
        ([marked(7, b"a\nb\n"), b"c\n"], [(7, "a"), (7, "b"), (None, "c")]),
        ([marked(7, b"a\n"), marked(8, b"b\n")], [(7, "a"), (8, "b")]),
        ([marked(7, b"a"), marked(8, b"b\n")], [(7, "a"), (8, "b")]),
        ([marked(7, b"a"), b"b\n"], [(7, "a"), (None, "b")]),
        ([marked(7, b"\n"), b"\n"], [(7, ""), (None, "")]),
        ([b"\x1eno mark\x1f\n"], [(None, "\x1eno mark\x1f")]),
    ],
)
def test_a_line_belongs_to_the_job_that_printed_it(
    printed: list[bytes], pieces: list[tuple[int | None, str]]
) -> None:
    assert read(*printed) == pieces


def test_after_a_gap_nothing_is_certain() -> None:
    reader = MarkReader()
    assert reader.read("\x1e7\x1fa") == [(7, "a")]

    reader.forget()

    assert reader.read("b") == [(None, "b")]
