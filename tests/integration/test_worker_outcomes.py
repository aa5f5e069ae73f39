"""How tasks end their attempts: what the server is told, by real worker processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.workers import Workers, hosted, running_workers

ROOT = Path(__file__).resolve().parents[2]
TASKS = "tests.integration.outcome_tasks"

pytestmark = pytest.mark.integration


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    monkeypatch.chdir(ROOT)
    async with hosted(running_workers(TASKS)) as running:
        yield running


@pytest.mark.parametrize("task", ["raise_ending", "return_ending"])
@pytest.mark.parametrize("kind", ["", "async_"])
@pytest.mark.parametrize(
    ("which", "verdict", "after_ms", "first_line"),
    [
        ("retry", "failed", 2_500, "Retry: the API is busy"),
        ("retry soon", "failed", None, "Retry: "),
        ("snooze", "snoozed", 60_000, ""),
        ("cancel", "cancelled", None, "the order is gone"),
        ("dead", "dead", None, "Dead: no such customer"),
    ],
)
async def test_a_task_ends_its_attempt_as_it_says(
    workers: Workers,
    task: str,
    kind: str,
    which: str,
    verdict: str,
    after_ms: int | None,
    first_line: str,
) -> None:
    job = await workers.source.run(kind + task, f'["{which}"]'.encode())

    assert (job.verdict, job.after_ms) == (verdict, after_ms)
    assert job.data.decode().partition("\n")[0].startswith(first_line)


async def test_a_raw_task_may_return_an_ending(workers: Workers) -> None:
    job = await workers.source.run("raw_return_ending", b"snooze")

    assert (job.verdict, job.after_ms) == ("snoozed", 60_000)


@pytest.mark.parametrize(
    ("failures", "verdict", "after_ms"), [(0, "failed", 1_000), (1, "failed", 20_000)]
)
async def test_a_tasks_own_policy_says_when_to_try_again(
    workers: Workers, failures: int, verdict: str, after_ms: int
) -> None:
    workers.source.failures = failures
    job = await workers.source.run("fail_by_policy")

    assert (job.verdict, job.after_ms) == (verdict, after_ms)


@pytest.mark.parametrize(("task", "failures"), [("fail_by_policy", 2), ("async_fail_by_policy", 1)])
async def test_a_tasks_own_policy_says_when_to_give_up(
    workers: Workers, task: str, failures: int
) -> None:
    workers.source.failures = failures
    job = await workers.source.run(task)

    assert job.verdict == "dead"
    assert job.data.startswith(b"ValueError: as planned\n")


async def test_a_time_that_cannot_be_fails_the_attempt_and_says_what_can(workers: Workers) -> None:
    job = await workers.source.run("retry_with_a_wrong_time")

    assert job.verdict == "failed"
    assert job.data.startswith(b"ValueError: Retry(after=")
