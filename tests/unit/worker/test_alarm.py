"""The signal behind the soft timeout, after tasks that meddle with signals."""

import signal
from collections.abc import Iterator

import pytest

from penstock.worker import Cancelled, SoftTimeout
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


def test_another_thread_has_an_exception_raised_in_the_owner_s_time(alarm: Alarm) -> None:
    owner = object()
    alarm.install()
    alarm.arm(60, "late", owner)

    with pytest.raises(Cancelled, match="cancelled"):
        alarm.ring_now(Cancelled("cancelled"), owner)
    alarm.disarm()


def test_what_was_meant_for_the_task_before_is_raised_in_nobody_s_time(alarm: Alarm) -> None:
    alarm.install()
    alarm.arm(60, "late", object())

    alarm.ring_now(Cancelled("cancelled"), object())

    alarm.disarm()


def test_a_timeout_that_comes_with_what_was_meant_for_another_is_raised(alarm: Alarm) -> None:
    alarm.install()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    alarm.arm(0.001, "late", object())
    signal.sigwait({signal.SIGALRM})

    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})

    with pytest.raises(SoftTimeout, match="late"):
        alarm.ring_now(Cancelled("cancelled"), object())


def test_an_exception_for_whoever_runs_needs_no_owner(alarm: Alarm) -> None:
    alarm.install()
    alarm.arm(60, "late", object())

    with pytest.raises(SoftTimeout, match="the connection is lost"):
        alarm.ring_now(SoftTimeout("the connection is lost"))
    alarm.disarm()


def test_what_was_asked_for_while_nothing_ran_is_forgotten(alarm: Alarm) -> None:
    alarm.install()
    alarm.ring_now(SoftTimeout("the connection is lost"))
    alarm.arm(60, "late")

    signal.raise_signal(signal.SIGALRM)

    alarm.disarm()
