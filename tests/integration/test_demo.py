"""`make demo` does what it says, wherever its output goes, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SECONDS_MAX = 60


def demo(*arguments: str) -> list[str]:
    python = (sys.executable, "-P") if sys.flags.safe_path else (sys.executable,)
    # -P leaves the current directory out; examples lie in the root, as the server finds them.
    code = f"import sys; sys.path.append({str(ROOT)!r}); from examples.demo import main; "
    return [*python, "-c", f"{code}sys.exit(main())", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        demo(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )


@pytest.mark.integration
def test_the_demo_shows_every_promise_when_its_output_is_piped() -> None:
    done = run("docs")

    assert done.returncode == 0, done.stdout + done.stderr
    for text in (
        "overtook",
        "They finished out of order and were answered in order.",
        'penstock_jobs_completed_total{queue="default"} 38.0',
        "Its exit code is 0.",
    ):
        assert text in done.stdout


@pytest.mark.integration
def test_the_demo_says_clearly_what_is_wrong(tmp_path: Path) -> None:
    done = run(str(tmp_path))

    assert done.returncode == 1
    assert "Something is wrong: no file of 1 to" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.integration
def test_a_demo_that_is_ended_takes_its_server_along(tmp_path: Path) -> None:
    process = subprocess.Popen(
        demo("docs"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    with process.stdout as output:
        ready = next(line for line in output if line.startswith("penstock serve is ready"))
        process.send_signal(signal.SIGTERM)
        output.read()
    code = process.wait(SECONDS_MAX)

    assert "RESP on" in ready
    assert code == 128 + signal.SIGTERM
    # Every process of the demo has the directory in its command line or its environment.
    assert [pid for pid in _processes() if str(tmp_path) in _environ(pid)] == []
    assert list(tmp_path.iterdir()) == []


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environ(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""
