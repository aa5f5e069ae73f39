"""What the note says of sync jobs, by what became of them."""

import signal
from collections.abc import Iterator

import pytest

from penstock.worker.arguments import Arguments
from penstock.worker.captured import Capture
from penstock.worker.claims import Claim
from penstock.worker.descriptors import StandardStreams
from penstock.worker.executor import Executor, Job
from penstock.worker.forks import ForkGuard
from penstock.worker.note import Note, new_note_fd
from penstock.worker.outcomes import Verdict
from penstock.worker.reports import Reports
from penstock.worker.runnable import Runnable
from penstock.worker.task import task

CLAIM = Claim(7, 1, "default", "work", b"", 1_000)


@task(name="work")
def work() -> None:
    pass


class ExitsAtItsArguments(Runnable):
    def arguments(self, payload: bytes) -> Arguments:
        raise SystemExit(3)


class ExitsAtItsResult(Runnable):
    def result(self, value: object) -> bytes:
        raise SystemExit(3)


@pytest.fixture
def note() -> Iterator[Note]:
    note = Note(new_note_fd())
    yield note
    note.close()


@pytest.fixture
def executor(note: Note) -> Iterator[Executor]:
    handler = signal.getsignal(signal.SIGALRM)
    yield Executor(note, ForkGuard(), StandardStreams(), Capture(Reports(), marks=False))
    signal.signal(signal.SIGALRM, handler)


def run(executor: Executor, runnable: Runnable) -> list[Verdict]:
    executor.submit([Job(CLAIM, runnable)])
    executor.stop()
    executor.run(lambda: None)
    return [outcome.verdict for outcome in executor.finished()]


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (Runnable, Verdict.COMPLETED),
        (ExitsAtItsArguments, Verdict.FAILED),
        (ExitsAtItsResult, Verdict.FAILED),
    ],
)
def test_nothing_runs_any_more_once_there_is_an_outcome(
    executor: Executor, note: Note, kind: type[Runnable], verdict: Verdict
) -> None:
    assert run(executor, kind(work)) == [verdict]
    assert note.started == frozenset()


def test_a_job_of_which_no_outcome_comes_stays_noted_as_begun(
    executor: Executor, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exit_instead(*_: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr("penstock.worker.executor.encoded", exit_instead)

    with pytest.raises(SystemExit):
        run(executor, Runnable(work))

    assert note.started == frozenset([CLAIM.id])
