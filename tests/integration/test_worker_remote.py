"""`penstock worker`: processes that connect by themselves, to a server that may go away."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.integration.job_source import JobSource

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from penstock.worker.main import run_worker_processes
address, app, processes = sys.argv[1:]
sys.exit(run_worker_processes(app, address, ["default"], processes=int(processes)))
"""

pytestmark = pytest.mark.integration


@asynccontextmanager
async def listening(source: JobSource, path: Path) -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_unix_server(source.connection, str(path))
    async with server:
        yield f"unix:{path}"
        for connection in list(source.connections):
            connection.transport.abort()


@contextmanager
def worker_program(
    address: str, app: str = "tests.integration.hostile_tasks", **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, address, app, "1"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


async def ended(process: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(process.wait)


async def test_it_works_and_drains_at_sigterm(tmp_path: Path) -> None:
    source = JobSource()
    async with listening(source, tmp_path / "sock") as address:
        with worker_program(address) as program:
            job = await source.run("echo", b"[1]")
            program.send_signal(signal.SIGTERM)
            code = await ended(program)

    assert (job.verdict, job.data, code) == ("completed", b"1", 0)


async def test_it_works_and_drains_when_nobody_reads_its_log(tmp_path: Path) -> None:
    source = JobSource()
    async with listening(source, tmp_path / "sock") as address:
        with worker_program(address) as program:
            assert program.stderr is not None
            program.stderr.close()
            job = await source.run("print_line", b'["to nobody"]')
            program.send_signal(signal.SIGTERM)
            code = await ended(program)

    assert (job.verdict, code) == ("completed", 0)


async def test_it_introduces_itself_with_name_and_password(tmp_path: Path) -> None:
    source = JobSource()
    async with listening(source, tmp_path / "sock") as address:
        with worker_program(address, PENSTOCK_PASSWORD="secret"):
            job = await source.run("echo", b"[1]")

    assert source.hellos[0][:5] == [b"3", b"AUTH", b"default", b"secret", b"SETNAME"]
    assert job.worker.startswith("worker-1@")


async def test_it_gives_up_when_the_server_refuses_it(tmp_path: Path) -> None:
    source = JobSource()
    source.hello_reply = b"-WRONGPASS the password is wrong\r\n"
    async with listening(source, tmp_path / "sock") as address:
        with worker_program(address) as program:
            code = await ended(program)

    assert code == 4


async def test_it_gives_up_when_the_app_cannot_be_loaded(tmp_path: Path) -> None:
    with worker_program(f"unix:{tmp_path}/sock", app="nowhere") as program:
        code = await ended(program)
        assert program.stderr is not None
        events = [json.loads(line) for line in program.stderr.read().splitlines()]

    assert code == 2
    assert any("there is no module 'nowhere'" in event.get("reason", "") for event in events)


async def test_it_waits_for_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    source = JobSource()
    with worker_program(f"unix:{tmp_path}/sock") as program:
        assert program.stderr is not None
        await asyncio.to_thread(_read_until, program, "cannot reach")
        async with listening(source, tmp_path / "sock"):
            job = await source.run("echo", b"[1]")

    assert job.verdict == "completed"


async def test_it_connects_again_after_the_server_was_gone(tmp_path: Path) -> None:
    source = JobSource()
    with worker_program(f"unix:{tmp_path}/sock"):
        async with listening(source, tmp_path / "sock"):
            await source.run("echo", b"[1]")
        (tmp_path / "sock").unlink(missing_ok=True)
        async with listening(source, tmp_path / "sock"):
            job = await source.run("process_id")

    assert job.verdict == "completed"
    assert len(source.hellos) == 2


async def test_it_kills_a_task_that_ignores_its_timeout(tmp_path: Path) -> None:
    """The job is lost with its connection, which is how the server learns of it."""
    source = JobSource()
    async with listening(source, tmp_path / "sock") as address:
        with worker_program(address):
            hanging = source.add("hang_in_c", timeout_ms=1)
            await hanging.given.wait()
            await source.connections[0].lost.wait()
            job = await source.run("echo", b"[1]")

    assert job.verdict == "completed"


async def test_a_second_sigterm_kills_what_runs(tmp_path: Path) -> None:
    source = JobSource()
    async with listening(source, tmp_path / "sock") as address:
        with worker_program(address) as program:
            source.add("sleep", b"[60]")
            await asyncio.to_thread(_read_until, program, "sleeping")
            program.send_signal(signal.SIGTERM)
            await asyncio.to_thread(_read_until, program, "draining")
            program.send_signal(signal.SIGTERM)
            code = await ended(program)

    assert code == 143


def _read_until(program: subprocess.Popen[bytes], text: str) -> None:
    assert program.stderr is not None
    while text not in (line := program.stderr.readline().decode()):
        assert line, "the program ended"
