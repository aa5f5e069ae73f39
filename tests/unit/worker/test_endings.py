"""What tasks end their attempts with."""

import pickle
from collections.abc import Callable
from datetime import timedelta

import pytest

from penstock.worker import Cancel, Dead, Retry, Snooze
from penstock.worker.endings import Ending


@pytest.mark.parametrize(
    ("after", "after_ms"),
    [(2, 2_000), (0.25, 250), (timedelta(minutes=1), 60_000), (0, 0), (None, None)],
)
def test_a_wait_is_seconds_or_a_timedelta(after: float | timedelta | None, after_ms: int) -> None:
    assert Retry(after).after_ms == after_ms


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: Retry(-1), ValueError, r"Retry\(after=…\) takes 0 to 366 days, not -1"),
        (lambda: Retry(float("nan")), ValueError, "takes 0 to 366 days, not nan"),
        (lambda: Retry(timedelta(days=400)), ValueError, "takes 0 to 366 days, not datetime"),
        (lambda: Retry("5"), TypeError, "takes seconds or a timedelta, not '5'"),  # type: ignore[arg-type]
        (lambda: Retry(True), TypeError, "takes seconds or a timedelta, not True"),
        (lambda: Retry(reason=5), TypeError, r"Retry\(reason=…\) takes text, not 5"),  # type: ignore[arg-type]
        (lambda: Snooze(0), ValueError, r"Snooze\(after=…\) takes 1 ms or more"),
        (lambda: Snooze(None), TypeError, r"Snooze\(after=…\) takes seconds or a timedelta"),  # type: ignore[arg-type]
        (lambda: Cancel(7), TypeError, r"Cancel\(reason=…\) takes text, not 7"),  # type: ignore[arg-type]
        (lambda: Dead(b"no"), TypeError, r"Dead\(reason=…\) takes text, not b'no'"),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_is_told_where_it_is_made(
    make: Callable[[], Ending], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        make()


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (Retry(reason="busy"), "busy"),
        (Retry(5), "the task asked for another attempt"),
        (Snooze(1), "to be run again in 1000 ms"),
        (Cancel(), "its task cancelled it"),
        (Dead(), "the task gave up"),
    ],
)
def test_an_ending_says_why(ending: Ending, text: str) -> None:
    assert str(ending) == text


def test_the_exception_it_is_raised_from_is_a_reason() -> None:
    ending = Retry(5)
    ending.__cause__ = TimeoutError("no answer")

    assert str(ending) == "TimeoutError: no answer"


@pytest.mark.parametrize("ending", [Retry(5, "busy"), Snooze(1), Cancel("old"), Dead("broken")])
def test_an_ending_comes_back_from_another_process(ending: Ending) -> None:
    again = pickle.loads(pickle.dumps(ending))

    assert (type(again), str(again), vars(again)) == (type(ending), str(ending), vars(ending))
