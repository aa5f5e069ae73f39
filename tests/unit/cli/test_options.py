"""What the options of a submission become for the client."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from penstock.cli.options import DEFAULT_SERVER, SubmitFlags, choose_password, choose_server


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
