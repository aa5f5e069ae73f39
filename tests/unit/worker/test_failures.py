"""Exceptions as text."""

import pytest

from penstock.config import limits
from penstock.worker.failures import cut_middle, describe, first_line


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as raised:
        return raised


class Outer:
    class InnerError(Exception):
        pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("boom"), "ValueError: boom"),
        (ValueError("two\r\n  lines"), "ValueError: two lines"),
        (ValueError(), "ValueError:"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyError("k"), "KeyError: 'k'"),
        (Outer.InnerError("x"), "InnerError: x"),
        (ValueError("x" * 5_000), "ValueError: " + "x" * 988),
    ],
)
def test_the_first_line_is_type_and_message(error: BaseException, line: str) -> None:
    assert first_line(error) == line


def test_the_traceback_follows() -> None:
    text = describe(caught(ValueError("boom")))

    assert text.startswith("ValueError: boom\nTraceback (most recent call last):\n")
    assert text.endswith("ValueError: boom\n")


def test_the_cause_is_told_too() -> None:
    error = ValueError("boom")
    error.__cause__ = KeyError("why")

    assert "KeyError: 'why'" in describe(caught(error))


class ExitsWhenShown(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class ExitsWhenExplained(Exception):
    @property
    def __cause__(self) -> BaseException | None:  # type: ignore[override]
        raise SystemExit(3)


@pytest.mark.parametrize("error", [ExitsWhenShown(), ExitsWhenExplained()])
def test_an_exception_that_exits_when_it_is_looked_at_is_told_all_the_same(
    error: BaseException,
) -> None:
    assert describe(caught(error)).startswith(f"{type(error).__name__}:")


@pytest.mark.parametrize("message", ["x" * 100_000, "ü" * 100_000, "\ud800" * 100_000])
def test_a_long_error_loses_its_middle(message: str) -> None:
    text = describe(caught(ValueError(message)))

    assert len(text.encode()) <= limits.ERROR_BYTES_MAX
    assert text.startswith("ValueError: ")
    assert "bytes left out" in text


@pytest.mark.parametrize("bytes_max", range(60, 80))
def test_a_cut_keeps_both_ends_and_whole_characters(bytes_max: int) -> None:
    text = cut_middle("a" + "€" * 100 + "z", bytes_max)

    assert len(text.encode()) <= bytes_max
    assert (text[0], text[-1]) == ("a", "z")


def test_what_is_short_is_not_cut() -> None:
    assert cut_middle("€", 3) == "€"
