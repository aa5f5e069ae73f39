"""The signal behind the soft timeout, after tasks that meddle with signals."""

import signal
from collections.abc import Iterator

import pytest

from penstock.worker.alarm import Alarm


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    handler = signal.getsignal(signal.SIGALRM)
    yield Alarm()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGALRM, handler)


def test_signals_that_a_task_blocked_come_again(alarm: Alarm) -> None:
    alarm.install()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

    alarm.install()

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_blocked_alarm_of_the_job_before_rings_for_nobody(alarm: Alarm) -> None:
    alarm.install()
    alarm.arm(60, "late")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    signal.raise_signal(signal.SIGALRM)
    alarm.disarm()

    alarm.install()

    assert signal.sigpending() == set()


def test_the_handler_is_taken_back_from_a_task(alarm: Alarm) -> None:
    alarm.install()
    ours = signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)

    alarm.install()

    assert signal.getsignal(signal.SIGALRM) == ours
