"""What the options of a submission become for the client."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.options import DEFAULT_SERVER, SubmitFlags, choose_password, choose_server
from penstock.client import Retry


def test_options_that_are_not_given_are_left_to_the_client() -> None:
    assert SubmitFlags().for_client() == {}


def test_options_are_read_into_their_types() -> None:
    flags = SubmitFlags(
        queue="mail", priority="0", delay="10s", timeout="1m", attempts="5", key="order-17"
    )

    assert flags.for_client() == {
        "queue": "mail",
        "priority": 0,
        "delay_ms": 10_000,
        "timeout_ms": 60_000,
        "attempts": 5,
        "key": "order-17",
    }


def test_policies_are_read_into_their_types() -> None:
    flags = SubmitFlags(
        tenant="acme",
        group="order 17",
        deadline="1m",
        keep="1d",
        retry_base="1s",
        retry_cap="1m",
        retry_jitter="none",
        key="k",
        window="10s",
    )

    assert flags.for_client() == {
        "tenant": "acme",
        "group": "order 17",
        "deadline_ms": 60_000,
        "keep_ms": 86_400_000,
        "retry": Retry(1_000, 60_000, jitter=False),
        "key": "k",
        "window_ms": 10_000,
    }


def test_waits_before_retries_are_read_one_by_one() -> None:
    given = SubmitFlags(retry_delays="500ms,10s", key="k", replace=True).for_client()

    assert given == {"retry": Retry(delays_ms=(500, 10_000)), "key": "k", "replace": True}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (SubmitFlags(window="1s"), "give one with --key"),
        (SubmitFlags(replace=True), "give one with --key"),
        (SubmitFlags(key="k", window="1s", replace=True), "exclude each other"),
        (SubmitFlags(retry_delays="1s", retry_cap="1s"), "takes the place of"),
        (SubmitFlags(retry_base="2s", retry_cap="1s"), "longer than --retry-cap"),
        (SubmitFlags(retry_jitter="some"), "--retry-jitter is some: it must be one of full, none"),
        (SubmitFlags(delay="1m", deadline="1m"), "would expire before it may begin"),
    ],
)
def test_policies_that_contradict_each_other_are_a_mistake(flags: SubmitFlags, told: str) -> None:
    with pytest.raises(CommandFailed, match=told) as caught:
        flags.for_client()

    assert caught.value.code == Exit.USAGE


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-01-31T08:00:00Z", datetime(2027, 1, 31, 8, tzinfo=UTC)),
        (
            "2027-01-31T08:00+01:00",
            datetime(2027, 1, 31, 8, tzinfo=timezone(timedelta(hours=1))),
        ),
    ],
)
def test_a_time_with_a_zone_is_that_instant(text: str, instant: datetime) -> None:
    assert SubmitFlags(at=text).for_client() == {"at": instant}


def test_a_time_without_a_zone_is_a_local_one() -> None:
    at = SubmitFlags(at="2027-01-31T08:00").for_client()["at"]

    assert at == datetime(2027, 1, 31, 8).astimezone()
    assert isinstance(at, datetime)
    assert at.tzinfo is not None


@pytest.mark.parametrize("address", ["127.0.0.1:7711", "[::1]:7711", "unix:/run/penstock.sock"])
def test_a_server_is_an_address_or_a_socket(address: str) -> None:
    assert choose_server(address) == address


def test_the_flag_beats_the_variable_which_beats_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose_server(None) == DEFAULT_SERVER

    monkeypatch.setenv("PENSTOCK_SERVER", "10.0.0.1:1")

    assert choose_server(None) == "10.0.0.1:1"
    assert choose_server("10.0.0.2:2") == "10.0.0.2:2"


def test_the_password_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_password() is None

    monkeypatch.setenv("PENSTOCK_PASSWORD", "open sesame")

    assert choose_password() == "open sesame"
