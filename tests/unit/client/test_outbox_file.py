"""The outbox's file: what is in it, and which files it refuses to be."""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from penstock.client.errors import OutboxFull, OutboxUnusable
from penstock.client.outbox_entry import EntryState, NewEntry, read_command, read_entry
from penstock.client.outbox_file import OutboxFile, Totals
from penstock.client.outbox_pace import Accepted, Declined
from penstock.protocol.encoding import encode_command

NOW = 1_000_000


def new(key: str, *options: str, payload: bytes = b"[]") -> NewEntry:
    return read_entry(encode_command(("JOB.SUBMIT", "t", payload, "KEY", key, *options)), key)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.outbox"


@pytest.fixture
def file(path: Path) -> Iterator[OutboxFile]:
    with closing(OutboxFile(path)) as opened:
        yield opened


def add(file: OutboxFile, *entries: NewEntry) -> list[int]:
    ids = file.add(entries, NOW, None, None)
    assert isinstance(ids, list)
    return ids


def pending(file: OutboxFile) -> list[int]:
    return [entry.id for entry in file.listed(EntryState.PENDING, 0, 100)]


# --- entries -------------------------------------------------------------------------------------


def test_entries_are_numbered_in_the_order_of_submission(file: OutboxFile) -> None:
    assert add(file, new("a"), new("b")) + add(file, new("c")) == [1, 2, 3]


def test_what_was_written_is_there_after_the_file_is_opened_again(path: Path) -> None:
    with closing(OutboxFile(path)) as file:
        add(file, new("a"))

    with closing(OutboxFile(path)) as file:
        (entry,) = file.listed(EntryState.PENDING, 0, 100)
        (outgoing,) = file.outgoing([entry.id])

    assert (entry.key, entry.task, entry.queue, entry.submitted_at) == ("a", "t", "default", NOW)
    assert read_command(outgoing.command)[:3] == [b"JOB.SUBMIT", b"t", b"[]"]


def test_an_acknowledged_entry_has_its_job_and_no_command_any_more(file: OutboxFile) -> None:
    (entry_id,) = add(file, new("a"))

    file.settle([(entry_id, Accepted(17))], NOW + 5)

    (entry,) = file.listed(EntryState.ACKNOWLEDGED, 0, 100)
    assert (entry.job_id, entry.settled_at, entry.code) == (17, NOW + 5, None)
    assert file.command(entry_id) == b""
    assert pending(file) == []


def test_a_refused_entry_has_code_text_and_command(file: OutboxFile) -> None:
    (entry_id,) = add(file, new("a"))

    file.settle([(entry_id, Declined("TOOLARGE", "too large"))], NOW)

    (entry,) = file.known([entry_id])
    assert (entry.state, entry.code, entry.text) == (EntryState.REFUSED, "TOOLARGE", "too large")
    assert file.command(entry_id) == new("a").command


def test_what_is_settled_is_not_settled_anew(file: OutboxFile) -> None:
    (entry_id,) = add(file, new("a"))
    file.settle([(entry_id, Accepted(17))], NOW)

    file.settle([(entry_id, Declined("ERR", "no"))], NOW)

    assert file.known([entry_id])[0].state is EntryState.ACKNOWLEDGED


def test_a_refused_entry_that_is_tried_again_has_its_old_place(file: OutboxFile) -> None:
    first, second = add(file, new("a"), new("b"))
    file.settle([(first, Declined("TOOLARGE", "too large"))], NOW)

    assert file.retry([first, second, 99]) == 1

    assert pending(file) == [first, second]
    assert file.known([first])[0].code is None


def test_pending_entries_cannot_be_forgotten(file: OutboxFile) -> None:
    first, second = add(file, new("a"), new("b"))
    file.settle([(first, Declined("ERR", "no"))], NOW)

    assert file.forget([first, second, 99]) == 1

    assert file.known([first]) == []
    assert pending(file) == [second]


def test_the_number_of_a_forgotten_entry_is_not_given_out_again(file: OutboxFile) -> None:
    (first,) = add(file, new("a"))
    file.settle([(first, Declined("ERR", "no"))], NOW)
    file.forget([first])

    assert add(file, new("b")) == [first + 1]


def test_lists_come_in_pages(file: OutboxFile) -> None:
    ids = add(file, *(new(f"k{n}") for n in range(5)))

    assert [entry.id for entry in file.listed(EntryState.PENDING, ids[1], 2)] == ids[2:4]


def test_entries_of_a_paused_queue_are_no_candidates(file: OutboxFile) -> None:
    ids = add(file, new("a", "QUEUE", "full"), new("b"))

    assert [candidate.id for candidate in file.candidates(["full"])] == ids[1:]


def test_a_group_that_does_not_fit_is_not_written_in_part(file: OutboxFile) -> None:
    assert isinstance(file.add([new("a"), new("b"), new("c")], NOW, 2, None), Totals)

    assert pending(file) == []


@pytest.mark.parametrize(("entries_max", "bytes_max"), [(2, None), (None, 150)])
def test_pending_and_refused_entries_count_towards_the_mark(
    file: OutboxFile, entries_max: int | None, bytes_max: int | None
) -> None:
    first, _ = add(file, new("a"), new("b"))
    file.settle([(first, Declined("ERR", "no"))], NOW)

    found = file.add([new("c")], NOW, entries_max, bytes_max)

    assert isinstance(found, Totals)
    assert (found.pending, found.refused) == (1, 1)


def test_acknowledged_entries_do_not_count_towards_the_mark(file: OutboxFile) -> None:
    (first,) = add(file, new("a"))
    file.settle([(first, Accepted(1))], NOW)

    assert isinstance(file.add([new("b")], NOW, 1, None), list)


def test_old_acknowledged_entries_are_removed(file: OutboxFile) -> None:
    ids = add(file, new("a"), new("b"), new("c"))
    file.settle([(ids[0], Accepted(1)), (ids[1], Declined("ERR", "no"))], NOW)
    file.settle([(ids[2], Accepted(3))], NOW + 100)

    assert file.forget_old(NOW + 50, 100)
    assert not file.forget_old(NOW + 50, 100)

    assert [entry.id for entry in file.known(ids)] == ids[1:]


def test_more_acknowledged_entries_than_are_kept_lose_the_oldest(file: OutboxFile) -> None:
    ids = add(file, *(new(f"k{n}") for n in range(10)))
    file.settle([(entry_id, Accepted(entry_id)) for entry_id in ids], NOW)

    while file.forget_old(0, 4):
        pass

    assert [entry.id for entry in file.known(ids)] == ids[6:]


def test_the_totals_are_those_of_the_entries(file: OutboxFile, seed: int) -> None:
    random = Random(seed)
    for step in range(200):
        ids = [random.randint(1, step + 1) for _ in range(3)]
        match random.randrange(5):
            case 0 | 1:
                add(file, *(new(f"{step}.{n}", payload=bytes(n)) for n in range(3)))
            case 2:
                file.settle([(n, Accepted(n)) for n in ids], NOW + step)
            case 3:
                file.settle([(n, Declined("ERR", "no")) for n in ids], NOW + step)
            case _:
                random.choice([file.forget, file.retry])(ids)

    with closing(sqlite3.connect(file.path)) as other:
        counted = other.execute(
            "SELECT sum(state = 0), sum((state = 0) * size), sum(state = 2),"
            " sum((state = 2) * size), sum(state = 1) FROM entries"
        ).fetchone()
    found = file.totals()
    assert counted == (
        *(found.pending, found.pending_bytes, found.refused, found.refused_bytes),
        found.acknowledged,
    )


def test_two_that_have_the_file_open_see_each_others_entries(file: OutboxFile) -> None:
    before = file.version()
    with closing(OutboxFile(file.path)) as other:
        assert add(file, new("a")) + add(other, new("b")) == [1, 2]

        assert file.version() != before
        assert pending(file) == pending(other) == [1, 2]


# --- trouble -------------------------------------------------------------------------------------


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(file: OutboxFile) -> None:
    add(file, new("a"))
    (pages,) = file._writer.execute("PRAGMA page_count").fetchone()
    (most,) = file._writer.execute("PRAGMA max_page_count").fetchone()
    # SQLite says the same of this as of a disk that is full.
    file._writer.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    with pytest.raises(OutboxFull, match=r"no room for the outbox .*nothing .* written; free"):
        file.add([new("b", payload=bytes(100_000))], NOW, None, None)

    file._writer.execute(f"PRAGMA max_page_count = {most}").fetchall()
    assert add(file, new("c")) == [2]
    assert pending(file) == [1, 2]


def test_a_file_that_was_removed_takes_no_more(file: OutboxFile) -> None:
    file.path.unlink()

    with pytest.raises(OutboxUnusable, match="was removed or replaced"):
        add(file, new("a"))


def test_a_closed_file_takes_no_more(path: Path) -> None:
    file = OutboxFile(path)
    file.close()

    with pytest.raises(OutboxUnusable, match="is closed"):
        add(file, new("a"))


def test_nobody_else_may_read_what_is_in_it(file: OutboxFile) -> None:
    add(file, new("a"))

    for found in file.path.parent.iterdir():
        assert stat.S_IMODE(found.stat().st_mode) == 0o600, found


def text_file(path: Path) -> None:
    path.write_text("Dear diary, " * 500)


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mine (x)")


def newer_outbox(path: Path) -> None:
    OutboxFile(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 2")


def damaged_outbox(path: Path) -> None:
    with closing(OutboxFile(path)) as file:
        add(file, *(new(f"k{n}", payload=bytes(900)) for n in range(100)))
    data = bytearray(path.read_bytes())
    for page in range(8, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xaa" * 64
    path.write_bytes(data)


def lost_outbox(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"a log")


def directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (text_file, "it is no outbox; name another path"),
        (foreign_database, "a database of another program; name another path"),
        (newer_outbox, r"a newer release \(schema 2, this one knows 1\); install that release"),
        (damaged_outbox, r"is damaged.*keep a copy, .* \.recover"),
        (lost_outbox, "is empty or gone and its log app.outbox-wal is there: put the file back"),
        (directory, "see to their owner and mode"),
    ],
)
def test_a_file_that_is_no_sound_outbox_is_refused_and_left_as_it_is(
    make: Callable[[Path], None], said: str, path: Path
) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(OutboxUnusable, match=said) as caught:
        OutboxFile(path)

    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("where", ["missing/app.outbox", "file/app.outbox"])
def test_a_path_that_cannot_be_written_is_refused(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutboxUnusable, match="its directory must exist and be writable"):
        OutboxFile(tmp_path / where)


def test_a_file_whose_making_was_cut_short_is_made_anew(path: Path) -> None:
    with closing(sqlite3.connect(path)) as cut_short:
        cut_short.execute(f"PRAGMA application_id = {0x50536F62}")

    with closing(OutboxFile(path)) as file:
        assert add(file, new("a")) == [1]
