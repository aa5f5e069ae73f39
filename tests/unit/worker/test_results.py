"""From what a task returned to the bytes that travel."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from penstock.worker import ResultError
from penstock.worker.results import encode_result, raw_result


@dataclass
class Point:
    x: int
    y: int | None = None


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, b"null"),
        (5, b"5"),
        ("ü", '"ü"'.encode()),
        ([1, None], b"[1,null]"),
        (Point(1), b'{"x":1,"y":null}'),
        (date(2026, 1, 2), b'"2026-01-02"'),
        (Path("/tmp"), b'"/tmp"'),
        ([Path("/tmp"), None], b'["/tmp",null]'),
        ("null", b'"null"'),
        (10**15, b"1000000000000000"),
    ],
)
def test_what_json_can_hold_is_encoded(value: object, encoded: bytes) -> None:
    assert encode_result("f", value) == encoded


def endless() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "a value of type object"),
        ((number for number in (1, 2)), "a value of type generator"),
        (float("nan"), "the number nan"),
        ([1, {"a": float("inf")}], "the number inf"),
        (endless(), "it contains itself or is nested too deep"),
        ("\ud800", "surrogates not allowed"),
        ({1.5j: 1}, "complex"),
    ],
)
def test_what_json_cannot_hold_is_an_error_that_says_so(value: object, why: str) -> None:
    with pytest.raises(ResultError) as caught:
        encode_result("f", value)

    assert str(caught.value).startswith("f() returned what JSON cannot hold: ")
    assert why in str(caught.value)


@pytest.mark.parametrize("value", [b"ab", bytearray(b"ab"), memoryview(b"ab")])
def test_a_raw_result_is_bytes(value: object) -> None:
    assert raw_result("f", value) == b"ab"


def test_a_raw_task_that_returns_nothing_returns_no_bytes() -> None:
    assert raw_result("f", None) == b""


def test_a_raw_task_that_returns_text_is_an_error() -> None:
    with pytest.raises(ResultError, match=r"f\(\) is a raw task and must return bytes, not str"):
        raw_result("f", "text")
