"""From the payload of a trigger's job to the arguments of a handler."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from penstock.worker import ArgumentError, Event, TaskError, on
from penstock.worker.current import RUNNING, CurrentJob
from penstock.worker.event_arguments import EventArguments
from penstock.worker.runnable import Runnable


class Country(Enum):
    GERMANY = "DE"


class Opaque:
    """What JSON knows nothing of."""


class Money(msgspec.Struct):
    cents: int


def payload(**fields: str) -> bytes:
    return msgspec.json.encode([{"stream": "orders", "id": "5-1", "fields": fields}])


def call(fn: Callable[..., Any], data: bytes) -> Any:
    args, kwargs = EventArguments("fn", fn).decode(data)
    return fn(*args, **kwargs)


def test_a_first_parameter_that_is_an_event_gets_it() -> None:
    def fn(event: Event) -> Event:
        return event

    event = call(fn, payload(type="order.paid", name="Müller"))

    assert (event.stream, event.id) == ("orders", "5-1")
    assert event.fields == {"type": "order.paid", "name": "Müller"}
    assert event.raw[1] == (b"name", "Müller".encode())
    assert event.deliveries == 1


def test_an_event_says_which_attempt_it_is() -> None:
    def fn(event: Event) -> int:
        return event.deliveries

    job = CurrentJob(id=1, attempt=3, queue="q", task="fn", deadline=0.0)
    token = RUNNING.set(job)
    try:
        assert call(fn, payload(a="1")) == 3
    finally:
        RUNNING.reset(token)


def test_parameters_get_the_fields_of_their_names() -> None:
    def fn(order_id, cents: int, *, note: str = "none"):  # type: ignore[no-untyped-def]
        return order_id, cents, note

    assert call(fn, payload(order_id="007", cents="950", other="x")) == ("007", 950, "none")


def test_an_event_and_some_of_its_fields() -> None:
    def fn(event: Event, cents: int, **rest: str) -> object:
        return event.id, cents, rest

    assert call(fn, payload(cents="5", a="b")) == ("5-1", 5, {"a": "b"})


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (str, "5", "5"),
        (str, '"quoted"', '"quoted"'),
        (Any, "5", "5"),
        (bytes, "ä", "ä".encode()),
        (int, "5", 5),
        (float, "5", 5.0),
        (bool, "true", True),
        (int | None, "null", None),
        (str | None, "text", "text"),
        (str | None, "5", "5"),
        (list[int], "[1,2]", [1, 2]),
        (Money, '{"cents":5}', Money(5)),
        (Decimal, "1.50", Decimal("1.50")),
        (Country, "DE", Country.GERMANY),
        (Country, '"DE"', Country.GERMANY),
        (Literal["a", "b"], "b", "b"),
        (Path, "/tmp/x", Path("/tmp/x")),
        (datetime, "2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime, '"2026-01-01T00:00:00Z"', datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_field_becomes_what_its_parameter_is_annotated_as(
    hint: object, text: str, value: object
) -> None:
    def fn(x: object) -> object:
        return x

    fn.__annotations__["x"] = hint

    assert call(fn, payload(x=text)) == value


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (payload(cents="many"), r"fn\(\): 'cents': JSON is malformed"),
        (payload(cents="[1]"), r"fn\(\): 'cents' expected int, got array"),
        (payload(other="5"), r"fn\(\): the event has no field 'cents'"),
        (b"[5]", r"fn\(\): the payload is no event"),
        (b"\xff", r"fn\(\): the payload is no event"),
        (b"", r"fn\(\): the payload is no event"),
        (b'[{"stream":"s","id":"1-0","fields":{}},5]', r"fn\(\): the payload is no event"),
    ],
)
def test_what_does_not_fit_says_how(data: bytes, complaint: str) -> None:
    def fn(cents: int) -> None: ...

    with pytest.raises(ArgumentError, match=complaint):
        EventArguments("fn", fn).decode(data)


def test_a_parameter_without_a_name_to_give_it_by_is_refused() -> None:
    def rest(*fields: str) -> None: ...
    def alone(field: str, /) -> None: ...

    for fn in (rest, alone):
        with pytest.raises(TaskError, match="cannot be given by its name"):
            EventArguments("fn", fn)


def test_an_annotation_that_json_cannot_be_checked_against_is_refused() -> None:
    def fn(x: Opaque) -> None: ...

    with pytest.raises(TaskError, match="annotation of 'x'"):
        EventArguments("fn", fn)


def test_a_handler_is_run_with_what_its_event_says() -> None:
    @on("orders")
    def ship(order_id: int) -> int:
        return order_id

    runnable = Runnable(ship)
    args, kwargs = runnable.arguments(payload(order_id="7"))

    assert runnable.fn(*args, **kwargs) == 7
