"""Options as a value."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from penstock.client import Retry, requests
from penstock.client.options import Options, unix_ms
from penstock.protocol.submit_arguments import RetryArguments, WishArguments, parse_submit
from tests.unit.client.test_requests import parsed


def test_only_what_is_given_is_sent() -> None:
    assert Options().words == b""
    every = Options(priority=0, delay_ms=5, timeout_ms=6, attempts=7)
    assert every.words.split(b"\r\n")[1::2] == [
        *(b"PRIORITY", b"0", b"DELAY", b"5", b"TIMEOUT", b"6", b"ATTEMPTS", b"7")
    ]
    assert every.words_count == 8


def test_policies_are_what_the_server_reads() -> None:
    options = Options(
        key="k",
        window_ms=1,
        tenant="acme",
        group="order 17",
        deadline_ms=2,
        keep_ms=3,
        retry=Retry(delays_ms=(4, 5)),
    )

    submit = parse_submit(parsed(requests.submit("t", b"", options, "k").stem))

    assert submit.key == "k"
    assert submit.wishes == WishArguments(
        tenant="acme",
        group="order 17",
        deadline_ms=2,
        keep_ms=3,
        retry=RetryArguments(delays_ms=(4, 5)),
        window_ms=1,
    )


def test_a_replacement_is_what_the_server_reads() -> None:
    options = Options(key="k", replace=True)

    submit = parse_submit(parsed(requests.submit("t", b"", options, "k").stem))

    assert submit.wishes == WishArguments(replace=True)


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"delay_ms": 1, "at": 5}, "exclude each other"),
    ({"key": "k", "window_ms": 1, "replace": True}, "exclude each other"),
    ({"window_ms": 1}, "a key of your own"),
    ({"replace": True}, "a key of your own"),
    ({"replace": True, "key": None}, "a key of your own"),
    ({"delay_ms": 5, "deadline_ms": 5}, "would expire before"),
]


@pytest.mark.parametrize(("given", "told"), CONTRADICTIONS)
def test_options_that_contradict_each_other_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Options(**given)


def test_changed_options_keep_the_others() -> None:
    options = Options().changed({"queue": "a", "priority": 1}).changed({"priority": 2})

    assert (options.queue, options.priority) == ("a", 2)


def test_none_takes_an_option_back() -> None:
    assert Options(queue="a", priority=1).changed({"queue": None, "priority": None}) == Options()


def test_a_key_of_none_is_not_the_default() -> None:
    assert Options().changed({"key": None}) != Options()


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 1, 0, 1, tzinfo=timezone(timedelta(hours=1))),
        1000,
    ],
)
def test_a_time_is_sent_as_unix_milliseconds(instant: datetime | int) -> None:
    assert Options().changed({"at": instant}).words.split(b"\r\n")[1::2] == [b"AT", b"1000"]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        unix_ms(datetime(2027, 1, 1))  # noqa: DTZ001 - what is refused.


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        Options().changed({"colour": 1})  # type: ignore[typeddict-unknown-key]
