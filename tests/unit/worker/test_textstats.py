"""The example tasks over files, called as plain functions."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.textstats import (
    Pair,
    Statistics,
    compressibility,
    digest,
    near_duplicates,
    statistics,
)
from penstock.worker import CurrentJob
from penstock.worker.current import RUNNING

TEXT = "The cat sat. The dog ran!\nThe end\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.txt").write_text("word\n")
    (tmp_path / "image.bin").write_bytes(b"\0\1\2")
    (tmp_path / ".hidden").write_text("secret words")
    return tmp_path


@pytest.fixture
def a_minute() -> Iterator[None]:
    token = RUNNING.set(CurrentJob(1, 1, "default", "near_duplicates", time.monotonic() + 60))
    yield
    RUNNING.reset(token)


def test_a_file_is_counted(folder: Path) -> None:
    assert statistics(folder / "a.txt", most_frequent=1) == Statistics(
        files=1,
        bytes=len(TEXT),
        lines=2,
        words=8,
        distinct_words=6,
        longest_line=25,
        most_frequent=[("the", 3)],
        reading_ease=118.2,
    )


def test_a_directory_is_counted_without_hidden_and_binary_files(folder: Path) -> None:
    found = statistics(folder)

    assert (found.files, found.words) == (2, 9)


def test_an_empty_directory_has_no_reading_ease(tmp_path: Path) -> None:
    assert statistics(tmp_path).reading_ease is None


def test_what_does_not_exist_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="there is no file or directory"):
        statistics(Path("/nowhere/at/all"))


def test_every_file_is_hashed(folder: Path) -> None:
    digests = digest(folder, "blake2b")

    assert len(digests) == 3
    assert digests[str(folder / "a.txt")] == hashlib.blake2b(TEXT.encode()).hexdigest()


def test_repetition_compresses_well(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 100_000)

    assert compressibility(tmp_path) < 0.01


@pytest.mark.usefixtures("a_minute")
def test_copies_are_found(tmp_path: Path) -> None:
    for name, text in (("a", "one two three four five six"), ("b", "ONE two three, four five six"),
                       ("c", "nothing that resembles any of the other files")):  # fmt: skip
        (tmp_path / name).write_text(text)

    found = near_duplicates(tmp_path)

    assert found.complete
    assert found.pairs == [Pair(str(tmp_path / "a"), str(tmp_path / "b"), 1.0)]


def test_it_stops_before_its_time_is_up(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("one two three four five six")
    token = RUNNING.set(CurrentJob(1, 1, "default", "near_duplicates", time.monotonic() + 1))

    found = near_duplicates(tmp_path)

    assert (found.complete, found.pairs_compared) == (False, 0)
    RUNNING.reset(token)
