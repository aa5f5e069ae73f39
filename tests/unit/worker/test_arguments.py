"""From a payload to the arguments of a call."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from penstock.worker import ArgumentError, TaskError
from penstock.worker.arguments import ArgumentDecoder


class Point(Struct):
    x: int
    y: int


def add(a: int, b: int) -> int:
    return a + b


def greet(name: str, greeting: str = "hello") -> str:
    return f"{greeting} {name}"


def anything(value=None):  # type: ignore[no-untyped-def]
    return value


def total(*numbers: int, scale: int = 1) -> int:
    return sum(numbers) * scale


def options(first: int, /, *, flag: bool, **others: str) -> object:
    return first, flag, others


def draw(point: Point, path: Path = Path(), at: datetime | None = None) -> object:
    return point, path, at


def price(amount: Decimal) -> Decimal:
    return amount


def nothing() -> None:
    return None


def call(fn: Callable[..., Any], payload: bytes) -> Any:
    args, kwargs = ArgumentDecoder(fn.__name__, fn).decode(payload)
    return fn(*args, **kwargs)


@pytest.mark.parametrize(
    ("fn", "payload", "result"),
    [
        (add, b"[2,3]", 5),
        (add, b" [ 2 , 3 ]\n", 5),
        (add, b'{"a":2,"b":3}', 5),
        (add, b'{"*":[2],"b":3}', 5),
        (greet, b'["ann"]', "hello ann"),
        (greet, b'"ann"', "hello ann"),
        (greet, b'["ann","hi"]', "hi ann"),
        (greet, b'{"*":["ann"],"greeting":"hi"}', "hi ann"),
        (anything, b"", None),
        (anything, b"  ", None),
        (anything, b"null", None),
        (anything, b"[]", None),
        (anything, b"{}", None),
        (anything, b"[[1,2]]", [1, 2]),
        (anything, b'[{"a":1}]', {"a": 1}),
        (anything, b"17", 17),
        (anything, b'"text"', "text"),
        (total, b"[1,2,3]", 6),
        (total, b'{"*":[1,2,3],"scale":2}', 12),
        (options, b'{"*":[1],"flag":true,"color":"red"}', (1, True, {"color": "red"})),
        (draw, b'[{"x":1,"y":2},"/tmp"]', (Point(1, 2), Path("/tmp"), None)),
        (
            draw,
            b'{"point":{"x":1,"y":2},"at":"2026-01-01T00:00:00Z"}',
            (Point(1, 2), Path(), datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        (
            price,
            b"[0.1000000000000000055511151231257827]",
            Decimal("0.1000000000000000055511151231257827"),
        ),
        (nothing, b"", None),
        (nothing, b"[]", None),
    ],
)
def test_a_payload_is_a_call(fn: Callable[..., Any], payload: bytes, result: object) -> None:
    assert call(fn, payload) == result


@pytest.mark.parametrize(
    ("fn", "payload", "message"),
    [
        (add, b'[2,"3"]', "add(): 'b' expected int, got str"),
        (add, b"[2]", "add(): 'b' is missing"),
        (add, b"", "add(): 'a', 'b' is missing"),
        (add, b"[1,2,3]", "add(): takes 2 arguments by position, got 3"),
        (add, b'{"a":1,"b":2,"c":3}', "add(): has no parameter 'c'; it has: a, b"),
        (add, b'{"*":[1,2],"a":3}', "add(): 'a' is given twice, by position and by name"),
        (nothing, b"[1]", "nothing(): takes 0 arguments by position, got 1"),
        (nothing, b'{"a":1}', "nothing(): has no parameter 'a'; it has: none"),
        (options, b'{"*":[1]}', "options(): 'flag' is missing"),
        (options, b'{"*":[1],"flag":1}', "options(): 'flag' expected bool, got int"),
        (options, b'{"*":[1],"flag":true,"x":1}', "options(): 'x' expected str, got int"),
        (draw, b'[{"x":1,"y":"2"}]', "draw(): 'point.y' expected int, got str"),
        (draw, b'[{"x":1}]', "draw(): 'point': Object missing required field y"),
        (total, b"[1,true]", "total(): 'numbers' expected int, got bool"),
        (anything, b"hello", "anything(): 'value': JSON is malformed: invalid character (byte 0)"),
        (
            anything,
            b"[NaN]",
            "anything(): the payload is not the JSON of a call: JSON is malformed",
        ),
        (anything, b"[1e999]", "anything(): 'value': Number out of range"),
        (
            anything,
            b"[1",
            "anything(): the payload is not the JSON of a call: Input data was trunc",
        ),
        (anything, b"[1]]", "anything(): the payload is not the JSON of a call: JSON is malformed"),
        (
            anything,
            b'{"*":1}',
            "anything(): the payload is not the JSON of a call: Expected `array`",
        ),
        (anything, b'["\xff"]', "anything(): 'value': it is not valid UTF-8"),
        (anything, b"\xff", "anything(): 'value': JSON is malformed"),
        (anything, b"[" * 100_000, "anything(): the payload is not the JSON of a call: it is nest"),
        (anything, b'{"value":' * 100_000, "anything(): the payload is not the JSON of a call: "),
        (
            add,
            b"[" * 100_000,
            "add(): the payload is not the JSON of a call: it is nested too deep",
        ),
    ],
)
def test_a_payload_that_does_not_fit_says_why(
    fn: Callable[..., Any], payload: bytes, message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(fn, payload)

    assert str(caught.value).startswith(message)


@given(payload=st.binary(max_size=200))
def test_whatever_the_bytes_are_nothing_but_an_argument_error_is_raised(payload: bytes) -> None:
    for fn in (add, anything, options, draw):
        try:
            ArgumentDecoder(fn.__name__, fn).decode(payload)
        except ArgumentError:
            continue


def test_an_annotation_that_json_cannot_hold_is_an_error_of_the_task() -> None:
    def bad(value: Callable[[], None] | Point | dict[int, Any] | list[int]) -> None: ...

    with pytest.raises(TaskError, match="cannot be checked against the annotation of 'value'"):
        ArgumentDecoder("bad", bad)


def test_a_class_of_ones_own_is_an_error_of_the_task() -> None:
    class Thing:
        pass

    def bad(value: Thing) -> None: ...

    bad.__annotations__["value"] = Thing
    with pytest.raises(TaskError, match=r"no JSON value is a .*Thing"):
        ArgumentDecoder("bad", bad)


def test_a_name_that_only_the_type_checker_knows_is_an_error_of_the_task() -> None:
    def bad(value: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TaskError, match="name 'Missing' is not defined"):
        ArgumentDecoder("bad", bad)
