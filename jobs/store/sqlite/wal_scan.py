"""A look at the write-ahead log before SQLite reads it.

SQLite takes the log's frames up to the first one whose checksum is wrong and silently forgets
the rest: right after a crash, where the rest is a transaction nobody was told of; wrong when a
frame in the middle is damaged, because then acknowledged transactions lie behind it. Every commit
is synced before the next begins, so at most one commit may follow a frame that did not reach the
disk. Two or more mean damage.

It is an alarm and no proof: damage behind which nothing readable follows looks like a crash.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

from msgspec import Struct as Value

from penstock.jobs.store.port import StoreUnusable

# https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_HEADER: Final = Struct(">8I")  # magic, version, page size, checkpoint, 2 salts, 2 checksums
_FRAME_HEADER: Final = Struct(">6I")  # page, size of database if a commit, 2 salts, 2 checksums
_MAGIC_LITTLE: Final = 0x377F0682
_MAGIC_BIG: Final = 0x377F0683
_WORD: Final = 0xFFFFFFFF
_LOST_COMMITS_MIN: Final = 2

Checksum = tuple[int, int]


class _Log(Value, frozen=True):
    file: BinaryIO
    page_size: int
    salts: tuple[int, int]
    words: str  # The byte order of what is summed, as struct writes it.

    @property
    def frame_size(self) -> int:
        return _FRAME_HEADER.size + self.page_size


def refuse_damaged_wal(wal: Path) -> None:
    """Look for committed transactions behind a damaged frame.

    Only before SQLite has opened the database. Raises StoreUnusable.
    """
    lost = count_lost_commits(wal)
    if lost >= _LOST_COMMITS_MIN:
        raise StoreUnusable(
            f"{wal} is damaged: {lost} transactions lie behind a damaged frame and SQLite would "
            "silently drop them, though jobs in them were acknowledged; nothing was changed. Keep "
            "a copy of the whole directory and restore a backup, or, to go on without those "
            f"transactions, move the copy to safety, open the database once with `sqlite3 "
            f"{wal.name.removesuffix('-wal')} 'PRAGMA wal_checkpoint(TRUNCATE)'` and start again"
        )


def count_lost_commits(wal: Path) -> int:
    """Return how many commits of the log's generation lie at or behind the first bad frame."""
    try:
        file = wal.open("rb")
    except FileNotFoundError:
        return 0
    with file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return 0
        magic, _, page_size, _, salt_1, salt_2, *stored = _HEADER.unpack(header)
        if magic not in (_MAGIC_LITTLE, _MAGIC_BIG) or not _is_page_size(page_size):
            # Without a page size there are no frames to find. SQLite takes nothing of it either.
            return 0
        log = _Log(file, page_size, (salt_1, salt_2), ">" if magic == _MAGIC_BIG else "<")
        commits = [index for index, is_commit in _frames(log) if is_commit]
        checksum = _add((0, 0), header[:24], log.words)
        if checksum != tuple(stored):
            return len(commits)
        # Frames from the last commit but one on need no look: they cannot make two lost ones.
        if len(commits) < _LOST_COMMITS_MIN:
            return 0
        bad = _first_bad_frame(log, checksum, until=commits[-_LOST_COMMITS_MIN] + 1)
        return 0 if bad is None else sum(1 for index in commits if index >= bad)


def _is_page_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0


def _frames(log: _Log) -> Iterator[tuple[int, bool]]:
    """Iterate over the frames of this generation: index, and whether it is a commit."""
    index = 0
    while True:
        log.file.seek(_HEADER.size + index * log.frame_size)
        frame_header = log.file.read(_FRAME_HEADER.size)
        if len(frame_header) < _FRAME_HEADER.size:
            return
        _, database_size, salt_1, salt_2, *_ = _FRAME_HEADER.unpack(frame_header)
        if (salt_1, salt_2) == log.salts:
            yield index, database_size > 0
        index += 1


def _first_bad_frame(log: _Log, checksum: Checksum, *, until: int) -> int | None:
    log.file.seek(_HEADER.size)
    for index in range(until):
        frame = log.file.read(log.frame_size)
        _, _, salt_1, salt_2, *stored = _FRAME_HEADER.unpack_from(frame)
        checksum = _add(checksum, frame[:8], log.words)
        checksum = _add(checksum, frame[_FRAME_HEADER.size :], log.words)
        if (salt_1, salt_2) != log.salts or checksum != tuple(stored):
            return index
    return None


def _add(checksum: Checksum, data: bytes, words: str) -> Checksum:
    """Go on with SQLite's checksum over whole pairs of words."""
    first, second = checksum
    for even, odd in Struct(f"{words}2I").iter_unpack(data):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first, second
