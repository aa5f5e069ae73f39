"""Arguments to payloads, results from bytes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from penstock.client import ResultInvalid
from penstock.client.tasks import decode_json, decoder_of, encode_arguments, queue_of
from penstock.worker import task


@dataclass
class Point:
    x: int
    y: int


class Name(msgspec.Struct):
    first: str


class Opaque:
    pass


@task
def add(a: int, b: int) -> int:
    return a + b


@task(queue="slow")
def move(point: Point) -> Point:
    return point


@task
def anything(value):  # type: ignore[no-untyped-def]
    return value


@task
def ambiguous() -> datetime | UUID:
    return datetime.now(UTC)


@task
def nothing() -> None:
    return None


@task(raw=True)
def reverse(payload: bytes) -> bytes:
    return payload[::-1]


@task
async def when() -> datetime:
    return datetime.now(UTC)


PAYLOADS: list[tuple[tuple[object, ...], dict[str, object], bytes]] = [
    ((), {}, b"[]"),
    ((2, 3), {}, b"[2,3]"),
    (([1, 2],), {}, b"[[1,2]]"),
    (({"a": 1},), {}, b'[{"a":1}]'),
    ((), {"a": 1}, b'{"a":1}'),
    ((1,), {"b": 2}, b'{"*":[1],"b":2}'),
    ((Point(1, 2), Name("Ada")), {}, b'[{"x":1,"y":2},{"first":"Ada"}]'),
    ((datetime(2027, 1, 2, tzinfo=UTC),), {}, b'["2027-01-02T00:00:00Z"]'),
    ((UUID(int=5),), {}, b'["00000000-0000-0000-0000-000000000005"]'),
]


@pytest.mark.parametrize(("args", "kwargs", "payload"), PAYLOADS)
def test_arguments_are_json(
    args: tuple[object, ...], kwargs: dict[str, object], payload: bytes
) -> None:
    assert encode_arguments("t", args, kwargs) == payload


def test_what_json_cannot_hold_is_refused_here() -> None:
    with pytest.raises(TypeError, match="Opaque"):
        encode_arguments(add, (Opaque(),), {})


@pytest.mark.parametrize("payload", [b"\0", bytearray(b"\0"), memoryview(b"\0")])
def test_a_raw_task_is_given_its_bytes(payload: object) -> None:
    assert encode_arguments(reverse, (payload,), {}) == b"\0"


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((5,), {}), ((b"a", b"b"), {}), ((b"a",), {"b": 1})]
)
def test_a_raw_task_takes_nothing_but_bytes(
    args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    with pytest.raises(TypeError, match="reverse is a raw task"):
        encode_arguments(reverse, args, kwargs)


def test_a_task_may_name_its_queue() -> None:
    assert [queue_of(each) for each in (move, add, "t")] == ["slow", None, None]


RESULTS: list[tuple[Any, bytes, object]] = [
    ("t", b'{"x":1}', {"x": 1}),
    ("t", b"", None),
    (anything, b"[1]", [1]),
    (add, b"5", 5),
    (move, b'{"x":1,"y":2}', Point(1, 2)),
    (when, b'"2027-01-02T00:00:00Z"', datetime(2027, 1, 2, tzinfo=UTC)),
    (nothing, b"null", None),
    (nothing, b"", None),
    (reverse, b"\0", b"\0"),
    (ambiguous, b'"2027"', "2027"),
]


@pytest.mark.parametrize(("called", "data", "value"), RESULTS)
def test_a_result_is_what_the_task_declares(called: Any, data: bytes, value: object) -> None:
    assert decoder_of(called)(data) == value


@pytest.mark.parametrize("data", [b'"five"', b"", b"{", b"\xff", b"[" * 100_000])
def test_a_result_of_another_kind_names_the_task(data: bytes) -> None:
    with pytest.raises(ResultInvalid, match="add"):
        decoder_of(add)(data)


@pytest.mark.parametrize("data", [b"{", b"\xff", b'"\xff"', b"[" * 100_000])
def test_a_result_that_is_no_json_says_how_to_take_it(data: bytes) -> None:
    with pytest.raises(ResultInvalid, match="call_raw"):
        decode_json(data)
