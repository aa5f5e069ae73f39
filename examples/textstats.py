"""Real work over files: `penstock serve --app examples.textstats`.

A model of how tasks are written: small annotated functions, plain data in and out, paths instead of
contents (a payload is for what to do, not for the data), and nothing that a second run could harm,
for a job may run more than once.
"""

import hashlib
import lzma
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Literal

from msgspec import Struct

from penstock.worker import current_job, task

FILES_MAX = 10_000
FILE_BYTES_MAX = 16 * 1024 * 1024
READ_BYTES = 1024 * 1024
# Words in one shingle; texts that share most of their shingles are nearly the same.
SHINGLE_WORDS = 5
# Left for writing the answer when the time runs out.
SPARE_SECONDS = 2.0

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?]+(?:\s|$)")
VOWELS = re.compile(r"[aeiouy]+", re.IGNORECASE)


class Statistics(Struct):
    """What `statistics` returns; it travels as a JSON object."""

    files: int
    bytes: int
    lines: int
    words: int
    distinct_words: int
    longest_line: int
    most_frequent: list[tuple[str, int]]
    # Flesch's reading ease: about 100 is very easy, below 30 very hard. None without a sentence.
    reading_ease: float | None


class Pair(Struct):
    """Two files that resemble each other; 1.0 is the same set of shingles."""

    first: str
    second: str
    similarity: float


class Duplicates(Struct):
    """What `near_duplicates` returns. It compares as many as its time allows."""

    files: int
    pairs_compared: int
    complete: bool
    pairs: list[Pair]


@task
def statistics(path: Path, most_frequent: int = 10) -> Statistics:
    """Count lines and words in a text file, or in all text files below a directory."""
    files = 0
    size = lines = longest = sentences = syllables = 0
    words: Counter[str] = Counter()
    for file in text_files(path):
        text = read_text(file)
        found = WORD.findall(text)
        files += 1
        size += file.stat().st_size
        for line in text.splitlines():
            lines += 1
            longest = max(longest, len(line))
        words.update(word.lower() for word in found)
        sentences += len(SENTENCE_END.findall(text))
        syllables += sum(max(1, len(VOWELS.findall(word))) for word in found)
    return Statistics(
        files=files,
        bytes=size,
        lines=lines,
        words=words.total(),
        distinct_words=len(words),
        longest_line=longest,
        most_frequent=words.most_common(most_frequent),
        reading_ease=reading_ease(words.total(), sentences, syllables),
    )


@task
def digest(path: Path, algorithm: Literal["sha256", "blake2b"] = "sha256") -> dict[str, str]:
    """Hash a file, or every file below a directory; return path -> hexadecimal digest."""
    return {str(file): hash_file(file, algorithm) for file in files_below(path)}


@task
def compressibility(path: Path) -> float:
    """Return compressed size / size of all files below a path, with LZMA: slow on purpose."""
    size = packed = 0
    compressor = lzma.LZMACompressor(preset=6)
    for file in files_below(path):
        data = file.read_bytes()
        size += len(data)
        packed += len(compressor.compress(data))
    packed += len(compressor.flush())
    return round(packed / size, 4) if size else 1.0


@task
def near_duplicates(path: Path, threshold: float = 0.8) -> Duplicates:
    """Compare each text file below a directory with each other: work that grows with the square.

    It looks at the clock and returns what it has before its time is up.
    """
    shingles = {str(file): shingle(read_text(file)) for file in text_files(path)}
    shingles = {name: found for name, found in shingles.items() if found}
    job = current_job()
    result = Duplicates(len(shingles), 0, True, [])
    for (first, ours), (second, theirs) in combinations(sorted(shingles.items()), 2):
        if job.seconds_left < SPARE_SECONDS:
            result.complete = False
            break
        result.pairs_compared += 1
        similarity = jaccard(ours, theirs)
        if similarity >= threshold:
            result.pairs.append(Pair(first, second, round(similarity, 4)))
    result.pairs.sort(key=lambda pair: -pair.similarity)
    return result


def files_below(path: Path) -> Iterator[Path]:
    """Find the files below a directory in a stable order, without hidden ones; or the one file.

    Raises:
        FileNotFoundError: there is nothing at the path. The job fails with it and is tried again.
    """
    if path.is_file():
        yield path
        return
    if not path.exists():
        raise FileNotFoundError(f"there is no file or directory {path}")
    count = 0
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if hidden or file.is_symlink() or not file.is_file():
            continue
        count += 1
        if count > FILES_MAX:
            raise ValueError(f"{path} holds more than {FILES_MAX} files; name a smaller directory")
        yield file


def text_files(path: Path) -> Iterator[Path]:
    """Leave out what is no text, as far as the start of a file tells, and what is huge."""
    for file in files_below(path):
        with file.open("rb") as stream:
            start = stream.read(1024)
        if b"\0" not in start and file.stat().st_size <= FILE_BYTES_MAX:
            yield file


def read_text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def hash_file(file: Path, algorithm: str) -> str:
    """Hash a file piece by piece, however large it is."""
    hasher = hashlib.new(algorithm)
    with file.open("rb") as stream:
        while piece := stream.read(READ_BYTES):
            hasher.update(piece)
    return hasher.hexdigest()


def reading_ease(words: int, sentences: int, syllables: int) -> float | None:
    if not words or not sentences:
        return None
    return round(206.835 - 1.015 * words / sentences - 84.6 * syllables / words, 1)


def shingle(text: str) -> frozenset[int]:
    """Return the hashes of all runs of `SHINGLE_WORDS` words."""
    words = [word.lower() for word in WORD.findall(text)]
    runs = zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False)
    return frozenset(hash(run) for run in runs)


def jaccard(ours: frozenset[int], theirs: frozenset[int]) -> float:
    """Return the share of all shingles that both have."""
    shared = len(ours & theirs)
    return shared / (len(ours) + len(theirs) - shared)
