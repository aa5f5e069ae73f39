"""What becomes of jobs whose tasks behave badly, and of the jobs after them."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.workers import Workers, hosted, running_workers

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.integration


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    monkeypatch.chdir(ROOT)
    async with hosted(running_workers()) as running:
        yield running


async def assert_serves_on(workers: Workers) -> None:
    job = await workers.source.run("echo", b'["still here"]')
    assert (job.verdict, job.data) == ("completed", b'"still here"')


@pytest.mark.parametrize(
    ("task", "payload", "verdict", "data"),
    [
        ("echo", b"[[1,2]]", "completed", b"[1,2]"),
        ("echo", b"", "completed", b"null"),
        ("reverse", b"\x00abc", "completed", b"cba\x00"),
        ("nap", b"[0]", "completed", b"0.0"),
        ("job", b"", "completed", b'[1,1,"default","job",true]'),
        ("async_job", b"", "completed", b'[1,1,"default","async_job",true]'),
        ("fork_and_return", b"", "completed", b'"parent"'),
        ("fork_and_raise", b"", "completed", b'"parent"'),
        ("use_a_pool", b"", "completed", b"[1,2,3]"),
        ("close_descriptors", b"", "completed", b'"closed"'),
        ("redirect_output", b"", "completed", b'"redirected"'),
        ("steal_the_alarm", b"", "completed", b'"stolen"'),
    ],
)
async def test_a_task_runs_and_its_worker_serves_on(
    workers: Workers, task: str, payload: bytes, verdict: str, data: bytes
) -> None:
    job = await workers.source.run(task, payload)

    assert (job.verdict, job.data) == (verdict, data)
    await assert_serves_on(workers)
    assert workers.supervisor.restarts_total == 0


@pytest.mark.parametrize(
    ("task", "payload", "verdict", "first_line"),
    [
        ("fail", b'["boom"]', "failed", "ValueError: boom"),
        ("fail", b'["two\\n lines"]', "failed", "ValueError: two lines"),
        ("sys_exit", b"[3]", "failed", "SystemExit: 3"),
        ("async_exit", b"", "failed", "SystemExit: 3"),
        ("interrupt", b"", "failed", "KeyboardInterrupt:"),
        ("run_out_of_memory", b"", "failed", "MemoryError:"),
        ("raise_unshowable", b"", "failed", "Unshowable: its message cannot be shown"),
        ("recurse", b"", "failed", "RecursionError: maximum recursion depth exceeded"),
        ("sleep", b"[false]", "dead", "ArgumentError: sleep(): 'seconds' expected float, got bool"),
        ("echo", b"[1,2]", "dead", "ArgumentError: echo(): takes 1 argument by position, got 2"),
        ("echo", b"[" * 100_000, "dead", "ArgumentError: echo(): the payload is not the JSON"),
        ("echo", b"[NaN]", "dead", "ArgumentError: echo(): the payload is not the JSON"),
        ("echo", b'["\xff"]', "dead", "ArgumentError: echo(): 'value': it is not valid UTF-8"),
        ("missing", b"", "dead", "UnknownTask: 'missing' is no task of this worker, which knows"),
        ("return_an_object", b"", "dead", "ResultError: return_an_object() returned what JSON"),
        ("return_itself", b"", "dead", "ResultError: return_itself() returned what JSON cannot"),
        ("return_nan", b"", "dead", "ResultError: return_nan() returned what JSON cannot hold"),
    ],
)
async def test_a_failure_says_what_went_wrong_and_the_same_process_serves_on(
    workers: Workers, task: str, payload: bytes, verdict: str, first_line: str
) -> None:
    job = await workers.source.run(task, payload)

    assert job.verdict == verdict
    assert job.data.decode().startswith(first_line)
    await assert_serves_on(workers)
    assert workers.supervisor.restarts_total == 0


@pytest.mark.parametrize(
    ("task", "payload", "ending"),
    [
        ("hard_exit", b"[0]", "exited with code 0 while it ran this job"),
        ("hard_exit", b"[7]", "exited with code 7 while it ran this job"),
        ("segfault", b"", "was killed by SIGSEGV while it ran this job"),
    ],
)
async def test_a_task_that_ends_its_process_fails_and_a_new_process_serves_on(
    workers: Workers, task: str, payload: bytes, ending: str
) -> None:
    (process,) = workers.supervisor.processes

    job = await workers.source.run(task, payload)

    reason = f"WorkerDied: worker-1 (pid {process.pid}) {ending}"
    assert (job.verdict, job.data.decode()) == ("lost", reason)
    await assert_serves_on(workers)
    assert workers.supervisor.restarts_total == 1


async def test_a_task_that_prints_100_megabytes_is_drained_and_cut(workers: Workers) -> None:
    job = await workers.source.run("print_much", b"[100]")

    assert (job.verdict, job.data) == ("completed", b"100")
    await workers.events.wait_for("output dropped: a worker prints more than is logged")
    assert sum(map(len, workers.events.lines())) < 1024 * 1024


async def test_what_a_task_prints_is_logged_with_its_worker(workers: Workers) -> None:
    await workers.source.run("print_line", b'["a word"]')

    assert await workers.events.wait_for_line("a word") == "a word"
    (event,) = workers.events.of("output")
    assert (event["worker"], event["stream"]) == ("worker-1", "stdout")


async def test_a_task_after_one_that_closed_its_descriptors_can_print(workers: Workers) -> None:
    await workers.source.run("close_descriptors")

    await workers.source.run("print_line", b'["a word"]')

    assert await workers.events.wait_for_line("a word") == "a word"


async def test_a_soft_timeout_is_an_exception_in_a_synchronous_task(workers: Workers) -> None:
    late = await workers.source.run("sleep", b"[30]", timeout_ms=50)
    cleaned = await workers.source.run("clean_up_after_timeout", timeout_ms=50)

    assert late.verdict == "failed"
    assert late.data.startswith(b"SoftTimeout: sleep() ran longer than its timeout of 50 ms\n")
    assert cleaned.data == b'"cleaned up"'


async def test_a_soft_timeout_is_not_swallowed_by_except_exception(workers: Workers) -> None:
    job = await workers.source.run("swallow_the_timeout", b"[30]", timeout_ms=50)

    assert job.data.startswith(b"SoftTimeout: swallow_the_timeout() ran longer")


async def test_a_soft_timeout_cancels_an_async_task(workers: Workers) -> None:
    job = await workers.source.run("nap", b"[30]", timeout_ms=50)

    assert job.verdict == "failed"
    assert job.data.startswith(b"SoftTimeout: nap() ran longer than its timeout of 50 ms\n")


async def test_the_alarm_rings_after_a_task_that_stole_it(workers: Workers) -> None:
    await workers.source.run("steal_the_alarm")

    job = await workers.source.run("sleep", b"[30]", timeout_ms=50)

    assert job.data.startswith(b"SoftTimeout:")


async def test_the_traceback_of_a_failure_starts_in_the_task(workers: Workers) -> None:
    job = await workers.source.run("fail", b'["boom"]')

    first, second, frame, *_ = job.data.decode().splitlines()
    assert first == "ValueError: boom"
    assert second == "Traceback (most recent call last):"
    assert "hostile_tasks.py" in frame
    assert "executor.py" not in job.data.decode()


async def test_children_that_are_terminated_young_do_die(workers: Workers) -> None:
    for _ in range(20):
        assert (await workers.source.run("use_a_pool", timeout_ms=5_000)).verdict == "completed"


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def is_dead(pid: int) -> bool:
    """Tell whether a process is gone, or a zombie that its parent did not wait for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


async def test_a_daemon_that_a_task_left_is_killed_with_its_worker(workers: Workers) -> None:
    for cleared in (b"[false]", b"[true]"):
        job = workers.source.add("leave_a_daemon", cleared)
        line = await workers.events.wait_for_line("daemon")
        workers.events.seen.clear()

        workers.supervisor.kill("worker-1", "HardTimeout: too long")
        await job.ended.wait()

        assert job.data == b"HardTimeout: too long"
        assert is_dead(int(line.split()[1]))
        await assert_serves_on(workers)


async def test_an_orphan_in_its_own_session_is_killed_with_its_worker(workers: Workers) -> None:
    job = await workers.source.run("leave_an_orphan")

    line = await workers.events.wait_for_line("orphan")
    assert job.verdict == "lost"
    assert is_dead(int(line.split()[1]))


async def test_a_task_that_hangs_in_c_is_killed(workers: Workers) -> None:
    (process,) = workers.supervisor.processes
    job = workers.source.add("hang_in_c")
    await workers.events.wait_for_line("hanging")

    workers.supervisor.kill("worker-1", "HardTimeout: too long")
    await job.ended.wait()

    assert job.data == b"HardTimeout: too long"
    assert is_dead(process.pid)
    await assert_serves_on(workers)


async def test_jobs_behind_one_that_crashed_are_given_to_another(workers: Workers) -> None:
    """A worker takes several short jobs at once; only the one that ran is lost with it."""
    for _ in range(100):
        await workers.source.run("echo", b"[1]")
    jobs = [workers.source.add("segfault"), *(workers.source.add("echo") for _ in range(10))]

    for job in jobs:
        await job.ended.wait()

    assert [job.verdict for job in jobs] == ["lost"] + ["completed"] * 10


async def test_jobs_behind_a_slow_one_are_given_back(workers: Workers) -> None:
    for _ in range(100):
        await workers.source.run("echo", b"[1]")
    async_batch = [workers.source.add("sleep", b"[0.2]"), workers.source.add("echo")]

    for job in async_batch:
        await job.ended.wait()

    released = [words for words in workers.source.commands if words[0] == b"JOB.RELEASE"]
    assert all(job.verdict == "completed" for job in async_batch)
    assert all(int(words[1]) == async_batch[1].id for words in released)


async def test_a_result_that_is_too_large_for_the_server_is_dead(workers: Workers) -> None:
    workers.source.refusals.append(b"-TOOLARGE the result has 12 bytes, 3 are allowed\r\n")

    job = await workers.source.run("echo", b'["0123456789"]')

    assert job.verdict == "dead"
    assert job.data.startswith(b"ResultError: echo() returned 12 bytes, which the server refused")


async def test_a_completion_is_sent_again_while_the_disk_is_full(workers: Workers) -> None:
    workers.source.refusals.extend([b"-DISKFULL nothing was stored\r\n"] * 2)

    job = await workers.source.run("echo", b"[1]")

    assert (job.verdict, job.data) == ("completed", b"1")


async def test_the_password_of_the_server_is_hidden_from_tasks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PENSTOCK_PASSWORD", "secret")

    async with running_workers() as workers:
        (process,) = workers.supervisor.processes
        environment = environment_of(process.pid)

    assert b"secret" not in environment
    assert os.environ["PENSTOCK_PASSWORD"] == "secret"
