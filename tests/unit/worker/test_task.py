"""Declaring functions as tasks."""

import inspect
import pickle
from collections.abc import Iterator

import pytest

from penstock.worker import Retries, Retry, Snooze, TaskError, task


@task
def double(number: int) -> int:
    """Twice as much."""
    return 2 * number


@task
async def later(number: int) -> int:
    return number


def test_a_task_is_called_as_its_function() -> None:
    assert double(21) == 42


def test_a_task_looks_like_its_function() -> None:
    assert double.__doc__ == "Twice as much."
    assert list(inspect.signature(double).parameters) == ["number"]


def test_a_task_is_named_after_its_function() -> None:
    assert (double.name, double.raw, double.queue, double.is_async) == (
        "double",
        False,
        None,
        False,
    )


def test_a_task_knows_what_it_returns() -> None:
    assert double.returns is int


def test_an_async_function_makes_an_async_task() -> None:
    assert later.is_async


def test_options_are_kept() -> None:
    @task(name="images/thumb", raw=True, queue="images")
    def thumb(payload: bytes) -> bytes:
        return payload

    assert (thumb.name, thumb.raw, thumb.queue) == ("images/thumb", True, "images")


def test_a_task_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        double.name = "other"  # type: ignore[misc]


def test_a_task_is_pickled_by_its_name() -> None:
    """As multiprocessing needs it within a task."""
    assert pickle.loads(pickle.dumps(double)) is double


@pytest.mark.parametrize("name", ["", "two words", "ü", "x" * 201])
def test_a_name_that_the_protocol_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(TaskError, match="is no task name"):
        task(name=name)(lambda: None)


def test_a_queue_name_is_checked_too() -> None:
    with pytest.raises(TaskError, match="is no queue name"):
        task(name="fine", queue="two words")(lambda: None)


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(TaskError, match="'<lambda>' is no task name"):
        task(lambda: None)


def test_a_generator_is_refused() -> None:
    with pytest.raises(TaskError, match="must not be a generator"):

        @task
        def numbers() -> Iterator[int]:
            yield 1


def test_a_raw_task_takes_one_argument() -> None:
    with pytest.raises(TaskError, match="called with one argument, the payload"):

        @task(raw=True)
        def nothing() -> bytes:
            return b""


def test_a_task_s_own_retry_policy_is_a_policy() -> None:
    policy = Retries(attempts=5)

    assert task(retry=policy)(len).retry is policy
    with pytest.raises(TaskError, match=r"retry=5 is no policy; write it as retry=Retries\("):
        task(retry=5)(len)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("annotation", "returns"),
    [
        (int | Retry, int),
        (Snooze | int | None, int | None),
        (Retry | Snooze, type(None)),
        (int | str, int | str),
    ],
)
def test_what_a_task_may_return_to_end_its_attempt_is_no_result(
    annotation: object, returns: object
) -> None:
    def work() -> None: ...

    work.__annotations__["return"] = annotation

    assert task(work).returns == returns
