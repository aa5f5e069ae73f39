"""The look at the write-ahead log: which damage it sees, and which crashes it lets pass."""

import random
import shutil
import sqlite3
from pathlib import Path
from struct import Struct

import pytest

from penstock.jobs.store.port import StoreUnusable
from penstock.jobs.store.sqlite.wal_scan import count_lost_commits, refuse_damaged_wal

HEADER_BYTES = 32
FRAME_HEADER = Struct(">6I")
PAGE_BYTES = 4096
FRAME_BYTES = FRAME_HEADER.size + PAGE_BYTES
SECTOR_BYTES = 512


def write_log(path: Path, commits: int, rows: int = 1) -> bytes:
    """Return the log of a database after some commits, as a killed process leaves it."""
    database = path / "there.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA user_version = 1")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    shutil.copy(database, path / "before.db")
    connection.execute("CREATE TABLE t (v)")
    for number in range(commits - 1):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?)", [(f"{number}" * 3000,)] * rows)
        connection.execute("COMMIT")
    log = (path / "there.db-wal").read_bytes()
    connection.close()
    return log


def lost(path: Path, log: bytes) -> int:
    wal = path / "penstock.db-wal"
    wal.write_bytes(log)
    return count_lost_commits(wal)


def commits_of(log: bytes) -> list[int]:
    """Return the positions of the frames that end a transaction."""
    return [
        start
        for start in range(HEADER_BYTES, len(log), FRAME_BYTES)
        if FRAME_HEADER.unpack_from(log, start)[1] > 0
    ]


def with_flipped_bit(log: bytes, position: int) -> bytes:
    return log[:position] + bytes([log[position] ^ 0x10]) + log[position + 1 :]


def test_a_log_that_is_not_there_has_lost_nothing(tmp_path: Path) -> None:
    assert count_lost_commits(tmp_path / "penstock.db-wal") == 0


@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_log_without_a_whole_header_has_lost_nothing(tmp_path: Path, length: int) -> None:
    assert lost(tmp_path, write_log(tmp_path, 3)[:length]) == 0


@pytest.mark.parametrize("position", [0, 3, 8, 10])
def test_a_log_that_says_nothing_of_its_pages_cannot_be_judged(
    tmp_path: Path, position: int
) -> None:
    assert lost(tmp_path, with_flipped_bit(write_log(tmp_path, 4), position)) == 0


def test_a_whole_log_has_lost_nothing(tmp_path: Path) -> None:
    log = write_log(tmp_path, 9, rows=3)

    assert len(commits_of(log)) == 9
    assert lost(tmp_path, log) == 0


@pytest.mark.parametrize("within", [0, 8, 16, 24, FRAME_BYTES - 1])
def test_a_flipped_bit_in_the_middle_loses_all_that_follows(tmp_path: Path, within: int) -> None:
    log = write_log(tmp_path, 9)
    at = commits_of(log)[3] + within

    expected = 5 if within == 8 else 6  # A frame with a foreign salt is no commit of this log.
    assert lost(tmp_path, with_flipped_bit(log, at)) == expected


def test_a_frame_that_never_reached_the_disk_loses_all_that_follows(tmp_path: Path) -> None:
    log = write_log(tmp_path, 9)
    start = commits_of(log)[3]

    assert lost(tmp_path, log[:start] + bytes(FRAME_BYTES) + log[start + FRAME_BYTES :]) == 5


@pytest.mark.parametrize("position", [12, 20, 24, 31])
def test_a_damaged_header_loses_the_whole_log(tmp_path: Path, position: int) -> None:
    log = with_flipped_bit(write_log(tmp_path, 4), position)

    # With another salt in the header no frame can be told to belong to it.
    assert lost(tmp_path, log) == (0 if 16 <= position < 24 else 4)


def test_what_an_older_generation_left_behind_is_no_loss(tmp_path: Path) -> None:
    older = write_log(tmp_path, 9)
    (tmp_path / "there.db").unlink()
    newer = write_log(tmp_path, 2)

    assert len(newer) < len(older)
    assert lost(tmp_path, newer + older[len(newer) :]) == 0


def test_no_crash_within_the_last_commit_is_taken_for_damage(tmp_path: Path, seed: int) -> None:
    """Each sector of what was not synced yet is there or not, as after a power cut."""
    chance = random.Random(seed)
    log = write_log(tmp_path, 6, rows=4)
    synced = commits_of(log)[-2] + FRAME_BYTES

    for _ in range(200):
        state = bytearray(log)
        for start in range(synced, len(log), SECTOR_BYTES):
            if chance.random() < 0.5:
                state[start : start + SECTOR_BYTES] = bytes(
                    len(state[start : start + SECTOR_BYTES])
                )
        end = chance.randrange(synced, len(log) + 1)
        assert lost(tmp_path, bytes(state[:end])) <= 1


def test_the_scan_and_sqlite_agree_on_what_is_lost(tmp_path: Path, seed: int) -> None:
    """SQLite finds as many transactions as the scan does not call lost."""
    chance = random.Random(seed)
    log = write_log(tmp_path, 12)
    for number in range(20):
        copy = tmp_path / str(number)
        copy.mkdir()
        at = chance.randrange(commits_of(log)[1], commits_of(log)[-2])
        damaged = with_flipped_bit(log, at)
        shutil.copy(tmp_path / "before.db", copy / "there.db")
        (copy / "there.db-wal").write_bytes(damaged)

        count = count_lost_commits(copy / "there.db-wal")
        connection = sqlite3.connect(copy / "there.db")
        (found,) = connection.execute("SELECT count(*) FROM t").fetchone()
        connection.close()

        assert found < 11
        assert 11 - found - 1 <= count <= 11 - found


def test_a_damaged_log_is_refused_with_what_to_do(tmp_path: Path) -> None:
    log = write_log(tmp_path, 9)
    wal = tmp_path / "penstock.db-wal"
    wal.write_bytes(with_flipped_bit(log, commits_of(log)[3] + 100))

    with pytest.raises(StoreUnusable) as refused:
        refuse_damaged_wal(wal)

    assert "6 transactions lie behind a damaged frame" in str(refused.value)
    assert "restore a backup" in str(refused.value)


def test_one_commit_behind_a_bad_frame_is_a_crash(tmp_path: Path) -> None:
    log = write_log(tmp_path, 9)
    wal = tmp_path / "penstock.db-wal"
    wal.write_bytes(with_flipped_bit(log, commits_of(log)[-1] + 100))

    refuse_damaged_wal(wal)
