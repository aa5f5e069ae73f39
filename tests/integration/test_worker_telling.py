"""What jobs tell while they run: how far they are, and what they print."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.config import limits
from tests.integration.job_source import GivenJob
from tests.integration.workers import Workers, hosted, running_workers

ROOT = Path(__file__).resolve().parents[2]
TASKS = "tests.integration.outcome_tasks"

pytestmark = pytest.mark.integration


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    monkeypatch.chdir(ROOT)
    async with hosted(running_workers(TASKS)) as running:
        yield running


async def reported(job: GivenJob) -> None:
    """Wait for the next report of a job."""
    job.reported.clear()
    await job.reported.wait()


def reports_of(workers: Workers, verb: bytes) -> list[list[bytes]]:
    return [command for command in workers.source.commands if command[0] == verb]


@pytest.mark.parametrize("task", ["count_up", "async_count_up"])
async def test_progress_is_told_while_the_job_runs(workers: Workers, task: str) -> None:
    job = workers.source.add(task, b"[400, 0.005]")
    await reported(job)
    assert not job.ended.is_set()
    await reported(job)
    await job.ended.wait()

    percents = [percent for percent, _ in job.progress]
    assert percents == sorted(percents)
    assert job.progress[0][1].startswith("step ")
    assert job.verdict == "completed"


async def test_of_many_reports_one_a_second_is_sent_and_the_last_is_among_them(
    workers: Workers,
) -> None:
    job = await workers.source.run("report_without_end", b"[200000]")

    assert job.verdict == "completed"
    assert job.progress[-1] == (99, "")
    assert len(job.progress) <= 4


async def test_what_a_task_prints_is_told_while_it_runs(workers: Workers) -> None:
    job = workers.source.add("say", b'["hello", 2]')
    await reported(job)

    assert not job.ended.is_set()
    assert sorted(job.printed.splitlines()) == ["HELLO", "hello"]


async def test_what_a_short_task_printed_is_told_before_its_failure(workers: Workers) -> None:
    job = await workers.source.run("say_and_fail", b'["hello"]')

    assert (job.verdict, job.printed) == ("failed", "hello\n")


async def test_what_a_short_task_printed_is_not_told_if_it_succeeds(workers: Workers) -> None:
    await workers.source.run("say", b'["hello", 0]')

    assert reports_of(workers, b"JOB.OUTPUT") == []


async def test_async_tasks_side_by_side_print_each_for_its_own_job(workers: Workers) -> None:
    one = workers.source.add("async_say", b'["one", 10]')
    two = workers.source.add("async_say", b'["two", 10]')
    await one.ended.wait()
    await two.ended.wait()

    assert (one.printed, two.printed) == ("one\n" * 10, "two\n" * 10)


async def test_a_thread_of_a_synchronous_task_prints_for_its_job(workers: Workers) -> None:
    job = workers.source.add("say_in_a_thread", b'["from a thread", 2]')
    await reported(job)

    assert job.printed == "from a thread\n"


async def test_of_much_that_is_printed_the_end_is_told_and_how_much_is_left_out(
    workers: Workers,
) -> None:
    job = workers.source.add("print_much", b"[20, 2.5]", timeout_ms=60_000)
    await job.ended.wait()

    assert job.verdict == "completed"
    assert job.printed.endswith("x\nthe end\n")
    assert " bytes left out]\n" in job.printed
    outputs = reports_of(workers, b"JOB.OUTPUT")
    assert all(len(words[3]) <= limits.JOB_OUTPUT_BYTES_MAX for words in outputs)
    assert len(job.printed) < 10 * limits.JOB_OUTPUT_BYTES_MAX


# --- the log -------------------------------------------------------------------------------------


async def test_each_line_of_short_jobs_is_logged_with_the_job_that_printed_it(
    workers: Workers,
) -> None:
    for number in range(1, 101):
        job = await workers.source.run("say", f'["line {number}", 0]'.encode())
        assert job.id == number
    await workers.events.wait_for_line("line 100")

    logged = [
        (fields["line"], fields["job"])
        for fields in workers.events.of("output")
        if str(fields["line"]).startswith("line ")
    ]
    assert logged == [(f"line {number}", number) for number in range(1, 101)]


async def test_lines_of_async_jobs_are_logged_each_with_its_own(workers: Workers) -> None:
    one = workers.source.add("async_say", b'["one", 5]')
    two = workers.source.add("async_say", b'["two", 5]')
    await one.ended.wait()
    await two.ended.wait()

    logged = {(fields["line"], fields["job"]) for fields in workers.events.of("output")}
    assert logged == {("one", one.id), ("two", two.id)}


async def test_what_a_program_prints_is_logged_with_the_job_that_started_it(
    workers: Workers,
) -> None:
    await workers.source.run("say", b'["before", 0]')
    job = await workers.source.run("have_a_program_say", b'["from a program"]')
    await workers.events.wait_for_line("from a program")

    (logged,) = [
        fields for fields in workers.events.of("output") if fields["line"] == "from a program"
    ]
    assert logged["job"] == job.id


async def test_marks_reach_no_log_even_where_much_is_dropped(workers: Workers) -> None:
    await workers.source.run("print_much", b"[2, 0]")
    await workers.events.wait_for("output dropped: a worker prints more than is logged")

    assert not any("\x1e" in line or "\x1f" in line for line in workers.events.lines())
