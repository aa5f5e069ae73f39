"""The small decisions about worker processes."""

import signal

import pytest

from penstock.worker.process import manner_of_death
from penstock.worker.process_tree import ProcessStatus, parse_status


@pytest.mark.parametrize(
    ("returncode", "text"),
    [
        (0, "exited with code 0 while it ran this job"),
        (3, "exited with code 3 while it ran this job"),
        (-signal.SIGSEGV, "was killed by SIGSEGV while it ran this job"),
        (-40, "was killed by signal 40 while it ran this job"),
        (
            -signal.SIGKILL,
            "was killed by SIGKILL (by hand, or by the kernel for want of memory) while it ran "
            "this job",
        ),
    ],
)
def test_the_manner_of_death_is_told(returncode: int, text: str) -> None:
    assert manner_of_death(returncode) == text


def test_the_name_of_a_process_may_hold_anything() -> None:
    text = "42 (a) R 1 (b) S 7 42 41 0 -1 4194560 0 0"

    assert parse_status(text) == ProcessStatus(pid=42, state="S", parent=7, session=41)
