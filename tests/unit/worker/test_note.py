"""When a supervisor ends a process, by what the process noted."""

from collections.abc import Iterator

import pytest

from penstock.worker.note import Note, new_note_fd


@pytest.fixture
def note() -> Iterator[Note]:
    note = Note(new_note_fd())
    yield note
    note.close()


def test_a_job_that_was_told_to_stop_has_less_time(note: Note) -> None:
    note.sync_job_started(7, 1_000)
    note.sync_job_stopped(7, 500)

    assert note.deadline_ns == 500


def test_a_job_that_has_little_time_gets_no_more_by_being_stopped(note: Note) -> None:
    note.sync_job_started(7, 300)
    note.sync_job_stopped(7, 500)

    assert note.deadline_ns == 300


def test_what_one_job_was_told_is_no_concern_of_the_next(note: Note) -> None:
    note.sync_job_started(7, 1_000)
    note.sync_job_stopped(7, 500)
    note.sync_job_ended()
    note.sync_job_started(8, 1_200)

    assert note.deadline_ns == 1_200


def test_nothing_is_overdue_when_a_stop_was_noted_too_late(note: Note) -> None:
    note.sync_job_stopped(7, 500)
    assert note.deadline_ns == 0

    note.no_sync_job_stopped()
    note.sync_job_started(7, 1_000)
    assert note.deadline_ns == 1_000
