"""What the note says of sync jobs, by what became of them."""

import signal
from collections.abc import Iterator

import pytest

from penstock.worker import Cancel, Dead, Retry, Snooze, current_job
from penstock.worker.arguments import Arguments
from penstock.worker.captured import Capture
from penstock.worker.claims import Claim
from penstock.worker.descriptors import StandardStreams
from penstock.worker.endings import Ending
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


@task(name="work")
def cancel_oneself() -> str:
    running: Executor = EXECUTORS[-1]
    try:
        running.cancel(CLAIM.id, CLAIM.attempt)
    except Exception:
        return "swallowed"
    return "went on"


@task(name="work")
def cancel_another() -> str:
    EXECUTORS[-1].cancel(CLAIM.id, CLAIM.attempt + 1)
    return "went on"


EXECUTORS: list[Executor] = []


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


def test_a_job_that_is_cancelled_gets_what_no_except_exception_swallows(
    executor: Executor, note: Note
) -> None:
    EXECUTORS.append(executor)

    assert run(executor, Runnable(cancel_oneself)) == [Verdict.CANCELLED]
    assert note.deadline_ns == 0


def test_a_job_that_was_cancelled_before_it_began_does_not_run(executor: Executor) -> None:
    executor.cancel(CLAIM.id, CLAIM.attempt)

    assert run(executor, Runnable(work)) == [Verdict.CANCELLED]


def test_the_cancellation_of_one_job_is_not_that_of_another(executor: Executor) -> None:
    EXECUTORS.append(executor)

    assert run(executor, Runnable(cancel_another)) == [Verdict.COMPLETED]


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        (Retry(1), Verdict.FAILED),
        (Snooze(1), Verdict.SNOOZED),
        (Cancel(), Verdict.CANCELLED),
        (Dead(), Verdict.HOPELESS),
    ],
)
def test_an_ending_may_be_raised_or_returned(
    executor: Executor, ending: Ending, verdict: Verdict
) -> None:
    @task(name="work")
    def returns() -> Ending:
        return ending

    @task(name="work")
    def raises() -> None:
        raise ending

    executor.submit([Job(CLAIM, Runnable(returns)), Job(CLAIM, Runnable(raises))])
    executor.stop()
    executor.run(lambda: None)

    assert [outcome.verdict for outcome in executor.finished()] == [verdict, verdict]


def test_a_task_knows_how_often_its_job_failed_before(executor: Executor) -> None:
    seen: list[tuple[int, int]] = []

    @task(name="work")
    def look() -> None:
        seen.append((current_job().failures, current_job().releases))

    executor.submit([Job(Claim(7, 6, "default", "work", b"", 1_000, 2, 3), Runnable(look))])
    executor.stop()
    executor.run(lambda: None)

    assert seen == [(2, 3)]
